"""Compiled sums over neighbouring pixels of one pattern after the other, run without the interpreter lock."""

from __future__ import annotations

import numpy as np
from numba import njit

_VECTOR = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, fastmath=_VECTOR)
def autocovariances(patterns: np.ndarray, lags: np.ndarray, result: np.ndarray) -> None:
    """Mean product of pixels at each lag ``(dy, dx)``, dy >= 0, the pattern's mean removed; ``result`` is (n, lags)."""
    count, height, width = patterns.shape
    centred, totals = np.empty((height, width), np.float32), np.empty(lags.shape[0])
    for i in range(count):
        total = 0.0
        for y in range(height):
            row = patterns[i, y]
            row_sum = np.float32(0)
            for x in range(width):
                row_sum += row[x]
            total += float(row_sum)
        mean = np.float32(total / (height * width))
        for y in range(height):
            row, target = patterns[i, y], centred[y]
            for x in range(width):
                target[x] = row[x] - mean
        totals[:] = 0.0
        # Row by row rather than lag by lag: the rows of all lags are then in the cache.
        for y in range(height):
            for k in range(lags.shape[0]):
                dy, dx = lags[k, 0], lags[k, 1]
                if y + dy >= height:
                    continue
                start, size = max(0, -dx), width - abs(dx)
                first, second = centred[y, start : start + size], centred[y + dy, start + dx : start + dx + size]
                row_sum = np.float32(0)
                for x in range(size):
                    row_sum += first[x] * second[x]
                totals[k] += float(row_sum)
        for k in range(lags.shape[0]):
            result[i, k] = totals[k] / max(1, (height - lags[k, 0]) * (width - abs(lags[k, 1])))


@njit(cache=True, nogil=True, fastmath=_VECTOR)
def raw_scale(
    raw: np.ndarray, top: int, left: int, corrected: np.ndarray, intensity: np.ndarray, scale: np.ndarray
) -> None:
    """Mean raw intensity inside the crop, and the regression of raw on corrected differences along the rows."""
    count, height, width = corrected.shape
    for i in range(count):
        total, cross, norm = 0.0, 0.0, 0.0
        for y in range(height):
            source, row = raw[i, top + y, left : left + width], corrected[i, y]
            row_sum, row_cross, row_norm = np.float32(0), np.float32(0), np.float32(0)
            for x in range(width):
                row_sum += np.float32(source[x])
            for x in range(width - 1):
                step = row[x + 1] - row[x]
                row_cross += (np.float32(source[x + 1]) - np.float32(source[x])) * step
                row_norm += step * step
            total += float(row_sum)
            cross += float(row_cross)
            norm += float(row_norm)
        intensity[i] = total / (height * width)
        scale[i] = cross / norm if norm > 0 else 0.0
