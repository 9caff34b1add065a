"""Clusters by k-means against scikit-learn and groups that are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from microstructure_assets.methods.rows import ArrayRows
from microstructure_assets.methods.silhouette_clusters import clusters_by_silhouette


def groups(count: int, points: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, count, points)
    centre = 8 * np.eye(count, 7)
    return (centre[truth] + random.normal(size=(points, 7))).astype(np.float32), truth


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_number_of_groups_is_found(count: int) -> None:
    values, truth = groups(count, 900)
    found = clusters_by_silhouette(ArrayRows(values), np.ones(900, bool))
    assert found.count == count
    assert adjusted_rand_score(truth, found.cluster) > 0.97
    sizes = np.bincount(found.cluster)[1:]
    assert (np.diff(sizes) <= 0).all()
    place = found.numbers.tolist().index(count)
    assert found.silhouette[place] == pytest.approx(silhouette_score(values, found.cluster), abs=1e-6)


def test_one_cloud_is_one_cluster_and_points_left_out_have_none() -> None:
    values = np.random.default_rng(1).normal(size=(800, 12)).astype(np.float32)
    used = np.arange(800) > 50
    found = clusters_by_silhouette(ArrayRows(values), used)
    assert found.count == 1
    assert (found.cluster > 0).tolist() == used.tolist()
    assert found.silhouette.max() < 0.1


def test_a_given_number_is_taken() -> None:
    values, _ = groups(3, 400)
    used = np.ones(400, bool)
    assert clusters_by_silhouette(ArrayRows(values), used, count=4).count == 4
    assert clusters_by_silhouette(ArrayRows(values), used, count=1).count == 1
    again, once = (clusters_by_silhouette(ArrayRows(values), used, seed=3).cluster for _ in range(2))
    np.testing.assert_array_equal(again, once)


@pytest.mark.parametrize("points", [0, 1, 2, 3])
def test_few_or_equal_points_are_at_most_one_cluster(points: int) -> None:
    found = clusters_by_silhouette(ArrayRows(np.ones((5, 2), np.float32)), np.arange(5) < points)
    assert found.count == min(points, 1)
    assert found.cluster.max(initial=0) == min(points, 1)


class Pieces(ArrayRows):
    """Rows that come in pieces."""

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        for start in range(0, len(self.array), 70):
            yield slice(start, min(start + 70, len(self.array))), self.array[start : start + 70]


def test_pieces_and_threads_do_not_change_a_bit() -> None:
    values, _ = groups(4, 3000)
    used = np.arange(3000) % 7 > 0
    whole = clusters_by_silhouette(ArrayRows(values), used)
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            found = clusters_by_silhouette(Pieces(values), used)
        assert found.cluster.tobytes() == whole.cluster.tobytes()
        assert found.inertia.tobytes() == whole.inertia.tobytes()
