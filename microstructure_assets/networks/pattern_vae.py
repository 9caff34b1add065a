"""The convolutional variational autoencoder of patterns.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization",
   section 2.2.3, Fig. 4, Eqs. 12 and 13.
.. [2] D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Channels of the five blocks [1]_.
CHANNELS = (32, 64, 128, 256, 512)
SLOPE = 0.2
#: What five strides of two divide by.
REDUCTION = 2 ** len(CHANNELS)


@dataclass(frozen=True)
class VaeShape:
    """What determines the sizes of all layers.

    Attributes
    ----------
    height_px, width_px : int
        Of the patterns.
    latent : int
        Dimensions of the latent space.
    """

    height_px: int
    width_px: int
    latent: int = 512

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width as multiples of 32."""
        return -(-self.height_px // REDUCTION) * REDUCTION, -(-self.width_px // REDUCTION) * REDUCTION

    @property
    def encoded(self) -> tuple[int, int]:
        """Height and width of the last feature map."""
        return self.padded[0] // REDUCTION, self.padded[1] // REDUCTION


class PatternVae(nn.Module):
    """Encoder and decoder of patterns in [-1, 1].

    Five blocks of a 3x3 convolution with stride 2 and LeakyReLU(0.2), two dense layers for mean and log variance; the
    decoder mirrors them. Deviations from the paper: patterns are padded (by their edges) to multiples of 32 and the
    reconstruction is cropped, as H/32 is no whole number for 400x500; five up-samplings, as four cannot undo five
    strides of two; patterns are brought to [-1, 1], the range of the tanh.

    Parameters
    ----------
    shape : VaeShape
    """

    def __init__(self, shape: VaeShape) -> None:
        super().__init__()
        self.shape = shape
        height, width = shape.encoded
        features = CHANNELS[-1] * height * width
        down: list[nn.Module] = []
        for inner, outer in zip((1, *CHANNELS), CHANNELS, strict=False):
            down += [nn.Conv2d(inner, outer, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        self.encoder = nn.Sequential(*down, nn.Flatten())
        self.mean, self.log_variance = nn.Linear(features, shape.latent), nn.Linear(features, shape.latent)
        self.project = nn.Linear(shape.latent, features)
        up: list[nn.Module] = []
        reverse = CHANNELS[::-1]
        for inner, outer in zip(reverse, (*reverse[1:], CHANNELS[0]), strict=True):
            up += [nn.Upsample(scale_factor=2), nn.Conv2d(inner, outer, 3, padding=1), nn.LeakyReLU(SLOPE)]
        self.decoder = nn.Sequential(*up, nn.Conv2d(CHANNELS[0], 1, 3, padding=1), nn.Tanh())

    def encode(self, patterns: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latents, (n, latent) each, of patterns (n, height, width)."""
        height, width = self.shape.padded
        below, right = height - self.shape.height_px, width - self.shape.width_px
        padded = functional.pad(patterns[:, None], (0, right, 0, below), mode="replicate")
        features = self.encoder(padded)
        return self.mean(features), self.log_variance(features).clamp(-20.0, 10.0)

    def decode(self, latent: Tensor) -> Tensor:
        """Patterns (n, height, width) of latents (n, latent)."""
        features = self.project(latent).view(-1, CHANNELS[-1], *self.shape.encoded)
        whole: Tensor = self.decoder(features)[:, 0]
        return whole[:, : self.shape.height_px, : self.shape.width_px]

    def forward(self, patterns: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction, mean and log variance; the latents are drawn with this noise (Eq. 12), the mean without."""
        mean, log_variance = self.encode(patterns)
        latent = mean if noise is None else mean + torch.exp(0.5 * log_variance) * noise
        return self.decode(latent), mean, log_variance


@dataclass(frozen=True)
class VaeLoss:
    """Eq. 13 in the two forms.

    Attributes
    ----------
    form : {"elbo", "paper"}
        ``elbo``: squared error summed over pixels over twice the noise variance of the decoder, which follows from the
        batch (sigma-VAE); ``paper``: mean over pixels, which multiplies the weight of the divergence by their number.
    """

    form: Literal["elbo", "paper"] = "elbo"

    def __call__(self, patterns: Tensor, found: Tensor, divergence: Tensor, beta: float) -> Tensor:
        """Mean over the batch; `divergence` is (n,)."""
        square = (patterns - found).square()
        if self.form == "paper":
            return square.mean() + beta * divergence.mean()
        # With the best variance in closed form the error becomes pixels / 2 times the logarithm of its mean.
        pixels = patterns[0].numel()
        return 0.5 * pixels * torch.log(square.mean().clamp_min(1e-8)) + beta * divergence.mean()


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each latent from the normal law, (n, latent) [nats]."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)


def parameter_count(shape: VaeShape) -> int:
    """Weights of a network of this shape, without making it."""
    height, width = shape.encoded
    features = CHANNELS[-1] * height * width
    convolutions = sum(9 * inner * outer + outer for inner, outer in zip((1, *CHANNELS), CHANNELS, strict=False))
    reverse = CHANNELS[::-1]
    convolutions += sum(
        9 * inner * outer + outer for inner, outer in zip(reverse, (*reverse[1:], CHANNELS[0]), strict=True)
    )
    convolutions += 9 * CHANNELS[0] + 1
    dense = 2 * (features * shape.latent + shape.latent) + shape.latent * features + features
    return convolutions + dense
