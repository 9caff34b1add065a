"""Exact second moments of patterns that arrive in blocks."""

from __future__ import annotations

import numpy as np

from microstructure_assets.methods.parallel import block_bounds, in_waves, single_blas_thread


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

        def product(bound: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
            centred = block[bound[0] : bound[1]] - self._shift
            return centred.sum(axis=0, dtype=np.float64), centred.T @ centred

        with single_blas_thread():
            for total, scatter in in_waves(product, block_bounds(len(block), 2048)):
                self._sum += total
                self._scatter += scatter

    @property
    def mean(self) -> np.ndarray:
        """Mean pattern, ``(p,)`` float64."""
        return self._shift + self._sum / max(1, self.count)

    def covariance(self) -> np.ndarray:
        """Covariance normalised by n − 1, ``(p, p)`` float64."""
        correction = np.outer(self._sum, self._sum / max(1, self.count))
        return (self._scatter - correction) / max(1, self.count - 1)
