"""Compiled loops of the Gaussian mixture: parameters of a start, expectation-maximisation, responsibilities.

Each kernel is serial, draws no random numbers (they are handed in) and releases the interpreter lock, so that results
do not depend on the number of threads that call it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

FULL, TIED, DIAGONAL, SPHERICAL = 0, 1, 2, 3
LOG_TWO_PI = math.log(2.0 * math.pi)
_BLOCK_POINTS = 64
NOTHING = -45.0  # The exponential of less does not change a sum of at least one, whatever the number of terms.
LEAST_SHARE = 2e-9  # Moves nothing that counts.


@njit(cache=True, nogil=True, inline="always")
def exponential(value: float) -> float:
    """Exponential of a number from -45 to 0 within 1e-12; 0 below.

    The library's cannot be called for several points at a time; this one can, and its loop takes a fifth of the time.
    It is a Taylor polynomial of a 1,024th of the number, squared ten times.
    """
    small = max(value, NOTHING) * (1.0 / 1024.0)
    power = 1.0 / 40320.0
    power = power * small + 1.0 / 5040.0
    power = power * small + 1.0 / 720.0
    power = power * small + 1.0 / 120.0
    power = power * small + 1.0 / 24.0
    power = power * small + 1.0 / 6.0
    power = power * small + 0.5
    power = power * small + 1.0
    power = power * small + 1.0
    for _ in range(10):
        power *= power
    return power if value > NOTHING else 0.0


@njit(cache=True, nogil=True)
def _inverse_factor(covariance: NDArray, inverse: NDArray) -> float:
    """Write the inverse of the lower Cholesky factor; return half its log determinant, -sum(log diag L)."""
    d = covariance.shape[0]
    lower = np.zeros((d, d))
    half = 0.0
    for row in range(d):
        for column in range(row + 1):
            value = covariance[row, column]
            for inner in range(column):
                value -= lower[row, inner] * lower[column, inner]
            if row == column:
                lower[row, row] = math.sqrt(max(value, 1e-300))
                half -= math.log(lower[row, row])
            else:
                lower[row, column] = value / lower[column, column]
    for column in range(d):
        inverse[column, column] = 1.0 / lower[column, column]
        for row in range(column + 1, d):
            value = 0.0
            for inner in range(column, row):
                value -= lower[row, inner] * inverse[inner, column]
            inverse[row, column] = value / lower[row, row]
    return half


@njit(cache=True, nogil=True)
def _finish_covariance(scatter: NDArray, count: NDArray, form: int, regularisation: float, covariance: NDArray) -> None:
    """Covariances (K, d, d) of the form asked for, from the scatter about the means and the (soft) counts."""
    clusters, d = scatter.shape[0], scatter.shape[1]
    if form == TIED:
        pooled = np.zeros((d, d))
        total = 0.0
        for k in range(clusters):
            pooled += scatter[k]
            total += count[k]
        for k in range(clusters):
            covariance[k] = pooled / total
    else:
        for k in range(clusters):
            covariance[k] = scatter[k] / (count[k] + 1e-12)
            if form != FULL:
                mean_variance = 0.0
                for axis in range(d):
                    mean_variance += covariance[k, axis, axis] / d
                for row in range(d):
                    for column in range(d):
                        if row != column:
                            covariance[k, row, column] = 0.0
                        elif form == SPHERICAL:
                            covariance[k, row, row] = mean_variance
    for k in range(clusters):
        for axis in range(d):
            covariance[k, axis, axis] += regularisation


@njit(cache=True, nogil=True)
def hard_parameters(
    score: NDArray,
    label: NDArray,
    form: int,
    regularisation: float,
    weight: NDArray,
    mean: NDArray,
    covariance: NDArray,
) -> None:
    """Weights, means and covariances of hard labels, the start of the iterations."""
    n, d = score.shape
    clusters = weight.shape[0]
    count = np.zeros(clusters)
    mean[:] = 0.0
    for i in range(n):
        count[label[i]] += 1.0
        mean[label[i]] += score[i]
    for k in range(clusters):
        mean[k] /= count[k] + 1e-12
        weight[k] = (count[k] + 1e-12) / n
    scatter = np.zeros((clusters, d, d))
    diagonal = form in (DIAGONAL, SPHERICAL)
    for i in range(n):
        k = label[i]
        for row in range(d):
            for column in range(row if diagonal else 0, row + 1):
                scatter[k, row, column] += (score[i, row] - mean[k, row]) * (score[i, column] - mean[k, column])
    for k in range(clusters):
        for row in range(d):
            for column in range(row):
                scatter[k, column, row] = scatter[k, row, column]
    _finish_covariance(scatter, count, form, regularisation, covariance)


@njit(cache=True, nogil=True)
def _squared_distances(
    block: NDArray, mean: NDArray, inverse: NDArray, diagonal: bool, squared: NDArray, room: NDArray
) -> None:
    """Squared Mahalanobis distances of a block's points (d, block) to one component; `room` is overwritten."""
    for j in range(_BLOCK_POINTS):
        squared[j] = 0.0
    for row in range(block.shape[0]):
        if diagonal:
            factor, centre = inverse[row, row], mean[row]
            for j in range(_BLOCK_POINTS):
                squared[j] += (factor * (block[row, j] - centre)) ** 2
            continue
        for j in range(_BLOCK_POINTS):
            room[j] = 0.0
        for column in range(row + 1):
            factor, centre = inverse[row, column], mean[column]
            for j in range(_BLOCK_POINTS):
                room[j] += factor * (block[column, j] - centre)
        for j in range(_BLOCK_POINTS):
            squared[j] += room[j] * room[j]


@njit(cache=True, nogil=True)
def _shares(
    score: NDArray,
    start: int,
    stop: int,
    mean: NDArray,
    inverse: NDArray,
    constant: NDArray,
    diagonal: bool,
    share: NDArray,
) -> float:
    """Share of each component at points ``start`` to ``stop - 1``; return the sum of their log-likelihoods.

    Parameters
    ----------
    score, mean, inverse, constant
        Points (n, d), means (K, d), inverse Cholesky factors (K, d, d), logs of the densities at the means (K,).
    diagonal
        Whether the factors are diagonal.
    share
        Results (K, block): points lie along memory and blocks are whole, so that the loops over them vectorise.
    """
    clusters, d = mean.shape
    block, squared, room = np.zeros((d, _BLOCK_POINTS)), np.empty(_BLOCK_POINTS), np.empty(_BLOCK_POINTS)
    largest, total = np.full(_BLOCK_POINTS, -np.inf), np.zeros(_BLOCK_POINTS)
    for row in range(d):
        for j in range(stop - start):
            block[row, j] = score[start + j, row]
    for k in range(clusters):
        _squared_distances(block, mean[k], inverse[k], diagonal, squared, room)
        for j in range(_BLOCK_POINTS):
            density = constant[k] - 0.5 * squared[j]
            share[k, j] = density
            largest[j] = max(largest[j], density)
    for k in range(clusters):
        nearest = -np.inf
        for j in range(_BLOCK_POINTS):
            share[k, j] -= largest[j]
            nearest = max(nearest, share[k, j])
        if nearest <= NOTHING:  # neighbouring points lie in few grains
            share[k] = 0.0
            continue
        for j in range(_BLOCK_POINTS):
            part = exponential(share[k, j])
            share[k, j] = part
            total[j] += part
    likelihood = 0.0
    for j in range(stop - start):
        likelihood += largest[j] + math.log(total[j])
    for j in range(_BLOCK_POINTS):
        total[j] = 1.0 / total[j]
    for k in range(clusters):
        for j in range(_BLOCK_POINTS):
            share[k, j] *= total[j]
    return likelihood


@njit(cache=True, nogil=True)
def _constants(weight: NDArray, covariance: NDArray, inverse: NDArray, constant: NDArray) -> None:
    clusters, d = covariance.shape[0], covariance.shape[1]
    for k in range(clusters):
        half = _inverse_factor(covariance[k], inverse[k])
        constant[k] = math.log(max(weight[k], 1e-300)) + half - 0.5 * d * LOG_TWO_PI


@njit(cache=True, nogil=True)
def _accumulate(
    score: NDArray,
    start: int,
    stop: int,
    mean: NDArray,
    share: NDArray,
    diagonal: bool,
    count: NDArray,
    shift: NDArray,
    scatter: NDArray,
) -> None:
    """Add a block's points to the soft counts (K,), shifts of the means (K, d) and scatters about them (K, d, d)."""
    clusters, d = mean.shape
    for k in range(clusters):
        for j in range(stop - start):
            own = share[k, j]
            if own < LEAST_SHARE:
                continue
            count[k] += own
            for row in range(d):
                difference = score[start + j, row] - mean[k, row]
                shift[k, row] += own * difference
                for column in range(row if diagonal else 0, row + 1):
                    scatter[k, row, column] += own * difference * (score[start + j, column] - mean[k, column])


@njit(cache=True, nogil=True)
def expectation_maximisation(
    score: NDArray,
    weight: NDArray,
    mean: NDArray,
    covariance: NDArray,
    form: int,
    regularisation: float,
    tolerance: float,
    iterations: int,
) -> float:
    """Improve the parameters in place until the mean log-likelihood gains less than ``tolerance``; of spherical
    components `spherical_kernels` does.

    Returns the log-likelihood of the parameters left behind. The scatter is taken about the means of the step before
    and moved afterwards, so that nothing cancels and responsibilities need not be stored.
    """
    n, d = score.shape
    clusters = weight.shape[0]
    diagonal = form == DIAGONAL
    inverse = np.zeros((clusters, d, d))
    constant = np.empty(clusters)
    share = np.empty((clusters, _BLOCK_POINTS))
    count = np.empty(clusters)
    shift = np.empty((clusters, d))
    scatter = np.empty((clusters, d, d))
    last = -np.inf
    for iteration in range(iterations + 1):
        _constants(weight, covariance, inverse, constant)
        count[:] = 0.0
        shift[:] = 0.0
        scatter[:] = 0.0
        likelihood = 0.0
        for start in range(0, n, _BLOCK_POINTS):
            stop = min(n, start + _BLOCK_POINTS)
            likelihood += _shares(score, start, stop, mean, inverse, constant, diagonal, share)
            _accumulate(score, start, stop, mean, share, diagonal, count, shift, scatter)
        if iteration == iterations or likelihood - last < tolerance * n:
            return likelihood
        last = likelihood
        for k in range(clusters):
            size = count[k] + 1e-12
            for row in range(d):
                shift[k, row] /= size
            for row in range(d):
                for column in range(row + 1):
                    scatter[k, row, column] -= size * shift[k, row] * shift[k, column]
                    scatter[k, column, row] = scatter[k, row, column]
                mean[k, row] += shift[k, row]
            weight[k] = size / n
        _finish_covariance(scatter, count, form, regularisation, covariance)
    return last


@njit(cache=True, nogil=True)
def responsibilities(
    score: NDArray, weight: NDArray, mean: NDArray, covariance: NDArray, form: int, share: NDArray, label: NDArray
) -> None:
    """Fill the share of each component at each point (n, K) and the label of the largest."""
    n, d = score.shape
    clusters = weight.shape[0]
    inverse = np.zeros((clusters, d, d))
    constant = np.empty(clusters)
    block = np.empty((clusters, _BLOCK_POINTS))
    _constants(weight, covariance, inverse, constant)
    for start in range(0, n, _BLOCK_POINTS):
        stop = min(n, start + _BLOCK_POINTS)
        _shares(score, start, stop, mean, inverse, constant, form in (DIAGONAL, SPHERICAL), block)
        for j in range(stop - start):
            winner = 0
            for k in range(clusters):
                share[start + j, k] = block[k, j]
                if block[k, j] > block[winner, j]:
                    winner = k
            label[start + j] = winner
