"""A row of figures per grain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.crystallography import statistics_kernels as kernels
from microstructure_assets.methods.crystallography.boundaries import GrainSides, twin_deviations
from microstructure_assets.methods.crystallography.geometry import MapGeometry
from microstructure_assets.methods.crystallography.grains import GrainMap
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries, laue_symmetry
from microstructure_assets.methods.crystallography.twin_laws import TwinLaw

Columns = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class GrainOrientations:
    """Orientation of each grain.

    Attributes
    ----------
    phase : ndarray of int32, shape (grains,)
    quaternion : ndarray of float64, shape (grains, 4)
        Mean over the measured points: the largest eigenvector of the mean of q qᵀ, each q taken as the symmetry
        equivalent nearest to a first guess, which is the mean found from the grain's first point [1]_.
    spread_deg : ndarray of float64, shape (grains,)
        Grain orientation spread: mean angle between the points and their mean [degrees].

    References
    ----------
    .. [1] F. L. Markley et al., "Averaging quaternions", Journal of Guidance, Control, and Dynamics 30 (2007) 1193.
    """

    phase: NDArray[np.int32]
    quaternion: NDArray[np.float64]
    spread_deg: NDArray[np.float64]


def grain_orientations(
    grains: GrainMap, quaternion: NDArray[np.floating], phase: NDArray[np.integer], symmetries: PhaseSymmetries
) -> GrainOrientations:
    """Mean orientation of each grain and the spread about it."""
    own = np.where(grains.measured, grains.grain, 0).ravel()
    points, phases = (
        np.ascontiguousarray(quaternion, dtype=np.float64).reshape(-1, 4),
        np.ascontiguousarray(phase).ravel(),
    )
    reference, known = np.zeros((grains.count + 1, 4)), np.zeros(grains.count + 1, bool)
    reference[:, 0] = 1
    for _ in range(2):
        moments = np.zeros((grains.count + 1, 4, 4))
        kernels.orientation_moments(
            points, phases, own, symmetries.operators, symmetries.counts, reference, known, moments
        )
        mean = np.linalg.eigh(moments)[1][:, :, -1]
        reference = np.ascontiguousarray(np.where(mean[:, :1] < 0, -mean, mean))
    total = np.zeros(grains.count + 1)
    kernels.orientation_spreads(points, phases, own, symmetries.operators, symmetries.counts, reference, total)
    count = np.bincount(own, minlength=grains.count + 1)
    grain_phase = np.zeros(grains.count + 1, np.int32)
    grain_phase[own] = phases
    return GrainOrientations(grain_phase[1:], reference[1:], (total / np.maximum(count, 1))[1:])


def filled_orientations(
    grains: GrainMap, orientations: GrainOrientations, quaternion: NDArray[np.floating], phase: NDArray[np.integer]
) -> tuple[NDArray[np.floating], NDArray[np.int32]]:
    """Orientations and phases in which every point of a grain has one, and no other point.

    Points that a grain was given though not measured as part of it, unindexed ones and spikes, take the grain's phase
    and mean orientation, so that its boundaries are its own and not theirs.

    Returns
    -------
    quaternion : ndarray, shape (rows, columns, 4)
    phase : ndarray of int32, shape (rows, columns)
        0 where a point belongs to no grain.
    """
    given = (grains.grain > 0) & ~grains.measured
    number = grains.grain[given] - 1
    turned = quaternion.copy()
    turned[given] = orientations.quaternion[number]
    own = np.where(grains.grain > 0, phase, 0).astype(np.int32)
    own[given] = orientations.phase[number]
    return turned, own


def grain_shapes(grains: GrainMap, geometry: MapGeometry) -> Columns:
    """Size, place and shape of each grain, filled points included.

    Returns
    -------
    dict of ndarray, shape (grains,)
        ``point_count``, ``area_um2``, ``equivalent_diameter_um`` of the circle of the same area, ``centroid_y_um``,
        ``centroid_x_um``, ``aspect_ratio`` (long over short axis of the ellipse with the same second moments, those of
        a cell included), ``long_axis_deg`` (from x towards y, 0 to 180) and ``touches_edge`` of the map.
    """
    grain, size = grains.grain, grains.count + 1
    label = grain.ravel()
    row, column = np.divmod(np.arange(label.size), grain.shape[1])
    y, x = geometry.positions_um(row, column)
    count = np.bincount(label, minlength=size).astype(np.float64)
    safe = np.maximum(count, 1)
    centre_y, centre_x = (np.bincount(label, part, size) / safe for part in (y, x))
    y, x = y - centre_y[label], x - centre_x[label]
    cell_yy, cell_xx = geometry.cell_moments_um2
    yy = np.bincount(label, y * y, size) / safe + cell_yy
    xx = np.bincount(label, x * x, size) / safe + cell_xx
    xy = np.bincount(label, x * y, size) / safe
    middle, half = (yy + xx) / 2, np.hypot((xx - yy) / 2, xy)
    edge = np.zeros(size, bool)
    for side in (grain[0], grain[-1], grain[:, 0], grain[:, -1]):
        edge[side] = True
    area = count * geometry.cell_area_um2
    columns: Columns = {
        "point_count": count.astype(np.int64),
        "area_um2": area,
        "equivalent_diameter_um": np.sqrt(4 * area / np.pi),
        "centroid_y_um": centre_y,
        "centroid_x_um": centre_x,
        "aspect_ratio": np.sqrt((middle + half) / np.maximum(middle - half, 1e-300)),
        "long_axis_deg": np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)) % 180,
        "touches_edge": edge,
    }
    return {name: column[1:] for name, column in columns.items()}


def boundary_lengths(
    grain: NDArray[np.integer], sides: GrainSides, count: int, classes_deg: Sequence[float]
) -> Columns:
    """Length of each grain's boundary by misorientation, and how many grains it touches.

    Parameters
    ----------
    grain : ndarray of int, shape (rows, columns)
    sides : GrainSides
    count : int
        Number of grains.
    classes_deg : sequence of float
        Upper limits of all classes but the last, as 2 and 15 [degrees].

    Returns
    -------
    dict of ndarray, shape (grains,)
        ``neighbours``; for such limits ``boundary_below_2deg_um``, ``boundary_2_15deg_um``,
        ``boundary_above_15deg_um``, sides inside a grain counted once; ``boundary_phase_um`` between phases.
    """
    flat = grain.ravel()
    first, second = flat[sides.first], flat[sides.second]
    across = first != second
    pairs = np.unique(np.sort(np.stack([first[across], second[across]], axis=1), axis=1), axis=0)
    columns: Columns = {"neighbours": np.bincount(pairs.ravel(), minlength=count + 1)[1:]}
    kind = np.where(np.isinf(sides.angle_deg), len(classes_deg) + 1, np.digitize(sides.angle_deg, classes_deg))
    for number, name in enumerate(class_names(classes_deg)):
        own = kind == number
        length = np.bincount(first[own], sides.length_um[own], count + 1)
        length += np.bincount(second[own & across], sides.length_um[own & across], count + 1)
        columns[name] = length[1:]
    return columns


def class_names(classes_deg: Sequence[float]) -> list[str]:
    """Names of the boundary classes, the one between phases last."""
    limits = [f"{limit:g}" for limit in classes_deg]
    between = [f"{low}_{high}deg" for low, high in pairwise(limits)]
    return [f"boundary_{name}_um" for name in (f"below_{limits[0]}deg", *between, f"above_{limits[-1]}deg", "phase")]


def twin_lengths(
    grains: GrainMap,
    sides: GrainSides,
    orientations: GrainOrientations,
    laws: Sequence[TwinLaw],
    point_groups: Sequence[str],
    tolerance_deg: float,
) -> tuple[Columns, Columns]:
    """Length of boundary that obeys each twin law, by the mean orientations of the two grains.

    Parameters
    ----------
    grains : GrainMap
    sides : GrainSides
    orientations : GrainOrientations
    laws : sequence of TwinLaw
    point_groups : sequence of str
        Of the phases, by number from 1.
    tolerance_deg : float
        Deviation up to which a boundary obeys the law [degrees].

    Returns
    -------
    per grain : dict of ndarray, shape (grains,)
        ``twin_boundary_um``, of any law.
    per law : dict of ndarray, shape (laws,)
        ``law``, ``boundary_um``, its ``share`` in the boundaries inside phases of the law's Laue group, ``pairs`` of
        grains.
    """
    flat = grains.grain.ravel()
    first, second = flat[sides.first], flat[sides.second]
    phase = np.concatenate([[0], orientations.phase])
    mean = np.concatenate([[[1.0, 0, 0, 0]], orientations.quaternion])
    pairs, of_side = np.unique(np.sort(np.stack([first, second], axis=1), axis=1), axis=0, return_inverse=True)
    of_side = of_side.ravel()
    a, b = pairs.T
    twin_of_any = np.zeros(len(pairs), bool)
    rows = []
    for law in laws:
        laue = laue_symmetry(law.point_group).name
        fitting = [number for number, group in enumerate(point_groups, 1) if laue_symmetry(group).name == laue]
        eligible = (a != b) & (phase[a] == phase[b]) & np.isin(phase[a], fitting)
        twin = np.zeros(len(pairs), bool)
        twin[eligible] = twin_deviations(mean[a[eligible]], mean[b[eligible]], law) <= tolerance_deg
        twin_of_any |= twin
        length, whole = (float(sides.length_um[chosen[of_side]].sum()) for chosen in (twin, eligible))
        rows.append((law.text, length, length / whole if whole else np.nan, int(twin.sum())))
    own = sides.length_um * twin_of_any[of_side]
    total = np.bincount(first, own, grains.count + 1) + np.bincount(second, own, grains.count + 1)
    names = ("law", "boundary_um", "share", "pairs")
    per_law = {name: np.array([row[k] for row in rows], object if k == 0 else None) for k, name in enumerate(names)}
    return {"twin_boundary_um": total[1:]}, per_law
