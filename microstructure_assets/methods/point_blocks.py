"""Points in blocks along memory, for compiled loops over points that use the processor's vectors."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

BLOCK_POINTS = 64
#: Sums in the order that suits the processor's vectors. It is chosen when a kernel is compiled, so that each call gives
#: the same bytes on processors of one type.
VECTOR_SUMS = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True)
def in_blocks(score: NDArray) -> NDArray:
    """Points (n, d) as (blocks, d, block); what the last block has too many is zero."""
    n, d = score.shape
    block = np.zeros(((n + BLOCK_POINTS - 1) // BLOCK_POINTS, d, BLOCK_POINTS))
    for i in range(n):
        for axis in range(d):
            block[i // BLOCK_POINTS, axis, i % BLOCK_POINTS] = score[i, axis]
    return block


@njit(cache=True, nogil=True, fastmath=VECTOR_SUMS)
def squared_distances(block: NDArray, centre: NDArray, squared: NDArray) -> None:
    """Squared distances of a block's points (d, block) to a place (d,)."""
    for j in range(BLOCK_POINTS):
        squared[j] = 0.0
    for axis in range(block.shape[0]):
        place = centre[axis]
        for j in range(BLOCK_POINTS):
            difference = block[axis, j] - place
            squared[j] += difference * difference
