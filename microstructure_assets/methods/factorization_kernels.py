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
def _steepest(
    gram: NDArray,
    projection: NDArray,
    weight: NDArray,
    passive: NDArray,
    count: int,
    closed: NDArray,
    tolerance: float,
) -> int:
    """Reference along which the misfit falls most steeply, -1 for none; ``closed`` ones are passed over."""
    best, found = tolerance, -1
    for k in range(gram.shape[0]):
        if closed[k] or gram[k, k] <= 0.0:
            continue
        gradient = projection[k]
        for position in range(count):
            gradient -= gram[k, passive[position]] * weight[passive[position]]
        if gradient > best:
            best, found = gradient, k
    return found


@njit(cache=True, nogil=True)
def _step_length(weight: NDArray, passive: NDArray, count: int, trial: NDArray) -> float:
    """How far the weights can go towards the trial solution before one of them falls below zero, at most 1."""
    step = 1.0
    for position in range(count):
        if trial[position] <= 0.0:
            current = weight[passive[position]]
            step = min(step, current / (current - trial[position]) if current > trial[position] else 0.0)
    return step


@njit(cache=True, nogil=True)
def _settle(
    gram: NDArray,
    projection: NDArray,
    weight: NDArray,
    passive: NDArray,
    count: int,
    closed: NDArray,
    lower: NDArray,
    tiny: float,
) -> int:
    """Solve on the passive set, dropping what would be negative until nothing is; returns the size of the set left."""
    right, trial = np.empty(count), np.empty(count)
    newest = passive[count - 1]
    first = True
    while count > 0:
        for position in range(count):
            right[position] = projection[passive[position]]
        _factor_solve(lower, count, right, trial)
        # Rounding said that the newest should enter; where the solve says that it should not, it stays closed.
        refused = first and trial[count - 1] <= 0.0
        first = False
        step = _step_length(weight, passive, count, trial)
        for position in range(count):
            index = passive[position]
            weight[index] += step * (trial[position] - weight[index])
        if step >= 1.0:
            break
        kept = 0
        for position in range(count):
            index = passive[position]
            if trial[position] <= 0.0 and weight[index] <= tiny:
                weight[index] = 0.0
                closed[index] = False
            else:
                passive[kept] = index
                kept += 1
        if refused:
            closed[newest] = True
        if kept == count:
            break
        count = kept
        for position in range(count):
            _factor_append(gram, passive, position + 1, lower)
    return count


@njit(cache=True, nogil=True)
def nonnegative_point(gram: NDArray, projection: NDArray, weight: NDArray) -> None:
    """Lawson and Hanson's active-set method on (G, f) for one point; G has a unit diagonal, or 0 for no reference.

    A reference that depends linearly on those already in use is passed over, so that duplicates do no harm.
    """
    r = gram.shape[0]
    passive = np.empty(r, np.int64)
    closed = np.zeros(r, np.bool_)
    lower = np.zeros((r, r))
    weight[:] = 0.0
    scale = 0.0
    for k in range(r):
        scale = max(scale, abs(projection[k]))
    count = 0
    for _ in range(10 * r + 10):
        entering = _steepest(gram, projection, weight, passive, count, closed, 1e-13 * scale)
        if entering < 0:
            break
        closed[entering] = True
        passive[count] = entering
        if _factor_append(gram, passive, count + 1, lower):
            count = _settle(gram, projection, weight, passive, count + 1, closed, lower, 1e-15 * scale)


@njit(cache=True, nogil=True)
def nonnegative_rows(gram: NDArray, projection: NDArray, weight: NDArray, start: int, stop: int) -> None:
    """`nonnegative_point` for points ``start`` to ``stop - 1``."""
    for i in range(start, stop):
        nonnegative_point(gram, projection[i], weight[i])


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
