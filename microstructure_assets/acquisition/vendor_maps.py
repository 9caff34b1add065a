"""Maps in the vendors' HDF5 files: pattern quality and element maps, read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.hdf5_files import Header, open_hdf5
from microstructure_assets.acquisition.scan import Grid, LazyMap
from microstructure_assets.acquisition.vendor_layouts import Layout


def quality_map(header: Header, layout: Layout, grid: Grid, order: NDArray[np.int64] | None) -> LazyMap | None:
    """The vendor's measure of pattern quality, or None where the file has none for all points."""
    data = header.dataset(layout.quality[0]) if layout.quality else None
    if data is None or layout.quality is None or data.size != grid.points:
        return None
    path, name = header.path, data.name
    return LazyMap(layout.quality[1], "1", path, grid.shape, lambda: _read_points(path, name, grid, order))


def element_maps(header: Header, grid: Grid) -> tuple[dict[str, LazyMap], tuple[str, ...]]:
    """EDS window integrals as the H5OINA specification lays them out, for any vendor's file that has such a group.

    H5OINA gives counts per second; with the live time per point they become counts again.
    """
    maps: dict[str, LazyMap] = {}
    notes: list[str] = []
    for eds in (name for name in header.names() if name.upper().startswith("EDS")):
        live_time = header.dataset(f"{eds}/Data/Live Time")
        live_name = live_time.name if live_time is not None and live_time.size == grid.points else None
        for line in header.names(f"{eds}/Data/Window Integral"):
            data = header.dataset(f"{eds}/Data/Window Integral/{line}")
            if data is None:
                continue
            if data.size != grid.points:
                notes.append(f"element map {line} left out: {data.size} values for {grid.points} points")
                continue
            name = line if line not in maps else f"{line} ({eds})"
            counted = live_name is not None or data.dtype.kind in "ui"
            reader = _element_reader(header.path, data.name, live_name, grid)
            maps[name] = LazyMap(name, "counts" if counted else "counts per second", header.path, grid.shape, reader)
    return maps, tuple(notes)


def _element_reader(path: Path, dataset: str, live_time: str | None, grid: Grid) -> Callable[[], NDArray[np.float64]]:
    def read() -> NDArray[np.float64]:
        values = _read_points(path, dataset, grid, None).astype(np.float64)
        return values if live_time is None else values * _read_points(path, live_time, grid, None)

    return read


def _read_points(path: Path, dataset: str, grid: Grid, order: NDArray[np.int64] | None) -> NDArray[Any]:
    with open_hdf5(path) as file:
        values = np.ravel(file[dataset][()])
    return (values if order is None else values[order]).reshape(grid.shape)
