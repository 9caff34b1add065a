"""Compiled sums over contingency tables: the information two labellings share, and what chance alone lets them share.

Each kernel is serial and releases the interpreter lock.
"""

from __future__ import annotations

import math

from numba import njit
from numpy.typing import NDArray

# Some nine standard deviations from the mode; what is left out lies below the rounding of what is summed.
_NEGLIGIBLE = 1e-20


@njit(cache=True, nogil=True)
def entropy(size: NDArray) -> float:
    """Entropy [nat] of a labelling with clusters of these sizes."""
    points = float(size.sum())
    total = 0.0
    for i in range(size.shape[0]):
        if size[i] > 0:
            total += size[i] * math.log(points / size[i])
    return total / points


@njit(cache=True, nogil=True)
def mutual_information(table: NDArray, first: NDArray, second: NDArray) -> float:
    """Mutual information [nat] of a contingency table, given its row sums and column sums."""
    points = float(first.sum())
    total = 0.0
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            if table[i, j] > 0:
                expected = float(first[i]) * float(second[j]) / points
                total += table[i, j] * math.log(table[i, j] / expected)
    return total / points


@njit(cache=True, nogil=True)
def _expected_cell(first: float, second: float, points: float) -> float:
    """Expectation of ``n log(n points / (first second))`` for n from the hypergeometric law.

    The law is followed from its mode outwards by the ratio of neighbouring probabilities and divided by its own sum,
    which needs no factorials: their logarithms lose digits as the number of points grows.
    """
    lowest, highest = max(0.0, first + second - points), min(first, second)
    rest = points - first - second
    mode = min(max(math.floor((first + 1.0) * (second + 1.0) / (points + 2.0)), lowest), highest)
    scale = points / (first * second)
    mass = 1.0
    total = mode * math.log(mode * scale) if mode > 0.0 else 0.0
    weight, n = 1.0, mode
    while n < highest:
        weight *= (first - n) * (second - n) / ((n + 1.0) * (rest + n + 1.0))
        n += 1.0
        if weight < _NEGLIGIBLE:
            break
        mass += weight
        total += weight * n * math.log(n * scale)
    weight, n = 1.0, mode
    while n > lowest:
        weight *= n * (rest + n) / ((first - n + 1.0) * (second - n + 1.0))
        n -= 1.0
        if weight < _NEGLIGIBLE:
            break
        mass += weight
        if n > 0.0:
            total += weight * n * math.log(n * scale)
    return total / mass


@njit(cache=True, nogil=True)
def expected_mutual_information(first: NDArray, second: NDArray) -> float:
    """Mutual information [nat] expected of random labellings with clusters of these sizes."""
    points = float(first.sum())
    total = 0.0
    for i in range(first.shape[0]):
        for j in range(second.shape[0]):
            if first[i] > 0 and second[j] > 0:
                total += _expected_cell(float(first[i]), float(second[j]), points)
    return total / points
