"""Compiled loops of the stitching: components, touching pairs, sums by label, agglomeration of touching pieces."""

from __future__ import annotations

import heapq
import math

import numpy as np
from numba import njit


@njit(cache=True)
def connected_components(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the 4-connected components of equal non-negative labels, row by row from 0; negative labels stay -1."""
    rows, columns = labels.shape
    result = np.full((rows, columns), -1, np.int64)
    stack = np.empty((rows * columns, 2), np.int64)
    count = 0
    for row in range(rows):
        for column in range(columns):
            if labels[row, column] < 0 or result[row, column] >= 0:
                continue
            value = labels[row, column]
            result[row, column] = count
            stack[0, 0], stack[0, 1], top = row, column, 1
            while top > 0:
                top -= 1
                y, x = stack[top, 0], stack[top, 1]
                for step in range(4):
                    y2 = y + (1 if step == 0 else -1 if step == 1 else 0)
                    x2 = x + (1 if step == 2 else -1 if step == 3 else 0)
                    if 0 <= y2 < rows and 0 <= x2 < columns and result[y2, x2] < 0 and labels[y2, x2] == value:
                        result[y2, x2] = count
                        stack[top, 0], stack[top, 1] = y2, x2
                        top += 1
            count += 1
    return result, count


@njit(cache=True)
def near_pairs(labels: np.ndarray, count: int, reach: int) -> np.ndarray:
    """Pairs (a < b, how often) of labels that lie within a distance along rows, columns or diagonals; sorted."""
    rows, columns = labels.shape
    keys = np.empty(4 * reach * rows * columns, np.int64)
    used = 0
    for row in range(rows):
        for column in range(columns):
            a = labels[row, column]
            if a < 0:
                continue
            for distance in range(1, reach + 1):
                for step in range(4):
                    y = row + (0 if step == 0 else distance)
                    x = column + (distance if step == 0 or step == 2 else 0 if step == 1 else -distance)
                    if y < rows and 0 <= x < columns:
                        b = labels[y, x]
                        if b >= 0 and b != a:
                            keys[used] = min(a, b) * count + max(a, b)
                            used += 1
    return _unique_pairs(np.sort(keys[:used]), count)


@njit(cache=True)
def touching_pairs(labels: np.ndarray, count: int) -> np.ndarray:
    """Pairs (a < b, length of the common border) of labels that touch by an edge; shape (pairs, 3), sorted."""
    rows, columns = labels.shape
    keys = np.empty(2 * rows * columns, np.int64)
    used = 0
    for row in range(rows):
        for column in range(columns):
            a = labels[row, column]
            if a < 0:
                continue
            for step in range(2):
                y, x = (row, column + 1) if step == 0 else (row + 1, column)
                if y < rows and x < columns:
                    b = labels[y, x]
                    if b >= 0 and b != a:
                        keys[used] = min(a, b) * count + max(a, b)
                        used += 1
    return _unique_pairs(np.sort(keys[:used]), count)


@njit(cache=True)
def _unique_pairs(ordered: np.ndarray, count: int) -> np.ndarray:
    used = ordered.shape[0]
    pairs = np.empty((used, 3), np.int64)
    found = 0
    for index in range(used):
        if index == 0 or ordered[index] != ordered[index - 1]:
            pairs[found, 0], pairs[found, 1], pairs[found, 2] = ordered[index] // count, ordered[index] % count, 0
            found += 1
        pairs[found - 1, 2] += 1
    return pairs[:found]


@njit(cache=True)
def add_weighted(sums: np.ndarray, patterns: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
    """Add ``weights[i] * patterns[i]`` to ``sums[labels[i]]``; negative labels and zero weights are passed over."""
    for point in range(patterns.shape[0]):
        label, weight = labels[point], weights[point]
        if label >= 0 and weight > 0:
            for pixel in range(patterns.shape[1]):
                sums[label, pixel] += weight * patterns[point, pixel]


@njit(cache=True, fastmath=True)
def dot_product(a: np.ndarray, b: np.ndarray) -> float:
    total = 0.0
    length = a.shape[0]
    start = 0
    while start < length:
        stop = min(start + 512, length)
        part = np.float32(0.0)
        for pixel in range(start, stop):
            part += a[pixel] * b[pixel]
        total += float(part)
        start = stop
    return total


@njit(cache=True)
def similarity(
    dot: float,
    energy_a: float,
    energy_b: float,
    count_a: float,
    count_b: float,
    noise: float,
    pixels: int,
    floor: float,
    contrast: float,
) -> tuple[float, float]:
    """Correlation of two means with the noise taken off, and its standard error.

    ``energy`` is the squared norm of a mean of ``count`` patterns, noise included. The signal energy of a mean that is
    too noisy to know its own is drawn towards its partner's; two means without signal (below ``floor``) are alike; two
    means whose contrasts differ by more than the factor ``contrast``, beyond three standard errors, are not (-1).
    """
    noise_a, noise_b = noise / count_a, noise / count_b
    signal_a, signal_b = energy_a - pixels * noise_a, energy_b - pixels * noise_b
    if signal_a < floor and signal_b < floor:
        difference = signal_a + signal_b - 2.0 * dot
        error = math.sqrt(2.0 * pixels) * (noise_a + noise_b) / (2.0 * floor)
        return 1.0 - max(difference, 0.0) / (2.0 * floor), error
    variance_a = 4.0 * max(signal_a, floor) * noise_a + 2.0 * pixels * noise_a * noise_a
    variance_b = 4.0 * max(signal_b, floor) * noise_b + 2.0 * pixels * noise_b * noise_b
    if signal_a > floor and signal_b > floor:
        error = math.sqrt(variance_a / signal_a**2 + variance_b / signal_b**2)
        if abs(math.log(signal_a / signal_b)) > 2.0 * math.log(contrast) + 3.0 * error:
            return -1.0, error
    prior = 0.25 * max(signal_a, signal_b, floor) ** 2
    if variance_a > variance_b:
        signal_a = (signal_a * prior + max(signal_b, floor) * variance_a) / (prior + variance_a)
    else:
        signal_b = (signal_b * prior + max(signal_a, floor) * variance_b) / (prior + variance_b)
    scale = math.sqrt(max(signal_a, floor) * max(signal_b, floor))
    variance = scale * (noise_a + noise_b) + pixels * noise_a * noise_b
    return dot / scale, math.sqrt(variance) / scale


@njit(cache=True)
def _find(parent: np.ndarray, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(cache=True)
def agglomerate(
    sums: np.ndarray,
    counts: np.ndarray,
    pairs: np.ndarray,
    noise: float,
    floor: float,
    tolerance: float,
    contrast: float,
    caution: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Join touching pieces, the most surely similar pair first, until none reaches the tolerance.

    Parameters
    ----------
    sums : numpy.ndarray of float32, shape (pieces, pixels)
        Sum of each piece's patterns; **overwritten**: the first member of a joined piece holds the joint sum.
    counts : numpy.ndarray of float64, shape (pieces,)
        Number of points of each piece; overwritten likewise.
    pairs : numpy.ndarray of int64, shape (pairs, >= 2)
        Touching pieces.
    noise : float
        Noise variance per pixel of one pattern.
    floor : float
        Signal energy below which a mean counts as without signal.
    tolerance : float
        Correlation from which two pieces are the same.
    contrast : float
        Factor by which the contrasts of two pieces may differ.
    caution : float
        Standard errors taken off a correlation when the pairs are ordered.

    Returns
    -------
    parent : numpy.ndarray of int64, shape (pieces,)
        Index of the piece into which each was joined.
    log : numpy.ndarray of float64, shape (joins, 5)
        First piece, second piece, correlation, standard error, points of the joint piece.
    """
    size, pixels = sums.shape
    parent = np.arange(size)
    version = np.zeros(size, np.int64)
    energy = np.empty(size)
    for node in range(size):
        energy[node] = dot_product(sums[node], sums[node]) / counts[node] ** 2
    edges = pairs.shape[0]
    target = np.empty(2 * edges, np.int64)
    following = np.full(2 * edges, -1, np.int64)
    head, tail = np.full(size, -1, np.int64), np.full(size, -1, np.int64)
    queue = [(0.0, 0, 0, 0, 0, 0.0, 0.0)]
    queue.pop()
    for edge in range(edges):
        a, b = pairs[edge, 0], pairs[edge, 1]
        for side in range(2):
            index = 2 * edge + side
            node = a if side == 0 else b
            target[index] = b if side == 0 else a
            if head[node] < 0:
                head[node] = index
            else:
                following[tail[node]] = index
            tail[node] = index
        dot = dot_product(sums[a], sums[b]) / (counts[a] * counts[b])
        value, error = similarity(dot, energy[a], energy[b], counts[a], counts[b], noise, pixels, floor, contrast)
        if value >= tolerance:
            queue.append((-(value - caution * error), a, b, 0, 0, value, error))
    heapq.heapify(queue)
    log = np.empty((max(size, 1), 5))
    joins = 0
    mark = np.full(size, -1, np.int64)
    while len(queue) > 0:
        _, a, b, version_a, version_b, value, error = heapq.heappop(queue)
        if parent[a] != a or parent[b] != b or version[a] != version_a or version[b] != version_b:
            continue
        for pixel in range(pixels):
            sums[a, pixel] += sums[b, pixel]
        counts[a] += counts[b]
        energy[a] = dot_product(sums[a], sums[a]) / counts[a] ** 2
        parent[b] = a
        version[a] += 1
        log[joins, 0], log[joins, 1], log[joins, 2], log[joins, 3], log[joins, 4] = a, b, value, error, counts[a]
        joins += 1
        if head[a] < 0:
            head[a], tail[a] = head[b], tail[b]
        elif head[b] >= 0:
            following[tail[a]] = head[b]
            tail[a] = tail[b]
        previous, index = -1, head[a]
        while index >= 0:
            node = _find(parent, target[index])
            after = following[index]
            if node == a or mark[node] == joins:
                if previous < 0:
                    head[a] = after
                else:
                    following[previous] = after
                if after < 0:
                    tail[a] = previous
            else:
                mark[node] = joins
                target[index] = node
                dot = dot_product(sums[a], sums[node]) / (counts[a] * counts[node])
                value, error = similarity(
                    dot, energy[a], energy[node], counts[a], counts[node], noise, pixels, floor, contrast
                )
                if value >= tolerance:
                    heapq.heappush(
                        queue, (-(value - caution * error), a, node, version[a], version[node], value, error)
                    )
                previous = index
            index = after
    for node in range(size):
        parent[node] = _find(parent, node)
    return parent, log[:joins]
