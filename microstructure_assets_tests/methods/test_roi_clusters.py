from __future__ import annotations

import numpy as np

from microstructure_assets.methods.mixture import select_mixture
from microstructure_assets.methods.roi_clusters import EVERY_CLUSTER_NUMBER, MANY_CLUSTERS, ClusterTask, capped_clusters
from microstructure_assets.methods.settings import MixtureSettings


def blobs(count: int, points: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = random.standard_normal((count, 4)) * 30
    return centres[np.arange(points) % count] + random.standard_normal((points, 4))


def test_a_fixed_number_of_clusters_is_not_given_up_for_one() -> None:
    blob = np.random.default_rng(0).standard_normal((300, 3))
    (found,) = capped_clusters([ClusterTask(blob, 0.0, 3, (3,), 4096)], MixtureSettings(), 1)
    assert found.count == {3: 3}


def test_each_cap_gets_what_the_mixture_of_the_tile_lane_finds_under_it() -> None:
    score = blobs(7, 700)
    (found,) = capped_clusters([ClusterTask(score, 0.0, 1, (5, 10, 20), 4096)], MixtureSettings(), 3)
    for cap in (5, 10, 20):
        alone = select_mixture(score, MixtureSettings(maximum_clusters=cap))
        assert found.count[cap] == alone.count
        assert found.limited[cap] == (cap == 5)
        np.testing.assert_array_equal(found.label[alone.count], alone.label)
    assert found.count[20] == 7


def test_mixtures_of_a_part_of_the_points_label_all_points() -> None:
    score = blobs(6, 3000)
    task = ClusterTask(score, 0.0, 1, (10,), 500)
    assert len(score[task.places]) == 500
    (found,) = capped_clusters([task], MixtureSettings(), 1)
    assert found.count == {10: 6}
    grain = np.arange(3000) % 6
    assert len(np.unique(np.stack([grain, found.label[6]], axis=1), axis=0)) == 6


def test_equal_points_are_one_cluster_without_a_limit() -> None:
    (found,) = capped_clusters([ClusterTask(np.ones((400, 3)), 0.0, 1, (5, 20), 4096)], MixtureSettings(), 1)
    assert found.count == {5: 1, 20: 1}
    assert found.limited == {5: False, 20: False}


def test_numbers_above_twenty_are_tried_in_steps() -> None:
    assert max(MANY_CLUSTERS) == 40
    assert min(MANY_CLUSTERS) > EVERY_CLUSTER_NUMBER
    (found,) = capped_clusters([ClusterTask(blobs(33, 6600), 0.0, 1, (20, 40), 8192)], MixtureSettings(), 1)
    assert found.count[20] == 20
    assert found.count[40] in (28, 34, 40)


def test_clusters_of_several_rois_are_the_same_on_a_device() -> None:
    tasks = [ClusterTask(blobs(count, 400, count), 0.5, 1, (5, 10), 4096) for count in (1, 3, 6)]
    compiled, own = (capped_clusters(tasks, MixtureSettings(), 2, device) for device in ("cpu", "torch-cpu"))
    for one, two in zip(own, compiled, strict=True):
        assert one.count == two.count
        assert one.limited == two.limited
        for k, label in one.label.items():
            assert len(np.unique(np.stack([label, two.label[k]], axis=1), axis=0)) == k
    assert [one.count[10] for one in own] == [1, 3, 6]
