"""The Gaussian filter of the dynamic background along one axis of the detector: exact, and on block means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The Gaussian window is this many standard deviations wide in total, as kikuchipy cuts it.
TRUNCATE = 4.0
# Block of the coarse route in standard deviations; the error then stays below a quarter of 255 grey levels.
COARSE_BLOCK_PER_STD = 1 / 7.5
COARSE_BLOCK_LIMIT_PX = 10
# Smaller blocks gain nothing over the exact products.
COARSE_BLOCK_FEWEST_PX = 3


@dataclass(frozen=True)
class AxisFilter:
    """The Gaussian filter along one axis of the pattern.

    Attributes
    ----------
    dense : numpy.ndarray
        ``(length, length)`` float32, the filter as a matrix; empty where the coarse form is used.
    dense_t : numpy.ndarray
        Its transpose, laid out as such.
    coarse : tuple of numpy.ndarray
        Block edges, kernel (node, block), first node of each pixel's cubic and its four weights; empty arrays where the
        dense form is used.
    """

    dense: np.ndarray
    dense_t: np.ndarray
    coarse: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def coarse_block_px(shape: tuple[int, int], std_px: float) -> int:
    """Side of the blocks whose means stand for their pixels [px]; 1 where the exact form is as fast."""
    block = min(COARSE_BLOCK_LIMIT_PX, int(std_px * COARSE_BLOCK_PER_STD), min(shape) // 8)
    return block if block >= COARSE_BLOCK_FEWEST_PX else 1


def filter_matrix(length: int, std_px: float) -> np.ndarray:
    """The truncated Gaussian filter along one axis as a matrix, ``(length, length)`` float64, edges repeated.

    A window of an even number of taps reaches one pixel further to the left than to the right, as in kikuchipy.
    """
    taps = max(1, int(TRUNCATE * std_px))
    after = (taps - 1) // 2
    place = np.arange(taps) - (taps - 1) / 2
    window = np.exp(-(place**2) / (2 * std_px**2))
    window /= window.sum()
    matrix = np.zeros((length, length))
    target = np.arange(length)
    for tap, weight in enumerate(window):
        source = np.clip(target + tap - (taps - 1 - after), 0, length - 1)
        np.add.at(matrix, (target, source), weight)
    return matrix


def axis_filter(length: int, std_px: float, block_px: int) -> AxisFilter:
    """Set up the filter along an axis of `length` pixels; no filter for a deviation of 0."""
    empty = np.empty(0)
    if std_px == 0:
        return AxisFilter(empty, empty, (empty, empty, empty, empty))
    matrix = filter_matrix(length, std_px)
    if block_px == 1:
        dense = matrix.astype(np.float32)
        return AxisFilter(dense, np.ascontiguousarray(dense.T), (empty, empty, empty, empty))
    edges = np.concatenate(([0], np.arange(1, length - 1, block_px), [length - 1, length]))
    nodes = np.append(np.arange(0, length - 1, block_px), length - 1)
    kernel = np.add.reduceat(matrix[nodes], edges[:-1], axis=1)
    first, weight = _cubic_weights(nodes, length)
    return AxisFilter(empty, empty, (edges, kernel.astype(np.float32), first, weight.astype(np.float32)))


def _cubic_weights(nodes: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """First of the four nodes around each pixel and the weights of the cubic through them (Lagrange)."""
    pixel = np.arange(length)
    first = np.clip(np.searchsorted(nodes, pixel, side="right") - 2, 0, len(nodes) - 4)
    place = nodes[first[:, None] + np.arange(4)].astype(np.float64)
    weight = np.ones((length, 4))
    for own in range(4):
        for other in range(4):
            if own != other:
                weight[:, own] *= (pixel - place[:, other]) / (place[:, own] - place[:, other])
    return first, weight
