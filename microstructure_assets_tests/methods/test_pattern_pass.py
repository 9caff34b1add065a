"""The pass in torch against the compiled kernels and kikuchipy, and its errors against theirs."""

from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.methods import pattern_pass
from microstructure_assets.methods.background import BackgroundCorrection, EncodedPatterns, decode
from microstructure_assets.methods.device import TORCH_ON_PROCESSOR
from microstructure_assets.methods.pattern_pass import PatternPass, ProcessedPatterns
from microstructure_assets_tests.methods.test_background import (
    UNCROPPED,
    correction_of,
    kikuchipy_background,
    patterns_of,
)

# Largest differences to the compiled kernels, relative to the largest value; measured 3e-7 and 5e-4.
EXACT, BLOCK_MEANS = 2e-6, 2e-3


def both(
    correction: BackgroundCorrection, raw: np.ndarray, binned: bool = False
) -> tuple[ProcessedPatterns, ProcessedPatterns]:
    compiled = PatternPass.prepare(correction, binned=binned)(raw)
    return compiled, PatternPass.prepare(correction, binned=binned, device=TORCH_ON_PROCESSOR)(raw)


def assert_same_codes(own: EncodedPatterns, other: EncodedPatterns, tolerance: float, share: float) -> None:
    """Codes within one level, at most a share of them; gains to a tolerance, offsets to so much of 255 gains."""
    difference = np.abs(own.code.astype(int) - other.code)
    assert difference.max(initial=0) <= 1
    assert (difference > 0).mean() <= share
    np.testing.assert_allclose(own.gain, other.gain, rtol=tolerance)
    assert (np.abs(own.offset - other.offset) <= 255 * tolerance * other.gain).all()


def assert_same(own: ProcessedPatterns, other: ProcessedPatterns, tolerance: float, share: float) -> None:
    assert_same_codes(own.encoded, other.encoded, tolerance, share)
    np.testing.assert_allclose(own.quality.band_contrast, other.quality.band_contrast, rtol=tolerance)
    np.testing.assert_allclose(own.quality.mean_intensity, other.quality.mean_intensity, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32", "float64", ">u2"])
@pytest.mark.parametrize("intensity", ["zero_mean", "paper"])
def test_small_detectors_agree_to_rounding(dtype: str, intensity: str) -> None:
    raw = patterns_of((60, 60), 40)
    raw = (raw.astype(float) * (1 if dtype == "uint8" else 200)).astype(dtype)
    static = patterns_of((60, 60), 20, seed=1).mean(axis=0)
    compiled, torch = both(correction_of((60, 60), static, intensity=intensity), raw)
    assert_same(torch, compiled, EXACT, 1e-3)


@pytest.mark.parametrize("shape", [(240, 320), (400, 500)])
def test_large_detectors_agree_as_far_as_block_means_do(shape: tuple[int, int]) -> None:
    correction = correction_of(shape)
    assert correction.block_px > 1
    compiled, torch = both(correction, patterns_of(shape, 4), binned=True)
    assert_same(torch, compiled, BLOCK_MEANS, 0.05)
    assert torch.binned is not None
    assert compiled.binned is not None
    assert_same_codes(torch.binned, compiled.binned, BLOCK_MEANS, 0.1)


@pytest.mark.parametrize("shape", [(60, 60), (240, 320)])
def test_the_background_is_kikuchipys(shape: tuple[int, int]) -> None:
    raw = patterns_of(shape, 3)
    correction = correction_of(shape)
    expected = raw - kikuchipy_background(raw, correction.std_px)
    expected -= expected.mean(axis=(1, 2), keepdims=True)
    found = PatternPass.prepare(correction, device=TORCH_ON_PROCESSOR)(raw).encoded
    error = np.abs(decode(found.code, found.gain, found.offset) - expected)
    assert (error <= 0.5 * found.gain[:, None, None] + 2e-3).all()


@pytest.mark.parametrize(
    "fields",
    [
        {"crop_height_px": 40, "crop_width_px": 50},
        {"dynamic_background": "none"},
        {"dynamic_background": "none", "crop_height_px": 1, "crop_width_px": 2},
        {"dynamic_std_px": 3.3},
    ],
)
def test_settings_carry_over(fields: dict[str, object]) -> None:
    raw = patterns_of((60, 64), 10)
    compiled, torch = both(correction_of((60, 64), **fields), raw)
    assert_same(torch, compiled, EXACT, 2e-3)


def test_constant_patterns_are_nought() -> None:
    raw = patterns_of((60, 60), 4)
    raw[1], raw[3] = 0, 255
    for intensity in ("zero_mean", "paper"):
        found = both(correction_of((60, 60), intensity=intensity), raw)[1]
        assert not found.encoded.code[[1, 3]].any()
        assert not found.encoded.gain[[1, 3]].any()
        assert not found.encoded.offset[[1, 3]].any()
        assert not found.quality.band_contrast[[1, 3]].any()
        assert (found.encoded.gain[[0, 2]] > 0).all()
        np.testing.assert_array_equal(found.quality.mean_intensity[[1, 3]], [0, 255])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("whole", [False, True])
def test_what_is_not_finite_is_named_as_by_the_kernels(value: float, whole: bool) -> None:
    raw = patterns_of((60, 60), 5, dtype="float32")
    raw[2, 10, 10] = value
    if whole:
        raw[2] = value
    correction = correction_of((60, 60))
    for device in ("cpu", TORCH_ON_PROCESSOR):
        with pytest.raises(ValueError, match="NaN or infinity in 1 of 5 patterns \\(first: number 2"):
            PatternPass.prepare(correction, device=device)(raw)
    # Outside the crop nobody looks.
    raw[2] = 1.0
    raw[:, 0, 0] = value
    cropped = correction_of((60, 60), crop_height_px=40, crop_width_px=40)
    assert PatternPass.prepare(cropped, device=TORCH_ON_PROCESSOR)(raw).encoded.gain[0] > 0


def test_wrong_input_is_named() -> None:
    process = PatternPass.prepare(correction_of((60, 60)), device=TORCH_ON_PROCESSOR)
    with pytest.raises(ValueError, match="patterns: found shape"):
        process(np.zeros((2, 60, 61), np.uint8))
    with pytest.raises(TypeError, match="expected a real type"):
        process(np.zeros((2, 60, 60), complex))
    with pytest.raises(ValueError, match="device: found 'gpu'"):
        PatternPass.prepare(correction_of((60, 60)), device="gpu")


def test_parts_join_in_order_and_leave_the_input_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = patterns_of((30, 30), 7)
    raw.setflags(write=False)
    before = raw.copy()
    correction = correction_of((30, 30))
    whole = both(correction, raw, binned=True)
    monkeypatch.setattr(pattern_pass, "BLOCK_BYTES", 3 * 30 * 30 * 4)
    for one, several in zip(whole, both(correction, raw, binned=True), strict=True):
        assert_same(several, one, EXACT, 2e-3)
        assert several.binned is not None
        np.testing.assert_array_equal(several.binned.code, several.encoded.code)  # too small to be binned
    np.testing.assert_array_equal(raw, before)


@pytest.mark.parametrize("device", ["cpu", TORCH_ON_PROCESSOR])
def test_no_patterns_give_none(device: str) -> None:
    correction = correction_of((30, 30), **UNCROPPED)
    found = PatternPass.prepare(correction, binned=True, device=device)(np.empty((0, 30, 30), np.uint8))
    assert found.encoded.code.shape == (0, 30, 30)
    assert found.quality.band_contrast.shape == (0,)
    assert found.binned is not None
    assert found.binned.gain.shape == (0,)
