"""Small scans with known grains: patterns are random bands of a few pixels, one per grain, plus noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class GrainScan:
    """A scan of square grains; reads as `PatternBlocks`.

    Attributes
    ----------
    signal, patterns : (rows, columns, pixels) float32
        Without and with noise; each pattern's mean over its pixels is 0.
    grain : (rows, columns) int64
    noise_variance : float
    """

    signal: np.ndarray
    patterns: np.ndarray
    grain: np.ndarray
    noise_variance: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and pixels."""
        rows, columns, pixels = self.patterns.shape
        return rows, columns, pixels

    @property
    def rows_together(self) -> int:
        """Every row lies by itself."""
        return 1

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> np.ndarray:
        """Patterns of a rectangle."""
        return np.ascontiguousarray(self.patterns[row_start:row_stop, column_start:column_stop])


def grain_scan(rows: int, columns: int, side: int, nu: float, pixels: int = 400, seed: int = 0) -> GrainScan:
    """A scan of grains of `side` points; `nu` is the noise deviation over the signal deviation per pixel."""
    random = np.random.default_rng(seed)
    y, x = np.arange(rows) // side, np.arange(columns) // side
    grain = y[:, None] * (int(x[-1]) + 1) + x[None, :]
    own = random.standard_normal((int(grain.max()) + 1, pixels))
    own -= own.mean(axis=1, keepdims=True)
    signal = own[grain].astype(np.float32)
    patterns = signal + nu * random.standard_normal(signal.shape).astype(np.float32)
    patterns -= patterns.mean(axis=2, keepdims=True)
    return GrainScan(signal, patterns, grain, nu**2)
