"""Misorientations of neighbouring points, and their mean over a point's neighbours (KAM)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.crystallography import misorientation_kernels as kernels
from microstructure_assets.methods.crystallography.neighbours import Neighbourhood
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries
from microstructure_assets.methods.parallel import block_bounds, map_blocks

BLOCK_POINTS = 200_000


def edge_misorientations(
    quaternion: NDArray[np.floating],
    phase: NDArray[np.integer],
    symmetries: PhaseSymmetries,
    neighbourhood: Neighbourhood,
) -> NDArray[np.float32]:
    """Symmetry-reduced misorientation angle of each pair of neighbours.

    Parameters
    ----------
    quaternion : ndarray, shape (rows, columns, 4)
        Unit quaternions, scalar part first, sample to crystal (orix's convention).
    phase : ndarray of int, shape (rows, columns)
        From 1; 0 where not indexed.
    symmetries : PhaseSymmetries
    neighbourhood : Neighbourhood
        Its forward steps are taken.

    Returns
    -------
    ndarray of float32, shape (forward steps, rows, columns)
        [degrees], at the point that the step leaves; infinite between phases, NaN where the step leads out of the grid
        or one of its points is not indexed.
    """
    offsets = neighbourhood.forward().offsets
    angle = np.empty((offsets.shape[1], *phase.shape), np.float32)

    def work(rows: tuple[int, int]) -> None:
        kernels.edge_angles(quaternion, phase, symmetries.operators, symmetries.counts, offsets, *rows, angle)

    map_blocks(work, row_blocks(phase.shape))
    return angle


def kernel_average_misorientation(
    quaternion: NDArray[np.floating],
    phase: NDArray[np.integer],
    symmetries: PhaseSymmetries,
    neighbourhood: Neighbourhood,
    limit_deg: float,
    grain: NDArray[np.integer] | None = None,
) -> NDArray[np.float32]:
    """Mean misorientation angle to the neighbours (Zhang et al., section 3.1 and Fig. 8: the four nearest).

    Parameters
    ----------
    quaternion, phase, symmetries
        As in `edge_misorientations`.
    neighbourhood : Neighbourhood
    limit_deg : float
        Neighbours further away than this belong to another grain and are left out [degrees]. The paper names none; its
        map has none. MTEX and the vendors leave out boundaries likewise.
    grain : ndarray of int, shape (rows, columns), optional
        Neighbours in other grains are left out, too.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        [degrees]; NaN where the point is not indexed or no neighbour counts.
    """
    group = np.zeros((1, 1), np.int32) if grain is None else grain
    group = np.broadcast_to(group, phase.shape)
    average = np.empty(phase.shape, np.float32)

    def work(rows: tuple[int, int]) -> None:
        kernels.kernel_averages(
            quaternion,
            phase,
            group,
            symmetries.operators,
            symmetries.counts,
            neighbourhood.offsets,
            math.radians(limit_deg),
            *rows,
            average,
        )

    map_blocks(work, row_blocks(phase.shape))
    return average


def row_blocks(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Rows in blocks of about the same work."""
    return block_bounds(shape[0], max(1, BLOCK_POINTS // max(1, shape[1])))
