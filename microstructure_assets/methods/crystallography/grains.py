"""Grains: connected points whose neighbours differ by less than a threshold, and the rules for what is left over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.crystallography import grain_kernels as kernels
from microstructure_assets.methods.crystallography.neighbours import Neighbourhood


@dataclass(frozen=True)
class GrainMap:
    """Grains of a map.

    Attributes
    ----------
    grain : ndarray of int32, shape (rows, columns)
        From 1 in the order of their first points, row by row; 0 where a point belongs to none.
    measured : ndarray of bool, shape (rows, columns)
        False outside of grains and at points that a grain was given though not measured as part of it.
    count : int
    dissolved : int
        How many grains were too small.
    """

    grain: NDArray[np.int32]
    measured: NDArray[np.bool_]
    count: int
    dissolved: int


def find_grains(
    edge_angle_deg: NDArray[np.floating],
    phase: NDArray[np.integer],
    neighbourhood: Neighbourhood,
    *,
    threshold_deg: float,
    minimum_points: int = 1,
    fill_points: int = 0,
    there: NDArray[np.bool_] | None = None,
) -> GrainMap:
    """Grains by connected components over the edges below a threshold (Zhang et al., section 3.1: 2 degrees).

    Then, in this order: grains of fewer than `minimum_points` are dissolved, wild points (spikes) among them. Connected
    areas of points without a grain are filled where they hold at most `fill_points`: in each round, every point of the
    area that has a neighbour in a grain joins the grain of most of its neighbours, of equals the one with the smallest
    number. Larger areas, as pores, stay without. MTEX reaches the same by removing small grains and letting the others
    grow to a Voronoi tessellation.

    Parameters
    ----------
    edge_angle_deg : ndarray, shape (forward steps, rows, columns)
        As `edge_misorientations` gives it, for the same neighbourhood.
    phase : ndarray of int, shape (rows, columns)
        From 1; 0 where not indexed.
    neighbourhood : Neighbourhood
    threshold_deg : float
        [degrees]
    minimum_points, fill_points : int
    there : ndarray of bool, shape (rows, columns), optional
        Which cells are points; the others are not filled.
    """
    label, count = connected(edge_angle_deg <= threshold_deg, phase > 0, neighbourhood)
    sizes = np.bincount(label.ravel(), minlength=count + 1)
    kept = sizes >= minimum_points
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    grain = numbers[label]
    measured = grain > 0
    if fill_points > 0:
        absent = grain == 0 if there is None else (grain == 0) & there
        _fill(grain, absent, neighbourhood, fill_points)
    return GrainMap(grain, measured, int(kept.sum()), count - int(kept.sum()))


def connected(
    joined: NDArray[np.bool_], present: NDArray[np.bool_], neighbourhood: Neighbourhood
) -> tuple[NDArray[np.int32], int]:
    """Numbers of connected points and how many there are.

    Parameters
    ----------
    joined : ndarray of bool, shape (forward steps, rows, columns)
        Whether the two points of each forward step of the neighbourhood belong together.
    present : ndarray of bool, shape (rows, columns)
        The points that are numbered; none of the others may be joined to anything.

    Returns
    -------
    ndarray of int32, shape (rows, columns)
        From 1 in the order of their first points; 0 where not present.
    int
    """
    offsets = neighbourhood.forward().offsets
    parent = np.arange(present.size, dtype=np.int32 if present.size < 2**31 else np.int64)
    kernels.unite(parent, joined, offsets, 0, present.shape[0])
    label = np.empty(present.size, np.int32)
    count = kernels.number(parent, present.ravel(), label)
    return label.reshape(present.shape), int(count)


def _fill(grain: NDArray[np.int32], absent: NDArray[np.bool_], neighbourhood: Neighbourhood, most_points: int) -> None:
    """Let grains grow into the small areas of absent points between them, in place."""
    area, count = connected(_both(absent, neighbourhood), absent, neighbourhood)
    small = np.bincount(area.ravel(), minlength=count + 1) <= most_points
    small[0] = False
    wanting = np.flatnonzero(small[area])
    while len(wanting):
        chosen = np.empty(len(wanting), np.int32)
        kernels.grow(grain, wanting, neighbourhood.offsets, chosen)
        if not chosen.any():  # a whole map without any grain
            return
        grain.ravel()[wanting] = chosen
        wanting = wanting[chosen == 0]


def _both(present: NDArray[np.bool_], neighbourhood: Neighbourhood) -> NDArray[np.bool_]:
    """Whether both points of each forward step are present."""
    offsets = neighbourhood.forward().offsets
    rows, columns = present.shape
    both = np.zeros((offsets.shape[1], rows, columns), bool)
    for parity in (0, 1):
        for k, (down, right) in enumerate(offsets[parity].tolist()):
            padded = np.zeros((rows + down, columns + 2 * abs(right)), bool)
            padded[:rows, abs(right) : abs(right) + columns] = present
            reached = padded[down:, abs(right) + right : abs(right) + right + columns]
            both[k, parity::2] = (present & reached)[parity::2]
    return both
