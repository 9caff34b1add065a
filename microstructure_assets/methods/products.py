"""Sums that several methods take: products of all pairs of patterns, and values over the window of each point."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.parallel import in_waves

_SUMMED_POINTS = 64


def gram_matrix(
    points: int, blocks: Sequence[tuple[int, int]], read: Callable[[tuple[int, int]], NDArray[np.float32]]
) -> NDArray[np.float64]:
    """Products of all pairs of patterns.

    Parameters
    ----------
    points : int
        Number of patterns n.
    blocks
        Half-open ranges of pixels; the sums over them are taken in this order, whatever the number of threads.
    read
        Gives the patterns' pixels of a block, ``(n, pixels)`` float32.

    Returns
    -------
    (n, n) float64
    """

    def product(block: tuple[int, int]) -> NDArray[np.float32]:
        part = read(block)
        return np.asarray(part @ part.T)

    total = np.zeros((points, points))
    for part in in_waves(product, blocks):
        total += part
    return total


def gram_times(
    vectors: NDArray[np.float64],
    blocks: Sequence[tuple[int, int]],
    read: Callable[[tuple[int, int]], NDArray[np.float32]],
) -> NDArray[np.float64]:
    """Products of all pairs of patterns times vectors ``(n, m)``, without forming them; `blocks` and `read` as there.

    Returns
    -------
    (n, m) float64
    """
    single = vectors.astype(np.float32)

    def product(block: tuple[int, int]) -> NDArray[np.float32]:
        part = read(block)
        return np.asarray(part @ (part.T @ single))

    total = np.zeros(vectors.shape)
    for part in in_waves(product, blocks):
        total += part
    return total


def column_mean(patterns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean pattern ``(p,)`` float64 of (n, p): float32 sums over a few patterns, float64 over those."""
    total = np.zeros(patterns.shape[1])
    for start in range(0, len(patterns), _SUMMED_POINTS):
        total += patterns[start : start + _SUMMED_POINTS].sum(axis=0)
    return total / len(patterns)


def window_sum(value: NDArray) -> NDArray[np.float64]:
    """Sum over the 3×3 window of each point of (rows, columns, ...), float64; points outside the map count nothing."""
    padded = np.pad(np.asarray(value, dtype=np.float64), ((1, 1), (1, 1), *((0, 0),) * (np.ndim(value) - 2)))
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:])
