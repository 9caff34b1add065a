"""Compiled per-point solves on the Gram matrix: exact non-negative least squares and the variance of its solution.

Serial kernels over a block of points that release the interpreter lock; a point's result depends on that point alone.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def _factor_append(gram: NDArray, passive: NDArray, count: int, lower: NDArray) -> bool:
    """Extend the Cholesky factor of the passive block by its last row; false where that row depends on the others."""
    row = count - 1
    index = passive[row]
    for column in range(row):
        value = gram[index, passive[column]]
        for inner in range(column):
            value -= lower[row, inner] * lower[column, inner]
        lower[row, column] = value / lower[column, column]
    pivot = gram[index, index]
    for inner in range(row):
        pivot -= lower[row, inner] * lower[row, inner]
    if pivot <= 1e-13 * gram[index, index] or pivot <= 0.0:
        return False
    lower[row, row] = math.sqrt(pivot)
    return True


@njit(cache=True, nogil=True)
def _factor_solve(lower: NDArray, count: int, right: NDArray, solution: NDArray) -> None:
    """Solve L Lᵀ s = right for the leading ``count`` rows."""
    for row in range(count):
        value = right[row]
        for inner in range(row):
            value -= lower[row, inner] * solution[inner]
        solution[row] = value / lower[row, row]
    for row in range(count - 1, -1, -1):
        value = solution[row]
        for inner in range(row + 1, count):
            value -= lower[inner, row] * solution[inner]
        solution[row] = value / lower[row, row]


@njit(cache=True, nogil=True)
def nonnegative_rows(gram: NDArray, projection: NDArray, weight: NDArray, start: int, stop: int) -> None:
    """Lawson and Hanson's active-set method on (G, f) for points ``start`` to ``stop - 1``; G has a unit diagonal.

    A reference that depends linearly on those already in use is passed over, so that duplicates do no harm.
    """
    r = gram.shape[0]
    passive = np.empty(r, np.int64)
    used = np.empty(r, np.bool_)
    barred = np.empty(r, np.bool_)
    lower = np.zeros((r, r))
    right = np.empty(r)
    trial = np.empty(r)
    w = np.empty(r)
    for i in range(start, stop):
        w[:] = 0.0
        used[:] = False
        barred[:] = False
        count = 0
        scale = 0.0
        for k in range(r):
            scale = max(scale, abs(projection[i, k]))
        tolerance = 1e-13 * scale
        for _ in range(10 * r + 10):
            best, entering = tolerance, -1
            for k in range(r):
                if used[k] or barred[k] or gram[k, k] <= 0.0:
                    continue
                gradient = projection[i, k]
                for position in range(count):
                    gradient -= gram[k, passive[position]] * w[passive[position]]
                if gradient > best:
                    best, entering = gradient, k
            if entering < 0:
                break
            passive[count] = entering
            if not _factor_append(gram, passive, count + 1, lower):
                barred[entering] = True
                continue
            count += 1
            used[entering] = True
            first = True
            while count > 0:
                for position in range(count):
                    right[position] = projection[i, passive[position]]
                _factor_solve(lower, count, right, trial)
                if first and trial[count - 1] <= 0.0:
                    # Rounding said that it should enter, the solve says that it should not.
                    barred[entering] = True
                first = False
                step = 1.0
                for position in range(count):
                    if trial[position] <= 0.0:
                        current = w[passive[position]]
                        step = min(step, current / (current - trial[position]) if current > trial[position] else 0.0)
                for position in range(count):
                    index = passive[position]
                    w[index] += step * (trial[position] - w[index])
                if step >= 1.0:
                    break
                kept = 0
                for position in range(count):
                    index = passive[position]
                    if trial[position] <= 0.0 and w[index] <= 1e-15 * scale:
                        w[index] = 0.0
                        used[index] = False
                    else:
                        passive[kept] = index
                        kept += 1
                if kept == count:
                    break
                count = kept
                for position in range(count):
                    _factor_append(gram, passive, position + 1, lower)
        for k in range(r):
            weight[i, k] = w[k]


@njit(cache=True, nogil=True)
def weight_variance_rows(
    gram: NDArray,
    spread: NDArray,
    weight: NDArray,
    allowed: NDArray,
    noise: NDArray,
    variance: NDArray,
    start: int,
    stop: int,
    normalised: bool,
) -> None:
    """Variance of the weights of the references allowed at each point, noise × G⁻¹ S G⁻¹ on their block; 0 elsewhere.

    ``spread`` is S, the covariance of the projections per unit noise. A weight at its bound counts as free. With
    ``normalised`` the weights sum to one and ``noise`` is already scaled to them, and the variance is that of w / Σw.
    """
    r = gram.shape[0]
    passive = np.empty(r, np.int64)
    lower = np.zeros((r, r))
    unit = np.empty(r)
    inverse = np.zeros((r, r))
    for i in range(start, stop):
        count = 0
        for k in range(r):
            variance[i, k] = 0.0
            if allowed[i, k] and gram[k, k] > 0.0:
                passive[count] = k
                if _factor_append(gram, passive, count + 1, lower):
                    count += 1
        for column in range(count):
            unit[:count] = 0.0
            unit[column] = 1.0
            _factor_solve(lower, count, unit, inverse[column])
        for row in range(count):
            # Derivative of the reported weight: e_row, or e_row - w_row times ones where they are divided by their sum.
            for column in range(count):
                unit[column] = inverse[column, row]
            if normalised:
                share = weight[i, passive[row]]
                for column in range(count):
                    for other in range(count):
                        unit[column] -= share * inverse[other, column]
            total = 0.0
            for a in range(count):
                for b in range(count):
                    total += unit[a] * unit[b] * spread[passive[a], passive[b]]
            variance[i, passive[row]] = noise[i] * max(total, 0.0)
