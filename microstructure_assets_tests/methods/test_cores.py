"""Cores of grains and the references that come from them, on patterns whose grains and shares are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from microstructure_assets.methods.core_references import references_with_cores
from microstructure_assets.methods.cores import find_cores
from microstructure_assets.methods.references import reference_windows
from microstructure_assets.methods.settings import ReferencesSettings

PIXELS = 900
DETECTOR = (30, 30)


def stripes(
    noise: float,
    edges: tuple[float, ...],
    shape: tuple[int, int] = (20, 40),
    seed: int = 0,
    pixels: int = PIXELS,
    smooth: float = 0.0,
):
    """Grains side by side under a Gaussian beam; patterns, shares of the grains, their patterns."""
    from scipy.ndimage import gaussian_filter
    from scipy.special import ndtr

    generator = np.random.default_rng(seed)
    base = generator.normal(size=(len(edges) + 1, pixels))
    if smooth:
        base = gaussian_filter(base.reshape(-1, *DETECTOR), (0, smooth, smooth)).reshape(len(base), pixels)
        base /= base.std(axis=1, keepdims=True)
    base -= base.mean(axis=1, keepdims=True)
    x = np.arange(shape[1])
    past = np.stack([np.ones(shape[1]), *(ndtr((x - edge) / 0.7) for edge in edges), np.zeros(shape[1])])
    share = np.repeat((past[:-1] - past[1:]).T[None], shape[0], axis=0)
    gain = generator.uniform(0.9, 1.1, size=(*shape, 1))
    patterns = gain * (share @ base) + noise * generator.normal(size=(*shape, pixels))
    return patterns.astype(np.float32), share, base


@pytest.mark.parametrize("noise", [0.0, 0.2, 1.4, 3.0])
def test_a_core_lies_in_one_grain_and_is_pure(noise: float) -> None:
    patterns, share, _ = stripes(noise, (9.4, 21.7, 30.2))
    core = find_cores(patterns, noise**2)
    own = share.max(axis=2)
    assert np.mean(own[core >= 0]) > 0.99
    for number in range(core.max() + 1):
        assert len(np.unique(np.argmax(share[core == number], axis=1))) == 1
    for grain in range(4):
        assert np.any(core[np.argmax(share, axis=2) == grain] >= 0)


def test_most_pure_windows_are_found() -> None:
    patterns, share, _ = stripes(1.0, (20.0,))
    core = find_cores(patterns, 1.0)
    deep = np.abs(np.arange(40) - 20.0) > 4
    assert np.mean(core[:, deep] >= 0) > 0.9
    assert share[core >= 0].max(axis=1).min() > 0.95


def test_noise_alone_has_no_core() -> None:
    noise = np.random.default_rng(0).normal(size=(15, 15, PIXELS)).astype(np.float32)
    assert np.mean(find_cores(noise, 1.0) >= 0) < 0.05
    assert np.all(find_cores(np.zeros((5, 5, 20), np.float32), 0.0) == -1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (2, 1), (3, 3)])
def test_the_smallest_rectangles_work(shape: tuple[int, int]) -> None:
    patterns = np.random.default_rng(1).normal(size=(*shape, 50)).astype(np.float32)
    assert find_cores(patterns, 0.5).shape == shape


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="patterns: found shape"):
        find_cores(np.zeros((4, 5), np.float32), 1.0)
    with pytest.raises(ValueError, match="noise_variance: found -1"):
        find_cores(np.zeros((4, 5, 6), np.float32), -1.0)


def likeness(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def test_a_grain_that_only_reaches_into_the_roi_gets_a_pure_reference() -> None:
    noise = 0.3
    patterns, share, base = stripes(noise, (10.6, 30.0))
    inside = slice(4, 16), slice(10, 24)  # one mixed column of the first grain; the third lies outside
    label = np.argmax(share[inside], axis=2)
    arguments = label, np.ones(label.shape)
    settings = ReferencesSettings()
    alone = reference_windows(patterns[inside], *arguments, settings, noise**2)
    found = references_with_cores(patterns, inside, DETECTOR, *arguments, settings, noise**2)
    assert likeness(alone.pattern[0], base[0]) ** 2 < 0.95
    assert likeness(found.pattern[0], base[0]) ** 2 > 0.99
    assert found.source.tolist() == ["core", "core", "neighbour"]
    assert likeness(found.pattern[2], base[2]) ** 2 > 0.99
    assert found.column[0] < 0, "its core lies left of the ROI"
    for points, count in zip(found.points, found.point_count, strict=True):
        assert len(points) == count
        assert share.reshape(-1, 3)[points].max(axis=1).min() > 0.97
    np.testing.assert_allclose(found.noise_variance, noise**2 / found.point_count)


def test_paper_and_no_margin_leave_the_cores_out() -> None:
    patterns, share, _ = stripes(0.3, (11.3,))
    label = np.argmax(share, axis=2)
    whole = slice(0, 20), slice(0, 40)
    for settings in (ReferencesSettings(method="paper"), ReferencesSettings(margin_points=0)):
        own = reference_windows(patterns, label, np.ones(label.shape), settings, 0.09)
        found = references_with_cores(patterns, whole, DETECTOR, label, np.ones(label.shape), settings, 0.09)
        np.testing.assert_array_equal(found.pattern, own.pattern)
        assert [points.tolist() for points in found.points] == [points.tolist() for points in own.points]


def test_a_cluster_without_a_core_of_its_grain_keeps_its_reference() -> None:
    patterns, share, _ = stripes(0.2, (20.0,))
    generator = np.random.default_rng(7)
    speck = generator.normal(size=PIXELS)
    patterns[10, 5] = speck  # a grain of one point has no 3×3 window
    label = np.argmax(share, axis=2)
    label[10, 5] = 2
    whole = slice(0, 20), slice(0, 40)
    found = references_with_cores(patterns, whole, DETECTOR, label, np.ones(label.shape), ReferencesSettings(), 0.04)
    assert found.source[2] == "cluster"
    assert found.fallback[2] == "best_window"
    np.testing.assert_allclose(found.pattern[2], speck, rtol=1e-5)


@pytest.mark.parametrize(("sigma_px", "noise"), [(0.5, 0.2), (0.5, 1.4), (0.7, 0.2), (0.7, 1.4), (1.0, 0.7)])
def test_cores_are_found_under_noise_that_the_detector_correlates(sigma_px: float, noise: float) -> None:
    from scipy.ndimage import gaussian_filter

    patterns, share, _ = stripes(0.0, (9.4, 21.7, 30.2), smooth=2.0)
    generator = np.random.default_rng(9)
    grain = generator.normal(size=(*patterns.shape[:2], *DETECTOR))
    smooth = gaussian_filter(grain, (0, 0, sigma_px, sigma_px))
    noisy = patterns + (noise * smooth / smooth.std()).reshape(patterns.shape).astype(np.float32)
    core = find_cores(noisy, noise**2)
    assert np.mean(core >= 0) > 0.3
    assert np.mean(share.max(axis=2)[core >= 0]) > 0.98
    for number in range(core.max() + 1):
        assert len(np.unique(np.argmax(share[core == number], axis=1))) == 1


def test_a_large_rectangle_is_worked_on_in_blocks_without_a_seam() -> None:
    patterns, share, _ = stripes(1.0, (60.0,), shape=(60, 120), pixels=100)
    core = find_cores(patterns, 1.0)
    assert core.max() <= 3
    deep = np.abs(np.arange(120) - 60.0) > 4
    assert np.mean(core[:, deep] >= 0) > 0.9
    assert share[core >= 0].max(axis=1).min() > 0.9


@pytest.mark.parametrize("likeness_squared", [0.93, 0.85, 0.82])
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_a_narrow_grain_keeps_its_reference_however_like_it_is_to_its_neighbour(
    likeness_squared: float, noise: float
) -> None:
    generator = np.random.default_rng(11)
    wide, other = generator.normal(size=(2, PIXELS))
    narrow = np.sqrt(likeness_squared) * wide + np.sqrt(1 - likeness_squared) * other
    grain = np.zeros((20, 30), dtype=int)
    grain[:, 14:16] = 1  # two columns: no 3×3 window
    patterns = np.stack([wide, narrow])[grain] + noise * generator.normal(size=(20, 30, PIXELS))
    whole = slice(0, 20), slice(0, 30)
    found = references_with_cores(
        patterns.astype(np.float32), whole, DETECTOR, grain, np.ones(grain.shape), ReferencesSettings(), noise**2
    )
    assert likeness(found.pattern[1], narrow) ** 2 > 0.97
    assert found.group[1] == 1


def test_large_patterns_are_binned_for_the_cores_and_averaged_whole() -> None:
    generator = np.random.default_rng(12)
    base = generator.normal(size=(2, 10, 10)).repeat(20, axis=1).repeat(20, axis=2).reshape(2, -1)
    grain = (np.arange(16) > 7).astype(int) + np.zeros((12, 1), dtype=int)
    patterns = (base[grain] + 2.0 * generator.normal(size=(12, 16, 40_000))).astype(np.float32)
    whole = slice(0, 12), slice(0, 16)
    found = references_with_cores(patterns, whole, (200, 200), grain, np.ones(grain.shape), ReferencesSettings(), 4.0)
    assert found.source.tolist() == ["core", "core"]
    for k in range(2):
        assert np.mean((found.pattern[k] - base[k]) ** 2) == pytest.approx(found.noise_variance[k], rel=0.05)
