"""The shape of the grid where a file only gives the number of its points."""

from __future__ import annotations

from pathlib import Path

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.scan import Grid, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings

DECLARE_GRID = "Declare the grid: --set acquisition.rows=ROWS --set acquisition.columns=COLUMNS"


def resolve_grid(
    path: Path,
    points: int,
    settings: AcquisitionSettings,
    *,
    stored: tuple[int, int] | None = None,
    steps_um: tuple[float | None, float | None] = (None, None),
    beside: Scan | None = None,
) -> Grid:
    """Grid from what the user declared, else from what the file says, else from a map beside it.

    Parameters
    ----------
    points : int
        Number of points in the file, which the grid must have.
    stored : (rows, columns) or None
        What the file says.
    steps_um : (step_y_um, step_x_um)
        What the file says.
    beside : Scan or None
        A map of the same scan.

    Raises
    ------
    ScanFormatError
        If the shape is unknown or does not hold exactly `points`.
    """
    rows, columns = settings.rows, settings.columns
    origin = "declared"
    if rows is None and columns is None:
        if stored is not None:
            (rows, columns), origin = stored, "in the header"
        elif beside is not None:
            (rows, columns), origin = beside.grid.shape, f"in {beside.path.name}"
        elif points == 1:
            rows = columns = 1
        else:
            raise ScanFormatError(path, "grid", f"{points} points, not their rows and columns", "a grid", DECLARE_GRID)
    elif rows is None or columns is None:
        known = rows or columns or 1
        if points % known:
            given = "rows" if rows else "columns"
            raise ScanFormatError(path, "number of points", points, f"a multiple of {known} {given}", DECLARE_GRID)
        rows, columns = (known, points // known) if rows else (points // known, known)
    if rows * columns != points:
        expected = f"{rows * columns} ({rows} rows × {columns} columns {origin})"
        raise ScanFormatError(path, "number of points", points, expected, _remedy(origin))
    return Grid(rows, columns, *steps_um)


def _remedy(origin: str) -> str:
    if origin == "declared":
        return "Correct acquisition.rows and acquisition.columns."
    return f"The scan is incomplete, or the grid is wrong. In the latter case: {DECLARE_GRID}"
