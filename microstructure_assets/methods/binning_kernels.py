"""Compiled averages over blocks of pixels, run without the interpreter lock."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def average_blocks(patterns: np.ndarray, factor: int, result: np.ndarray) -> None:
    """Means over squares of ``factor`` pixels of (n, H, W) float32 into (n, h, w) float32."""
    count, height, width = result.shape
    share = np.float32(1.0 / (factor * factor))
    line = np.empty(width * factor, np.float32)
    for i in range(count):
        for y in range(height):
            line[:] = np.float32(0)
            for step in range(factor):
                row = patterns[i, y * factor + step]
                for x in range(line.size):
                    line[x] += row[x]
            for x in range(width):
                total = np.float32(0)
                for step in range(factor):
                    total += line[x * factor + step]
                result[i, y, x] = total * share
