"""Patterns to latents: the scale that brings patterns to the network's range, its training, its answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor, nn

from microstructure_assets.networks.pattern_vae import PatternVae, VaeLoss, VaeShape, divergence
from microstructure_assets.networks.settings import AutoencoderSettings
from microstructure_assets.networks.training import History, Schedule, split, train

# Intensities outside these quantiles are clipped: single hot pixels must not set the range of the tanh.
TAILS = (0.001, 0.999)
BATCH = 256


@dataclass(frozen=True)
class PatternScale:
    """What brings intensities to [-1, 1].

    Attributes
    ----------
    centre, half_range : float
        [intensity]
    """

    centre: float
    half_range: float

    @classmethod
    def of(cls, patterns: NDArray[np.float32]) -> PatternScale:
        """The scale of a sample of patterns: their 0.1st and 99.9th percentile go to -1 and 1."""
        low, high = (float(value) for value in np.quantile(patterns.ravel()[:: max(1, patterns.size // 2**24)], TAILS))
        return cls((low + high) / 2, max((high - low) / 2, 1e-12))

    def apply(self, patterns: NDArray[np.float32]) -> NDArray[np.float32]:
        """Patterns in [-1, 1], clipped."""
        scaled = (patterns - np.float32(self.centre)) * np.float32(1 / self.half_range)
        return np.clip(scaled, -1, 1, out=scaled)


@dataclass(frozen=True)
class Autoencoder:
    """A trained network and the scale of its patterns.

    Attributes
    ----------
    model : PatternVae
    scale : PatternScale
    """

    model: PatternVae
    scale: PatternScale

    def encode(self, patterns: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and log variance of the latents, (n, latent) each, of patterns (n, height, width) [intensity]."""
        device = next(self.model.parameters()).device
        means, spreads = [], []
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(patterns), BATCH):
                scaled = torch.from_numpy(self.scale.apply(patterns[start : start + BATCH])).to(device)
                mean, log_variance = self.model.encode(scaled)
                means.append(mean.cpu().numpy())
                spreads.append(log_variance.cpu().numpy())
        return np.concatenate(means), np.concatenate(spreads)

    def reconstruct(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Patterns (n, height, width) [intensity] of latents (n, latent)."""
        device = next(self.model.parameters()).device
        self.model.eval()
        with torch.inference_mode():
            found = [
                self.model.decode(torch.from_numpy(latent[start : start + BATCH]).to(device)).cpu().numpy()
                for start in range(0, len(latent), BATCH)
            ]
        return np.concatenate(found) * np.float32(self.scale.half_range) + np.float32(self.scale.centre)

    def to_bytes(self) -> bytes:
        """Weights in the format of safetensors."""
        return save({name: value.detach().cpu().contiguous() for name, value in self.model.state_dict().items()})

    @classmethod
    def load(cls, weights: bytes, facts: Mapping[str, float], device: torch.device | None = None) -> Autoencoder:
        """The network of these weights and facts (height_px, width_px, latent, centre, half_range)."""
        shape = VaeShape(int(facts["height_px"]), int(facts["width_px"]), int(facts["latent"]))
        model = PatternVae(shape)
        model.load_state_dict(load(weights))
        return cls(model.to(device), PatternScale(facts["centre"], facts["half_range"]))


@dataclass(frozen=True)
class Trained:
    """A training's outcome.

    Attributes
    ----------
    autoencoder : Autoencoder
    history : History
    learned, held_out : ndarray of int64
        Numbers of the patterns that it learned from and of those that it did not.
    """

    autoencoder: Autoencoder
    history: History
    learned: NDArray[np.int64]
    held_out: NDArray[np.int64]


def train_autoencoder(
    patterns: NDArray[np.float32],
    latent: int,
    settings: AutoencoderSettings,
    *,
    repeat: int = 0,
    device: torch.device | None = None,
    folder: Path | None = None,
    told: Callable[[History], object] | None = None,
) -> Trained:
    """Train the autoencoder on patterns.

    On one machine, number of threads and build of torch the bytes are the same again; across them they are not.

    Parameters
    ----------
    patterns : (n, height, width) float32
        [intensity]
    latent : int
        Dimensions of the latent space.
    settings : AutoencoderSettings
    repeat : int
        Number of the start: another one begins from other weights and draws others batches, with the same patterns
        held out.
    device : torch.device, optional
    folder : Path, optional
        For checkpoints, to go on from.
    told : callable, optional
        Called with the history after each epoch.

    Raises
    ------
    ValueError
        If the loss is not finite.
    """
    scale = PatternScale.of(patterns)
    scaled = torch.from_numpy(scale.apply(patterns))
    shape = VaeShape(patterns.shape[1], patterns.shape[2], latent)
    schedule = Schedule(
        settings.epochs,
        settings.batch_patterns,
        settings.learning_rate,
        settings.patience,
        settings.held_out_share,
        settings.seed,
        repeat,
        math.ceil(settings.warm_up_share * settings.epochs),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed + repeat)
        model = PatternVae(shape)
    model = model.to(device)
    loss = _Loss(scaled, settings)
    history = train(model, len(scaled), loss, schedule, folder, told)
    learned, held_out = split(len(scaled), schedule)
    return Trained(Autoencoder(model, scale), history, learned, held_out)


class _Loss:
    """Loss of a batch: Eq. 13, with a weight of the divergence that grows from zero."""

    def __init__(self, patterns: Tensor, settings: AutoencoderSettings) -> None:
        self._patterns, self._settings, self._form = patterns, settings, VaeLoss(settings.loss)

    def __call__(
        self, model: nn.Module, items: NDArray[np.int64], draws: torch.Generator, done: float
    ) -> tuple[Tensor, Mapping[str, float]]:
        assert isinstance(model, PatternVae)
        device = next(model.parameters()).device
        patterns = self._patterns[torch.from_numpy(items)].to(device)
        noise = torch.randn((len(items), model.shape.latent), generator=draws).to(device)
        found, mean, log_variance = model(patterns, noise)
        apart = divergence(mean, log_variance).sum(dim=1)
        share = self._settings.warm_up_share
        grown = 1.0 if share == 0 else min(1.0, done / share)
        value = self._form(patterns, found, apart, self._settings.beta * grown)
        figures = {
            "squared_error": float((patterns - found).detach().square().mean()),
            "divergence_nats": float(apart.detach().mean()),
        }
        return value, figures


def unit_divergence(mean: NDArray[np.float32], log_variance: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean divergence of each latent from the normal law, (latent,) float64 [nats], of (n, latent) each."""
    return divergence(torch.from_numpy(mean).double(), torch.from_numpy(log_variance).double()).mean(dim=0).numpy()
