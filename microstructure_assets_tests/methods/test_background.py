"""Background removal against kikuchipy, and the 8-bit code against its error bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from microstructure_assets.methods import parallel
from microstructure_assets.methods.axis_filter import filter_matrix
from microstructure_assets.methods.background import BackgroundCorrection, centred_crop, decode, encode
from microstructure_assets.methods.settings import PreprocessingSettings

UNCROPPED = {"crop_height_px": 0, "crop_width_px": 0}


def patterns_of(shape: tuple[int, int], count: int, seed: int = 0, dtype: str = "uint8") -> np.ndarray:
    """Bands on a bright, uneven background with noise."""
    rng = np.random.default_rng(seed)
    bands = gaussian_filter(rng.standard_normal((count, *shape)), (0, shape[0] / 25, shape[1] / 25))
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = 70 * np.exp(-2 * ((y / shape[0] - 0.4) ** 2 + (x / shape[1] - 0.55) ** 2))
    values = light + 20 * bands / bands.std() + 8 * rng.standard_normal((count, *shape)) + 60
    return np.clip(values, 0, 255).astype(dtype)


def correction_of(shape: tuple[int, int], static: np.ndarray | None = None, **fields: object) -> BackgroundCorrection:
    return BackgroundCorrection.prepare(shape, PreprocessingSettings(**{**UNCROPPED, **fields}), static)


def kikuchipy_background(patterns: np.ndarray, std: float) -> np.ndarray:
    from kikuchipy.pattern import get_dynamic_background

    return np.stack([get_dynamic_background(pattern.astype(np.float32), std=std) for pattern in patterns])


@pytest.mark.parametrize("std", [7.5, 5.0, 3.3, 8.0, 20.0])
@pytest.mark.parametrize("shape", [(60, 60), (41, 60), (60, 41)])
def test_filter_matrix_is_kikuchipys_frequency_filter(shape: tuple[int, int], std: float) -> None:
    patterns = patterns_of(shape, 2)
    smooth = filter_matrix(shape[0], std) @ patterns.astype(float) @ filter_matrix(shape[1], std).T
    np.testing.assert_allclose(smooth, kikuchipy_background(patterns, std), atol=1e-3)


@pytest.mark.parametrize("shape", [(60, 60), (120, 120), (240, 320), (400, 500)])
def test_uint8_equals_kikuchipy_within_one_grey_level(shape: tuple[int, int]) -> None:
    import kikuchipy

    patterns = patterns_of(shape, 4)
    signal = kikuchipy.signals.EBSD(patterns.reshape(2, 2, *shape).copy())
    signal.remove_dynamic_background(filter_domain="frequency", show_progressbar=False)
    own = correction_of(shape, intensity="paper")(patterns) * 255
    difference = np.abs(np.floor(own) - signal.data.reshape(own.shape))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.2


@pytest.mark.parametrize("shape", [(60, 60), (400, 500)])
def test_float32_equals_kikuchipy(shape: tuple[int, int]) -> None:
    patterns = patterns_of(shape, 3, dtype="float32")
    expected = patterns - kikuchipy_background(patterns, shape[1] / 8)
    expected -= expected.mean(axis=(1, 2), keepdims=True)
    result = correction_of(shape)(patterns)
    assert np.abs(result - expected).max() < (1e-3 if shape == (60, 60) else 0.25)


def test_coarse_form_follows_the_exact_one() -> None:
    patterns = patterns_of((240, 320), 3, dtype="float32")
    correction = correction_of((240, 320))
    assert correction.block_px > 1
    rows, columns = filter_matrix(240, 40), filter_matrix(320, 40)
    exact = patterns - rows @ patterns.astype(float) @ columns.T
    exact -= exact.mean(axis=(1, 2), keepdims=True)
    assert np.abs(correction(patterns) - exact).max() < 0.25


def test_crop_is_the_papers_field_of_view() -> None:
    pattern = np.arange(512 * 672, dtype=np.float32).reshape(1, 512, 672)
    correction = BackgroundCorrection.prepare((512, 672), PreprocessingSettings(dynamic_background="none"), None)
    assert correction.cropped_shape == (400, 500)
    expected = pattern[0, 56:456, 86:586].astype(np.float64)
    np.testing.assert_allclose(correction(pattern)[0], expected - expected.mean(), atol=0.1)


@pytest.mark.parametrize(
    ("detector", "cropped"),
    [((512, 672), (400, 500)), ((400, 500), (400, 500)), ((480, 480), (480, 480)), ((60, 60),) * 2],
)
def test_crop_only_where_the_detector_is_that_large(detector: tuple[int, int], cropped: tuple[int, int]) -> None:
    assert BackgroundCorrection.prepare(detector, PreprocessingSettings(), None).cropped_shape == cropped


@pytest.mark.parametrize("shape", [(60, 60), (240, 320)])
def test_static_background_is_subtracted_first(shape: tuple[int, int]) -> None:
    patterns = patterns_of(shape, 3, dtype="float32")
    static = patterns_of(shape, 1, seed=9)[0]
    expected = correction_of(shape)(patterns - static.astype(np.float32))
    np.testing.assert_allclose(
        correction_of(shape, static)(patterns), expected, atol=2e-1 if shape != (60, 60) else 1e-3
    )
    ignored = correction_of(shape, static, static_background="none")(patterns)
    np.testing.assert_array_equal(ignored, correction_of(shape)(patterns))


def test_static_background_of_a_cropped_detector() -> None:
    patterns, static = patterns_of((44, 52), 2), patterns_of((44, 52), 1, seed=5)[0]
    fields = {"crop_height_px": 40, "crop_width_px": 48}
    whole = correction_of((44, 52), static, **fields)(patterns)
    parts = correction_of((40, 48), centred_crop(static, (40, 48)))(centred_crop(patterns, (40, 48)))
    np.testing.assert_allclose(whole, parts, atol=1e-5)


@pytest.mark.parametrize("intensity", ["zero_mean", "paper"])
@pytest.mark.parametrize("shape", [(60, 60), (240, 320)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_constant_patterns_become_zero(shape: tuple[int, int], intensity: str, dtype: str) -> None:
    patterns = patterns_of(shape, 3, dtype=dtype)
    patterns[1] = 37
    static = patterns_of(shape, 1, seed=3)[0]
    for background in (None, static):
        result = correction_of(shape, background, intensity=intensity)(patterns)
        assert np.isfinite(result).all()
        assert not result[1].any()
        assert result[0].any()
        assert result[2].any()


@pytest.mark.parametrize("dynamic", ["frequency", "none"])
def test_intensity_scales(dynamic: str) -> None:
    patterns = patterns_of((60, 60), 5)
    kept = correction_of((60, 60), dynamic_background=dynamic)(patterns)
    np.testing.assert_allclose(kept.mean(axis=(1, 2)), 0, atol=1e-4)
    paper = correction_of((60, 60), dynamic_background=dynamic, intensity="paper")(patterns)
    np.testing.assert_allclose(paper.min(axis=(1, 2)), 0, atol=1e-7)
    np.testing.assert_allclose(paper.max(axis=(1, 2)), 1, atol=1e-6)
    low, high = kept.min(axis=(1, 2), keepdims=True), kept.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(paper, (kept - low) / (high - low), atol=1e-5)


def test_gain_is_kept() -> None:
    patterns = patterns_of((60, 60), 2, dtype="float32")
    correction = correction_of((60, 60))
    np.testing.assert_allclose(correction(3 * patterns + 11), 3 * correction(patterns), atol=2e-3)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint32", "int64", "float16", "float64", ">u2", ">f4", "bool"])
def test_other_types_give_the_same_result(dtype: str) -> None:
    patterns = patterns_of((60, 60), 3) // 3
    if dtype == "bool":
        patterns = (patterns > 40).astype(np.uint8)
    correction = correction_of((60, 60))
    np.testing.assert_allclose(correction(patterns.astype(dtype)), correction(patterns), atol=1e-4)


def test_pedestal_of_wide_types_costs_no_digits() -> None:
    patterns = patterns_of((60, 60), 2)
    correction = correction_of((60, 60))
    np.testing.assert_allclose(correction(patterns + 1e9), correction(patterns), atol=1e-4)


def test_views_are_taken_as_they_are() -> None:
    patterns = patterns_of((120, 60), 6)
    correction = correction_of((60, 60))
    np.testing.assert_array_equal(correction(patterns[::2, ::2]), correction(patterns[::2, ::2].copy()))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [(60, 60), (240, 320)])
def test_values_that_are_not_finite_are_refused(shape: tuple[int, int], bad: float) -> None:
    patterns = patterns_of(shape, 3, dtype="float32")
    patterns[1, 20, 30] = bad
    with pytest.raises(ValueError, match=r"1 of 3 patterns \(first: number 1"):
        correction_of(shape)(patterns)
    patterns[1] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        correction_of(shape)(patterns)


def test_wrong_input_is_named() -> None:
    correction = correction_of((60, 60))
    with pytest.raises(ValueError, match=r"found shape \(2, 60, 61\), expected \(n, 60, 60\)"):
        correction(np.zeros((2, 60, 61), np.uint8))
    with pytest.raises(TypeError, match="complex64"):
        correction(np.zeros((2, 60, 60), np.complex64))
    with pytest.raises(ValueError, match="static_background"):
        correction_of((60, 60), np.zeros((50, 60)))
    with pytest.raises(ValueError, match="static_background"):
        correction_of((60, 60), np.full((60, 60), np.nan))
    with pytest.raises(ValueError, match="detector_shape"):
        correction_of((0, 60))


def test_no_patterns_and_smallest_detectors() -> None:
    assert correction_of((60, 60))(np.zeros((0, 60, 60), np.uint8)).shape == (0, 60, 60)
    for shape in ((1, 1), (1, 7), (3, 2)):
        values = np.random.default_rng(0).integers(0, 255, (4, *shape)).astype(np.uint8)
        assert np.isfinite(correction_of(shape)(values)).all()


@pytest.mark.parametrize("shape", [(60, 60), (240, 320)])
def test_bytes_depend_neither_on_threads_nor_on_neighbours(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    patterns = patterns_of(shape, 300 if shape == (60, 60) else 20)
    correction = correction_of(shape)
    together = correction(patterns)
    monkeypatch.setattr(parallel, "worker_count", lambda: 1)
    np.testing.assert_array_equal(correction(patterns), together)
    monkeypatch.setattr(parallel, "worker_count", lambda: 5)
    np.testing.assert_array_equal(correction(patterns), together)
    np.testing.assert_array_equal(correction(patterns[7:8]), together[7:8])
    np.testing.assert_array_equal(correction(patterns[::-1].copy()), together[::-1])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
)
def test_code_error_is_at_most_half_the_gain(
    seed: int, scale: float, shift: float, shape: tuple[int, int, int]
) -> None:
    patterns = ((np.random.default_rng(seed).standard_normal(shape) + shift) * scale).astype(np.float32)
    encoded = encode(patterns)
    assert encoded.code.dtype == np.uint8
    restored = decode(encoded.code, encoded.gain, encoded.offset)
    rounding = 4 * np.finfo(np.float32).eps * np.abs(patterns).max()
    assert (np.abs(restored - patterns) <= 0.5001 * encoded.gain[:, None, None] + rounding).all()
    again = encode(restored)
    assert np.abs(again.code.astype(int) - encoded.code).max() <= (1 if (encoded.gain > 8 * rounding).all() else 255)


def test_code_of_constant_patterns_and_into_out() -> None:
    patterns = np.stack([np.zeros((5, 6)), np.full((5, 6), -2.5), np.arange(30.0).reshape(5, 6)]).astype(np.float32)
    encoded = encode(patterns)
    assert encoded.gain[:2].tolist() == [0, 0]
    out = np.full_like(patterns, 9)
    assert decode(encoded.code, encoded.gain, encoded.offset, out) is out
    np.testing.assert_array_equal(out[:2], patterns[:2])
    np.testing.assert_allclose(out[2], patterns[2], atol=29 / 255 / 2 + 1e-5)


def test_hot_pixel_costs_no_more_than_the_detectors_own_step() -> None:
    raw = patterns_of((60, 60), 50)
    hot = raw.copy()
    hot[:, 30, 17] = 255
    step = encode(correction_of((60, 60))(raw)).gain
    step_hot = encode(correction_of((60, 60))(hot)).gain
    assert step_hot.max() < 1.1
    assert (step_hot / step).mean() < 2


def test_code_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(ValueError, match="pattern 1"):
        encode(np.stack([np.zeros((3, 3)), np.full((3, 3), np.nan)]).astype(np.float32))
    with pytest.raises(ValueError, match="expected uint8"):
        decode(np.zeros((2, 3, 3), np.int16), np.ones(2, np.float32), np.ones(2, np.float32))
    with pytest.raises(ValueError, match="gain, offset"):
        decode(np.zeros((2, 3, 3), np.uint8), np.ones(3, np.float32), np.ones(2, np.float32))
    with pytest.raises(ValueError, match="out"):
        decode(np.zeros((2, 3, 3), np.uint8), np.ones(2, np.float32), np.ones(2, np.float32), np.empty((2, 3, 3)))
