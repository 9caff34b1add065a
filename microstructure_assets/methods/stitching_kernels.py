"""Compiled loops of the stitching: sums by label, agglomeration of touching pieces, unmixing and labelling of points."""

from __future__ import annotations

import heapq
import math

import numpy as np
from numba import njit, prange

NONE = -1


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
def _dot(a: np.ndarray, b: np.ndarray) -> float:
    total = 0.0
    length = a.shape[0]
    start = 0
    while start < length:
        stop = min(start + 512, length)
        part = np.float32(0.0)
        for pixel in range(start, stop):
            part += a[pixel] * b[pixel]
        total += part
        start = stop
    return total


@njit(cache=True)
def similarity(
    dot: float, energy_a: float, energy_b: float, count_a: float, count_b: float, noise: float, pixels: int, floor: float
) -> tuple[float, float]:
    """Correlation of two means with the noise taken off, and its standard error.

    ``energy`` is the squared norm of a mean of ``count`` patterns, noise included. The signal energy of a mean that is too
    noisy to know its own is drawn towards its partner's; two means without signal (below ``floor``) are alike.
    """
    noise_a, noise_b = noise / count_a, noise / count_b
    signal_a, signal_b = energy_a - pixels * noise_a, energy_b - pixels * noise_b
    if signal_a < floor and signal_b < floor:
        difference = signal_a + signal_b - 2.0 * dot
        error = math.sqrt(2.0 * pixels) * (noise_a + noise_b) / (2.0 * floor)
        return 1.0 - max(difference, 0.0) / (2.0 * floor), error
    variance_a = 4.0 * max(signal_a, floor) * noise_a + 2.0 * pixels * noise_a * noise_a
    variance_b = 4.0 * max(signal_b, floor) * noise_b + 2.0 * pixels * noise_b * noise_b
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
        energy[node] = _dot(sums[node], sums[node]) / counts[node] ** 2
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
        dot = _dot(sums[a], sums[b]) / (counts[a] * counts[b])
        value, error = similarity(dot, energy[a], energy[b], counts[a], counts[b], noise, pixels, floor)
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
        energy[a] = _dot(sums[a], sums[a]) / counts[a] ** 2
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
                dot = _dot(sums[a], sums[node]) / (counts[a] * counts[node])
                value, error = similarity(
                    dot, energy[a], energy[node], counts[a], counts[node], noise, pixels, floor
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


@njit(cache=True)
def nonnegative_weights(gram: np.ndarray, projection: np.ndarray, weights: np.ndarray) -> None:
    """Non-negative least squares from the normal equations by cyclic coordinate descent, in place."""
    size = projection.shape[0]
    for _ in range(200):
        change = 0.0
        for k in range(size):
            gradient = projection[k]
            for j in range(size):
                if j != k:
                    gradient -= gram[k, j] * weights[j]
            value = max(gradient / gram[k, k], 0.0)
            change = max(change, abs(value - weights[k]))
            weights[k] = value
        if change < 1e-4:
            break


@njit(cache=True)
def _keep_significant(
    gram: np.ndarray, projection: np.ndarray, weights: np.ndarray, found: np.ndarray, size: int, noise: float
) -> int:
    """Move the strongest piece and those with a weight beyond 2.5 standard errors to the front; returns their number."""
    best = 0
    for k in range(size):
        if weights[k] > weights[best]:
            best = k
    kept = 0
    for k in range(size):
        if k == best or weights[k] > 2.5 * math.sqrt(noise / gram[k, k]):
            for j in range(size):
                gram[kept, j], gram[k, j] = gram[k, j], gram[kept, j]
            for j in range(size):
                gram[j, kept], gram[j, k] = gram[j, k], gram[j, kept]
            projection[kept], projection[k] = projection[k], projection[kept]
            weights[kept], weights[k] = weights[k], weights[kept]
            found[kept], found[k] = found[k], found[kept]
            if best == kept:
                best = k
            elif best == k:
                best = kept
            kept += 1
    return kept


@njit(cache=True, parallel=True)
def unmix_points(
    projection: np.ndarray,
    energy: np.ndarray,
    gram: np.ndarray,
    pieces: np.ndarray,
    self_noise: np.ndarray,
    member: np.ndarray,
    region_of: np.ndarray,
    void: np.ndarray,
    row_offset: int,
    column_offset: int,
    height: int,
    width: int,
    reach_y: int,
    reach_x: int,
    noise: float,
    pixels: int,
    labels_out: np.ndarray,
    weights_out: np.ndarray,
    error_out: np.ndarray,
    unexplained_out: np.ndarray,
    residual: np.ndarray,
    means: np.ndarray,
) -> None:
    """Weights of the pieces near each point of a block, summed over regions, strongest first.

    ``pieces`` is the map of piece indices local to the block with its halo (-1 = none); ``projection`` (points, pieces) holds
    the products of the patterns with the piece means, ``gram`` those of the means with the noise taken off the diagonal,
    ``member`` the local piece in whose mean each point took part and ``self_noise`` (points,) the noise energy this adds.
    """
    slots = labels_out.shape[2]
    for point in prange(height * width):
        y, x = point // width, point % width
        cy, cx = y + row_offset, x + column_offset
        found = np.empty(24, np.int64)
        seen = np.zeros(24, np.int64)
        size = 0
        for reach in range(max(reach_y, reach_x) + 1):
            for dy in range(-min(reach, reach_y), min(reach, reach_y) + 1):
                for dx in range(-min(reach, reach_x), min(reach, reach_x) + 1):
                    if max(abs(dy), abs(dx)) != reach:
                        continue
                    yy, xx = cy + dy, cx + dx
                    if yy < 0 or xx < 0 or yy >= pieces.shape[0] or xx >= pieces.shape[1]:
                        continue
                    piece = pieces[yy, xx]
                    if piece < 0:
                        continue
                    known = False
                    for k in range(size):
                        if found[k] == piece:
                            known = True
                            seen[k] += 1
                    if not known and size < 24:
                        found[size] = piece
                        seen[size] = 1
                        size += 1
        for slot in range(slots):
            labels_out[y, x, slot] = -1
            weights_out[y, x, slot] = 0.0
        error_out[y, x] = 1.0
        unexplained_out[y, x] = energy[point] - pixels * noise
        if size == 0:
            continue
        local = np.empty((size, size))
        right = np.empty(size)
        weights = np.zeros(size)
        for k in range(size):
            right[k] = projection[point, found[k]]
            if void[found[k]]:
                right[k] = 0.0
            if void[found[k]]:
                pass
            elif member[point] == found[k]:
                right[k] -= self_noise[point]
            for j in range(size):
                local[k, j] = gram[found[k], found[j]]
                if k != j and (void[found[k]] or void[found[j]]):
                    local[k, j] = 0.0
        nonnegative_weights(local, right, weights)
        size = _keep_significant(local, right, weights, found, size, noise)
        local, right, weights = local[:size, :size], right[:size], weights[:size]
        nonnegative_weights(local, right, weights)
        explained = 0.0
        for k in range(size):
            explained += 2.0 * weights[k] * right[k]
            for j in range(size):
                explained -= weights[k] * weights[j] * local[k, j]
        unexplained_out[y, x] = energy[point] - pixels * noise - explained
        for k in range(size):
            if weights[k] > 0.0 and not void[found[k]]:
                factor = np.float32(weights[k])
                for pixel in range(pixels):
                    residual[point, pixel] -= factor * means[found[k], pixel]
        total = 0.0
        for k in range(size):
            total += weights[k]
        for k in range(size):
            if void[found[k]]:  # what the others do not make up to one is a share without signal
                weights[k] = max(1.0 - total, 0.0)
                total += weights[k]
        if total <= 0.0:
            continue
        # the strongest piece of each region stands for it
        regions = np.empty(size, np.int64)
        share = np.zeros(size)
        best_piece = np.empty(size, np.int64)
        best_weight = np.zeros(size)
        groups = 0
        for k in range(size):
            region = region_of[found[k]]
            group = -1
            for g in range(groups):
                if regions[g] == region:
                    group = g
            if group < 0:
                group = groups
                regions[group] = region
                groups += 1
                best_weight[group] = -1.0
            share[group] += weights[k] / total
            if weights[k] > best_weight[group]:
                best_weight[group] = weights[k]
                best_piece[group] = k
        order = np.argsort(-share[:groups])
        for slot in range(min(slots, groups)):
            group = order[slot]
            labels_out[y, x, slot] = found[best_piece[group]]
            weights_out[y, x, slot] = share[group]
        first = best_piece[order[0]]
        distance = local[first, first]
        if groups > 1:
            second = best_piece[order[1]]
            distance += local[second, second] - 2.0 * local[first, second]
        distance = max(distance, 0.05 * local[first, first])
        error_out[y, x] = math.sqrt(noise / distance)


@njit(cache=True)
def _log_normal_distribution(value: float) -> float:
    if value < -6.0:
        return -0.5 * value * value - math.log(-value) - 0.9189385332046727
    return math.log(0.5 * math.erfc(-value / 1.4142135623730951))


@njit(cache=True)
def _support(regions: np.ndarray, y: int, x: int, region: int) -> float:
    """Length-weighted number of the eight neighbours that belong to the region."""
    total = 0.0
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            if (dy != 0 or dx != 0) and 0 <= y + dy < regions.shape[0] and 0 <= x + dx < regions.shape[1]:
                if regions[y + dy, x + dx] == region:
                    total += 1.0 if dy == 0 or dx == 0 else 0.7071067811865476
    return total


@njit(cache=True)
def pseudo_likelihood(regions: np.ndarray, candidates: np.ndarray, strength: float) -> float:
    """Logarithm of the pseudo-likelihood of a label field under a Potts model of the given strength."""
    total = 0.0
    for y in range(regions.shape[0]):
        for x in range(regions.shape[1]):
            if regions[y, x] < 0 or candidates[y, x, 1] < 0:
                continue
            scale = 0.0
            for slot in range(candidates.shape[2]):
                if candidates[y, x, slot] >= 0:
                    scale += math.exp(strength * _support(regions, y, x, candidates[y, x, slot]))
            total += strength * _support(regions, y, x, regions[y, x]) - math.log(max(scale, 1e-300))
    return total


@njit(cache=True)
def conditional_modes(
    regions: np.ndarray, candidates: np.ndarray, weights: np.ndarray, error: np.ndarray, strength: float, sweeps: int
) -> np.ndarray:
    """Iterated conditional modes of the Potts model on the unmixing weights; ``regions`` is changed in place.

    The likelihood of a region is the probability that its weight is the largest, given the weights' standard error.
    Returns the posterior probability of each point's label given its neighbours.
    """
    rows, columns, slots = candidates.shape
    probability = np.zeros((rows, columns), np.float32)
    values = np.empty(slots)
    for sweep in range(sweeps + 1):
        changed = 0
        for y in range(rows):
            for x in range(columns):
                if candidates[y, x, 0] < 0:
                    continue
                best, best_slot, used = -1e300, 0, 0
                for slot in range(slots):
                    if candidates[y, x, slot] < 0:
                        break
                    rival = 0.0
                    for other in range(slots):
                        if other != slot and candidates[y, x, other] >= 0:
                            rival = max(rival, weights[y, x, other])
                    margin = (weights[y, x, slot] - rival) / (2.0 * error[y, x])
                    values[slot] = _log_normal_distribution(margin) + strength * _support(
                        regions, y, x, candidates[y, x, slot]
                    )
                    used += 1
                    if values[slot] > best:
                        best, best_slot = values[slot], slot
                if sweep < sweeps:
                    if regions[y, x] != candidates[y, x, best_slot]:
                        regions[y, x] = candidates[y, x, best_slot]
                        changed += 1
                else:
                    scale = 0.0
                    own = 0.0
                    for slot in range(used):
                        share = math.exp(values[slot] - best)
                        scale += share
                        if candidates[y, x, slot] == regions[y, x]:
                            own = share
                    probability[y, x] = own / scale
        if changed == 0 and sweep < sweeps:
            continue
    return probability


@njit(cache=True, parallel=True)
def neighbour_products(residual: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Products of the residuals of neighbouring points, along x and along y: what they share is signal, not noise."""
    along_x = np.zeros((height, width - 1))
    along_y = np.zeros((height - 1, width))
    for y in prange(height):
        for x in range(width):
            if x + 1 < width:
                along_x[y, x] = _dot(residual[y * width + x], residual[y * width + x + 1])
            if y + 1 < height:
                along_y[y, x] = _dot(residual[y * width + x], residual[(y + 1) * width + x])
    return along_x, along_y
