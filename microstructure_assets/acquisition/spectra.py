"""A spectrum image as every reader of one gives it: known from its header, summed when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError

#: More points, channels or bytes of a row are a damaged header, not a map.
MOST_POINTS = 1 << 24
MOST_CHANNELS = 1 << 16
MOST_ROW_BYTES = 1 << 28
# What is read at a time. Sums of whole numbers do not depend on it.
_BLOCK_BYTES = 1 << 26
REMEDY = "Export the map again, or save it from HyperSpy as .hspy with axes y, x and energy [keV]."

WindowSums = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Windows of channels, (windows, 2): first, and one behind the last -> counts (windows, rows, columns)."""


@dataclass(frozen=True)
class SpectrumImage:
    """Spectra over a grid of points.

    Attributes
    ----------
    path : Path
    files : tuple of Path
        All that it is made of.
    shape : (rows, columns)
    step_um : (y, x)
        Distance between neighbouring points [µm]; None where the file does not say.
    offset_um : (y, x)
        Place of the first point [µm]; None where the file does not say.
    channels : int
    energy_offset_kev, energy_step_kev : float
        Energy of the first channel, and width of one [keV].
    beam_energy_kev : float or None
    resolution_ev : float or None
        Full width at half maximum of the detector at Mn Kα [eV].
    elements, lines : tuple of str
        What the file names: symbols (``Fe``), and X-ray lines by exspy's names (``Fe_Ka``).
    sums : callable
        See `WindowSums`.
    notes : tuple of str
    """

    path: Path
    files: tuple[Path, ...]
    shape: tuple[int, int]
    step_um: tuple[float | None, float | None]
    offset_um: tuple[float | None, float | None]
    channels: int
    energy_offset_kev: float
    energy_step_kev: float
    beam_energy_kev: float | None
    resolution_ev: float | None
    elements: tuple[str, ...]
    lines: tuple[str, ...]
    sums: WindowSums = field(repr=False, compare=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredCube:
    """Spectra that can be read by rows and channels without the rest.

    Attributes
    ----------
    path : Path
    shape : (rows, columns, channels)
    dtype : dtype
    read : callable
        (first row, row behind the last, first channel, channel behind the last) -> (rows, columns, channels).
    rows_together : int
        Rows that are stored as one piece: reading fewer at a time would read them again.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    read: Callable[[int, int, int, int], NDArray[Any]] = field(repr=False, compare=False)
    rows_together: int = 1

    def check(self) -> None:
        """Hold the header against what a map can be, and against the file by its last value.

        Raises
        ------
        ScanFormatError
        """
        rows, columns, channels = self.shape
        if self.dtype.kind not in "uif":
            raise ScanFormatError(self.path, "spectra", f"values of type {self.dtype}", "counts", REMEDY)
        require_size(self.path, rows, columns, channels)
        if columns * channels * self.dtype.itemsize > MOST_ROW_BYTES:
            found = f"{columns}×{channels} values of {self.dtype} in a row"
            raise ScanFormatError(self.path, "spectra", found, f"at most {MOST_ROW_BYTES} bytes", REMEDY)
        self._block(rows - 1, rows, channels - 1, channels)

    def sums(self, windows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Counts in windows of channels, block of rows by block of rows; see `WindowSums`."""
        rows, columns, _ = self.shape
        low, high = int(windows[:, 0].min()), int(windows[:, 1].max())
        fitting = max(1, _BLOCK_BYTES // (columns * (high - low) * self.dtype.itemsize))
        together = self.rows_together
        step = fitting // together * together or min(fitting, together)
        counts = np.empty((len(windows), rows, columns), np.float64)
        for start in range(0, rows, step):
            stop = min(start + step, rows)
            block = self._block(start, stop, low, high)
            for own, (first, last) in zip(counts, windows - low, strict=True):
                np.sum(block[..., first:last], axis=-1, dtype=np.float64, out=own[start:stop])
        return counts

    def _block(self, start: int, stop: int, low: int, high: int) -> NDArray[Any]:
        expected = (stop - start, self.shape[1], high - low)
        try:
            block = self.read(start, stop, low, high)
        except ScanFormatError:
            raise
        except Exception as error:  # a damaged file breaks the vendors' readers in many ways
            raise ScanFormatError(
                self.path, f"spectra of rows {start} to {stop - 1}", error, "counts", REMEDY
            ) from error
        if block.shape != expected:
            raise ScanFormatError(self.path, "spectra", f"a block of shape {block.shape}", expected, REMEDY)
        if self.dtype.kind != "u" and not (np.isfinite(block).all() and (block >= 0).all()):
            raise ScanFormatError(self.path, "spectra", "negative or not finite values", "counts", REMEDY)
        return block


def require_size(path: Path, rows: int, columns: int, channels: int) -> None:
    """Refuse a header of more points or channels than a map can have, before anything is allocated.

    Raises
    ------
    ScanFormatError
    """
    if min(rows, columns, channels) < 1 or rows * columns > MOST_POINTS or channels > MOST_CHANNELS:
        found = f"{rows}×{columns} points of {channels} channels"
        expected = f"1 to {MOST_POINTS} points of 1 to {MOST_CHANNELS} channels"
        raise ScanFormatError(path, "spectra", found, expected, REMEDY)
