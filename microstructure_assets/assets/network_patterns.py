"""Patterns as a network takes them: averaged where the detector is large, a sample of them or block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from microstructure_assets.assets.stored_patterns import StoredPatterns

#: Averages that are stored beside the patterns are taken where their longer side is at least so much of the limit.
_FINE_ENOUGH = 0.75


class NetworkPatterns:
    """Patterns averaged over blocks of pixels, so that no side is longer than a limit.

    Of a large detector the averages that are stored beside its patterns are taken, of which much less is read, where
    they are fine enough: 80 × 100 pixels of 400 × 500 at a limit of 128, where averaging anew would leave 100 × 125.

    Parameters
    ----------
    patterns : StoredPatterns
    side_limit_px : int
    """

    def __init__(self, patterns: StoredPatterns, side_limit_px: int) -> None:
        binned, wanted = patterns.binned, min(side_limit_px, max(patterns.pattern_shape))
        self.source = binned if max(binned.pattern_shape) >= _FINE_ENOUGH * wanted else patterns
        self.factor = -(-max(self.source.pattern_shape) // side_limit_px)

    @property
    def pattern_shape(self) -> tuple[int, int]:
        """Height and width [px]."""
        height, width = self.source.pattern_shape
        return height // self.factor, width // self.factor

    @property
    def points(self) -> int:
        """Of the scan."""
        rows, columns, _ = self.source.shape
        return rows * columns

    def blocks(self) -> Iterator[np.ndarray]:
        """All patterns in blocks of whole rows, each ``(points, height, width)`` float32."""
        for block in self.source.blocks():
            yield self._averaged(block)

    def sample(self, points: np.ndarray) -> np.ndarray:
        """Patterns of these points, numbered along the rows and in order, ``(n, height, width)`` float32."""
        return self._averaged(points_of(self.source, points).reshape(len(points), -1))

    def _averaged(self, flat: np.ndarray) -> np.ndarray:
        from microstructure_assets.methods.binning import average_patterns

        return average_patterns(flat.reshape(len(flat), *self.source.pattern_shape), self.factor)


def points_of(patterns: StoredPatterns, points: np.ndarray) -> np.ndarray:
    """Patterns of these points, numbered along the rows, ``(n, height, width)`` float32 in the order given."""
    rows, columns, pixels = patterns.shape
    found = np.empty((len(points), pixels), dtype=np.float32)
    order = np.argsort(points, kind="stable")
    ordered, step = points[order], patterns.rows_per_block()
    for start in range(0, rows, step):
        stop = min(rows, start + step)
        first, last = np.searchsorted(ordered, (start * columns, stop * columns))
        if first < last:
            block = patterns.read(start, stop, 0, columns).reshape((stop - start) * columns, -1)
            found[order[first:last]] = block[ordered[first:last] - start * columns]
    return found.reshape(len(points), *patterns.pattern_shape)
