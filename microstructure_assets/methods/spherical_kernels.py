"""Compiled expectation-maximisation of spherical Gaussian mixtures, the form that every ROI is fitted with.

What the kernel of all forms does (`mixture_kernels`), without the matrices: a component has one variance, and the
scatter about a mean is the sum of the squared distances that the shares were computed from.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from microstructure_assets.methods.mixture_kernels import LEAST_SHARE, LOG_TWO_PI, NOTHING, exponential
from microstructure_assets.methods.point_blocks import BLOCK_POINTS, VECTOR_SUMS, in_blocks, squared_distances


@njit(cache=True, nogil=True, fastmath=VECTOR_SUMS)
def _log_densities(
    block: NDArray, mean: NDArray, constant: NDArray, half_precision: NDArray, squared: NDArray, share: NDArray
) -> NDArray:
    """Fill squared distances and log densities (K, block); return the largest density of each point."""
    largest = np.full(BLOCK_POINTS, -np.inf)
    for k in range(len(mean)):
        squared_distances(block, mean[k], squared[k])
        for j in range(BLOCK_POINTS):
            share[k, j] = constant[k] - half_precision[k] * squared[k, j]
            largest[j] = max(largest[j], share[k, j])
    return largest


@njit(cache=True, nogil=True, fastmath=VECTOR_SUMS)
def _shares(largest: NDArray, points: int, share: NDArray, is_near: NDArray) -> float:
    """Log densities become shares, zero beyond the block's last point; return the sum of the log-likelihoods.

    Rows of components that are near to no point of the block (`is_near`) are left as they are.
    """
    total = np.zeros(BLOCK_POINTS)
    for k in range(len(share)):
        nearest = -np.inf
        for j in range(BLOCK_POINTS):
            share[k, j] -= largest[j]
            nearest = max(nearest, share[k, j])
        is_near[k] = nearest > NOTHING
        if is_near[k]:
            for j in range(BLOCK_POINTS):
                part = exponential(share[k, j])
                share[k, j] = part
                total[j] += part
    likelihood = 0.0
    for j in range(points):
        likelihood += largest[j] + math.log(total[j])
    for j in range(BLOCK_POINTS):
        total[j] = 1.0 / total[j] if j < points else 0.0
    for k in range(len(share)):
        if is_near[k]:
            for j in range(BLOCK_POINTS):
                share[k, j] *= total[j]
    return likelihood


@njit(cache=True, nogil=True, fastmath=VECTOR_SUMS)
def _accumulate(
    block: NDArray,
    mean: NDArray,
    share: NDArray,
    squared: NDArray,
    is_near: NDArray,
    count: NDArray,
    shift: NDArray,
    scatter: NDArray,
) -> None:
    """Add a block's points to the soft counts (K,), shifts of the means (K, d) and scatters about them (K,)."""
    for k in range(len(mean)):
        if not is_near[k] or share[k].max() < LEAST_SHARE:
            continue
        points, about = 0.0, 0.0
        for j in range(BLOCK_POINTS):
            points += share[k, j]
            about += share[k, j] * squared[k, j]
        count[k] += points
        scatter[k] += about
        for axis in range(block.shape[0]):
            moved, centre = 0.0, mean[k, axis]
            for j in range(BLOCK_POINTS):
                moved += share[k, j] * (block[axis, j] - centre)
            shift[k, axis] += moved


@njit(cache=True, nogil=True)
def expectation_maximisation(
    score: NDArray,
    weight: NDArray,
    mean: NDArray,
    variance: NDArray,
    regularisation: float,
    tolerance: float,
    iterations: int,
) -> float:
    """Improve weights (K,), means (K, d) and variances (K,) in place until the mean log-likelihood gains less than
    ``tolerance``; return the log-likelihood of the parameters left behind.
    """
    n, d = score.shape
    clusters = weight.shape[0]
    block = in_blocks(score)
    squared, share = np.empty((clusters, BLOCK_POINTS)), np.empty((clusters, BLOCK_POINTS))
    is_near = np.empty(clusters, np.bool_)
    constant, half_precision = np.empty(clusters), np.empty(clusters)
    count, shift, scatter = np.empty(clusters), np.empty((clusters, d)), np.empty(clusters)
    last = -np.inf
    for iteration in range(iterations + 1):
        for k in range(clusters):
            own = max(variance[k], 1e-300)
            constant[k] = math.log(max(weight[k], 1e-300)) - 0.5 * d * (math.log(own) + LOG_TWO_PI)
            half_precision[k] = 0.5 / own
        count[:] = 0.0
        shift[:] = 0.0
        scatter[:] = 0.0
        likelihood = 0.0
        for number in range(len(block)):
            largest = _log_densities(block[number], mean, constant, half_precision, squared, share)
            likelihood += _shares(largest, min(BLOCK_POINTS, n - number * BLOCK_POINTS), share, is_near)
            _accumulate(block[number], mean, share, squared, is_near, count, shift, scatter)
        if iteration == iterations or likelihood - last < tolerance * n:
            return likelihood
        last = likelihood
        for k in range(clusters):
            size, moved = count[k] + 1e-12, 0.0
            for axis in range(d):
                shift[k, axis] /= size
                moved += shift[k, axis] ** 2
                mean[k, axis] += shift[k, axis]
            weight[k] = size / n
            variance[k] = (scatter[k] - size * moved) / (size * d) + regularisation
    return last
