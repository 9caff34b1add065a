"""Compiled kernels of the background removal and of the 8-bit code, run without the interpreter lock.

Sums inside a pattern have one fixed order, so the bytes depend neither on the number of threads nor on how the patterns
are cut into blocks.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Sums may use vector lanes; nothing may assume that values are finite, since that is how bad input is found.
_VECTOR = {"reassoc", "contract", "nsz"}

VALID = 0
CONSTANT = 1
NOT_FINITE = 2


@njit(cache=True, nogil=True)
def _is_finite(value: float) -> bool:
    """Whether a sum is finite; compiled by itself, without licence to reorder the test away."""
    return -np.inf < value < np.inf


@njit(cache=True, nogil=True)
def classify(patterns: np.ndarray, top: int, left: int, height: int, width: int, state: np.ndarray) -> None:
    """Mark the patterns whose crop is constant; live patterns are left after a few pixels."""
    for i in range(patterns.shape[0]):
        first = patterns[i, top, left]
        state[i] = CONSTANT
        for y in range(top, top + height):
            for x in range(left, left + width):
                if patterns[i, y, x] != first:
                    state[i] = VALID
                    break
            if state[i] == VALID:
                break
        if state[i] == CONSTANT and not _is_finite(first):
            state[i] = NOT_FINITE


@njit(cache=True, nogil=True, fastmath=_VECTOR)
def _rescale(pattern: np.ndarray, total: float, paper: bool) -> None:
    """Remove the mean, or bring the pattern to 0-1; a pattern without contrast becomes zero."""
    if not paper:
        mean = np.float32(total / pattern.size)
        for y in range(pattern.shape[0]):
            row = pattern[y]
            for x in range(row.size):
                row[x] -= mean
        return
    low, high = pattern[0, 0], pattern[0, 0]
    for y in range(pattern.shape[0]):
        row = pattern[y]
        for x in range(row.size):
            low = min(low, row[x])
            high = max(high, row[x])
    span = high - low
    factor = np.float32(0) if span <= 0 else np.float32(1) / span
    for y in range(pattern.shape[0]):
        row = pattern[y]
        for x in range(row.size):
            row[x] = min(max((row[x] - low) * factor, np.float32(0)), np.float32(1))


@njit(cache=True, nogil=True, fastmath=_VECTOR)
def subtract_background(
    patterns: np.ndarray, top: int, left: int, static: np.ndarray, paper: bool, state: np.ndarray, out: np.ndarray
) -> None:
    """Turn `out`, which holds the dynamic background of each pattern, into the corrected pattern."""
    height, width = static.shape
    for i in range(patterns.shape[0]):
        result = out[i]
        if state[i] != VALID:
            result[:] = 0
            continue
        total = 0.0
        for y in range(height):
            source, row, fixed = patterns[i, top + y], result[y], static[y]
            row_sum = np.float32(0)
            for x in range(width):
                value = np.float32(source[left + x]) - row[x] - fixed[x]
                row[x] = value
                row_sum += value
            total += float(row_sum)
        if not _is_finite(total):
            state[i] = NOT_FINITE
        _rescale(result, total, paper)


@njit(cache=True, nogil=True, fastmath=_VECTOR)
def _block_means(
    pattern: np.ndarray, top: int, left: int, row_edge: np.ndarray, column_edge: np.ndarray, means: np.ndarray
) -> None:
    """Means of the blocks between the edges; edges count from the corner of the crop."""
    line = np.empty(column_edge[-1], np.float32)
    for j in range(row_edge.size - 1):
        line[:] = 0
        for y in range(row_edge[j], row_edge[j + 1]):
            row = pattern[top + y]
            for x in range(line.size):
                line[x] += np.float32(row[left + x])
        for k in range(column_edge.size - 1):
            total = np.float32(0)
            for x in range(column_edge[k], column_edge[k + 1]):
                total += line[x]
            area = (row_edge[j + 1] - row_edge[j]) * (column_edge[k + 1] - column_edge[k])
            means[j, k] = total / np.float32(area)


@njit(cache=True, nogil=True, fastmath=_VECTOR)
def _product(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """``out = left @ right`` for small matrices, without BLAS."""
    for i in range(left.shape[0]):
        row = out[i]
        row[:] = 0
        for j in range(left.shape[1]):
            factor, other = left[i, j], right[j]
            for x in range(row.size):
                row[x] += factor * other[x]


@njit(cache=True, nogil=True, fastmath=_VECTOR)
def smooth_and_subtract(
    patterns: np.ndarray,
    top: int,
    left: int,
    rows: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    columns: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    static: np.ndarray,
    paper: bool,
    state: np.ndarray,
    out: np.ndarray,
) -> None:
    """Dynamic background from block means at coarse nodes, interpolated by cubics, then subtracted.

    `rows` and `columns` hold, per axis: block edges, kernel (node, block), first node of each pixel's cubic, weights.
    """
    row_edge, row_kernel, row_first, row_weight = rows
    column_edge, column_kernel, column_first, column_weight = columns
    column_kernel_t = np.ascontiguousarray(column_kernel.T)
    height, width = static.shape
    means = np.empty((row_edge.size - 1, column_edge.size - 1), np.float32)
    half = np.empty((row_kernel.shape[0], means.shape[1]), np.float32)
    nodes = np.empty((row_kernel.shape[0], column_kernel.shape[0]), np.float32)
    lines = np.empty((row_kernel.shape[0], width), np.float32)
    for i in range(patterns.shape[0]):
        result = out[i]
        if state[i] != VALID:
            result[:] = 0
            continue
        _block_means(patterns[i], top, left, row_edge, column_edge, means)
        _product(row_kernel, means, half)
        _product(half, column_kernel_t, nodes)
        for j in range(lines.shape[0]):
            for x in range(width):
                k = column_first[x]
                lines[j, x] = (
                    column_weight[x, 0] * nodes[j, k]
                    + column_weight[x, 1] * nodes[j, k + 1]
                    + column_weight[x, 2] * nodes[j, k + 2]
                    + column_weight[x, 3] * nodes[j, k + 3]
                )
        total = 0.0
        for y in range(height):
            k = row_first[y]
            a, b, c, d = row_weight[y, 0], row_weight[y, 1], row_weight[y, 2], row_weight[y, 3]
            line_a, line_b, line_c, line_d = lines[k], lines[k + 1], lines[k + 2], lines[k + 3]
            source, row, fixed = patterns[i, top + y], result[y], static[y]
            row_sum = np.float32(0)
            for x in range(width):
                background = a * line_a[x] + b * line_b[x] + c * line_c[x] + d * line_d[x]
                value = np.float32(source[left + x]) - background - fixed[x]
                row[x] = value
                row_sum += value
            total += float(row_sum)
        if not _is_finite(total):
            state[i] = NOT_FINITE
        _rescale(result, total, paper)


@njit(cache=True, nogil=True, fastmath=_VECTOR)
def encode_patterns(
    corrected: np.ndarray, code: np.ndarray, gain: np.ndarray, offset: np.ndarray, state: np.ndarray
) -> None:
    """8-bit code of each flat pattern between its own minimum and maximum."""
    for i in range(corrected.shape[0]):
        pattern = corrected[i]
        low, high, total = pattern[0], pattern[0], np.float32(0.0)
        for x in range(pattern.size):
            low = min(low, pattern[x])
            high = max(high, pattern[x])
            total += pattern[x]
        state[i] = VALID if _is_finite(float(total)) else NOT_FINITE
        step = (high - low) / np.float32(255)
        # A range this small would overflow the inverse; it is nothing.
        if step < np.float32(1e-35):
            step = np.float32(0)
        inverse = np.float32(0) if step == 0 else np.float32(1) / step
        gain[i], offset[i] = step, low
        target = code[i]
        for x in range(pattern.size):
            target[x] = np.uint8(min((pattern[x] - low) * inverse + np.float32(0.5), np.float32(255)))


@njit(cache=True, nogil=True, fastmath=_VECTOR)
def decode_patterns(code: np.ndarray, gain: np.ndarray, offset: np.ndarray, out: np.ndarray) -> None:
    """``offset + gain * code`` of each flat pattern."""
    for i in range(code.shape[0]):
        factor, base, source, target = gain[i], offset[i], code[i], out[i]
        for x in range(source.size):
            target[x] = base + factor * np.float32(source[x])
