"""Compiled counts of discordant pairs, serial and without the interpreter lock."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def _inversions(values: NDArray, spare: NDArray) -> int:
    """Pairs in falling order, equal ones not counted; `values` come out sorted. Merge sort from below."""
    n = values.shape[0]
    total = 0
    width = 1
    while width < n:
        for start in range(0, n, 2 * width):
            middle, stop = min(start + width, n), min(start + 2 * width, n)
            i, j = start, middle
            for k in range(start, stop):
                if i < middle and (j >= stop or values[i] <= values[j]):
                    spare[k] = values[i]
                    i += 1
                else:
                    total += middle - i
                    spare[k] = values[j]
                    j += 1
        values[:] = spare
        width *= 2
    return total


@njit(cache=True, nogil=True)
def _tied_pairs(ordered: NDArray) -> int:
    """Pairs of equal values in a sorted array."""
    total, run = 0, 1
    for i in range(1, ordered.shape[0]):
        if ordered[i] == ordered[i - 1]:
            total += run
            run += 1
        else:
            run = 1
    return total


@njit(cache=True, nogil=True)
def kendall_taus(first: NDArray, others: NDArray, tau: NDArray) -> None:
    """Kendall's tau-b of one variable with several, by the sort of Knight [1]_.

    ``first`` (n,) int64 and ``others`` (m, n) int64 hold numbers in the order of the values, from 0 and below n; equal
    numbers are ties. Writes ``tau`` (m,), NaN where a variable is constant.

    .. [1] W. R. Knight, A computer method for calculating Kendall's tau with ungrouped data, J. Am. Stat. Assoc. 61
       (1966) 436.
    """
    n = first.shape[0]
    pairs = n * (n - 1) // 2
    key, second, spare = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    ties_first = _tied_pairs(np.sort(first))
    for m in range(others.shape[0]):
        for i in range(n):
            key[i] = first[i] * n + others[m, i]
        ordered = np.sort(key)
        ties_both = _tied_pairs(ordered)
        for i in range(n):
            second[i] = ordered[i] % n
        discordant = _inversions(second, spare)
        ties_other = _tied_pairs(second)
        untied = float(pairs - ties_first) * float(pairs - ties_other)
        if untied > 0:
            tau[m] = (pairs - ties_first - ties_other + ties_both - 2 * discordant) / np.sqrt(untied)
        else:
            tau[m] = np.nan
