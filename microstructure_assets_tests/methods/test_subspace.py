"""Principal components against scikit-learn's full decomposition, in memory and in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.methods import parallel
from microstructure_assets.methods.components import incremental_components, principal_components, roi_components
from microstructure_assets.methods.parallel import single_blas_thread
from microstructure_assets.methods.scatter import ScatterMatrix
from microstructure_assets.methods.settings import ComponentsSettings, SubspaceSettings
from microstructure_assets.methods.subspace import scan_subspace


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread() -> Iterator[None]:
    """Keeps the oracles from fighting over busy cores."""
    with single_blas_thread():
        yield


def patterns_of(
    count: int, pixels: int, rank: int, seed: int = 0, noise: float = 0.05, mean: float = 3.0
) -> np.ndarray:
    """A few well separated components on a common pattern, plus noise."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((count, rank)) * np.geomspace(8, 1, rank)
    basis = np.linalg.qr(rng.standard_normal((pixels, rank)))[0].T
    values = (
        scores @ basis * np.sqrt(pixels) / 8 + noise * rng.standard_normal((count, pixels)) + mean * rng.random(pixels)
    )
    return values.astype(np.float32)


def peer(patterns: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.decomposition import PCA

    model = PCA(count, svd_solver="full").fit(patterns.astype(np.float64))
    score = model.transform(patterns.astype(np.float64))
    return score, model.components_, model.explained_variance_, model.explained_variance_ratio_


def aligned(values: np.ndarray, reference: np.ndarray, axis: int) -> np.ndarray:
    return values * np.sign((values * reference).sum(axis=axis, keepdims=True))


def blocks_of(patterns: np.ndarray, size: int) -> Callable[[], Iterator[np.ndarray]]:
    return lambda: (patterns[start : start + size] for start in range(0, len(patterns), size))


def principal_angle(first: np.ndarray, second: np.ndarray) -> float:
    """Largest angle between two subspaces given by orthonormal rows [rad]."""
    cosine = np.linalg.svd(first.astype(np.float64) @ second.T.astype(np.float64), compute_uv=False).min()
    return float(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize(
    ("count", "pixels"), [(60, 900), (300, 3600), (900, 400), (400, 400), (120, 12000), (5, 3), (2300, 2100)]
)
def test_equal_to_scikit_learn(count: int, pixels: int) -> None:
    rank = min(8, pixels - 1)
    patterns = patterns_of(count, pixels, rank)
    own = principal_components(patterns, rank)
    score, loading, variance, ratio = peer(patterns, rank)
    difference = np.abs(aligned(own.score, score, 0) - score).max(axis=0) / np.abs(score).max(axis=0)
    assert difference.max() < 1e-4
    np.testing.assert_allclose(own.explained_variance, variance, rtol=1e-4)
    np.testing.assert_allclose(own.explained_variance_ratio, ratio, rtol=1e-4)
    assert np.abs(aligned(own.loading, loading, 1) - loading).max() < 1e-4 * np.abs(loading).max() * 5
    np.testing.assert_allclose(own.mean, patterns.mean(axis=0), atol=1e-5)


def test_ratio_does_not_depend_on_the_number_of_components() -> None:
    patterns = patterns_of(80, 300, 6)
    few, many = principal_components(patterns, 3), principal_components(patterns, 79)
    np.testing.assert_allclose(few.explained_variance_ratio, many.explained_variance_ratio[:3], rtol=1e-9)
    assert few.explained_variance_ratio.sum() < 0.99
    assert many.explained_variance_ratio.sum() == pytest.approx(1, rel=1e-5)
    assert many.total_variance == pytest.approx(patterns.var(axis=0, ddof=1, dtype=np.float64).sum(), rel=1e-5)


@pytest.mark.parametrize(("count", "pixels"), [(50, 300), (300, 50)])
def test_sign_and_orthonormality(count: int, pixels: int) -> None:
    parts = principal_components(patterns_of(count, pixels, 6), 6)
    assert (parts.loading[np.arange(6), np.abs(parts.loading).argmax(axis=1)] > 0).all()
    np.testing.assert_allclose(parts.loading @ parts.loading.T, np.eye(6), atol=1e-5)
    projected = (patterns_of(count, pixels, 6) - parts.mean) @ parts.loading.T
    np.testing.assert_allclose(parts.score, projected, atol=2e-4 * np.abs(projected).max())


def test_number_of_components_is_limited() -> None:
    assert principal_components(patterns_of(9, 100, 2), 30).score.shape == (9, 8)
    assert principal_components(patterns_of(30, 4, 2), 30).loading.shape == (4, 4)
    one = principal_components(patterns_of(1, 100, 2), 30)
    assert one.score.shape == (1, 0)
    assert one.total_variance == 0


def test_patterns_without_variance() -> None:
    same = principal_components(np.ones((6, 50), np.float32), 4)
    assert np.isfinite(same.score).all()
    assert not same.score.any()
    assert not same.explained_variance_ratio.any()
    twice = np.repeat(patterns_of(2, 50, 2), 5, axis=0)
    parts = principal_components(twice, 6)
    assert np.isfinite(parts.loading).all()
    np.testing.assert_allclose(parts.explained_variance_ratio, [1, 0, 0, 0, 0, 0], atol=1e-6)


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="found shape"):
        principal_components(np.zeros((2, 3, 4), np.float32), 2)
    with pytest.raises(ValueError, match="component_limit"):
        principal_components(np.zeros((4, 4), np.float32), 0)
    with pytest.raises(ValueError, match="NaN or infinity"):
        principal_components(np.full((4, 4), np.nan, np.float32), 2)


@pytest.mark.parametrize(("count", "pixels"), [(300, 9000), (3000, 300)])
def test_bytes_do_not_depend_on_threads(count: int, pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns = patterns_of(count, pixels, 5)
    first = principal_components(patterns, 20)
    monkeypatch.setattr(parallel, "worker_count", lambda: 1)
    second = principal_components(patterns, 20)
    np.testing.assert_array_equal(first.score, second.score)
    np.testing.assert_array_equal(first.loading, second.loading)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 120), max_size=5), shift=st.floats(-50, 50), seed=st.integers(0, 1000))
def test_the_scatter_matrix_does_not_depend_on_the_blocks(cuts: list[int], shift: float, seed: int) -> None:
    patterns = patterns_of(120, 12, 4, seed) + np.float32(shift)
    total = ScatterMatrix(12)
    for start, stop in pairwise([0, *sorted(cuts), 120]):
        total.add(patterns[start:stop])
    expected = np.cov(patterns.astype(np.float64), rowvar=False)
    assert total.count == 120
    np.testing.assert_allclose(total.covariance(), expected, atol=3e-5 * np.abs(expected).max())
    np.testing.assert_allclose(total.mean, patterns.mean(axis=0, dtype=np.float64), rtol=1e-4, atol=1e-4)


def test_pedestal_costs_no_digits() -> None:
    patterns = patterns_of(500, 30, 4)
    plain, shifted = ScatterMatrix(30), ScatterMatrix(30)
    plain.add(patterns)
    shifted.add(patterns + np.float32(512))
    np.testing.assert_allclose(shifted.covariance(), plain.covariance(), atol=1e-4 * np.abs(plain.covariance()).max())


@pytest.mark.parametrize("size", [7, 333, 5000])
@pytest.mark.parametrize(("count", "pixels", "route"), [(200, 900, "gram"), (1600, 300, "scatter")])
def test_scan_in_blocks_is_exact(count: int, pixels: int, route: str, size: int) -> None:
    patterns = patterns_of(count, pixels, 6)
    result = scan_subspace(blocks_of(patterns, size), pixels, SubspaceSettings(component_count=6))
    score, loading, variance, ratio = peer(patterns, 6)
    assert result.route == route
    np.testing.assert_allclose(result.explained_variance, variance, rtol=1e-4)
    np.testing.assert_allclose(result.explained_variance_ratio, ratio, rtol=1e-4)
    projected, residual = result.project(patterns)
    assert (np.abs(aligned(projected, score, 0) - score).max(axis=0) / np.abs(score).max(axis=0)).max() < 2e-4
    left = patterns - patterns.mean(axis=0) - score @ loading
    np.testing.assert_allclose(residual, (left**2).mean(axis=1), rtol=5e-2)


@pytest.mark.parametrize("pixels", [500, 4500])
def test_block_iteration_is_close_to_exact(pixels: int) -> None:
    patterns = patterns_of(1600, pixels, 12, noise=0.3)
    passes = 0

    def read() -> Iterator[np.ndarray]:
        nonlocal passes
        passes += 1
        yield from blocks_of(patterns, 400)()

    result = scan_subspace(read, pixels, SubspaceSettings(component_count=12, route="block"))
    exact = principal_components(patterns, 12)
    again = scan_subspace(blocks_of(patterns, 400), pixels, SubspaceSettings(component_count=12, route="block"))
    np.testing.assert_array_equal(again.loading, result.loading)
    assert result.route == "block"
    assert passes == 1 + 4
    np.testing.assert_allclose(result.explained_variance, exact.explained_variance, rtol=2e-3)
    assert principal_angle(result.loading, exact.loading) < 0.02
    assert result.total_variance == pytest.approx(exact.total_variance, rel=1e-5)
    np.testing.assert_allclose(result.mean, exact.mean, atol=1e-4)


def test_large_patterns_take_the_block_iteration_by_themselves() -> None:
    patterns = patterns_of(1600, 4200, 3)
    assert scan_subspace(blocks_of(patterns, 500), 4200, SubspaceSettings(component_count=3)).route == "block"


def test_constant_patterns_of_a_large_detector_have_components_without_variance() -> None:
    found = scan_subspace(blocks_of(np.ones((1600, 4200), np.float32), 400), 4200, SubspaceSettings(component_count=3))
    assert found.route == "block"
    np.testing.assert_array_equal(found.loading, np.zeros((3, 4200)))
    np.testing.assert_array_equal(found.explained_variance, np.zeros(3))


def test_the_route_follows_the_size_and_is_told() -> None:
    routes = [principal_components(patterns_of(*shape, 3), 4).route for shape in ((60, 90), (90, 60), (2100, 2100))]
    assert routes == ["gram", "covariance", "krylov"]
    assert roi_components(patterns_of(60, 90, 3), ComponentsSettings(route="ipca")).route == "ipca"


@pytest.mark.parametrize("shape", [(2100, 2300), (2300, 2100)])
def test_krylov_components_stand_beside_the_full_decomposition(shape: tuple[int, int]) -> None:
    """Six components above the noise are exact; three of the bulk are low, never high, by at most two percent."""
    patterns = patterns_of(*shape, 6) + np.float32(40)
    found = principal_components(patterns, 9)
    score, loading, variance, ratio = peer(patterns, 9)
    assert found.route == "krylov"
    np.testing.assert_allclose(found.explained_variance[:6], variance[:6], rtol=1e-4)
    assert np.all(found.explained_variance[6:] <= variance[6:] * (1 + 1e-4))
    assert np.all(found.explained_variance[6:] >= variance[6:] * 0.98)
    np.testing.assert_allclose(found.explained_variance_ratio[:6], ratio[:6], rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(found.loading * loading, axis=1))[:6], 1.0, atol=1e-5)
    largest = np.abs(score[:, :6]).max(axis=0)
    assert np.all(np.abs(aligned(found.score, score, 0) - score)[:, :6].max(axis=0) < 1e-3 * largest)
    np.testing.assert_allclose(found.loading @ found.loading.T, np.eye(9), atol=1e-5)


def test_components_of_a_roi_by_incremental_pca_are_scikit_learns() -> None:
    from sklearn.decomposition import IncrementalPCA

    patterns = patterns_of(700, 120, 6)
    own = incremental_components(patterns, 6, 200)
    model = IncrementalPCA(6, batch_size=200)
    # scikit-learn's batches are 200, 200, 200 and 100; ours holds one back, so that the last has 300.
    for start, stop in ((0, 200), (200, 400), (400, 700)):
        model.partial_fit(patterns[start:stop])
    np.testing.assert_allclose(own.explained_variance, model.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(np.abs(own.score), np.abs(model.transform(patterns)), atol=2e-3)
    assert len(roi_components(patterns, ComponentsSettings(), 3).explained_variance) == 3


def test_incremental_route_is_scikit_learns() -> None:
    from sklearn.decomposition import IncrementalPCA

    patterns = patterns_of(700, 120, 5)
    result = scan_subspace(
        blocks_of(patterns, 90), 120, SubspaceSettings(component_count=5, route="ipca", ipca_batch_points=200)
    )
    model = IncrementalPCA(5)
    for start, stop in ((0, 200), (200, 400), (400, 700)):
        model.partial_fit(patterns[start:stop])
    np.testing.assert_allclose(result.explained_variance, model.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(result.explained_variance_ratio, model.explained_variance_ratio_, rtol=1e-5)
    assert principal_angle(result.loading, model.components_) < 1e-3


@pytest.mark.parametrize("route", ["exact", "block", "ipca"])
def test_smallest_scans(route: str) -> None:
    chosen = SubspaceSettings(component_count=50, route=route)
    nine = scan_subspace(blocks_of(patterns_of(9, 200, 2), 3), 200, chosen)
    assert nine.loading.shape == (8, 200)
    assert nine.explained_variance_ratio.sum() == pytest.approx(1, rel=1e-3)
    with pytest.raises(ValueError, match="expected at least 2"):
        scan_subspace(blocks_of(patterns_of(1, 20, 1), 3), 20, chosen)
    with pytest.raises(ValueError, match="expected \\(m, 20\\)"):
        scan_subspace(blocks_of(patterns_of(9, 21, 1), 3), 20, chosen)
    with pytest.raises(ValueError, match="NaN or infinity"):
        scan_subspace(lambda: iter([np.full((3, 20), np.nan, np.float32)]), 20, chosen)


def test_residual_energy_of_noise_is_its_variance() -> None:
    patterns = patterns_of(1700, 400, 3, noise=0.5)
    result = scan_subspace(blocks_of(patterns, 300), 400, SubspaceSettings(component_count=3))
    assert result.project(patterns)[1].mean() == pytest.approx(0.25 * (1 - 3 / 400), rel=0.02)
    score, energy = result.project(patterns[:0])
    assert score.shape == (0, 3)
    assert energy.shape == (0,)
