"""Compiled loops that unmix points: the shares of the pieces near each point in its pattern."""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

from microstructure_assets.methods.factorization_kernels import nonnegative_point
from microstructure_assets.methods.stitching_kernels import dot_product

CANDIDATES = 24
RIDGE = 4.0  # noise variances on the diagonal: a prior deviation of one half for the weight of a piece


@njit(cache=True)
def nonnegative_weights(gram: np.ndarray, projection: np.ndarray, weights: np.ndarray) -> None:
    """Exact non-negative least squares from the normal equations, into ``weights``; the diagonal is positive."""
    size = projection.shape[0]
    scale = np.empty(size)
    for k in range(size):
        scale[k] = 1.0 / math.sqrt(gram[k, k])
    unit = np.empty((size, size))
    for k in range(size):
        for j in range(size):
            unit[k, j] = gram[k, j] * scale[k] * scale[j]
    nonnegative_point(unit, projection * scale, weights)
    for k in range(size):
        weights[k] *= scale[k]


@njit(cache=True)
def _pieces_near(pieces: np.ndarray, row: int, column: int, reach_y: int, reach_x: int, found: np.ndarray) -> int:
    """Distinct pieces in the window around a point, the nearest first; returns their number."""
    size = 0
    for reach in range(max(reach_y, reach_x) + 1):
        for dy in range(-min(reach, reach_y), min(reach, reach_y) + 1):
            for dx in range(-min(reach, reach_x), min(reach, reach_x) + 1):
                y, x = row + dy, column + dx
                if max(abs(dy), abs(dx)) != reach or y < 0 or x < 0 or y >= pieces.shape[0] or x >= pieces.shape[1]:
                    continue
                piece = pieces[y, x]
                if piece < 0:
                    continue
                known = False
                for k in range(size):
                    if found[k] == piece:
                        known = True
                        break
                if not known and size < found.shape[0]:
                    found[size] = piece
                    size += 1
    return size


@njit(cache=True)
def _shares_of_regions(weights: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strongest piece and summed weight of each region, the largest sum first, from the weights of some pieces."""
    size = len(weights)
    names, strongest = np.empty(size, np.int64), np.zeros(size, np.int64)
    part = np.zeros(size)
    groups = 0
    for k in range(size):
        group = groups
        for g in range(groups):
            if names[g] == region[k]:
                group = g
        if group == groups:
            names[group], strongest[group] = region[k], k
            groups += 1
        part[group] += weights[k]
        if weights[k] > weights[strongest[group]]:
            strongest[group] = k
    order = np.argsort(-part[:groups])
    return strongest[order], part[order]


@njit(cache=True, parallel=True)
def unmix_points(
    projection: np.ndarray,
    gram: np.ndarray,
    pieces: np.ndarray,
    self_noise: np.ndarray,
    member: np.ndarray,
    region_of: np.ndarray,
    void: np.ndarray,
    row_offset: int,
    column_offset: int,
    reach_y: int,
    reach_x: int,
    noise: float,
    signed: bool,
    candidate: np.ndarray,
    share: np.ndarray,
    error: np.ndarray,
    piece_weight: np.ndarray,
) -> None:
    """Shares of the regions near each point of a block in its pattern, the largest first.

    Parameters
    ----------
    projection : numpy.ndarray of float32, shape (points, pieces)
        Products of the patterns with the piece means.
    gram : numpy.ndarray of float64, shape (pieces, pieces)
        Products of the means, with the noise taken off the diagonal.
    pieces : numpy.ndarray of int64
        Map of piece indices, block and halo; -1 = none.
    self_noise, member : numpy.ndarray, shape (points,)
        Piece in whose mean the point took part, and the noise energy which that adds to their product.
    region_of, void : numpy.ndarray, shape (pieces,)
        Region of each piece; whether it is without signal. A void piece takes what the others lack to a sum of one.
    row_offset, column_offset : int
        Of the block in ``pieces``.
    reach_y, reach_x : int
        Half-widths of the window in which pieces are candidates.
    noise : float
        Noise variance per pixel.
    signed : bool
        Weights of ridge regression, of either sign and so with unbiased noise, instead of non-negative ones.
    candidate, share : numpy.ndarray, shape (rows, columns, slots)
        Filled with the strongest piece of each region and the region's share; -1 and 0 where there are fewer.
    error : numpy.ndarray, shape (rows, columns)
        Filled with the standard error of a share between the two strongest pieces.
    piece_weight : numpy.ndarray of float32, shape (points, pieces)
        Filled with the weights of the pieces, not scaled to a sum of one.
    """
    height, width, slots = candidate.shape
    for point in prange(height * width):
        y, x = point // width, point % width
        for slot in range(slots):
            candidate[y, x, slot] = -1
            share[y, x, slot] = 0.0
        error[y, x] = 1.0
        for k in range(piece_weight.shape[1]):
            piece_weight[point, k] = 0.0
        found = np.empty(CANDIDATES, np.int64)
        size = _pieces_near(pieces, y + row_offset, x + column_offset, reach_y, reach_x, found)
        if size == 0:
            continue
        local = np.zeros((size, size))
        right = np.zeros(size)
        weights = np.zeros(size)
        for k in range(size):
            local[k, k] = gram[found[k], found[k]]
            if void[found[k]]:
                continue
            right[k] = projection[point, found[k]]
            if member[point] == found[k]:
                right[k] -= self_noise[point]
            for j in range(size):
                if not void[found[j]]:
                    local[k, j] = gram[found[k], found[j]]
        if signed:
            for k in range(size):
                local[k, k] += RIDGE * noise
            weights[:] = np.linalg.solve(local, right)
        else:
            nonnegative_weights(local, right, weights)
        total = 0.0
        for k in range(size):
            piece_weight[point, found[k]] = weights[k]
            total += weights[k]
        lacking = max(1.0 - total, 0.0)
        empty = 0
        for k in range(size):
            empty += 1 if void[found[k]] else 0
        for k in range(size):
            if void[found[k]]:
                weights[k] = lacking / empty
        if empty > 0:
            total += lacking
        if total <= 0.0:
            continue
        strongest, part = _shares_of_regions(weights / total, region_of[found[:size]])
        for slot in range(min(slots, len(part))):
            candidate[y, x, slot] = found[strongest[slot]]
            share[y, x, slot] = part[slot]
        first = strongest[0]
        distance = local[first, first]
        if len(part) > 1:
            second = strongest[1]
            distance += local[second, second] - 2.0 * local[first, second]
        error[y, x] = math.sqrt(noise / max(distance, 0.05 * local[first, first]))


@njit(cache=True, parallel=True)
def neighbour_products(patterns: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Products of the patterns of neighbouring points, along x and along y: what they share is signal, not noise."""
    along_x = np.zeros((height, width - 1))
    along_y = np.zeros((height - 1, width))
    for y in prange(height):
        for x in range(width):
            if x + 1 < width:
                along_x[y, x] = dot_product(patterns[y * width + x], patterns[y * width + x + 1])
            if y + 1 < height:
                along_y[y, x] = dot_product(patterns[y * width + x], patterns[(y + 1) * width + x])
    return along_x, along_y
