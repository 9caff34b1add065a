"""Compiled k-means, the start of a mixture.

Serial, without random numbers of its own (they are handed in), and without the interpreter lock.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from microstructure_assets.methods.point_blocks import BLOCK_POINTS, VECTOR_SUMS, in_blocks, squared_distances


@njit(cache=True, nogil=True, fastmath=VECTOR_SUMS)
def _nearer(block: NDArray, centre: NDArray, nearest: NDArray, points: int, trial: NDArray) -> float:
    """Squared distances to the nearest centre if this one is added (block,), zero beyond the last point; their sum."""
    squared_distances(block, centre, trial)
    total = 0.0
    for j in range(BLOCK_POINTS):
        trial[j] = min(nearest[j], trial[j]) if j < points else 0.0
        total += trial[j]
    return total


@njit(cache=True, nogil=True)
def _drawn(nearest: NDArray, total: NDArray, target: float, n: int) -> int:
    """The point at which the running sum of the squared distances (blocks, block) passes `target`."""
    running, number = 0.0, 0
    while number < len(total) - 1 and running + total[number] <= target:
        running += total[number]
        number += 1
    first = number * BLOCK_POINTS
    for j in range(min(BLOCK_POINTS, n - first)):
        running += nearest[number, j]
        if running > target:
            return first + j
    return n - 1


@njit(cache=True, nogil=True)
def _seeds(score: NDArray, block: NDArray, clusters: int, uniform: NDArray) -> NDArray:
    """Centres (K, d) by greedy k-means++: the best of several draws for each."""
    n, draws = len(score), uniform.shape[1]
    centre = np.empty((clusters, score.shape[1]))
    nearest = np.full((len(block), BLOCK_POINTS), np.inf)
    trial, best = np.empty_like(nearest), np.empty_like(nearest)
    total, trial_total, best_total = np.empty(len(block)), np.empty(len(block)), np.empty(len(block))
    for k in range(clusters):
        least = np.inf
        for draw in range(draws if k else 1):
            # the first centre is any point, the others by their squared distances to the nearest
            chosen = (
                _drawn(nearest, total, uniform[k, draw] * total.sum(), n) if k else min(n - 1, int(uniform[0, 0] * n))
            )
            for number in range(len(block)):
                points = min(BLOCK_POINTS, n - number * BLOCK_POINTS)
                trial_total[number] = _nearer(block[number], score[chosen], nearest[number], points, trial[number])
            if trial_total.sum() < least:
                least = trial_total.sum()
                centre[k] = score[chosen]
                best[:], best_total[:] = trial, trial_total
        nearest[:], total[:] = best, best_total
    return centre


@njit(cache=True, nogil=True)
def _assign(block: NDArray, centre: NDArray, label: NDArray) -> bool:
    """Label each point with its nearest centre, the first of equals; whether a label changed."""
    squared, least = np.empty(BLOCK_POINTS), np.empty(BLOCK_POINTS)
    winner = np.empty(BLOCK_POINTS, np.int64)
    moved = False
    for number in range(len(block)):
        least[:], winner[:] = np.inf, 0
        for k in range(len(centre)):
            squared_distances(block[number], centre[k], squared)
            for j in range(BLOCK_POINTS):
                closer = squared[j] < least[j]
                winner[j] = k if closer else winner[j]
                least[j] = squared[j] if closer else least[j]
        first = number * BLOCK_POINTS
        for j in range(min(BLOCK_POINTS, len(label) - first)):
            moved = moved or winner[j] != label[first + j]
            label[first + j] = winner[j]
    return moved


@njit(cache=True, nogil=True)
def kmeans_labels(score: NDArray, clusters: int, uniform: NDArray, sweeps: int) -> NDArray:
    """Hard labels from greedy k-means++ seeding (the best of several draws per centre) and a few sweeps of Lloyd's
    rule.

    ``uniform`` (clusters, draws) holds the random numbers in [0, 1).
    """
    n, d = score.shape
    block = in_blocks(score)
    centre = _seeds(score, block, clusters, uniform)
    label = np.full(n, -1, np.int64)
    count, place = np.empty(clusters), np.empty((clusters, d))
    for _ in range(sweeps):
        if not _assign(block, centre, label):
            break
        count[:] = 0.0
        place[:] = 0.0
        for i in range(n):
            count[label[i]] += 1.0
            for axis in range(d):
                place[label[i], axis] += score[i, axis]
        for k in range(clusters):
            if count[k] > 0:
                centre[k] = place[k] / count[k]
    return label
