"""The autoencoder's sizes as the paper's, its loss against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from microstructure_assets.networks.pattern_vae import PatternVae, VaeLoss, VaeShape, divergence, parameter_count


@pytest.mark.parametrize(("height", "width", "latent"), [(60, 60, 8), (20, 24, 4), (33, 70, 3), (1, 1, 2)])
def test_reconstructions_have_the_shape_of_the_patterns(height: int, width: int, latent: int) -> None:
    model = PatternVae(VaeShape(height, width, latent))
    patterns = torch.rand(3, height, width) * 2 - 1
    found, mean, log_variance = model(patterns, torch.randn(3, latent))
    assert found.shape == patterns.shape
    assert mean.shape == log_variance.shape == (3, latent)
    assert found.abs().max() <= 1
    assert sum(parameter.numel() for parameter in model.parameters()) == parameter_count(model.shape)


def test_sizes_are_those_of_the_papers_channels() -> None:
    assert parameter_count(VaeShape(60, 60)) == pytest.approx(6.3e6, rel=0.01)
    assert parameter_count(VaeShape(400, 500)) == pytest.approx(167e6, rel=0.01)
    assert VaeShape(400, 500).padded == (416, 512)


def test_divergence_is_that_of_normal_laws() -> None:
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(torch.zeros(5, 7), torch.ones(5, 7)))
    torch.testing.assert_close(divergence(mean, log_variance), expected)


def test_losses_are_their_formulas() -> None:
    patterns, found, own = torch.rand(4, 6, 5), torch.rand(4, 6, 5), torch.rand(4)
    square = (patterns - found).square()
    assert VaeLoss("paper")(patterns, found, own, 0.3) == pytest.approx(float(square.mean() + 0.3 * own.mean()))
    # Negative log likelihood of the best Gaussian, less its constant.
    variance = square.mean()
    likelihood = Normal(found, variance.sqrt()).log_prob(patterns).sum(dim=(1, 2)).mean()
    constant = 30 * (0.5 * torch.log(torch.tensor(2 * torch.pi)) + 0.5)
    assert VaeLoss("elbo")(patterns, found, own, 0.3) == pytest.approx(
        float(-likelihood - constant + 0.3 * own.mean()), rel=1e-5
    )


def test_without_noise_the_latent_is_its_mean() -> None:
    model = PatternVae(VaeShape(32, 32, 4))
    patterns = torch.rand(2, 32, 32)
    found, mean, _ = model(patterns)
    torch.testing.assert_close(found, model.decode(mean))
