"""How surely the local mean patterns on both sides of each edge between neighbouring points differ."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from microstructure_assets.methods.relabelling import Blocks

DEPTH = 2  # points on each side of the edge; the kernel is written for two
HALF_LENGTH = 2  # points along the edge to each side
PARTS = 8


@njit(cache=True, parallel=True, fastmath=True)
def _differences(patterns: np.ndarray, first: int, last: int, start: int, stop: int, noise: float) -> np.ndarray:
    """Scores of the edges ``start`` .. ``stop`` (k lies between columns k and k + 1), rows ``first`` .. ``last``."""
    rows, columns, pixels = patterns.shape
    parts = np.zeros((PARTS, last - first, stop - start), np.float64)
    for part in prange(PARTS):  # of the pixels; their number is fixed, so that threads change no byte
        left_pixel, right_pixel = part * pixels // PARTS, (part + 1) * pixels // PARTS
        length = right_pixel - left_pixel
        sums = np.zeros((columns, length), np.float32)
        for y in range(max(first - HALF_LENGTH, 0), min(first + HALF_LENGTH, rows)):
            for x in range(columns):
                for pixel in range(length):
                    sums[x, pixel] += patterns[y, x, left_pixel + pixel]
        for row in range(first, last):
            enter, leave = row + HALF_LENGTH, row - HALF_LENGTH - 1
            for x in range(columns):
                if enter < rows:
                    for pixel in range(length):
                        sums[x, pixel] += patterns[enter, x, left_pixel + pixel]
                if leave >= max(first - HALF_LENGTH, 0):
                    for pixel in range(length):
                        sums[x, pixel] -= patterns[leave, x, left_pixel + pixel]
            for edge in range(start, stop):
                total = np.float32(0.0)
                if edge >= 1 and edge + 2 < columns:
                    for pixel in range(length):
                        difference = sums[edge - 1, pixel] + sums[edge, pixel]
                        difference -= sums[edge + 1, pixel] + sums[edge + 2, pixel]
                        total += difference * difference
                    total *= np.float32(0.25)
                else:
                    before, after = max(edge - 1, 0), min(edge + 2, columns - 1)
                    share_before = np.float32(1.0 / (edge - before + 1))
                    share_after = np.float32(1.0 / (after - edge))
                    for pixel in range(length):
                        difference = share_before * sums[edge, pixel] - share_after * sums[edge + 1, pixel]
                        if before < edge:
                            difference += share_before * sums[before, pixel]
                        if after > edge + 1:
                            difference -= share_after * sums[after, pixel]
                        total += difference * difference
                parts[part, row - first, edge - start] = total
    result = np.zeros((last - first, stop - start), np.float32)
    for row in range(first, last):
        points = min(row + HALF_LENGTH + 1, rows) - max(row - HALF_LENGTH, 0)
        for edge in range(start, stop):
            before, after = min(edge + 1, DEPTH), min(columns - 1 - edge, DEPTH)
            spread = noise * (1.0 / before + 1.0 / after) / points
            distance = 0.0
            for part in range(PARTS):
                distance += parts[part, row - first, edge - start]
            score = (distance / points**2 - pixels * spread) / (spread * np.sqrt(2.0 * pixels))
            result[row - first, edge - start] = score
    return result


def measure_edges(blocks: Blocks, noise_variance: float) -> tuple[np.ndarray, np.ndarray]:
    """Significance of the difference of the mean patterns on both sides of every edge.

    The means are over five points along the edge and two points on each side of it. Their squared distance, less its
    expectation under noise, is given in standard deviations that it has under noise alone: white noise scores 0 +- 1.

    Parameters
    ----------
    blocks : Blocks
    noise_variance : float
        Per pixel; must be positive.

    Returns
    -------
    along_x : numpy.ndarray of float32, shape (rows, columns - 1)
        Edges between a point and the next along x.
    along_y : numpy.ndarray of float32, shape (rows - 1, columns)
    """
    rows, columns, _ = blocks.patterns.shape
    along_x = np.zeros((rows, max(columns - 1, 0)), np.float32)
    along_y = np.zeros((max(rows - 1, 0), columns), np.float32)
    halo = max(DEPTH, HALF_LENGTH)
    for row, column in blocks.rectangles():
        top, bottom = max(row.start - halo, 0), min(row.stop + halo, rows)
        left, right = max(column.start - halo, 0), min(column.stop + halo, columns)
        block = blocks.read(top, bottom, left, right)
        y, x = row.start - top, column.start - left
        height, width = row.stop - row.start, column.stop - column.start
        edges = min(column.stop, columns - 1) - column.start
        if edges > 0:
            along_x[row, column.start : column.start + edges] = _differences(
                block, y, y + height, x, x + edges, noise_variance
            )
        edges = min(row.stop, rows - 1) - row.start
        if edges > 0:
            turned = np.ascontiguousarray(block.transpose(1, 0, 2))
            along_y[row.start : row.start + edges, column] = _differences(
                turned, x, x + width, y, y + edges, noise_variance
            ).T
    return along_x, along_y
