"""Corrected patterns of a twin, made anew for each rectangle of points, for scans too large to be held in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.background import BackgroundCorrection, decode, encode
from microstructure_assets.methods.binning import bin_patterns, binned_shape
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.simulation.synthesis import Twin


class TwinPatterns:
    """What ``preprocessed_patterns`` stores of a twin, the rounding to 8-bit codes included.

    Parameters
    ----------
    twin
    settings
        Crop and background; the static background is the twin's own.
    """

    def __init__(self, twin: Twin, settings: PreprocessingSettings) -> None:
        height, width = twin.shape[2:]
        self._twin = twin
        self._correction = BackgroundCorrection.prepare((height, width), settings, twin.static_background)
        self._kept: tuple[tuple[int, int], NDArray[np.unsignedinteger]] | None = None

    @property
    def detector_shape(self) -> tuple[int, int]:
        """Height and width of a pattern [px]."""
        return self._correction.cropped_shape

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, pixels."""
        height, width = self.detector_shape
        return self._twin.shape[0], self._twin.shape[1], height * width

    @property
    def rows_together(self) -> int:
        """Every row is made by itself."""
        return 1

    @property
    def binned(self) -> BinnedPatterns:
        """The same patterns binned, with codes of their own, as the store has them of a large detector."""
        return BinnedPatterns(self)

    def corrected(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> NDArray[np.float32]:
        """Patterns of a rectangle before they are rounded to codes, ``(n, height, width)``."""
        if self._kept is None or self._kept[0] != (row_start, row_stop):  # ROIs side by side share their rows
            self._kept = None
            self._kept = (row_start, row_stop), self._twin.read_rows(row_start, row_stop)
        raw = self._kept[1][:, column_start:column_stop]
        return self._correction(raw.reshape(-1, *raw.shape[2:]))

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> NDArray[np.float32]:
        """Patterns of a rectangle of points, ``(rows, columns, pixels)``."""
        corrected = self.corrected(row_start, row_stop, column_start, column_stop)
        return _as_stored(corrected).reshape(row_stop - row_start, column_stop - column_start, -1)


class BinnedPatterns:
    """Patterns of a twin averaged over blocks of pixels.

    Parameters
    ----------
    patterns
        The patterns in full.
    """

    def __init__(self, patterns: TwinPatterns) -> None:
        self._patterns = patterns

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, pixels after binning."""
        height, width = binned_shape(self._patterns.detector_shape)
        return *self._patterns.shape[:2], height * width

    @property
    def rows_together(self) -> int:
        """As the patterns in full."""
        return self._patterns.rows_together

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> NDArray[np.float32]:
        """Patterns of a rectangle of points, ``(rows, columns, pixels)``."""
        corrected = self._patterns.corrected(row_start, row_stop, column_start, column_stop)
        detector = self._patterns.detector_shape
        binned, _ = bin_patterns(corrected.reshape(len(corrected), -1), detector)
        stored = _as_stored(binned.reshape(len(binned), *binned_shape(detector)))
        return stored.reshape(row_stop - row_start, column_stop - column_start, -1)


def _as_stored(patterns: NDArray[np.float32]) -> NDArray[np.float32]:
    codes = encode(patterns)
    return decode(codes.code, codes.gain, codes.offset)
