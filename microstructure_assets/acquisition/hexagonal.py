"""Hexagonal grids of .ang files: rows half a step apart in turn, laid into the rectangle of an array."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.scan import Grid

REMEDY = (
    "Export the map again as a hexagonal grid, row by row, or convert it to a square grid in the vendor's software."
)


def hexagonal_grid(path: Path, counts: tuple[int, int, int], steps_um: tuple[float, float], points: int) -> Grid:
    """The grid that a header describes, held against itself and the number of points.

    Parameters
    ----------
    path : Path
    counts : (rows, points of the first, third, ... row, points of the second, fourth, ... row)
    steps_um : (step_y_um, step_x_um)
        Distance of rows, and of points in a row.
    points : int
        In the file.

    Raises
    ------
    ScanFormatError
        If every other row is not as long or one point shorter, rows are not √3/2 steps apart (a twentieth more or less
        is rounding), or the number of points is another one.
    """
    (rows, odd, even), (step_y, step_x) = counts, steps_um
    if even not in (odd, odd - 1):
        raise ScanFormatError(path, "NCOLS_EVEN", even, f"{odd} or {odd - 1} on a hexagonal grid", REMEDY)
    regular = math.sqrt(3) / 2 * step_x
    if abs(step_y - regular) > 0.05 * regular:
        raise ScanFormatError(path, "YSTEP", f"{step_y:g} µm", f"{regular:.4g} µm, √3/2 of XSTEP", REMEDY)
    grid = Grid(rows, odd, step_y, step_x, kind="hexagonal", short_rows=even < odd)
    expected = rows * odd - (rows // 2 if grid.short_rows else 0)
    if points != expected:
        words = f"{expected} ({rows} rows of {odd} and {even} points in turn)"
        raise ScanFormatError(path, "number of points", points, words, "The scan is incomplete, or its header wrong.")
    return grid


def spread(values: NDArray[np.float64], grid: Grid) -> NDArray[np.float64]:
    """Values of the points in the file's order, ``(points, ...)``, for every cell of the array; NaN where none is."""
    cells = np.full((grid.points, *values.shape[1:]), np.nan)
    cells[grid.there.ravel()] = values
    return cells


def check_hexagonal_order(path: Path, x_um: NDArray[Any], y_um: NDArray[Any], grid: Grid) -> None:
    """Points must lie row by row on the grid, each within a quarter of a step of its place.

    Raises
    ------
    ScanFormatError
    """
    assert grid.step_x_um is not None
    assert grid.step_y_um is not None
    row, column = np.nonzero(grid.there)
    expected_x = x_um[0] + (column + 0.5 * (row % 2)) * grid.step_x_um
    expected_y = y_um[0] + row * grid.step_y_um
    # Vendors round the steps in the header, so that an error grows along the row.
    near_x = np.abs(x_um - expected_x) < 0.25 * grid.step_x_um + 1e-3 * (expected_x - x_um[0])
    near_y = np.abs(y_um - expected_y) < 0.25 * grid.step_y_um + 1e-3 * (expected_y - y_um[0])
    good = near_x & near_y
    if not good.all():
        at = int(np.argmin(good))
        found = f"x = {x_um[at]:g}, y = {y_um[at]:g} µm at point {at + 1}"
        expected = f"x = {expected_x[at]:g}, y = {expected_y[at]:g}, in row {row[at] + 1} of a hexagonal grid"
        raise ScanFormatError(path, "coordinates", found, expected, REMEDY)
