"""Patterns of large detectors averaged over blocks of pixels, where shape matters and resolution does not."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.parallel import block_bounds, map_blocks

#: Pixels above which patterns are binned: 60×60 tells 0.3 degrees apart.
PIXEL_LIMIT = 8192
_BLOCK_POINTS = 16


def binning_factor(detector_shape: tuple[int, int], pixel_limit: int = PIXEL_LIMIT) -> int:
    """Smallest side of the averaged blocks [px] that leaves at most `pixel_limit` pixels; 1 for no binning."""
    height, width = detector_shape
    factor = max(1, math.isqrt(height * width // pixel_limit))
    while (height // factor) * (width // factor) > pixel_limit:
        factor += 1
    return factor


def binned_shape(detector_shape: tuple[int, int], pixel_limit: int = PIXEL_LIMIT) -> tuple[int, int]:
    """Height and width [px] after binning."""
    factor = binning_factor(detector_shape, pixel_limit)
    return detector_shape[0] // factor, detector_shape[1] // factor


def bin_patterns(
    patterns: NDArray[np.float32], detector_shape: tuple[int, int], pixel_limit: int = PIXEL_LIMIT
) -> tuple[NDArray[np.float32], int]:
    """Average blocks of pixels; what does not fill a block at the lower and right edge is left out.

    Independent noise of variance s² per pixel has s² / factor² afterwards.

    Parameters
    ----------
    patterns : (..., p) float32
    detector_shape
        Height and width, height × width = p.
    pixel_limit
        Most pixels that may be left.

    Returns
    -------
    patterns : (..., q) float32
        The same array where no binning is needed.
    factor : int
        Side of the blocks [px].
    """
    factor = binning_factor(detector_shape, pixel_limit)
    if factor == 1:
        return patterns, 1
    lead = patterns.shape[:-1]
    binned = average_patterns(np.ascontiguousarray(patterns, np.float32).reshape(-1, *detector_shape), factor)
    return binned.reshape(*lead, -1), factor


def average_patterns(patterns: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Patterns ``(n, height, width)`` averaged over blocks of `factor` × `factor` pixels; the same array for 1."""
    from microstructure_assets.methods.binning_kernels import average_blocks

    if factor == 1:
        return patterns
    count, height, width = patterns.shape
    binned = np.empty((count, height // factor, width // factor), dtype=np.float32)
    map_blocks(
        lambda bound: average_blocks(patterns[slice(*bound)], factor, binned[slice(*bound)]),
        block_bounds(count, _BLOCK_POINTS),
    )
    return binned


class PatternBlocks(Protocol):
    """Patterns of a scan that can be read rectangle by rectangle."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, pixels."""

    @property
    def rows_together(self) -> int:
        """Rows of points that are stored together and best read together, from a multiple of their number on."""

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> NDArray[np.float32]:
        """Patterns of a rectangle of points, (rows, columns, pixels) float32."""
