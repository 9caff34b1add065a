"""Agreement of maps against scikit-learn, their boundaries against ones that are drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score

from microstructure_assets.methods.lane_agreement import (
    boundary_agreement,
    boundary_edges,
    edge_classes,
    partition_agreement,
)
from microstructure_assets.rectangle import Rectangle

WHOLE = [Rectangle(0, 20, 0, 30)]


def labels(seed: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, count + 1, (20, 30))


def test_partitions_are_compared_as_scikit_learn_does() -> None:
    first, second = labels(0), labels(1)
    second[:10] = first[:10]
    second[3, :7] = 0
    table = partition_agreement({"a": first, "b": second}, WHOLE)
    both = second > 0
    a, b = first[both], second[both]
    assert (table["lane_a"][0], table["lane_b"][0]) == ("a", "b")
    assert table["nmi"][0] == pytest.approx(normalized_mutual_info_score(a, b), abs=1e-12)
    assert table["ami"][0] == pytest.approx(adjusted_mutual_info_score(a, b), abs=1e-9)
    assert table["ari"][0] == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
    assert (table["rois"][0], table["points"][0]) == (1, both.sum())


def test_numbers_mean_nothing_across_rois_and_rois_of_one_piece_are_left_out() -> None:
    first = labels(0)
    second = first.copy()
    second[:10] = first[:10] % 4 + 1  # the same clusters under other numbers
    rois = [Rectangle(0, 10, 0, 30), Rectangle(10, 20, 0, 30)]
    table = partition_agreement({"a": first, "b": second, "one": np.ones_like(first)}, rois)
    assert table["nmi"][0] == pytest.approx(1.0)
    inside = table["over"] == "ROIs"
    assert table["rois"][inside].tolist() == [2, 0, 0]
    assert table["rois_one_sided"][inside].tolist() == [0, 2, 2]
    assert np.isnan(table["nmi"][inside][1:]).all()


def test_maps_of_the_whole_scan_are_compared_over_it_too() -> None:
    maps = {"local": labels(0), "first": labels(1), "second": labels(2)}
    rois = [Rectangle(0, 10, 0, 30), Rectangle(10, 20, 0, 30)]
    table = partition_agreement(maps, rois, {"local"})
    (row,) = np.flatnonzero(table["over"] == "scan")
    assert (table["lane_a"][row], table["lane_b"][row]) == ("first", "second")
    expected = adjusted_rand_score(maps["first"].ravel(), maps["second"].ravel())
    assert table["ari"][row] == pytest.approx(expected, abs=1e-12)


def halves(column: int) -> np.ndarray:
    return np.where(np.arange(30) < column, 1, 2)[None].repeat(20, axis=0)


def angles(column: int, angle: float) -> np.ndarray:
    """Misorientation of a boundary in front of this column."""
    found = np.zeros((2, 20, 30), np.float32)
    found[0, :, -1] = found[1, -1] = np.nan
    found[0, :, column - 1] = angle
    return found


def test_edges_lie_between_different_points() -> None:
    edges = boundary_edges(np.array([[1, 1, 2], [3, 0, 2]]))
    assert np.argwhere(edges).tolist() == [[0, 3], [1, 0]]
    assert edges.shape == (3, 5)


@pytest.mark.parametrize(("angle", "expected"), [(0.5, 0), (1.0, 1), (1.9, 1), (2.0, 2), (14, 2), (60, 3), (np.inf, 4)])
def test_classes_follow_the_misorientation(angle: float, expected: int) -> None:
    classes = edge_classes(angles(10, angle), (1.0, 2.0, 15.0))
    assert classes[::2, 19].tolist() == [expected] * 20
    classes[::2, 19] = 0
    assert not classes.any()


@pytest.mark.parametrize(
    ("column", "share", "distance"), [(10, 1.0, 0.0), (11, 1.0, 1.0), (9, 1.0, 1.0), (13, 0.0, 3.0)]
)
def test_a_boundary_is_found_within_one_point(column: int, share: float, distance: float) -> None:
    classes = edge_classes(angles(10, 30.0), (1.0, 2.0, 15.0))
    names = ("low", "middle", "high", "phase")
    found, made = boundary_agreement({"own": halves(column)}, classes, names, (2.0, 3.0))
    high = found["boundary"].tolist().index("high")
    assert found["length_um"][high] == 20 * 2.0
    assert found["found"][high] == share
    assert found["distance_median_points"][high] == distance
    assert found["found_by_chance"][high] == 0.0
    assert np.isnan(found["found"][0])
    assert made["length_um"][0] == 20 * 2.0
    assert made["confirmed"][0] == share


def test_a_map_full_of_boundaries_finds_everything_by_chance_too() -> None:
    classes = edge_classes(angles(10, 30.0), (2.0,))
    found, made = boundary_agreement({"own": np.arange(600).reshape(20, 30)}, classes, ("high", "phase"), (1.0, 1.0))
    assert found["found"][0] == found["found_by_chance"][0] == 1.0
    assert made["confirmed"][0] == pytest.approx(made["confirmed_by_chance"][0], abs=0.05)


def test_edges_between_rois_say_nothing_of_local_maps() -> None:
    classes = edge_classes(angles(10, 30.0), (2.0,))
    roi = halves(10) - 1
    found, _ = boundary_agreement(
        {"local": halves(10), "whole": halves(10)}, classes, ("high",), (1.0, 1.0), roi=roi, local={"local"}
    )
    assert np.isnan(found["found"][0])
    assert found["length_um"].tolist() == [0.0, 20.0]
    assert found["found"][1] == 1.0
