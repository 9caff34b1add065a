"""Noise variance against the noise that was put in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from microstructure_assets.methods import parallel
from microstructure_assets.methods.knee import noise_edge
from microstructure_assets.methods.noise import noise_variance, within_pattern_variances
from microstructure_assets.methods.parallel import single_blas_thread


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread() -> Iterator[None]:
    """Keeps the oracles from fighting over busy cores."""
    with single_blas_thread():
        yield


SHAPE = (40, 40)


def bands(count: int, seed: int = 0) -> np.ndarray:
    """Random band patterns of unit variance and zero mean, ``(count, p)``."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] - np.array([20, 20])[:, None, None]
    angle, place, width = (
        rng.uniform(0, np.pi, (count, 12)),
        rng.uniform(-25, 25, (count, 12)),
        rng.uniform(1.5, 4, (count, 12)),
    )
    distance = np.cos(angle)[..., None, None] * x + np.sin(angle)[..., None, None] * y - place[..., None, None]
    patterns = np.tanh((width[..., None, None] - np.abs(distance)) * 1.5).sum(axis=1)
    patterns -= gaussian_filter(patterns, (0, 6, 6))
    patterns = patterns.reshape(count, -1)
    patterns -= patterns.mean(axis=1, keepdims=True)
    return patterns / patterns.std(axis=1, keepdims=True)


def scan(
    rows: int, columns: int, diameter: float, beam: float, noise: np.ndarray | float, seed: int, smear: float = 0.0
) -> np.ndarray:
    """Voronoi grains mixed by a Gaussian beam plus noise of the given deviation per point, ``(rows, columns, p)``."""
    rng = np.random.default_rng(seed)
    margin = 6
    height, width = rows + 2 * margin, columns + 2 * margin
    count = max(2, round(height * width / (np.pi / 4 * diameter**2)))
    y, x = np.mgrid[:height, :width]
    grain = cKDTree(rng.random((count, 2)) * (height, width)).query(np.stack([y.ravel(), x.ravel()], 1))[1]
    share = np.stack([(grain == number).reshape(height, width).astype(float) for number in range(count)])
    if beam:
        share = gaussian_filter(share, (0, beam, beam))
    signal = share[:, margin:-margin, margin:-margin].reshape(count, -1).T @ bands(count, seed)
    values = rng.standard_normal(signal.shape)
    if smear:
        values = gaussian_filter(values.reshape(-1, *SHAPE), (0, smear, smear)).reshape(signal.shape)
        values /= values.std()
    values *= np.broadcast_to(noise, (rows, columns)).reshape(-1, 1)
    return (signal + values).reshape(rows, columns, -1).astype(np.float32)


@pytest.mark.parametrize("deviation", [0.2, 1.4, 3.0])
def test_piecewise_constant_signal_within_two_percent(deviation: float) -> None:
    estimate = noise_variance(scan(24, 24, 14, 0, deviation, 1))
    assert estimate.variance == pytest.approx(deviation**2, rel=0.02)
    assert estimate.method == "between_points"


@pytest.mark.parametrize("deviation", [0.1, 0.2, 0.7, 1.4, 3.0])
def test_small_grains_under_a_wide_beam_within_five_percent(deviation: float) -> None:
    estimate = noise_variance(scan(24, 24, 5, 1.15, deviation, 2))
    assert estimate.variance == pytest.approx(deviation**2, rel=0.05)


@pytest.mark.parametrize("shape", [(24, 24), (1, 60), (60, 2), (7, 11), (3, 3)])
def test_noise_alone(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(4).standard_normal((*shape, 1600)).astype(np.float32) * 5
    assert noise_variance(values).variance == pytest.approx(25, rel=0.05)


def test_scales_with_the_intensity() -> None:
    patterns = scan(12, 12, 8, 0.7, 1.0, 3)
    base, larger = noise_variance(patterns), noise_variance(patterns * np.float32(8))
    assert larger.variance == pytest.approx(64 * base.variance, rel=1e-3)
    assert larger.effective_pixel_count == pytest.approx(base.effective_pixel_count, rel=1e-2)


def test_dead_points_are_left_out() -> None:
    patterns = scan(24, 24, 14, 0, 1.4, 5)
    dead = np.zeros((24, 24), bool)
    dead[3:9, 4:11] = True
    dead[20, 20] = True
    patterns[dead] = 0
    estimate = noise_variance(patterns)
    assert estimate.variance == pytest.approx(1.96, rel=0.02)
    assert not estimate.point_variance[dead].any()
    assert (estimate.point_variance[~dead] > 0).all()


@pytest.mark.parametrize("ratio", [2.0, 0.4])
def test_unequal_noise_is_found_where_it_is(ratio: float) -> None:
    deviation = np.full((24, 24), 1.4)
    deviation[:, 15:] *= ratio
    estimate = noise_variance(scan(24, 24, 14, 0.7, deviation, 6))
    assert estimate.variance == pytest.approx(np.mean(deviation**2), rel=0.05)
    measured = np.median(estimate.point_variance[:, 17:]) / np.median(estimate.point_variance[:, :13])
    assert measured == pytest.approx(ratio**2, rel=0.1)


def test_edge_from_unequal_noise_keeps_noise_out() -> None:
    deviation = np.full((24, 24), 1.0)
    deviation[:, 15:] *= 2
    patterns = scan(24, 24, 1000, 0, deviation, 7).reshape(576, -1)
    estimate = noise_variance(patterns.reshape(24, 24, -1))
    variance = np.linalg.svd(patterns - patterns.mean(0), compute_uv=False) ** 2 / 575
    edge = noise_edge(estimate.point_variance, 576, 1600, estimate.effective_pixel_count)
    plain = noise_edge(estimate.variance, 576, 1600)
    assert (variance > edge).sum() <= 2
    assert (variance > plain).sum() > 20


def test_correlated_pixels_count_less() -> None:
    plain = noise_variance(scan(24, 24, 14, 0.7, 1.4, 8))
    smeared = noise_variance(scan(24, 24, 14, 0.7, 1.4, 8, smear=0.7))
    # The squared autocorrelation of noise under a Gaussian point spread s sums to 2 pi s².
    assert smeared.effective_pixel_count == pytest.approx(1600 / (2 * np.pi * 0.49), rel=0.25)
    assert plain.effective_pixel_count > 1300


def test_two_points_and_one_point() -> None:
    patterns = scan(1, 2, 1000, 0, 1.4, 9)
    assert noise_variance(patterns).variance == pytest.approx(1.96, rel=0.12)
    one = noise_variance(patterns[:, :1], detector_shape=SHAPE)
    assert one.method == "within_pattern"
    assert one.combination_count == 0
    assert one.variance == pytest.approx(1.96, rel=0.2)
    assert noise_variance(patterns[:, :1]).variance == pytest.approx(1.96, rel=0.3)


def test_two_points_of_two_grains_do_not_take_the_signal_for_noise() -> None:
    pair = bands(2, 3).reshape(1, 2, -1).astype(np.float32)
    pair += 0.3 * np.random.default_rng(0).standard_normal(pair.shape).astype(np.float32)
    assert noise_variance(pair, detector_shape=SHAPE).variance < 0.5


def test_no_noise_and_no_signal() -> None:
    flat = noise_variance(np.zeros((5, 5, 100), np.float32))
    assert (flat.variance, flat.combination_count) == (0, 0)
    exact = np.repeat(bands(2, 1), 8, axis=0).reshape(4, 4, -1).astype(np.float32)
    assert noise_variance(exact).variance < 1e-6


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="found shape"):
        noise_variance(np.zeros((5, 5), np.float32))
    with pytest.raises(ValueError, match="NaN or infinity"):
        noise_variance(np.full((2, 2, 30), np.nan, np.float32))


def test_bytes_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = scan(20, 20, 8, 0.7, 1.0, 3)
    first = noise_variance(patterns)
    monkeypatch.setattr(parallel, "worker_count", lambda: 1)
    np.testing.assert_array_equal(noise_variance(patterns).point_variance, first.point_variance)


def test_variance_of_one_pattern_splits_into_bands_and_noise() -> None:
    smooth = gaussian_filter(np.random.default_rng(1).standard_normal((20, 80, 80)), (0, 3, 3))
    smooth /= smooth.std()
    noise = 2 * np.random.default_rng(2).standard_normal(smooth.shape)
    values = smooth + noise
    values -= values.mean(axis=(1, 2), keepdims=True)
    shared, own = within_pattern_variances(values.astype(np.float32))
    assert shared.mean() == pytest.approx(1, rel=0.1)
    assert own.mean() == pytest.approx(4, rel=0.03)


@pytest.mark.parametrize("seed", range(20))
def test_copies_of_few_patterns_have_no_noise_whatever_the_rounding(seed: int) -> None:
    generator = np.random.default_rng(seed)
    kinds = generator.normal(size=(2, 480)) * 10.0 ** generator.integers(-3, 4)
    patterns = kinds[(np.arange(30) % 6 > 2).astype(int)].reshape(5, 6, 480).astype(np.float32)
    found = noise_variance(patterns)
    assert 0 <= found.variance < 1e-9 * np.mean(patterns**2)
    assert np.all(found.point_variance >= 0)
