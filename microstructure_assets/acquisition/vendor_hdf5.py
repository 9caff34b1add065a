"""HDF5 scans of kikuchipy, EDAX, Oxford and Bruker: one declared layout per vendor, one reader for all.

kikuchipy reads the patterns of these files too, and is the oracle of the tests. It is not what reads them here: it
refuses files without patterns, allocates the grid that a header claims before it looks at the data, fills what is
missing with zeros, and its lazy arrays deliver rows about 25 times slower than HDF5 does.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition import vendor_indexing as indexing
from microstructure_assets.acquisition.crystal_frames import from_oxford_frame
from microstructure_assets.acquisition.crystallography import bruker_pattern_centre
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.grids import resolve_grid
from microstructure_assets.acquisition.hdf5_files import (
    HDF5Patterns,
    Header,
    check_written,
    lazy_image,
    open_hdf5,
    pattern_dataset,
)
from microstructure_assets.acquisition.scan import Detector, Grid, Indexing, Phase, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.values import positive_or_none, require_step_um
from microstructure_assets.acquisition.vendor_layouts import Layout, layout_of
from microstructure_assets.acquisition.vendor_maps import element_maps, quality_map


def read_vendor_hdf5(format_name: str, path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """A scan from its header; patterns and maps stay on disk.

    Parameters
    ----------
    format_name : str
        Of a row of `LAYOUTS`.
    path : Path
    settings : AcquisitionSettings
        `rows`, `columns`, `scan_group` and `oxford_patterns` are used here.
    beside : Scan or None
        Map of the same scan, unused: these files know their grid.

    Raises
    ------
    ScanFormatError
    """
    layout = layout_of(format_name)
    with open_hdf5(path) as file:
        header, notes = _scan_header(path, Header(path, file["/"]), settings)
        _refuse_other_grids(header, layout)
        stored = header.count(layout.rows), header.count(layout.columns)
        order = None
        if layout.manufacturer == "bruker nano":
            order, stored = _bruker_order(header, *stored)
        data = _choose_patterns(header, layout, settings)
        points, height, width = _points_and_detector(header, layout, data)
        grid = resolve_grid(path, points, settings, stored=stored, steps_um=_steps(header, layout, *stored))
        vendor_indexing, phases, indexing_notes = _indexing(header, layout, grid, order)
        elements, element_notes = element_maps(header, grid)
        pattern_notes = () if data is not None else ("the file holds a map without patterns",)
        return Scan(
            path=path,
            format_name=format_name,
            files=(path,),
            grid=grid,
            detector=_detector(header, layout, height, width, points),
            sample_tilt_deg=_tilt_deg(header, layout),
            beam_energy_kev=positive_or_none(header.number(layout.beam_energy_kev) if layout.beam_energy_kev else None),
            phases=phases,
            patterns=_patterns(path, data, grid, order),
            indexing=vendor_indexing,
            band_contrast=quality_map(header, layout, grid, order),
            element_maps=MappingProxyType(elements),
            background=lazy_image(path, _background(header, layout, data), "static background of the file"),
            notes=(*notes, *pattern_notes, *indexing_notes, *element_notes),
        )


def _scan_header(path: Path, root: Header, settings: AcquisitionSettings) -> tuple[Header, tuple[str, ...]]:
    scans = [name for name in root.names() if root.find(f"{name}/EBSD/Data") and root.find(f"{name}/EBSD/Header")]
    if not scans:
        raise ScanFormatError(path, "groups", root.names(), "a scan with EBSD/Data and EBSD/Header")
    wanted = settings.scan_group or scans[0]
    if wanted not in scans:
        raise ScanFormatError(path, "scan", scans, f"{wanted!r}", "Correct acquisition.scan_group.")
    others = [name for name in scans if name != wanted]
    notes = (f"{wanted!r} of {len(scans)} scans in the file; the others: {', '.join(others)}",) if others else ()
    return root.child(wanted), notes


def _refuse_other_grids(header: Header, layout: Layout) -> None:
    grid_type = header.text(layout.grid_type) if layout.grid_type else None
    if grid_type is not None and grid_type.strip().lower() not in layout.square_names:
        remedy = "Hexagonal grids are not read: resample the map to a square grid in the vendor's software."
        raise ScanFormatError(header.path, layout.grid_type or "", grid_type, layout.square_names[0], remedy)


def _detector_shape(header: Header, layout: Layout) -> tuple[int | None, int | None]:
    if header.scalar(layout.height_px) in (None, 0) or header.scalar(layout.width_px) in (None, 0):
        return None, None
    return header.count(layout.height_px), header.count(layout.width_px)


def _steps(header: Header, layout: Layout, rows: int, columns: int) -> tuple[float | None, float | None]:
    steps = []
    for name, cells in ((layout.step_y_um, rows), (layout.step_x_um, columns)):
        value = header.number(name)
        steps.append(None if value is None else require_step_um(header.path, name, value, cells))
    return steps[0], steps[1]


def _choose_patterns(header: Header, layout: Layout, settings: AcquisitionSettings) -> Any:
    names = layout.patterns
    if len(names) > 1 and settings.oxford_patterns == "unprocessed":
        names = names[::-1]
    found = [data for data in (header.dataset(name) for name in names) if data is not None]
    return found[0] if found else None


def _points_and_detector(header: Header, layout: Layout, data: Any) -> tuple[int, int | None, int | None]:
    """Number of points, and height and width of the patterns; the latter may be unknown where there are none."""
    height, width = _detector_shape(header, layout)
    if data is not None:
        return pattern_dataset(header.path, data, height, width)
    orientation = header.dataset(layout.orientation)
    if orientation is None or orientation.ndim == 0:
        expected = f"patterns ({' or '.join(layout.patterns)}) or a map ({layout.orientation})"
        raise ScanFormatError(header.path, header.group.name, "neither patterns nor a map", expected)
    check_written(header.path, orientation)
    return int(orientation.shape[0]), height, width


def _patterns(path: Path, data: Any, grid: Grid, order: NDArray[np.int64] | None) -> HDF5Patterns | None:
    if data is None:
        return None
    return HDF5Patterns(path, data.name, (*grid.shape, *data.shape[-2:]), data.dtype, order)


def _background(header: Header, layout: Layout, data: Any) -> Any:
    """The static background that belongs to the chosen kind of patterns."""
    if data is not None and data.name.endswith("/Unprocessed Patterns"):
        return header.dataset("EBSD/Header/Unprocessed Static Background")
    return header.dataset(layout.static_background) if layout.static_background else None


def _tilt_deg(header: Header, layout: Layout) -> float | None:
    """EDAX gives the tilt the sign of the stage's turn; the geometry uses its size."""
    tilt = header.number(layout.tilt)
    if tilt is None or not np.isfinite(tilt):
        return None
    return round(abs(float(np.rad2deg(tilt)) if layout.tilt_in_radians else tilt), 4)


def _detector(header: Header, layout: Layout, height: int | None, width: int | None, points: int) -> Detector | None:
    if height is None or width is None:
        return None
    parts = [header.mean(name, points) for name in layout.pattern_centre]
    if any(part is None for part in parts):
        return Detector(height, width)
    x, y, z = (float(part) for part in parts if part is not None)
    return Detector(height, width, bruker_pattern_centre((x, y, z), layout.centre_convention, height, width))


def _bruker_order(header: Header, rows: int, columns: int) -> tuple[NDArray[np.int64] | None, tuple[int, int]]:
    """Bruker stores a region of interest in the order in which the beam went, with the position of each point."""
    iy, ix = header.dataset("EBSD/SEM/IY"), header.dataset("EBSD/SEM/IX")
    iy, ix = iy if iy is not None else header.dataset("SEM/IY"), ix if ix is not None else header.dataset("SEM/IX")
    if iy is None or ix is None:
        return None, (rows, columns)
    y, x = (np.ravel(values[()]).astype(np.int64) for values in (iy, ix))
    remedy = "Export the whole map or a rectangle."
    if y.size != x.size or y.size == 0:
        raise ScanFormatError(header.path, "SEM/IX", f"{x.size} entries", f"{y.size} as SEM/IY", remedy)
    y, x = y - y.min(), x - x.min()
    shape = int(y.max()) + 1, int(x.max()) + 1
    if shape[0] * shape[1] != y.size:
        raise ScanFormatError(
            header.path,
            "SEM/IX and SEM/IY",
            f"{y.size} points in a box of {shape[0]}×{shape[1]}",
            "a rectangle",
            remedy,
        )
    flat = y * shape[1] + x
    order = np.argsort(flat, kind="stable")
    if not np.array_equal(flat[order], np.arange(flat.size)):
        raise ScanFormatError(header.path, "SEM/IX and SEM/IY", "points given twice", "each point once", remedy)
    return (None if np.array_equal(order, np.arange(order.size)) else order), shape


def _indexing(
    header: Header, layout: Layout, grid: Grid, order: NDArray[np.int64] | None
) -> tuple[Indexing | None, tuple[Phase, ...], tuple[str, ...]]:
    numbered = layout.phases(header)
    phases = tuple(phase for _, phase in numbered)
    orientation = header.dataset(layout.orientation)
    if orientation is None:
        return None, phases, ()
    if orientation.ndim == 0 or orientation.shape[0] != grid.points:
        return None, phases, (f"indexing left out: {orientation.shape} values for {grid.points} points",)
    if not phases:
        return None, phases, ("indexing left out: the file declares no phase",)
    path, group, ids = header.path, header.group.name, tuple(number for number, _ in numbered)
    if layout.phase_ids is not None and not indexing.any_indexed(header, layout.phase_ids, ids, grid.points):
        return None, phases, ("the file has a place for orientations, but no point is indexed",)

    def read() -> Any:
        with open_hdf5(path) as file:
            columns = layout.columns_of_points(Header(path, file[group]), ids, grid.points)
        maps = columns.maps(grid.shape, order)
        return from_oxford_frame(maps, phases) if layout.oxford_frame else maps

    confidence = layout.confidence_name or indexing.kikuchipy_confidence(header, grid.points) or "none"
    return Indexing(path, grid.shape, confidence, read), phases, ()
