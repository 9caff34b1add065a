"""The compiled k-means against scikit-learn's from the same seeds, and its seeds against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from microstructure_assets.methods.kmeans_kernels import _drawn, _seeds, kmeans_labels
from microstructure_assets.methods.point_blocks import BLOCK_POINTS, in_blocks

SIZES = [7, BLOCK_POINTS - 1, BLOCK_POINTS, BLOCK_POINTS + 1, 700]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("d", "clusters"), [(1, 3), (2, 5), (10, 7)])
def test_labels_are_scikit_learns_from_the_same_seeds(n: int, d: int, clusters: int) -> None:
    score = np.random.default_rng([n, d]).normal(size=(n, d))
    uniform = np.random.default_rng(1).random((clusters, 3))
    seeds = _seeds(score, in_blocks(score), clusters, uniform)
    assert all((score == seed).all(axis=1).any() for seed in seeds)
    peer = KMeans(clusters, init=seeds, n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(score)
    np.testing.assert_array_equal(kmeans_labels(score, clusters, uniform, 300), peer.labels_)


@pytest.mark.parametrize("n", SIZES)
def test_a_point_is_drawn_by_its_squared_distance(n: int) -> None:
    squared = np.random.default_rng(n).random(n)
    squared[: n // 3] = 0.0
    blocks = np.zeros((-(-n // BLOCK_POINTS), BLOCK_POINTS))
    blocks.ravel()[:n] = squared
    total, running = blocks.sum(axis=1), np.cumsum(squared)
    for share in (0.0, 0.1, 0.5, 0.999):
        target = share * running[-1]
        assert _drawn(blocks, total, target, n) == np.searchsorted(running, target, side="right")
    assert _drawn(blocks, total, 2 * running[-1], n) == n - 1


def test_a_new_centre_is_the_best_of_its_draws() -> None:
    score = np.random.default_rng(3).normal(size=(300, 2)) * [1, 5]
    uniform = np.random.default_rng(4).random((2, 6))
    first, second = _seeds(score, in_blocks(score), 2, uniform)
    nearest = ((score - first) ** 2).sum(axis=1)
    drawn = np.searchsorted(np.cumsum(nearest), uniform[1] * nearest.sum(), side="right")
    left = [np.minimum(nearest, ((score - score[place]) ** 2).sum(axis=1)).sum() for place in drawn]
    np.testing.assert_array_equal(second, score[drawn[int(np.argmin(left))]])
