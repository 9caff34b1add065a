"""Binning of patterns, against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.methods.binning import bin_patterns, binned_shape, binning_factor
from microstructure_assets.methods.scan_noise import binned_signal_share, scan_noise_variance
from microstructure_assets.methods.stitching import ArrayPatterns


@pytest.mark.parametrize(("shape", "limit"), [((400, 500), 8192), ((61, 47), 300), ((5, 5), 4), ((480, 640), 8192)])
def test_blocks_are_averaged(shape: tuple[int, int], limit: int) -> None:
    from skimage.transform import downscale_local_mean

    patterns = np.random.default_rng(0).normal(size=(2, 3, shape[0] * shape[1])).astype(np.float32)
    binned, factor = bin_patterns(patterns, shape, limit)
    height, width = shape[0] // factor, shape[1] // factor
    assert height * width <= limit
    assert binned.shape == (2, 3, height * width)
    image = patterns[1, 2].reshape(shape)[: height * factor, : width * factor]
    expected = downscale_local_mean(image, (factor, factor))
    np.testing.assert_allclose(binned[1, 2].reshape(height, width), expected, atol=1e-5)


def test_small_patterns_are_left_alone() -> None:
    patterns = np.zeros((4, 3600), np.float32)
    binned, factor = bin_patterns(patterns, (60, 60))
    assert factor == 1
    assert binned is patterns


def test_the_factor_is_the_smallest_that_fits() -> None:
    for shape in ((400, 500), (512, 672), (1024, 1344), (90, 92)):
        factor = binning_factor(shape)
        assert (shape[0] // factor) * (shape[1] // factor) <= 8192
        if factor > 1:
            assert (shape[0] // (factor - 1)) * (shape[1] // (factor - 1)) > 8192


def test_independent_noise_falls_with_the_area() -> None:
    noise = np.random.default_rng(1).normal(size=(50, 400 * 500)).astype(np.float32)
    binned, factor = bin_patterns(noise, (400, 500))
    assert binned.var() == pytest.approx(1 / factor**2, rel=0.01)


def test_noise_and_signal_of_binned_patterns_are_measured() -> None:
    generator = np.random.default_rng(2)
    base = generator.normal(size=(2, 20, 20)).repeat(10, axis=1).repeat(10, axis=2).reshape(2, -1)
    grain = (np.arange(40) > 17).astype(int)
    whole = np.repeat(base[grain][None], 20, axis=0) + 2.0 * generator.normal(size=(20, 40, 40_000))
    small, factor = bin_patterns(whole.astype(np.float32), (200, 200))
    patterns, binned = ArrayPatterns(whole.astype(np.float32)), ArrayPatterns(small)
    assert small.shape[2:] == (np.prod(binned_shape((200, 200))),)
    assert scan_noise_variance(binned) == pytest.approx(4.0 / factor**2, rel=0.05)
    clean, _ = bin_patterns(base[grain].astype(np.float32), (200, 200))
    kept = factor**2 * np.sum(clean**2) / np.sum(base[grain] ** 2)
    assert kept < 0.97
    assert binned_signal_share(patterns, binned, factor) == pytest.approx(kept, abs=0.01)
    level = ArrayPatterns(whole.astype(np.float32) + 100), ArrayPatterns(small + 100)
    assert binned_signal_share(*level, factor) == pytest.approx(kept, abs=0.01)
    noise = ArrayPatterns(np.zeros((20, 20, 400), np.float32))
    assert binned_signal_share(noise, noise, 1) == 1.0
