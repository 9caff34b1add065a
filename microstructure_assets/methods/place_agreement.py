"""Where marked points lie: beside which boundaries, in what distance, and at what kernel average misorientation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.lane_agreement import REACH_POINTS, edge_distance

Columns = dict[str, np.ndarray]
Marks = NDArray[np.bool_]


def boundary_distances(
    places: Mapping[str, Marks], known: Marks, classes: NDArray[np.int8], groups: Mapping[str, Sequence[int]]
) -> Columns:
    """Distances of marked points to the nearest boundary of each kind.

    Parameters
    ----------
    places : mapping of (rows, columns) bool
        Anomalies, points of crossing weights, and the like.
    known : (rows, columns) bool
        Points that could have been marked.
    classes : (2 rows - 1, 2 columns - 1) int8
        Of the reference, as :func:`~microstructure_assets.methods.lane_agreement.edge_classes` gives them.
    groups : mapping of sequences of int
        Kinds of boundaries by name, each of one or several of the classes.

    Returns
    -------
    dict of ndarray
        A row per kind of place and kind of boundary: `places`, `boundary`, `points` marked, `beside` (share within one
        point of such a boundary), `beside_by_chance` (with the marks shifted around the map by half of it),
        `distance_median_points`, `distance_90_points` (nine tenths are nearer). NaN where there are no marks;
        infinite distances where there is no such boundary.

    Notes
    -----
    The boundary between two points is half a point from either.
    """
    rows = []
    for boundary, numbers in groups.items():
        distance = edge_distance(np.isin(classes, numbers))[::2, ::2]
        for name, marks in places.items():
            own = distance[marks & known]
            middle, most = np.quantile(own, (0.5, 0.9), method="lower") if own.size else (np.nan, np.nan)
            chance = distance[shifted_by_half(marks & known) & known]
            rows.append((name, boundary, own.size, _near(own), _near(chance), float(middle), float(most)))
    names = ("beside", "beside_by_chance", "distance_median_points", "distance_90_points")
    return {
        "places": np.asarray([row[0] for row in rows], object),
        "boundary": np.asarray([row[1] for row in rows], object),
        "points": np.asarray([row[2] for row in rows], np.int64),
        **{name: np.asarray([row[3 + k] for row in rows], np.float64) for k, name in enumerate(names)},
    }


def values_at_places(places: Mapping[str, Marks], known: Marks, values: NDArray[np.floating]) -> Columns:
    """Means of a map at marked points, at all others, and at the marks shifted around the map by half of it.

    Parameters
    ----------
    places, known
        As for :func:`boundary_distances`.
    values : (rows, columns) float
        NaN where there is none; such points are left out.

    Returns
    -------
    dict of ndarray
        A row per kind of place: `places`, `points` (marked ones with a value), `mean_there`, `mean_elsewhere`,
        `mean_by_chance`; NaN where there is no such point.
    """
    known = known & np.isfinite(values)
    rows = [
        (
            name,
            _mean(values[marks & known]),
            _mean(values[~marks & known]),
            _mean(values[shifted_by_half(marks) & known]),
        )
        for name, marks in places.items()
    ]
    return {
        "places": np.asarray([row[0] for row in rows], object),
        "points": np.asarray([np.count_nonzero(marks & known) for marks in places.values()], np.int64),
        **{
            name: np.asarray([row[1 + k] for row in rows], np.float64)
            for k, name in enumerate(("mean_there", "mean_elsewhere", "mean_by_chance"))
        },
    }


def shifted_by_half(marks: Marks) -> Marks:
    """Marks shifted around the map by half its rows and columns."""
    return np.roll(marks, (marks.shape[0] // 2, marks.shape[1] // 2), (0, 1))


def _near(distance: NDArray[np.floating]) -> float:
    return float(np.mean(distance <= REACH_POINTS)) if distance.size else float("nan")


def _mean(values: NDArray[np.floating]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else float("nan")
