"""How far maps that were made by different means agree: as partitions inside ROIs, and by their boundaries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.agreement import adjusted_mutual_information, normalised_mutual_information
from microstructure_assets.rectangle import Rectangle

Columns = dict[str, np.ndarray]
LabelMap = NDArray[np.integer]
#: Distance [points] up to which a boundary counts as found.
REACH_POINTS = 1.0


def partition_agreement(
    maps: Mapping[str, LabelMap], rois: Sequence[Rectangle], local: Collection[str] = ()
) -> Columns:
    """Agreement of each pair of maps, inside the ROIs, and over the whole scan where both maps are numbered over it.

    Clusters of the scores and of the weights are numbered anew in every ROI, so that all pairs are compared inside
    ROIs, and the means over the ROIs are weighted by their points. ROIs in which either map is one piece have no
    agreement that would mean anything and are left out, as in the scale curve. Where only one of them is, the other
    has found something that it has not: the number of such ROIs says how much the mean leaves out.

    Parameters
    ----------
    maps : mapping of (rows, columns) int
        0 = none; such points do not count.
    rois : sequence of Rectangle
    local : collection of str
        Maps that are numbered anew in every ROI.

    Returns
    -------
    dict of ndarray
        A row per pair and area: `lane_a`, `lane_b`, `over` (``ROIs`` or ``scan``), `nmi`, `ami`, `ari` (NaN where no
        ROI can be scored), `rois` scored, `rois_one_sided` where one of the two is one piece, `points` scored.
    """
    areas = [(first, second, "ROIs", rois) for first, second in _pairs(maps)]
    height, width = next(iter(maps.values())).shape if maps else (0, 0)
    whole = [Rectangle(0, height, 0, width)]
    areas += [(*pair, "scan", whole) for pair in _pairs({name: maps[name] for name in maps if name not in local})]
    rows = [
        (first, second, over, *_mean_agreement(maps[first], maps[second], own)) for first, second, over, own in areas
    ]
    names = ("nmi", "ami", "ari", "rois", "rois_one_sided", "points")
    table: Columns = {
        name: np.asarray([row[k] for row in rows], object) for k, name in enumerate(("lane_a", "lane_b", "over"))
    }
    values = np.asarray([row[3:] for row in rows], float).reshape(len(rows), len(names))
    table |= dict(zip(names, values.T, strict=True))
    return table | {name: table[name].astype(np.int64) for name in names[3:]}


def _pairs(maps: Mapping[str, LabelMap]) -> list[tuple[str, str]]:
    return list(combinations(maps, 2))


def _mean_agreement(first: LabelMap, second: LabelMap, rois: Sequence[Rectangle]) -> tuple[float, ...]:
    from sklearn.metrics import adjusted_rand_score

    total, scored, one_sided, points = np.zeros(3), 0, 0, 0
    for roi in rois:
        area = np.s_[roi.row_start : roi.row_stop, roi.column_start : roi.column_stop]
        own, other = first[area], second[area]
        both = (own > 0) & (other > 0)
        a, b = (np.unique(side[both], return_inverse=True)[1] for side in (own, other))
        if not len(a) or not a.max() or not b.max():
            one_sided += bool(len(a) and (a.max() or b.max()))
            continue
        values = normalised_mutual_information(a, b), adjusted_mutual_information(a, b), adjusted_rand_score(a, b)
        total += np.asarray(values) * len(a)
        scored, points = scored + 1, points + len(a)
    means = total / points if points else np.full(3, np.nan)
    return (*means.tolist(), scored, one_sided, points)


def boundary_edges(label: LabelMap) -> NDArray[np.bool_]:
    """Where neighbouring points have different labels, neither of them none.

    Returns
    -------
    (2 rows - 1, 2 columns - 1) bool
        Between the points: that between (r, c) and (r, c + 1) at (2 r, 2 c + 1).
    """
    rows, columns = label.shape
    edges = np.zeros((2 * rows - 1, 2 * columns - 1), dtype=bool)
    right, left = label[:, 1:], label[:, :-1]
    edges[::2, 1::2] = (right != left) & (right > 0) & (left > 0)
    below, above = label[1:], label[:-1]
    edges[1::2, ::2] = (below != above) & (below > 0) & (above > 0)
    return edges


def edge_classes(angle_deg: NDArray[np.floating], limits_deg: Sequence[float]) -> NDArray[np.int8]:
    """Class of the boundary between neighbouring points by their misorientation.

    Parameters
    ----------
    angle_deg : (2, rows, columns)
        To the right and to the lower neighbour [degrees]; infinite between phases, NaN where there is none.
    limits_deg : sequence of float
        Ascending.

    Returns
    -------
    (2 rows - 1, 2 columns - 1) int8
        0 below the first limit or where unknown; then a class per limit, and one more between phases.
    """
    _, rows, columns = angle_deg.shape
    classes = np.zeros((2 * rows - 1, 2 * columns - 1), dtype=np.int8)
    for angle, place in ((angle_deg[0, :, :-1], np.s_[::2, 1::2]), (angle_deg[1, :-1, :], np.s_[1::2, ::2])):
        known = np.searchsorted(np.asarray(limits_deg), np.nan_to_num(angle, nan=-1.0), side="right")
        classes[place] = np.where(np.isposinf(angle), len(limits_deg) + 1, known)
    return classes


def boundary_agreement(
    maps: Mapping[str, LabelMap],
    classes: NDArray[np.int8],
    names: Sequence[str],
    edge_lengths_um: tuple[float, float],
    *,
    roi: LabelMap | None = None,
    local: Collection[str] = (),
) -> tuple[Columns, Columns]:
    """What share of the boundaries of each class each map finds, and what share of its boundaries are some.

    Parameters
    ----------
    maps : mapping of (rows, columns) int
        0 = none.
    classes : (2 rows - 1, 2 columns - 1) int8
        Of the reference, as `edge_classes` gives them.
    names : sequence of str
        Of the classes from 1.
    edge_lengths_um : tuple of float
        Length of an edge between points of a row, and of one between rows [µm].
    roi : (rows, columns) int, optional
        Number of the ROI of each point.
    local : collection of str
        Maps that are numbered anew in every ROI: edges between ROIs say nothing of them and are left out.

    Returns
    -------
    found : dict of ndarray
        A row per map and class: `lane`, `boundary`, `length_um`, `found` (share within one point), `found_by_chance`
        (with its edges shifted by half the map), `distance_median_points`.
    made : dict of ndarray
        A row per map: `lane`, `length_um`, `confirmed` (share of its boundaries within one point of one of any class),
        `confirmed_by_chance`.

    Notes
    -----
    A map full of boundaries finds all of them: without the share by chance, the share found says nothing.
    """
    weight = _lengths(classes.shape, edge_lengths_um)
    seams = np.zeros(classes.shape, dtype=bool) if roi is None else boundary_edges(roi - roi.min() + 1)
    to_reference = edge_distance(classes > 0)
    found: list[tuple[object, ...]] = []
    made: list[tuple[object, ...]] = []
    for lane, label in maps.items():
        counted = ~seams if lane in local else np.ones_like(seams)
        edges = boundary_edges(label) & counted
        shifted = _shifted(edges)
        distance, by_chance = edge_distance(edges), edge_distance(shifted)
        for number, name in enumerate(names, 1):
            own = (classes == number) & counted
            median = float(np.median(distance[own])) if own.any() else np.nan
            found.append(
                (lane, name, weight[own].sum(), _share(distance, own, weight), _share(by_chance, own, weight), median)
            )
        made.append(
            (lane, weight[edges].sum(), _share(to_reference, edges, weight), _share(to_reference, shifted, weight))
        )
    return (
        _columns(found, ("lane", "boundary"), ("length_um", "found", "found_by_chance", "distance_median_points")),
        _columns(made, ("lane",), ("length_um", "confirmed", "confirmed_by_chance")),
    )


def _shifted(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Edges shifted around the map by half its size: whole points, so that edges stay between points."""
    rows, columns = ((side + 1) // 2 for side in edges.shape)
    padded = np.zeros((2 * rows, 2 * columns), dtype=bool)
    padded[:-1, :-1] = edges
    return np.roll(padded, (rows // 2 * 2, columns // 2 * 2), (0, 1))[:-1, :-1]


def _lengths(shape: tuple[int, ...], edge_lengths_um: tuple[float, float]) -> NDArray[np.float64]:
    lengths = np.zeros(shape)
    lengths[::2, 1::2], lengths[1::2, ::2] = edge_lengths_um
    return lengths


def edge_distance(edges: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of every place, points and those between them, to the nearest edge [points]; infinite without any."""
    from scipy.ndimage import distance_transform_edt

    if not edges.any():
        return np.full(edges.shape, np.inf, dtype=np.float32)
    return np.asarray(distance_transform_edt(~edges) / 2, dtype=np.float32)


def _share(distance: NDArray[np.float32], edges: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """Share of the length of these edges that is near."""
    total = weight[edges].sum()
    return float(weight[edges & (distance <= REACH_POINTS)].sum() / total) if total > 0 else float("nan")


def _columns(rows: Sequence[tuple[object, ...]], words: Sequence[str], numbers: Sequence[str]) -> Columns:
    table: Columns = {name: np.asarray([row[place] for row in rows], object) for place, name in enumerate(words)}
    start = len(words)
    return table | {
        name: np.asarray([row[start + place] for row in rows], np.float64) for place, name in enumerate(numbers)
    }
