"""Whether a map lies on the scan's grid, and how it is brought there by areas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.scan import Grid

#: Steps that differ by less are the same; offsets by less than this part of a step too.
STEP_TOLERANCE, OFFSET_TOLERANCE = 0.01, 0.5
# Rounding of coordinates, as a part of a cell.
_ROUNDING = 1e-6
_RESAMPLE = (
    "Declare acquisition.eds_resample=true to bring the counts to the scan's grid, or give the map of this scan."
)


@dataclass(frozen=True)
class MapGrid:
    """The grid of a map beside a scan, along (y, x) each.

    Attributes
    ----------
    shape : (rows, columns)
    step_um : (y, x)
        [µm]; None where unknown.
    offset_um : (y, x)
        Place of the centre of the first cell from that of the scan's [µm]; None where unknown.
    """

    shape: tuple[int, int]
    step_um: tuple[float | None, float | None]
    offset_um: tuple[float | None, float | None]


@dataclass(frozen=True)
class Difference:
    """What a map has (`found`) and what it would have on the scan's grid (`expected`)."""

    found: str
    expected: str


def differences(grid: Grid, other: MapGrid) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
    """What keeps a map from lying on the scan's grid, and what of it is unknown.

    Parameters
    ----------
    grid : Grid
    other : MapGrid

    Returns
    -------
    differing : tuple of Difference
        Empty where the map lies on the grid.
    unknown : tuple of str
        Steps that cannot be compared.
    """
    differing, unknown = [], []
    if other.shape != grid.shape:
        found = f"{other.shape[0]}×{other.shape[1]} points"
        differing.append(Difference(found, f"{grid.rows}×{grid.columns} points"))
    steps = (grid.step_y_um, grid.step_x_um)
    for name, cells, own, given, offset in zip("yx", grid.shape, steps, other.step_um, other.offset_um, strict=True):
        if own is None or given is None:
            if cells > 1:
                unknown.append(f"step along {name}")
            continue
        if abs(own - given) > STEP_TOLERANCE * own:
            differing.append(Difference(f"step {given:.6g} µm along {name}", f"{own:.6g} µm"))
        if offset is not None and abs(offset) > OFFSET_TOLERANCE * own:
            expected = f"0 within half a step of {own:.6g} µm"
            differing.append(Difference(f"offset {offset:.6g} µm along {name}", expected))
    return tuple(differing), tuple(unknown)


def require_known(path: Path, grid: Grid, other: MapGrid, differing: tuple[Difference, ...], resample: bool) -> None:
    """Refuse a map that differs, unless it can and may be resampled.

    Raises
    ------
    ScanFormatError
        Naming both grids, and what allows resampling.
    """
    if not differing:
        return
    found = ", ".join(one.found for one in differing)
    expected = ", ".join(one.expected for one in differing)
    if grid.kind != "square":
        remedy = "Maps are not brought to hexagonal grids: give the counts per point as .npz."
        raise ScanFormatError(path, "grid", found, f"{expected} as the scan", remedy)
    if not resample:
        raise ScanFormatError(path, "grid", found, f"{expected} as the scan", _RESAMPLE)
    known = (grid.step_y_um, grid.step_x_um, *other.step_um)
    if any(step is None for step in known):
        steps = ", ".join("unknown" if step is None else f"{step:.6g} µm" for step in known)
        remedy = "Declare acquisition.step_x_um and acquisition.step_y_um; the map's own must stand in its file."
        raise ScanFormatError(path, "grid", f"{found}; steps of the scan y, x and of the map y, x: {steps}",
                              "known steps, without which nothing can be resampled", remedy)  # fmt: skip


def resampled(counts: NDArray[np.float64], grid: Grid, other: MapGrid) -> NDArray[np.float64]:
    """Counts of a map over the cells of the scan, by areas.

    Each cell of the map gives its counts to the cells of the scan in proportion to the area that they share, as if they
    had been spread evenly over it. So sums stay: a cell of the scan has the counts of what lies in it, and over a
    region that both grids cut the same way the totals are equal. Values of the nearest cell would repeat counts where
    the scan is finer and drop some where it is coarser. Neighbouring points of a finer scan share counts: they are no
    independent measurements.

    Parameters
    ----------
    counts : ndarray, shape (..., rows, columns)
        Of the map.
    grid : Grid
        Of the scan, square, steps known. A point is the centre of its cell.
    other : MapGrid
        Of the map, steps known; an unknown offset counts as 0.

    Returns
    -------
    ndarray of float64, shape (..., rows of the scan, columns of the scan)
        NaN where the cell of a point does not lie wholly in the map's field.
    """
    steps = (grid.step_y_um, grid.step_x_um)
    result: NDArray[np.float64] = np.asarray(counts, np.float64)
    for axis, (own, given, offset) in enumerate(zip(steps, other.step_um, other.offset_um, strict=True), start=-2):
        assert own is not None
        assert given is not None
        corners = np.arange(grid.shape[axis] + 1, dtype=np.float64) - 0.5
        edges = np.asarray(corners * (own / given) - (offset or 0.0) / given + 0.5, np.float64)
        result = _summed_between(result, edges, axis)
    return result


def _summed_between(values: NDArray[np.float64], edges: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Sums of values between edges, in cells of the values along an axis; NaN where these reach beyond them."""
    values = np.moveaxis(values, axis, -1)
    cells = values.shape[-1]
    whole = (edges[:-1] >= -_ROUNDING) & (edges[1:] <= cells + _ROUNDING)
    nearest = np.round(edges)
    edges = np.clip(np.where(np.abs(edges - nearest) < _ROUNDING, nearest, edges), 0, cells)
    cell = np.minimum(edges.astype(np.int64), cells - 1)
    before = np.zeros((*values.shape[:-1], cells + 1))
    np.cumsum(values, axis=-1, out=before[..., 1:])
    below = before[..., cell] + (edges - cell) * values[..., cell]
    sums = np.where(whole, np.diff(below, axis=-1), math.nan)
    return np.moveaxis(sums, -1, axis)
