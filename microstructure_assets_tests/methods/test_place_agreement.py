"""Marked points beside boundaries that are drawn by hand, and against distances by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from microstructure_assets.methods.lane_agreement import edge_classes
from microstructure_assets.methods.place_agreement import boundary_distances, shifted_by_half, values_at_places

KNOWN = np.ones((20, 30), bool)


def classes(column: int, angle: float) -> np.ndarray:
    """Of a boundary of this misorientation in front of a column; limits of 2 and 15 degrees, then phases."""
    angles = np.zeros((2, 20, 30), np.float32)
    angles[0, :, -1] = angles[1, -1] = np.nan
    angles[0, :, column - 1] = angle
    return edge_classes(angles, (2.0, 15.0))


def test_anomalies_beside_boundaries_are_counted_against_all_points() -> None:
    anomaly = np.zeros((20, 30), bool)
    anomaly[4, 9] = anomaly[5, 10] = anomaly[6, 25] = True
    found = boundary_distances(
        {"anomalies": anomaly, "all": KNOWN}, KNOWN, classes(10, 30.0), {"low": [1], "high": [2], "any": [1, 2, 3]}
    )
    assert found["boundary"].tolist() == ["low", "low", "high", "high", "any", "any"]
    assert found["points"].tolist() == [3, 600] * 3
    # The boundary lies half a point from columns 9 and 10, one and a half from 8 and 11.
    assert found["beside"] == pytest.approx([0, 0, 2 / 3, 2 / 30, 2 / 3, 2 / 30])
    assert found["distance_median_points"].tolist()[:2] == [np.inf, np.inf]
    assert found["distance_median_points"][2] == 0.5
    assert found["distance_90_points"][2] in (0.5, 15.5)


def test_distances_are_those_to_the_nearest_side() -> None:
    random = np.random.default_rng(3)
    label = random.integers(0, 2, (20, 30))
    right = np.zeros((2, 20, 30), np.float32)
    right[0, :, :-1] = 30 * (label[:, 1:] != label[:, :-1])
    right[1, :-1] = 30 * (label[1:] != label[:-1])
    marks = random.random((20, 30)) < 0.2
    found = boundary_distances({"marks": marks}, KNOWN, edge_classes(right, (2.0,)), {"any": [1]})
    beside = np.argwhere(right[0] > 0) + np.array([0, 0.5]), np.argwhere(right[1] > 0) + np.array([0.5, 0])
    sides = np.concatenate(beside)
    expected = cKDTree(sides).query(np.argwhere(marks))[0]
    assert found["beside"][0] == pytest.approx(np.mean(expected <= 1))
    assert found["distance_median_points"][0] == pytest.approx(np.quantile(expected, 0.5, method="lower"), abs=1e-6)


def test_marks_without_relation_lie_as_by_chance() -> None:
    marks = np.random.default_rng(1).random((200, 300)) < 0.3
    angles = np.zeros((2, 200, 300), np.float32)
    angles[0, :, 20::37] = 30
    known = np.ones(marks.shape, bool)
    found = boundary_distances({"marks": marks}, known, edge_classes(angles, (2.0,)), {"any": [1]})
    assert found["beside"][0] == pytest.approx(found["beside_by_chance"][0], abs=0.02)


def test_no_marks_have_no_distance() -> None:
    found = boundary_distances({"none": ~KNOWN}, KNOWN, classes(10, 30.0), {"high": [2]})
    assert found["points"][0] == 0
    assert np.isnan([found["beside"][0], found["beside_by_chance"][0], found["distance_median_points"][0]]).all()


def test_means_are_taken_at_the_marks_and_elsewhere() -> None:
    values = np.where(np.arange(30) < 15, 1.0, 3.0) + np.zeros((20, 1))
    values[0, 0] = np.nan
    marks = np.zeros((20, 30), bool)
    marks[:4, :10] = True
    found = values_at_places({"marks": marks, "none": ~KNOWN}, KNOWN, values)
    assert found["points"].tolist() == [39, 0]
    assert found["mean_there"][0] == 1.0
    assert found["mean_elsewhere"][0] == pytest.approx(np.nanmean(values[~marks]))
    assert found["mean_by_chance"][0] == 3.0
    assert np.isnan(found["mean_there"][1])
    assert shifted_by_half(marks).sum() == marks.sum()
