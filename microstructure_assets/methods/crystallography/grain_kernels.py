"""Compiled union of neighbouring points and growth of grains, run without the interpreter lock."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _root(parent: np.ndarray, point: int) -> int:
    while parent[point] != point:
        parent[point] = parent[parent[point]]
        point = parent[point]
    return point


@njit(cache=True, nogil=True)
def unite(parent: np.ndarray, joined: np.ndarray, offsets: np.ndarray, start: int, stop: int) -> None:
    """Unite the points of the rows ``start`` to ``stop`` with those that their joined steps reach; a set's root is its
    smallest point, so that the order of the calls does not matter."""
    rows, columns = joined.shape[1:]
    for row in range(start, stop):
        steps = offsets[row % 2]
        for column in range(columns):
            for k in range(steps.shape[0]):
                if not joined[k, row, column]:
                    continue
                r, c = row + steps[k, 0], column + steps[k, 1]
                if not (0 <= r < rows and 0 <= c < columns):
                    continue
                a, b = _root(parent, row * columns + column), _root(parent, r * columns + c)
                if a < b:
                    parent[b] = a
                else:
                    parent[a] = b


@njit(cache=True, nogil=True)
def number(parent: np.ndarray, present: np.ndarray, label: np.ndarray) -> int:
    """Number the sets of present points from 1 in the order of their roots; 0 elsewhere."""
    count = 0
    for point in range(parent.size):
        if not present[point]:
            label[point] = 0
            continue
        root = _root(parent, point)
        if root == point:
            count += 1
            label[point] = count
        else:
            label[point] = label[root]
    return count


@njit(cache=True, nogil=True)
def grow(grain: np.ndarray, wanting: np.ndarray, offsets: np.ndarray, chosen: np.ndarray) -> None:
    """For each wanting point (flat number) the grain of most of its neighbours, of equals the smallest; 0 for none."""
    rows, columns = grain.shape
    most = offsets.shape[1]
    found = np.empty(most, grain.dtype)
    for i in range(wanting.size):
        row, column = wanting[i] // columns, wanting[i] % columns
        size = 0
        for k in range(most):
            r, c = row + offsets[row % 2, k, 0], column + offsets[row % 2, k, 1]
            if 0 <= r < rows and 0 <= c < columns and grain[r, c] > 0:
                found[size] = grain[r, c]
                size += 1
        best, votes = 0, 0
        for a in range(size):
            own = 0
            for b in range(size):
                own += found[b] == found[a]
            if own > votes or (own == votes and found[a] < best):
                best, votes = found[a], own
        chosen[i] = best
