"""HDF5 scans of kikuchipy, EDAX, Oxford and Bruker: one declared layout per vendor, one reader for all.

kikuchipy reads the patterns of these files too, and is the oracle of the tests. It is not what reads them here: it
refuses files without patterns, allocates the grid that a header claims before it looks at the data, fills what is
missing with zeros, and its lazy arrays deliver rows about 25 times slower than HDF5 does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition import vendor_indexing as indexing
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
from microstructure_assets.acquisition.scan import Detector, Grid, Indexing, LazyMap, Phase, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.values import positive_or_none, require_step_um


@dataclass(frozen=True)
class Layout:
    """Where a vendor keeps what, as paths below one scan's group."""

    format_name: str
    manufacturer: str
    rows: str
    columns: str
    step_y_um: str
    step_x_um: str
    height_px: str
    width_px: str
    patterns: tuple[str, ...]
    pattern_centre: tuple[str, str, str]
    centre_convention: str
    tilt: str
    beam_energy_kev: str | None
    static_background: str | None
    quality: tuple[str, str] | None
    orientation: str
    confidence_name: str | None
    phases: Callable[[Header], tuple[tuple[int, Phase], ...]]
    columns_of_points: Callable[[Header, tuple[int, ...], int], indexing.PointColumns]
    grid_type: str | None = None
    square_names: tuple[str, ...] = ()
    tilt_in_radians: bool = False


LAYOUTS = (
    Layout(
        format_name="kikuchipy h5",
        manufacturer="kikuchipy",
        rows="EBSD/Header/n_rows",
        columns="EBSD/Header/n_columns",
        step_y_um="EBSD/Header/step_y",
        step_x_um="EBSD/Header/step_x",
        height_px="EBSD/Header/pattern_height",
        width_px="EBSD/Header/pattern_width",
        patterns=("EBSD/Data/patterns",),
        pattern_centre=("EBSD/Header/pcx", "EBSD/Header/pcy", "EBSD/Header/pcz"),
        centre_convention="bruker",
        tilt="EBSD/Header/sample_tilt",
        beam_energy_kev="SEM/Header/beam_energy",
        static_background="EBSD/Header/static_background",
        quality=None,
        orientation="EBSD/CrystalMap/crystal_map/data/phi1",
        confidence_name=None,
        phases=indexing.kikuchipy_phases,
        columns_of_points=indexing.kikuchipy_columns,
        grid_type="EBSD/Header/grid_type",
        square_names=("square",),
    ),
    Layout(
        format_name="EDAX h5",
        manufacturer="edax",
        rows="EBSD/Header/nRows",
        columns="EBSD/Header/nColumns",
        step_y_um="EBSD/Header/Step Y",
        step_x_um="EBSD/Header/Step X",
        height_px="EBSD/Header/Pattern Height",
        width_px="EBSD/Header/Pattern Width",
        patterns=("EBSD/Data/Pattern",),
        pattern_centre=(
            "EBSD/Header/Pattern Center Calibration/x-star",
            "EBSD/Header/Pattern Center Calibration/y-star",
            "EBSD/Header/Pattern Center Calibration/z-star",
        ),
        centre_convention="edax",
        tilt="EBSD/Header/Sample Tilt",
        beam_energy_kev=None,
        static_background=None,
        quality=("EBSD/Data/IQ", "image quality"),
        orientation="EBSD/Data/Phi1",
        confidence_name="confidence index, larger is better",
        phases=indexing.edax_phases,
        columns_of_points=indexing.edax_columns,
        grid_type="EBSD/Header/Grid Type",
        square_names=("sqrgrid",),
    ),
    Layout(
        format_name="Oxford h5oina",
        manufacturer="oxford instruments",
        rows="EBSD/Header/Y Cells",
        columns="EBSD/Header/X Cells",
        step_y_um="EBSD/Header/Y Step",
        step_x_um="EBSD/Header/X Step",
        height_px="EBSD/Header/Pattern Height",
        width_px="EBSD/Header/Pattern Width",
        patterns=("EBSD/Data/Processed Patterns", "EBSD/Data/Unprocessed Patterns"),
        pattern_centre=("EBSD/Data/Pattern Center X", "EBSD/Data/Pattern Center Y", "EBSD/Data/Detector Distance"),
        centre_convention="oxford",
        tilt="EBSD/Header/Tilt Angle",
        beam_energy_kev="EBSD/Header/Beam Voltage",
        static_background="EBSD/Header/Processed Static Background",
        quality=("EBSD/Data/Band Contrast", "band contrast"),
        orientation="EBSD/Data/Euler",
        confidence_name="mean angular deviation [degrees], smaller is better",
        phases=indexing.oxford_phases,
        columns_of_points=indexing.oxford_columns,
        tilt_in_radians=True,
    ),
    Layout(
        format_name="Bruker h5",
        manufacturer="bruker nano",
        rows="EBSD/Header/NROWS",
        columns="EBSD/Header/NCOLS",
        step_y_um="EBSD/Header/YSTEP",
        step_x_um="EBSD/Header/XSTEP",
        height_px="EBSD/Header/PatternHeight",
        width_px="EBSD/Header/PatternWidth",
        patterns=("EBSD/Data/RawPatterns",),
        pattern_centre=("EBSD/Data/PCX", "EBSD/Data/PCY", "EBSD/Data/DD"),
        centre_convention="bruker",
        tilt="EBSD/Header/SampleTilt",
        beam_energy_kev="EBSD/Header/KV",
        static_background="EBSD/Header/StaticBackground",
        quality=("EBSD/Data/RadonQuality", "Radon quality"),
        orientation="EBSD/Data/phi1",
        confidence_name="mean angular deviation [degrees], smaller is better",
        phases=indexing.bruker_phases,
        columns_of_points=indexing.bruker_columns,
        grid_type="EBSD/Header/Grid Type",
        square_names=("isometric",),
    ),
)


def layout_of(format_name: str) -> Layout:
    """The layout by the format's name."""
    return next(layout for layout in LAYOUTS if layout.format_name == format_name)


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
        rows, columns = header.count(layout.rows), header.count(layout.columns)
        order = None
        if layout.manufacturer == "bruker nano":
            order, (rows, columns) = _bruker_order(header, rows, columns)
        data = _choose_patterns(header, layout, settings)
        height, width = _detector_shape(header, layout)
        if data is not None:
            points, height, width = pattern_dataset(path, data, height, width)
        else:
            orientation = header.dataset(layout.orientation)
            if orientation is None:
                expected = f"patterns ({' or '.join(layout.patterns)}) or a map ({layout.orientation})"
                raise ScanFormatError(path, header.group.name, "neither patterns nor a map", expected)
            check_written(path, orientation)
            points = int(orientation.shape[0]) if orientation.ndim else 0
        steps = _steps(header, layout, rows, columns)
        grid = resolve_grid(path, points, settings, stored=(rows, columns), steps_um=steps)
        patterns = None
        if data is not None and height is not None and width is not None:
            patterns = HDF5Patterns(path, data.name, (*grid.shape, height, width), data.dtype, order)
        tilt = header.number(layout.tilt)
        tilt = float(np.rad2deg(tilt)) if tilt is not None and layout.tilt_in_radians else tilt
        vendor_indexing, phases, indexing_notes = _indexing(header, layout, grid, order)
        elements, element_notes = _element_maps(header, grid)
        background = header.dataset(layout.static_background) if layout.static_background else None
        if data is not None and data.name.endswith("/Unprocessed Patterns"):
            background = header.dataset("EBSD/Header/Unprocessed Static Background")
        return Scan(
            path=path,
            format_name=format_name,
            files=(path,),
            grid=grid,
            detector=_detector(header, layout, height, width, points),
            # EDAX gives the tilt the sign of the stage's turn; the geometry uses its size.
            sample_tilt_deg=None if tilt is None or not np.isfinite(tilt) else round(abs(tilt), 4),
            beam_energy_kev=positive_or_none(header.number(layout.beam_energy_kev) if layout.beam_energy_kev else None),
            phases=phases,
            patterns=patterns,
            indexing=vendor_indexing,
            band_contrast=_quality(header, layout, grid, order),
            element_maps=MappingProxyType(elements),
            background=lazy_image(path, background, "static background of the file"),
            notes=(*notes, *indexing_notes, *element_notes),
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


def _read_points(path: Path, dataset: str, grid: Grid, order: NDArray[np.int64] | None) -> NDArray[Any]:
    with open_hdf5(path) as file:
        values = np.ravel(file[dataset][()])
    return (values if order is None else values[order]).reshape(grid.shape)


def _quality(header: Header, layout: Layout, grid: Grid, order: NDArray[np.int64] | None) -> LazyMap | None:
    data = header.dataset(layout.quality[0]) if layout.quality else None
    if data is None or layout.quality is None or data.size != grid.points:
        return None
    path, name = header.path, data.name
    return LazyMap(layout.quality[1], "1", path, grid.shape, lambda: _read_points(path, name, grid, order))


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

    def read() -> Any:
        with open_hdf5(path) as file:
            columns = layout.columns_of_points(Header(path, file[group]), ids, grid.points)
        return columns.maps(grid.shape, order)

    confidence = layout.confidence_name or indexing.kikuchipy_confidence(header, grid.points) or "none"
    return Indexing(path, grid.shape, confidence, read), phases, ()


def _element_maps(header: Header, grid: Grid) -> tuple[dict[str, LazyMap], tuple[str, ...]]:
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
