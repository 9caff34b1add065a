"""Compiled silhouettes of several labellings at once.

Serial, without random numbers of its own (they are handed in), and without the interpreter lock.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def _squared_distance(a: NDArray, b: NDArray) -> float:
    total = 0.0
    for axis in range(a.shape[0]):
        total += (a[axis] - b[axis]) ** 2
    return total


@njit(cache=True, nogil=True)
def silhouette_rows(
    point: NDArray,
    own: NDArray,
    other: NDArray,
    other_label: NDArray,
    size: NDArray,
    row: NDArray,
    start: int,
    stop: int,
    value: NDArray,
) -> None:
    """Silhouette of points ``start`` to ``stop - 1`` for several labellings at once.

    Parameters
    ----------
    point, own
        Points (m, d) and their labels (labellings, m).
    other, other_label
        Points (q, d) that distances are taken to, and their labels (labellings, q).
    size
        Points per cluster among ``other`` (labellings, K).
    row
        Row of each point in ``other`` (m,), so that a point is not its own neighbour.
    value
        Result (labellings, m).
    """
    labellings, clusters = size.shape
    total = np.empty((labellings, clusters))
    for i in range(start, stop):
        total[:] = 0.0
        for j in range(other.shape[0]):
            distance = math.sqrt(_squared_distance(point[i], other[j]))
            for labelling in range(labellings):
                total[labelling, other_label[labelling, j]] += distance
        for labelling in range(labellings):
            mine = own[labelling, i]
            rest = size[labelling, mine] - (1 if row[i] >= 0 else 0)
            if rest < 1:  # a cluster of one scores nought by definition
                value[labelling, i] = 0.0
                continue
            inside = total[labelling, mine] / rest
            outside = np.inf
            for k in range(clusters):
                if k != mine and size[labelling, k] > 0:
                    outside = min(outside, total[labelling, k] / size[labelling, k])
            largest = max(inside, outside)
            value[labelling, i] = 0.0 if largest == 0.0 or outside == np.inf else (outside - inside) / largest
