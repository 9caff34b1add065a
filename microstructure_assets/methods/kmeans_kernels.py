"""Compiled k-means, the start of a mixture.

Serial, without random numbers of its own (they are handed in), and without the interpreter lock.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def _squared_distances(transposed: NDArray, points: NDArray, i: int, out: NDArray) -> None:
    """Squared distances of row ``i`` of ``points`` to the columns of ``transposed`` (d, m), along memory."""
    for column in range(out.shape[0]):
        out[column] = 0.0
    for axis in range(transposed.shape[0]):
        place = points[i, axis]
        for column in range(out.shape[0]):
            out[column] += (transposed[axis, column] - place) ** 2


@njit(cache=True, nogil=True)
def kmeans_labels(score: NDArray, clusters: int, uniform: NDArray, sweeps: int) -> NDArray:
    """Hard labels from greedy k-means++ seeding (the best of several draws per centre) and a few sweeps of Lloyd's
    rule.

    ``uniform`` (clusters, draws) holds the random numbers in [0, 1).
    """
    n, d = score.shape
    draws = uniform.shape[1]
    transposed = np.ascontiguousarray(score.T)
    centre = np.empty((clusters, d))
    nearest = np.empty(n)
    trial = np.empty(n)
    best = np.empty(n)
    centre[0] = score[min(n - 1, int(uniform[0, 0] * n))]
    _squared_distances(transposed, centre, 0, nearest)
    total = 0.0
    for i in range(n):
        total += nearest[i]
    for k in range(1, clusters):
        best_total = np.inf
        for draw in range(draws):
            target = uniform[k, draw] * total
            chosen = n - 1
            running = 0.0
            for i in range(n):
                running += nearest[i]
                if running > target:
                    chosen = i
                    break
            _squared_distances(transposed, score, chosen, trial)
            trial_total = 0.0
            for i in range(n):
                trial[i] = min(nearest[i], trial[i])
                trial_total += trial[i]
            if trial_total < best_total:
                best_total = trial_total
                centre[k] = score[chosen]
                best[:] = trial
        nearest[:] = best
        total = best_total
    label = np.zeros(n, np.int64)
    count = np.empty(clusters)
    distance = np.empty(clusters)
    for sweep in range(sweeps):
        moved = False
        transposed = np.ascontiguousarray(centre.T)
        for i in range(n):
            _squared_distances(transposed, score, i, distance)
            least, winner = np.inf, 0
            for k in range(clusters):
                if distance[k] < least:
                    least, winner = distance[k], k
            if winner != label[i] or sweep == 0:
                label[i] = winner
                moved = True
        if not moved:
            break
        count[:] = 0.0
        for i in range(n):
            count[label[i]] += 1.0
        for k in range(clusters):
            if count[k] > 0:
                centre[k] = 0.0
        for i in range(n):
            k = label[i]
            for axis in range(d):
                centre[k, axis] += score[i, axis] / count[k]
    return label
