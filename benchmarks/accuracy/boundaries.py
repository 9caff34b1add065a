"""Boundaries: edges of the maps, positions of the crossings, and how small a misorientation can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import rivals
from benchmarks.accuracy.edges import (
    Edges,
    crossing_edges,
    half_fraction_positions,
    label_edges,
    net_score,
    position_errors,
)
from benchmarks.accuracy.lane import LaneResult, LaneSettings, Preprocessed, paper_settings, preprocess, run_lane
from benchmarks.accuracy.metrics import NORMAL_95, ranking, recall_at_false_rate
from benchmarks.accuracy.results import Row
from benchmarks.accuracy.twins import twin_settings
from microstructure_assets.methods.boundaries import weight_crossings
from microstructure_assets.methods.settings import BoundariesSettings
from microstructure_assets.simulation.truth import Truth
from microstructure_assets.simulation.twin import Twin, simulate

FALSE_RATE = 0.01
#: From here on no window of three points a side reaches a boundary.
REMOTE_POINTS = 3.0
ANGLES_DEG = (0.3, 0.5, 1.0, 2.0)
#: Not a whole number, so that each boundary lies elsewhere between the points.
STRIPE_POINTS = 11.3


def edge_parameters(quick: bool) -> list[dict[str, Any]]:
    """Twins for the matching of edges."""
    pairs = [(14.0, 0.7)] if quick else [(d, nu) for d in (14.0, 5.0, 28.0) for nu in (0.7, 3.0, 0.2, 1.4)]
    return [
        {"shape": [120, 160] if d > 20 else [90, 120], "diameter": d, "nu": nu, "tiling": 8 if d < 10 else 4}
        for d, nu in pairs
    ]


def measure_edges(given: dict[str, Any], seed: int) -> list[Row]:
    """Rows of one twin: each map's edges matched with the true ones."""
    diameter, n = given["diameter"], given["tiling"]
    shape = (given["shape"][0], given["shape"][1])
    twin = simulate(twin_settings(shape, diameter, given["nu"], seed))
    truth = label_edges(twin.truth.region)
    found: dict[str, Edges] = {}
    for settings in (LaneSettings(), paper_settings()):
        patterns = preprocess(twin, settings.preprocessing)
        lane = run_lane(patterns, n, settings, with_weights=True)
        assert lane.stitched is not None
        found[f"{settings.name}, stitched map"] = label_edges(lane.stitched.region)
        found[f"{settings.name}, weight crossings"] = _crossings_of(lane, patterns)
        if settings.name == "default":
            scores = rivals.scan_scores(patterns, 50)
            number = int(twin.truth.region.max()) + 1
            found["k-means, true number"] = label_edges(rivals.kmeans(scores, number, seed))
            found["Ward on the grid to the true number"] = label_edges(rivals.constrained_ward(scores, number))
    every = Edges(np.ones_like(truth.x), np.ones_like(truth.y))
    found["(every edge marked)"] = every
    found["(the true map, moved by one point)"] = label_edges(np.roll(twin.truth.region, 1, axis=1))
    rows = []
    for name, edges in found.items():
        score, net = net_score(edges, truth, round(diameter))
        rows.append({"map": name, "score": score, "net": net, "edges": edges.count(), "true_edges": truth.count()})
    return rows


def _crossings_of(lane: LaneResult, patterns: Preprocessed) -> Edges:
    rows, columns = lane.shape
    whole = Edges(np.zeros((rows, columns - 1), bool), np.zeros((rows - 1, columns), bool))
    for result in lane.rois:
        assert result.crossings is not None
        roi = result.roi
        own = crossing_edges(result.crossings, patterns.step_y_um, patterns.step_x_um, roi.shape)
        whole.x[roi.row_start : roi.row_stop, roi.column_start : roi.column_stop - 1] = own.x
        whole.y[roi.row_start : roi.row_stop - 1, roi.column_start : roi.column_stop] = own.y
    return whole


def position_parameters(quick: bool) -> list[dict[str, Any]]:
    """Twins of straight stripes."""
    angles = [0.0, 90.0] if quick else [0.0, 90.0, 30.0]
    noises = [0.7] if quick else [0.2, 0.7, 1.4, 3.0]
    return [{"shape": [60, 60] if quick else [90, 90], "rotation": a, "nu": nu} for nu in noises for a in angles]


def measure_positions(given: dict[str, Any], seed: int) -> list[Row]:
    """Rows of one twin: error of the crossings' positions along each axis, in points."""
    shape, rotation = (given["shape"][0], given["shape"][1]), given["rotation"]
    turned = {"microstructure": "stripes", "microstructure_rotation_deg": rotation}
    twin = simulate(twin_settings(shape, STRIPE_POINTS, given["nu"], seed, **turned))
    shares = twin.truth.grain_mixing(by_volume=True).toarray().reshape(*shape, -1)
    rows = []
    for settings in (LaneSettings(), paper_settings()):
        patterns = preprocess(twin, settings.preprocessing)
        lane = run_lane(patterns, 3, settings, with_weights=True, with_stitch=False)
        for axis in ("x", "y"):
            rows += _positions(lane, patterns, twin.truth, shares, axis, settings.name)
    for axis in ("x", "y"):
        rows += _interpolated_truth(shares, twin.truth, axis)
    return rows


def _positions(
    lane: LaneResult, patterns: Preprocessed, truth: Truth, shares: NDArray[np.floating], axis: str, name: str
) -> list[Row]:
    errors, deviations, extra = [], [], 0
    for result in lane.rois:
        roi, crossings = result.roi, result.crossings
        assert crossings is not None
        area = slice(roi.row_start, roi.row_stop), slice(roi.column_start, roi.column_stop)
        line, position = half_fraction_positions(shares[area], truth.grain[area], axis)
        chosen = crossings.axis == axis
        step = patterns.step_x_um if axis == "x" else patterns.step_y_um
        own = position_errors(
            line,
            position,
            (crossings.y if axis == "x" else crossings.x)[chosen],
            crossings.position_um[chosen] / step,
            crossings.position_std_um[chosen] / step,
        )
        errors.append(own.error)
        deviations.append(own.deviation)
        extra += own.extra
    return _position_row(np.concatenate(errors), np.concatenate(deviations), extra, axis, name)


def _interpolated_truth(shares: NDArray[np.floating], truth: Truth, axis: str) -> list[Row]:
    """What interpolation makes of the true shares: the floor of the method."""
    line, position = half_fraction_positions(shares, truth.grain, axis)
    crossings = weight_crossings(shares, np.zeros_like(shares), 1.0, 1.0, BoundariesSettings())
    chosen = crossings.axis == axis
    of_line = (crossings.y if axis == "x" else crossings.x)[chosen]
    place, std = crossings.position_um[chosen], crossings.position_std_um[chosen]
    own = position_errors(line, position, of_line, place, std)
    return _position_row(own.error, own.deviation, own.extra, axis, "(true shares, interpolated)")


def _position_row(error: NDArray[np.float64], std: NDArray[np.float64], extra: int, axis: str, name: str) -> list[Row]:
    known = np.isfinite(error)
    if len(error) < 20:
        return []
    values = error[known]
    return [
        {
            "lane": name,
            "axis": axis,
            "true": len(error),
            "found_share": float(known.mean()),
            "extra_share": extra / len(error),
            "bias": float(values.mean()) if len(values) else float("nan"),
            "median": float(np.median(np.abs(values))) if len(values) else float("nan"),
            "rms": float(np.sqrt(np.mean(values**2))) if len(values) else float("nan"),
            "coverage": float(np.mean(np.abs(values) <= NORMAL_95 * std[known])) if len(values) else float("nan"),
        }
    ]


def recall_parameters(quick: bool) -> list[dict[str, Any]]:
    """Twins in which every grain is split by a boundary of one angle."""
    angles = (0.5, 2.0) if quick else ANGLES_DEG
    noises = (0.7,) if quick else (0.2, 0.7, 1.4, 3.0)
    return [{"shape": [90, 120], "diameter": 28.0, "angle": angle, "nu": nu} for nu in noises for angle in angles]


@dataclass(frozen=True)
class SubGrains:
    """A twin whose grains are all split.

    Attributes
    ----------
    twin : Twin
    positive, negative, away : Edges
        Edges between sub-grains, those that are none, and of the latter those away from any.
    """

    twin: Twin
    positive: Edges
    negative: Edges
    away: Edges

    @classmethod
    def of(cls, given: dict[str, Any], seed: int) -> SubGrains:
        """The twin of these parameters."""
        shape = (given["shape"][0], given["shape"][1])
        split = {"sub_grain_misorientation_deg": given["angle"], "sub_grain_fraction": 1.0}
        twin = simulate(twin_settings(shape, given["diameter"], given["nu"], seed, **split))
        truth = twin.truth
        # The beam spreads a boundary over its neighbours: an edge beside one is neither a hit nor a false alarm.
        pure = truth.own_domain_fraction >= 0.99
        negative = Edges(
            (truth.boundary_x == 0) & pure[:, 1:] & pure[:, :-1], (truth.boundary_y == 0) & pure[1:] & pure[:-1]
        )
        remote = _distance(label_edges(truth.domain)) >= REMOTE_POINTS
        away = Edges(negative.x & remote[:, 1:] & remote[:, :-1], negative.y & remote[1:] & remote[:-1])
        return cls(twin, Edges(truth.boundary_x == 1, truth.boundary_y == 1), negative, away)

    def row(self, name: str, strength: Edges) -> Row:
        """Recall of the sub-grain edges by a score of the edges, at 1 % of false ones."""
        real, false = (strength.values(own).astype(float) for own in (self.positive, self.negative))
        recall, threshold = recall_at_false_rate(real, false, FALSE_RATE)
        recall_away, _ = recall_at_false_rate(real, strength.values(self.away).astype(float), FALSE_RATE)
        both = np.concatenate([real, false])
        roc, _ = ranking(np.arange(len(both)) < len(real), both)
        found: Row = {"score": name, "recall": recall, "recall_away": recall_away, "threshold": threshold}
        return {**found, "roc": roc, "true": len(real)}


def measure_recall(given: dict[str, Any], seed: int) -> list[Row]:
    """Rows of one twin: recall of its sub-grain edges, by the score of the edge itself, at 1 % of false edges."""
    scan, settings = SubGrains.of(given, seed), LaneSettings()
    patterns = preprocess(scan.twin, settings.preprocessing)
    lane = run_lane(patterns, 4, settings, with_weights=True)
    assert lane.stitched is not None
    scores = {
        "edge strength (stitching)": Edges(lane.stitched.edge_strength_x, lane.stitched.edge_strength_y),
        "change of the weights": _weight_change(lane),
        "unlikeness of the two patterns": _unlikeness(patterns),
    }
    return [scan.row(name, strength) for name, strength in scores.items()]


def _distance(edges: Edges) -> NDArray[np.float64]:
    """Distance of each point to the nearest point beside an edge that is set [points]."""
    from scipy.ndimage import distance_transform_edt

    beside = np.zeros((edges.x.shape[0], edges.y.shape[1]), bool)
    for side in (beside[:, 1:], beside[:, :-1]):
        side |= edges.x
    for side in (beside[1:], beside[:-1]):
        side |= edges.y
    return np.asarray(distance_transform_edt(~beside))


def _weight_change(lane: LaneResult) -> Edges:
    """Half the sum of absolute differences of the weights of neighbours; none across the seams of ROIs."""
    rows, columns = lane.shape
    change = Edges(np.zeros((rows, columns - 1)), np.zeros((rows - 1, columns)))
    for result in lane.rois:
        roi, weight = result.roi, result.weight_map.astype(float)
        along_x, along_y = (0.5 * np.abs(np.diff(weight, axis=axis)).sum(axis=2) for axis in (1, 0))
        change.x[roi.row_start : roi.row_stop, roi.column_start : roi.column_stop - 1] = along_x
        change.y[roi.row_start : roi.row_stop - 1, roi.column_start : roi.column_stop] = along_y
    return change


def _unlikeness(patterns: Preprocessed) -> Edges:
    """One minus the correlation of neighbouring patterns."""
    array = patterns.array
    norm = np.sqrt(np.einsum("yxp,yxp->yx", array, array))
    norm[norm == 0] = 1.0
    along_x = np.einsum("yxp,yxp->yx", array[:, 1:], array[:, :-1]) / (norm[:, 1:] * norm[:, :-1])
    along_y = np.einsum("yxp,yxp->yx", array[1:], array[:-1]) / (norm[1:] * norm[:-1])
    return Edges(1.0 - along_x, 1.0 - along_y)
