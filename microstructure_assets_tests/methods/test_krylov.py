from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.methods.krylov import leading_components


def reader(patterns: np.ndarray, size: int) -> Callable[[], Iterator[np.ndarray]]:
    return lambda: (patterns[start : start + size] for start in range(0, len(patterns), size))


def patterns_of(points: int, pixels: int, strong: int, seed: int = 0) -> np.ndarray:
    """Noise of variance 1 and `strong` directions well above it, on a pedestal."""
    random = np.random.default_rng(seed)
    direction = np.linalg.qr(random.standard_normal((pixels, strong)))[0]
    score = random.standard_normal((points, strong)) * np.geomspace(60, 12, strong)
    return (score @ direction.T + random.standard_normal((points, pixels)) + 20).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(points=st.integers(60, 400), pixels=st.integers(40, 200), count=st.integers(1, 8), size=st.integers(7, 500))
def test_equal_to_scipys_svd_whatever_the_blocks(points: int, pixels: int, count: int, size: int) -> None:
    patterns = patterns_of(points, pixels, 8)
    found = leading_components(reader(patterns, size), pixels, count, 0, most_passes=10, tolerance=1e-7)
    centred = patterns.astype(np.float64) - patterns.mean(axis=0, dtype=np.float64)
    _, length, vector = scipy.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.variance, length[:count] ** 2 / (points - 1), rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(found.vector * vector[:count].T, axis=0)), 1.0, atol=1e-4)
    np.testing.assert_allclose(found.vector.T @ found.vector, np.eye(count), atol=1e-9)
    np.testing.assert_allclose(found.mean, patterns.mean(axis=0, dtype=np.float64), rtol=1e-6)
    assert found.total_variance == pytest.approx(np.sum(length**2) / (points - 1), rel=1e-5)


def test_variances_of_noise_are_never_too_large() -> None:
    patterns = np.random.default_rng(0).standard_normal((900, 700)).astype(np.float32)
    found = leading_components(reader(patterns, 300), 700, 10, 0, most_passes=12, tolerance=1e-5)
    exact = np.sort(np.linalg.eigvalsh(np.cov(patterns.T)))[::-1][:10]
    assert np.all(found.variance <= exact * (1 + 1e-5))
    assert np.all(found.variance >= exact * 0.99)
    assert found.passes == 12


def test_it_ends_when_nothing_changes_any_more() -> None:
    found = leading_components(reader(patterns_of(800, 300, 5), 256), 300, 5, 0, most_passes=40, tolerance=1e-5)
    assert found.passes < 10


def test_patterns_of_few_directions_end_it_too() -> None:
    random = np.random.default_rng(1)
    low = (random.standard_normal((500, 3)) @ random.standard_normal((3, 120))).astype(np.float32)
    found = leading_components(reader(low, 100), 120, 8, 0, most_passes=30)
    assert found.vector.shape == (120, 8)
    assert np.count_nonzero(found.variance > 1e-6 * found.variance[0]) == 3
    constant = leading_components(reader(np.ones((50, 30), np.float32), 20), 30, 4, 0, most_passes=5)
    np.testing.assert_array_equal(constant.variance, np.zeros(4))
    np.testing.assert_array_equal(constant.vector, np.zeros((30, 4)))
    assert constant.total_variance == 0.0


def test_one_pattern_has_no_components() -> None:
    with pytest.raises(ValueError, match="read_blocks: found 1 patterns, expected at least 2"):
        leading_components(reader(np.ones((1, 30), np.float32), 20), 30, 4, 0, most_passes=5)


def test_bytes_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns, found = patterns_of(3000, 90, 4), []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(leading_components(reader(patterns, 1500), 90, 6, 0, most_passes=4))
    np.testing.assert_array_equal(found[0].vector, found[1].vector)
    np.testing.assert_array_equal(found[0].variance, found[1].variance)
