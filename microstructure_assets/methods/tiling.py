"""Tilings: a scan's grid in n × n ROIs, and the ROIs in at most 64 tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from microstructure_assets.errors import InputError

if TYPE_CHECKING:
    from microstructure_assets.methods.settings import TilingSettings

TILES_PER_SIDE = 8
FEWEST_POINTS = 9
MOST_ROIS_PER_SIDE = 64


class TilingRefused(InputError, ValueError):
    """More ROIs than the points of the scan allow."""


@dataclass(frozen=True)
class Roi:
    """A region of interest.

    Attributes
    ----------
    index : int
        Number inside its tile, row-major.
    row, column : int
        Place among the n × n ROIs of the scan.
    row_start, row_stop, column_start, column_stop : int
        Half-open bounds in points of the scan.
    """

    index: int
    row: int
    column: int
    row_start: int
    row_stop: int
    column_start: int
    column_stop: int

    @property
    def shape(self) -> tuple[int, int]:
        """Points along y and along x."""
        return self.row_stop - self.row_start, self.column_stop - self.column_start


@dataclass(frozen=True)
class Tile:
    """A block of neighbouring ROIs, the unit of work.

    Attributes
    ----------
    slot : str
        ``t00`` to ``t63``, row-major.
    row_start, row_stop, column_start, column_stop : int
        Half-open bounds in points of the scan.
    rois : tuple of Roi
        Row-major.
    """

    slot: str
    row_start: int
    row_stop: int
    column_start: int
    column_stop: int
    rois: tuple[Roi, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Points along y and along x."""
        return self.row_stop - self.row_start, self.column_stop - self.column_start


@dataclass(frozen=True)
class Tiling:
    """The partition of a scan.

    Attributes
    ----------
    n : int
        ROIs along each axis.
    tiles : tuple of Tile
        In the order of their slots.
    reason : str
        Why this n, in a sentence.
    chosen_by : {"set", "scale_curve", "points_per_roi"}
    """

    n: int
    tiles: tuple[Tile, ...]
    reason: str
    chosen_by: Literal["set", "scale_curve", "points_per_roi"]


def bounds(length: int, parts: int) -> np.ndarray:
    """Edges of `parts` intervals of ``range(length)`` whose sizes differ by at most one, ``(parts + 1,)`` int64."""
    if not 1 <= parts <= length:
        raise ValueError(f"parts: found {parts}, expected between 1 and the {length} points along this axis")
    return np.arange(parts + 1, dtype=np.int64) * length // parts


def rois(rows: int, columns: int, n: int) -> np.ndarray:
    """Bounds of the n × n ROIs, ``(n, n, 4)`` int64: row start and stop, column start and stop.

    Along each axis the sizes differ by at most one point.
    """
    y, x = bounds(rows, n), bounds(columns, n)
    table = np.empty((n, n, 4), np.int64)
    table[..., 0], table[..., 1] = y[:-1, None], y[1:, None]
    table[..., 2], table[..., 3] = x[:-1], x[1:]
    return table


def tiles(rows: int, columns: int, n: int) -> tuple[Tile, ...]:
    """Tiles of m × m ROIs, m = ceil(n / 8), at most 64, numbered row-major."""
    table = rois(rows, columns, n)
    side = -(-n // TILES_PER_SIDE)
    starts = range(0, n, side)
    corners = [(row, column) for row in starts for column in starts]
    return tuple(_tile(f"t{number:02d}", table, corner, side) for number, corner in enumerate(corners))


def analysis_tiling(
    rows: int, columns: int, settings: TilingSettings, advice: tuple[int | None, str] | None = None
) -> Tiling:
    """Tiling of a scan for the analysis.

    Parameters
    ----------
    rows, columns : int
        Points along y and along x.
    settings : TilingSettings
        ``n`` is taken as it is; without it and without advice, n makes ROIs of about ``points_per_roi`` points, at
        least nine.
    advice : tuple of int or None, and str, optional
        n that the scale curve recommends, none where it recommends nothing, and its reason.

    Raises
    ------
    ValueError
        If the scan is empty.
    TilingRefused
        If n exceeds its rows or columns, or a ROI would hold fewer than nine points (one ROI of the whole scan is
        always allowed).
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"rows, columns: found {rows} × {columns} points, expected at least one")
    largest = _largest_n(rows, columns)
    if settings.n is None and advice is not None and advice[0] is not None:
        return Tiling(advice[0], tiles(rows, columns, advice[0]), f"from the scale curve: {advice[1]}", "scale_curve")
    if settings.n is None:
        wanted = max(1, round((rows * columns / settings.points_per_roi) ** 0.5))
        n = min(wanted, largest)
        reason = f"{rows} × {columns} points in ROIs of about {settings.points_per_roi} points (tiling.points_per_roi)"
        if n < wanted:
            reason += f", limited to {n} × {n} ROIs by {_limit(rows, columns, n)}"
        if advice is not None:
            reason += f", as the scale curve recommends no tiling: {advice[1]}"
        return Tiling(n, tiles(rows, columns, n), reason, "points_per_roi")
    n = settings.n
    if n > min(rows, columns):
        raise TilingRefused(
            f"tiling.n: found {n}, but the scan has {rows} rows and {columns} columns of points; "
            f"choose at most {largest}"
        )
    if n > 1 and (rows // n) * (columns // n) < FEWEST_POINTS:
        raise TilingRefused(
            f"tiling.n: found {n}, which leaves ROIs of {rows // n} × {columns // n} points in a scan of "
            f"{rows} × {columns}; a ROI needs at least {FEWEST_POINTS} points, choose at most {largest}"
        )
    return Tiling(n, tiles(rows, columns, n), "set (tiling.n)", "set")


def _largest_n(rows: int, columns: int) -> int:
    candidates = range(min(rows, columns, MOST_ROIS_PER_SIDE), 1, -1)
    return next((n for n in candidates if (rows // n) * (columns // n) >= FEWEST_POINTS), 1)


def _limit(rows: int, columns: int, n: int) -> str:
    if n == MOST_ROIS_PER_SIDE:
        return f"the most there can be, {MOST_ROIS_PER_SIDE} along each axis"
    return f"the scan's {rows} × {columns} points (a ROI holds at least {FEWEST_POINTS})"


def _tile(slot: str, table: np.ndarray, corner: tuple[int, int], side: int) -> Tile:
    part = table[corner[0] : corner[0] + side, corner[1] : corner[1] + side]
    places = [(row, column) for row in range(part.shape[0]) for column in range(part.shape[1])]
    members = tuple(
        Roi(index, corner[0] + row, corner[1] + column, *(int(edge) for edge in part[row, column]))
        for index, (row, column) in enumerate(places)
    )
    first, last = members[0], members[-1]
    return Tile(slot, first.row_start, last.row_stop, first.column_start, last.column_stop, members)
