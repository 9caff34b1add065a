"""The autoencoder on patterns of few causes: it learns them, comes back from its bytes, and can be stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.networks.autoencoding import Autoencoder, PatternScale, train_autoencoder, unit_divergence
from microstructure_assets.networks.settings import AutoencoderSettings
from microstructure_assets.networks.training import History

QUICK = AutoencoderSettings(epochs=12, batch_patterns=16)


@pytest.fixture(scope="module")
def patterns() -> np.ndarray:
    """A bright band that moves and turns, on a pedestal."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    angle, offset = random.uniform(0, np.pi, 400), random.uniform(-0.5, 0.5, 400)
    along = x * np.cos(angle)[:, None, None] + y * np.sin(angle)[:, None, None] - offset[:, None, None]
    band = 40 * np.exp(-((along / 0.25) ** 2)) + 100
    return (band + random.normal(size=band.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def trained(patterns: np.ndarray):  # type: ignore[no-untyped-def]
    return train_autoencoder(patterns, 8, QUICK)


def test_it_learns_to_draw_patterns_that_it_has_not_seen(patterns: np.ndarray, trained) -> None:  # type: ignore[no-untyped-def]
    mean, log_variance = trained.autoencoder.encode(patterns)
    assert mean.shape == log_variance.shape == (400, 8)
    held = trained.held_out
    assert not set(held) & set(trained.learned)
    left = patterns[held] - trained.autoencoder.reconstruct(mean[held])
    about_mean = patterns[held] - patterns[trained.learned].mean(axis=0)
    assert np.mean(left**2) < 0.15 * np.mean(about_mean**2)
    assert trained.history.held_out_loss[-1] < trained.history.held_out_loss[0]
    assert unit_divergence(mean, log_variance).max() > 0.5


def test_it_comes_back_from_its_bytes(patterns: np.ndarray, trained) -> None:  # type: ignore[no-untyped-def]
    own = trained.autoencoder
    facts = {
        "height_px": 32,
        "width_px": 32,
        "latent": 8,
        "centre": own.scale.centre,
        "half_range": own.scale.half_range,
    }
    again = Autoencoder.load(own.to_bytes(), facts)
    np.testing.assert_array_equal(again.encode(patterns[:50])[0], own.encode(patterns[:50])[0])
    assert again.to_bytes() == own.to_bytes()


def test_another_start_has_the_same_patterns_held_out(patterns: np.ndarray, trained) -> None:  # type: ignore[no-untyped-def]
    one = QUICK.model_copy(update={"epochs": 1})
    first, other = (train_autoencoder(patterns, 4, one, repeat=repeat) for repeat in (0, 1))
    np.testing.assert_array_equal(first.held_out, other.held_out)
    assert first.autoencoder.to_bytes() != other.autoencoder.to_bytes()
    assert first.autoencoder.to_bytes() == train_autoencoder(patterns, 4, one).autoencoder.to_bytes()


def test_a_stopped_training_goes_on(patterns: np.ndarray, tmp_path: Path) -> None:
    short = QUICK.model_copy(update={"epochs": 2})

    def stop(history: History) -> None:
        raise KeyboardInterrupt

    whole = train_autoencoder(patterns, 4, short)
    with pytest.raises(KeyboardInterrupt):
        train_autoencoder(patterns, 4, short, folder=tmp_path, told=stop)
    again = train_autoencoder(patterns, 4, short, folder=tmp_path)
    assert again.history.epochs == 2
    assert again.autoencoder.to_bytes() == whole.autoencoder.to_bytes()


def test_the_scale_brings_patterns_to_the_range_of_the_network(patterns: np.ndarray) -> None:
    spiked = patterns.copy()
    spiked[0, 0, 0] = 1e6
    scale = PatternScale.of(spiked)
    scaled = scale.apply(spiked)
    assert -1 <= scaled.min() < -0.9
    assert scaled.max() == 1.0
    inside = np.abs(scaled) < 1
    np.testing.assert_allclose(scaled[inside] * scale.half_range + scale.centre, spiked[inside], rtol=1e-5)
    assert np.isfinite(PatternScale.of(np.ones((3, 4, 4), np.float32)).apply(np.ones((3, 4, 4), np.float32))).all()
