"""How an asset body leaves its results: arrays with coordinates, tables, facts, a picture; ROIs padded together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microstructure_assets.figures.gallery import DRAWERS
from microstructure_assets.figures.grid import Grid, on_raster
from microstructure_assets.figures.render import png, thumbnail
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.tiles import TileBounds

Arrays = Mapping[str, np.ndarray]
Tables = Mapping[str, Mapping[str, np.ndarray]]


def write_results(
    draft: Draft,
    arrays: Arrays,
    *,
    grid: Grid,
    tables: Tables | None = None,
    facts: Mapping[str, Any] | None = None,
    more_dimensions: Mapping[str, Sequence[str]] | None = None,
    shown_arrays: Arrays | None = None,
    shown_tables: Tables | None = None,
) -> None:
    """Write everything that an artifact holds and draw its picture.

    Parameters
    ----------
    draft : Draft
    arrays : mapping of ndarray
        The first one over ``(y, x)`` gives the coordinates their lengths.
    grid : Grid
        Steps and origin [µm].
    tables, facts : mapping, optional
    more_dimensions : mapping, optional
        Dimensions of arrays that the contract does not list.
    shown_arrays, shown_tables : mapping, optional
        For the picture only.
    """
    for name, values in arrays.items():
        draft.array(name, values, dimensions=(more_dimensions or {}).get(name))
    for name, columns in (tables or {}).items():
        draft.table(name, columns)
    draft.attributes.update({name: as_json(value) for name, value in (facts or {}).items()})
    add_picture(draft, {**arrays, **(shown_arrays or {})}, {**(tables or {}), **(shown_tables or {})}, grid)


def write_coordinates(draft: Draft, shape: tuple[int, int], grid: Grid) -> None:
    """Write the coordinates of the points along y and along x [µm, or points where no step is known]."""
    draft.array("y", grid.origin_y + np.arange(shape[0]) * grid.step_y, dimensions=("y",), units=grid.unit)
    draft.array("x", grid.origin_x + np.arange(shape[1]) * grid.step_x, dimensions=("x",), units=grid.unit)


def add_picture(draft: Draft, arrays: Arrays, tables: Tables, grid: Grid) -> None:
    """Draw the artifact and add the figure and its thumbnail.

    The picture does not say which scan or tile it is of: another one of equal content shares it.
    """
    shown, raster = on_raster(arrays, grid)
    picture = png(DRAWERS[draft.spec.name](shown, tables=tables, grid=raster))
    draft.figure(picture, thumbnail(picture))


def place_rois(tile: TileBounds, values: Sequence[np.ndarray], fill: Any) -> np.ndarray:
    """One array over the tile of arrays over its ROIs; trailing axes are padded with `fill` to the largest.

    Parameters
    ----------
    tile : TileBounds
    values : sequence of ndarray
        Per ROI ``(rows, columns, ...)``.
    fill
        Value of the padding.

    Returns
    -------
    ndarray, shape (y, x, ...)
    """
    trailing = tuple(max(item.shape[axis] for item in values) for axis in range(2, values[0].ndim))
    whole = np.full((*tile.bounds.shape, *trailing), fill, dtype=values[0].dtype)
    for roi, item in zip(tile.rois, values, strict=True):
        inner = tuple(slice(0, size) for size in item.shape[2:])
        whole[roi.inside(tile.bounds) + inner] = item
    return whole


def stack_rois(values: Sequence[np.ndarray], fill: Any) -> np.ndarray:
    """Arrays of the ROIs under one another, ``(roi, ...)``, padded with `fill` to the largest."""
    shape = tuple(max(item.shape[axis] for item in values) for axis in range(values[0].ndim))
    whole = np.full((len(values), *shape), fill, dtype=values[0].dtype)
    for index, item in enumerate(values):
        whole[index][tuple(slice(0, size) for size in item.shape)] = item
    return whole


def join_tables(tables: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One table of the tables of the ROIs, with the column ``roi`` in front."""
    names = list(tables[0])
    lengths = [len(next(iter(table.values()))) for table in tables]
    joined = {"roi": np.repeat(np.arange(len(tables), dtype=np.int32), lengths)}
    return {**joined, **{name: np.concatenate([np.asarray(table[name]) for table in tables]) for name in names}}


def as_json(value: Any) -> Any:
    """A NumPy scalar as a plain one."""
    return value.item() if isinstance(value, np.generic) else value
