"""Exact second moments of patterns that arrive in blocks."""

from __future__ import annotations

from functools import partial
from itertools import combinations_with_replacement

import numpy as np

from microstructure_assets.methods.parallel import block_bounds, map_blocks, single_blas_thread

# Patterns of one product, and pixels along the side of the tiles that threads work on.
_POINTS, _TILE_PIXELS = 2048, 600


class ScatterMatrix:
    """Exact second moments of patterns that arrive in blocks.

    Products of blocks are float32, their sum float64, about a provisional mean (that of the first block) so that a
    large common pattern costs no digits [1]_.

    Parameters
    ----------
    pixel_count : int

    Attributes
    ----------
    count : int
        Number of patterns so far.

    References
    ----------
    .. [1] E. Schubert, M. Gertz, Numerically stable parallel computation of (co-)variance, SSDBM 2018.
    """

    def __init__(self, pixel_count: int) -> None:
        self.count = 0
        self._shift = np.zeros(pixel_count, np.float32)
        self._sum = np.zeros(pixel_count)
        self._scatter = np.zeros((pixel_count, pixel_count))

    def add(self, block: np.ndarray) -> None:
        """Add patterns, ``(m, p)`` float32."""
        if not len(block):
            return
        if self.count == 0:
            self._shift = block.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.count += len(block)

        with single_blas_thread():
            for start, stop in block_bounds(len(block), _POINTS):
                centred = block[start:stop] - self._shift
                self._sum += centred.sum(axis=0, dtype=np.float64)
                map_blocks(partial(self._add_tile, centred), self._tiles)

    def _add_tile(self, centred: np.ndarray, tile: tuple[slice, slice]) -> None:
        rows, columns = tile
        self._scatter[rows, columns] += centred[:, rows].T @ centred[:, columns]

    @property
    def _tiles(self) -> list[tuple[slice, slice]]:
        """Tiles of the matrix on its diagonal and above, which is all of it, as it is symmetric."""
        sides = [slice(*bound) for bound in block_bounds(len(self._sum), _TILE_PIXELS)]
        return list(combinations_with_replacement(sides, 2))

    @property
    def mean(self) -> np.ndarray:
        """Mean pattern, ``(p,)`` float64."""
        return self._shift + self._sum / max(1, self.count)

    def covariance(self) -> np.ndarray:
        """Covariance normalised by n − 1, ``(p, p)`` float64."""
        correction = np.outer(self._sum, self._sum / max(1, self.count))
        covariance: np.ndarray = (self._scatter - correction) / max(1, self.count - 1)
        for rows, columns in self._tiles:
            if rows != columns:
                covariance[columns, rows] = covariance[rows, columns].T
        return covariance
