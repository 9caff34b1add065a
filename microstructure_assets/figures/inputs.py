"""Reading arrays and tables gently: what is absent, empty or of the wrong shape becomes a remark in the picture."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, words_in_box
from microstructure_assets.figures.colours import MUTED
from microstructure_assets.figures.grid import POINTS, Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Arrays = Mapping[str, Any]
Tables = Mapping[str, Mapping[str, Any]]
NO_TABLES: Tables = MappingProxyType({})
STANDARD_WIDTH_IN = 6.4
UNDRAWN = "undrawn"

logger = logging.getLogger(__name__)


class Drawer(Protocol):
    """What every ``draw_<artifact>`` looks like; each one's own text says which arrays and tables it reads."""

    def __call__(
        self,
        arrays: Arrays,
        *,
        tables: Tables = ...,
        grid: Grid = ...,
        heading: str = ...,
        width_in: float = ...,
    ) -> Figure:
        """Draw one artifact.

        Parameters
        ----------
        arrays
            Arrays of the artifact, and more where a picture says so, by name.
        tables
            Tables of the artifact by name, each a mapping of columns or a data frame.
        grid
            Steps and origin [µm].
        heading
            Name of scan and tile, at the foot of the picture.
        width_in
            Width of the picture [inch].

        Returns
        -------
        matplotlib.figure.Figure
            The picture; words instead where nothing can be drawn.
        """


def width_px(width_in: float) -> int:
    """Width of the sheet in pixels; between 4 and 20 inches whatever is asked for."""
    from microstructure_assets.figures.canvas import PIXELS_PER_INCH

    known = width_in if np.isfinite(width_in) else STANDARD_WIDTH_IN
    return round(min(max(known, 4.0), 20.0) * PIXELS_PER_INCH)


def array(arrays: Arrays, name: str, ndim: int, shape: tuple[int, ...] | None = None) -> np.ndarray | None:
    """The named array with `ndim` axes, None where it is absent, empty or not of this kind.

    Parameters
    ----------
    arrays
        Names to arrays; numpy, xarray and zarr arrays are taken.
    name
        Which.
    ndim
        Number of axes asked for.
    shape
        Leading lengths that have to match, so that a map of another tile is not drawn over this one.
    """
    if name not in arrays or arrays[name] is None:
        return None
    values = np.asarray(arrays[name])
    if values.ndim != ndim or not values.size or values.dtype.kind not in "biuf":
        return None
    if shape is not None and values.shape[: len(shape)] != shape:
        return None
    return values


def labels(arrays: Arrays, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray | None:
    """A label map (y, x) as integers; what is not a finite number is -1."""
    values = array(arrays, name, 2, shape)
    if values is None:
        return None
    if values.dtype.kind == "f":
        return np.where(np.isfinite(values), values, -1).astype(np.int64)
    return values.astype(np.int64) if values.dtype.kind == "b" or values.dtype == np.uint64 else values


def flags(arrays: Arrays, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray | None:
    """A map of yes and no (y, x) as bool; what is not a finite number is no."""
    values = array(arrays, name, 2, shape)
    if values is None or values.dtype.kind == "b":
        return values
    return np.isfinite(values) & (values != 0)


def per_roi(arrays: Arrays, name: str) -> np.ndarray:
    """Values per ROI as float, also from a single number; empty where there are none."""
    if name not in arrays or arrays[name] is None:
        return np.zeros(0)
    values = np.asarray(arrays[name])
    return values.astype(float).ravel() if values.dtype.kind in "biuf" else np.zeros(0)


def _numbers(source: Mapping[str, Any], name: str) -> np.ndarray:
    """A column as float; no rows where it is absent or not numeric."""
    if name not in source:
        return np.zeros(0)
    try:
        return np.asarray(source[name]).ravel().astype(float)
    except (TypeError, ValueError):
        return np.zeros(0)


def columns(
    tables: Tables, table: str, numeric: tuple[str, ...], *, optional: tuple[str, ...] = (), words: tuple[str, ...] = ()
) -> dict[str, Any] | None:
    """Columns of a table with equal lengths, None where the table, a column or every row is missing.

    Parameters
    ----------
    tables
        Names to tables; a table is a mapping of columns or a data frame.
    table
        Which.
    numeric
        Columns that must be there; rows in which one of them is not finite are left out. Without any, the first of the
        words must be there.
    optional
        Numeric columns that are NaN where they are missing.
    words
        Columns that become lists of text, empty where they are missing.
    """
    source = tables.get(table)
    if source is None:
        return None
    found: dict[str, Any] = {name: _numbers(source, name) for name in numeric}
    if numeric:
        rows = min(len(values) for values in found.values())
        keep = np.flatnonzero(np.all([np.isfinite(found[name][:rows]) for name in numeric], axis=0))
    else:
        rows = np.asarray(source[words[0]]).size if words[0] in source else 0
        keep = np.arange(rows)
    if not len(keep):
        return None
    for name in numeric:
        found[name] = found[name][keep]
    for name in optional:
        values = _numbers(source, name)
        found[name] = np.concatenate([values, np.full(rows, np.nan)])[keep]
    for name in words:
        text = [str(value) for value in np.asarray(source[name]).ravel()] if name in source else []
        found[name] = [text[place] if place < len(text) else "" for place in keep]
    return found


def windows(tables: Tables, grid: Grid, shape: tuple[int, int]) -> dict[str, Any] | None:
    """The table `windows` with `y` and `x` in points of the map, NaN where a reference has no window on the map.

    Parameters
    ----------
    tables
        `windows` as stored, with `window_y` and `window_x` in points of the scan, or with `y` and `x` in points of the
        map; negative = none. `roi`, `cluster`, `point_count`, `source` and `fallback` (words) optional.
    grid
        Origin of the map.
    shape
        Rows and columns of the map.
    """
    more = {"optional": ("roi", "cluster", "point_count"), "words": ("source", "fallback")}
    found = columns(tables, "windows", ("window_y", "window_x"), **more)
    if found is not None:
        rows, cols = found.pop("window_y"), found.pop("window_x")
        placed = (rows >= 0) & (cols >= 0)
        found["y"], found["x"] = rows - grid.first_row, cols - grid.first_column
    else:
        found = columns(tables, "windows", ("y", "x"), **more)
        if found is None:
            return None
        placed = (found["y"] >= 0) & (found["x"] >= 0)
    for name, size in (("y", shape[0]), ("x", shape[1])):
        placed &= (found[name] >= 0) & (found[name] < size)
    found["y"], found["x"] = np.where(placed, found["y"], np.nan), np.where(placed, found["x"], np.nan)
    return found


def statement(title: str, text: str, heading: str, width_in: float) -> Figure:
    """A small figure of words, for an artifact of which nothing can be drawn."""
    width = width_px(width_in)
    canvas = Canvas(width, 300)
    canvas.text(24, 40, title, size=10.5, bold=True, width=width - 48)
    words_in_box(canvas, Box(24, 60, width - 48, 196), text)
    canvas.text(24, 284, heading, size=8, colour=MUTED, width=width - 48)
    figure = canvas.finish()
    figure.set_gid(UNDRAWN)
    return figure


def never_raises(title: str) -> Callable[[Drawer], Drawer]:
    """A picture must not stop a run: whatever goes wrong in a drawing is logged, and said in a picture of words.

    The drawings treat absent, empty and unfitting input themselves; this is for what nobody foresaw.
    """

    def wrapped(draw: Drawer) -> Drawer:
        @wraps(draw)
        def safe(
            arrays: Arrays,
            *,
            tables: Tables = NO_TABLES,
            grid: Grid | None = None,
            heading: str = "",
            width_in: float = STANDARD_WIDTH_IN,
        ) -> Figure:
            try:
                return draw(arrays, tables=tables or {}, grid=grid or POINTS, heading=heading, width_in=width_in)
            except Exception as error:
                logger.exception("The picture %r could not be drawn.", title)
                reason = f"This picture could not be drawn: {type(error).__name__}: {error}"
                return statement(title, reason, heading, width_in)

        return safe

    return wrapped
