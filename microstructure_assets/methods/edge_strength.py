"""How surely the local mean patterns on both sides of each edge between neighbouring points differ."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from microstructure_assets.methods.relabelling import Blocks

DEPTH = 2  # points on each side of the edge
HALF_LENGTH = 2  # points along the edge to each side


@njit(cache=True, parallel=True, fastmath=True)
def _differences(patterns: np.ndarray, first: int, last: int, start: int, stop: int, noise: float) -> np.ndarray:
    """Scores of the edges ``start`` .. ``stop`` (k lies between columns k and k + 1), rows ``first`` .. ``last``."""
    rows, columns, pixels = patterns.shape
    result = np.zeros((last - first, stop - start), np.float32)
    for row in prange(first, last):
        top, bottom = max(row - HALF_LENGTH, 0), min(row + HALF_LENGTH + 1, rows)
        sums = np.zeros((columns, pixels), np.float32)
        for y in range(top, bottom):
            for x in range(columns):
                for pixel in range(pixels):
                    sums[x, pixel] += patterns[y, x, pixel]
        length = bottom - top
        for edge in range(start, stop):
            left, right = max(edge + 1 - DEPTH, 0), min(edge + 1 + DEPTH, columns)
            count_left, count_right = (edge + 1 - left) * length, (right - edge - 1) * length
            total = 0.0
            for pixel in range(pixels):
                a, b = np.float32(0.0), np.float32(0.0)
                for x in range(left, edge + 1):
                    a += sums[x, pixel]
                for x in range(edge + 1, right):
                    b += sums[x, pixel]
                difference = a / np.float32(count_left) - b / np.float32(count_right)
                total += difference * difference
            spread = noise * (1.0 / count_left + 1.0 / count_right)
            result[row - first, edge - start] = (total - pixels * spread) / (spread * np.sqrt(2.0 * pixels))
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
