"""Band contrast: monotone in the signal, blind to noise, independent of the intensity scale."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.quality import PatternQuality, pattern_quality
from microstructure_assets.methods.settings import PreprocessingSettings

SHAPE = (60, 60)


def raw_patterns(contrast: np.ndarray, noise: float, seed: int = 0) -> np.ndarray:
    """Patterns of mean 120 whose bands have the given deviations."""
    rng = np.random.default_rng(seed)
    bands = gaussian_filter(rng.standard_normal((1, *SHAPE)), (0, 2, 2))
    bands = (bands - bands.mean()) / bands.std()
    light = np.linspace(-30, 30, SHAPE[0])[:, None]
    return 120 + light + contrast[:, None, None] * bands + noise * rng.standard_normal((len(contrast), *SHAPE))


def quality(raw: np.ndarray, **fields: object) -> PatternQuality:
    settings = PreprocessingSettings(**fields)
    shape = (raw.shape[1], raw.shape[2])
    return pattern_quality(raw, BackgroundCorrection.prepare(shape, settings, None)(raw))


@pytest.mark.parametrize("noise", [1.0, 10.0, 20.0])
def test_monotone_in_the_bands(noise: float) -> None:
    contrast = np.repeat([0.0, 5.0, 10.0, 20.0, 40.0], 20)
    values = quality(raw_patterns(contrast, noise)).band_contrast.reshape(5, 20)
    assert (np.diff(np.median(values, axis=1)) > 0).all()
    assert values[3].min() > values[1].max()


def test_value_is_the_deviation_of_the_bands_over_the_mean() -> None:
    result = quality(raw_patterns(np.full(20, 20.0), 10.0))
    noiseless = quality(raw_patterns(np.full(1, 20.0), 0.0))
    np.testing.assert_allclose(result.band_contrast, noiseless.band_contrast[0], rtol=0.1)
    assert 0.5 * 20 / 120 < noiseless.band_contrast[0] < 20 / 120
    np.testing.assert_allclose(result.mean_intensity, 120, rtol=0.01)


def test_noise_alone_is_near_zero() -> None:
    values = quality(raw_patterns(np.zeros(200), 20.0)).band_contrast
    bands = quality(raw_patterns(np.full(1, 20.0), 20.0)).band_contrast
    assert np.median(values) < 0.15 * bands[0]
    assert values.max() < 0.35 * bands[0]


def test_gain_and_rescaling_leave_it_alone() -> None:
    raw = raw_patterns(np.array([5.0, 20.0, 40.0]), 8.0)
    base = quality(raw).band_contrast
    np.testing.assert_allclose(quality(raw * 7).band_contrast, base, rtol=1e-3)
    np.testing.assert_allclose(quality(raw, intensity="paper").band_contrast, base, rtol=1e-3)


def test_dead_points_have_none() -> None:
    raw = raw_patterns(np.array([20.0, 20.0]), 5.0)
    raw[1] = 0
    result = quality(raw)
    assert result.band_contrast[1] == 0
    assert result.mean_intensity[1] == 0
    assert result.band_contrast[0] > 0
    raw[1] = 50
    assert quality(raw).band_contrast[1] == 0


def test_crop_is_the_field_of_view() -> None:
    raw = np.random.default_rng(0).integers(0, 100, (2, 440, 520)).astype(np.uint8)
    raw[:, :20] = 255
    result = quality(raw)
    np.testing.assert_allclose(result.mean_intensity, raw[:, 20:420, 10:510].mean(axis=(1, 2)), rtol=1e-5)


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match="found shapes"):
        pattern_quality(np.zeros((2, 5, 5)), np.zeros((3, 5, 5), np.float32))
    with pytest.raises(ValueError, match="found shapes"):
        pattern_quality(np.zeros((2, 5, 5)), np.zeros((2, 6, 5), np.float32))
