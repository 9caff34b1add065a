"""Indexed maps as text: EDAX's .ang and the Channel text file .ctf. Commas are read as decimal points.

orix reads both and is the oracle of the tests. Here the header is held against the data first, decimal commas are
read, and phases keep their meaning where a map has one phase or a point none.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.crystal_frames import from_oxford_frame
from microstructure_assets.acquisition.crystallography import (
    bruker_pattern_centre,
    edax_point_group,
    indexing_maps,
    laue_group,
    make_phase,
)
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.grids import resolve_grid
from microstructure_assets.acquisition.hexagonal import check_hexagonal_order, hexagonal_grid, spread
from microstructure_assets.acquisition.scan import Detector, Grid, Indexing, IndexingMaps, LazyMap, Phase, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.text_table import (
    REMEDY_WHOLE,
    CachedColumns,
    TextTable,
    check_fields,
    check_order,
    check_steps,
    count_lines,
    read_header,
)
from microstructure_assets.acquisition.values import (
    parse_decimal,
    positive_or_none,
    require_count,
    require_decimal,
    require_step_um,
)
from microstructure_assets.acquisition.vendor_indexing import edax_phase_positions, phase_positions

_MOST_PHASES = 255
_ANG_FIELDS = 8
_CTF_NAMES = ("Phase", "X", "Y", "Bands", "Error", "Euler1", "Euler2", "Euler3")
HEXAGONAL_REMEDY = "Convert the map to a square grid in the vendor's software, or write it as a hexagonal .ang file."


def read_ang(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """A map in EDAX's .ang format, also as EMsoft, ASTAR and orix write it.

    The header must name the grid type, since a square grid's numbers alone do not tell it from a hexagonal one; a
    user who declares rows and columns has named it a square one. Of a hexagonal grid the cells of the array that are no
    points are not indexed, and have neither confidence nor image quality.

    Raises
    ------
    ScanFormatError
    """
    header, offset = read_header(path, "#", comment=True)
    table = count_lines(path, offset)
    values = _ang_values(header)
    phases = _ang_phases(path, header)
    declared = settings.rows is not None and settings.columns is not None
    grid_type = values.get("GRID")
    if grid_type is None and not declared:
        remedy = "Add the line '# GRID: SqrGrid', or declare acquisition.rows and acquisition.columns."
        raise ScanFormatError(path, "GRID", "no such line in the header", "SqrGrid", remedy)
    kinds = ("sqrgrid",) if declared else ("sqrgrid", "hexgrid")
    if grid_type is not None and grid_type.lower() not in kinds:
        raise ScanFormatError(path, "GRID", grid_type, "SqrGrid", HEXAGONAL_REMEDY)
    scale = 1e-3 if any("ACOM" in line for line in header) else 1.0  # ASTAR writes nm
    check_fields(table, _ANG_FIELDS, f"{_ANG_FIELDS} or more")
    if grid_type is not None and grid_type.lower() == "hexgrid":
        grid = _hexagonal_grid(path, table, settings, values, scale)
    else:
        stored = None if declared else _ang_shape(path, values)
        grid = _text_grid(path, table, settings, stored, values, ("XSTEP", "YSTEP"), scale)
        check_steps(table, grid, 3, 4, ("XSTEP", "YSTEP"), scale)
    emsoft = any("EMsoft" in line for line in header)
    columns = CachedColumns(table)
    ids = tuple(phases)

    def read_cells() -> NDArray[np.float64]:
        data = columns.read()
        return data if grid.kind == "square" else spread(data, grid)

    def read_indexing() -> IndexingMaps:
        data = columns.read()
        _check_finite(path, data[:, :_ANG_FIELDS])
        if grid.kind == "square":
            check_order(path, data[:, 3], data[:, 4], grid)
        else:
            check_hexagonal_order(path, data[:, 3] * scale, data[:, 4] * scale, grid)
        data = read_cells()
        phase_id = edax_phase_positions(path, "phase", data[:, 7], ids, data[:, 6] >= 0)
        return indexing_maps(data[:, :3], phase_id, data[:, 6], grid.shape)

    confidence = "dot product, larger is better" if emsoft else "confidence index, larger is better"
    return Scan(
        path=path,
        format_name="EDAX ang",
        files=(path,),
        grid=grid,
        phases=tuple(phases.values()),
        indexing=Indexing(path, grid.shape, confidence, read_indexing) if phases else None,
        band_contrast=LazyMap("image quality", "1", path, grid.shape, lambda: read_cells()[:, 5].reshape(grid.shape)),
        notes=() if phases else ("indexing left out: the file declares no phase",),
    )


def ang_detector(path: Path, height_px: int, width_px: int) -> Detector:
    """Detector with the calibration that an .ang header gives, for patterns that lie beside it."""
    values = _ang_values(read_header(path, "#", comment=True)[0])
    centre = [parse_decimal(values.get(f"{axis}-STAR", "")) for axis in "XYZ"]
    if any(part is None for part in centre):
        return Detector(height_px, width_px)
    x, y, z = (part for part in centre if part is not None)
    return Detector(height_px, width_px, bruker_pattern_centre((x, y, z), "edax", height_px, width_px))


def read_ctf(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """A map in the Channel text format, as AZtec, Esprit, EMsoft, ASTAR and MTEX write it.

    Raises
    ------
    ScanFormatError
    """
    header, offset = read_header(path, "Phase X Y", comment=False)
    table = count_lines(path, offset)
    values = _ctf_values(header)
    names = header[-1].split()
    if tuple(names[:8]) != _CTF_NAMES:
        raise ScanFormatError(path, "column names", " ".join(names), " ".join(_CTF_NAMES) + " …")
    mode = values.get("JobMode", "Grid")
    if "hex" in mode.lower():
        raise ScanFormatError(path, "JobMode", mode, "Grid", HEXAGONAL_REMEDY)
    declared = settings.rows is not None and settings.columns is not None
    stored = None if declared else (_count_in(path, values, "YCells"), _count_in(path, values, "XCells"))
    grid = _text_grid(path, table, settings, stored, values, ("XStep", "YStep"), 1.0)
    phases = _ctf_phases(path, header)
    check_fields(table, len(names), f"{len(names)}: {' '.join(names)}")
    check_steps(table, grid, 1, 2, ("XStep", "YStep"), 1.0)
    emsoft = any("EMsoft v." in line for line in header)
    columns = CachedColumns(table)
    place = {name: number for number, name in enumerate(names)}
    ids = tuple(range(1, len(phases) + 1))

    def read_indexing() -> IndexingMaps:
        data = columns.read()
        _check_finite(path, data[:, :8])
        check_order(path, data[:, 1], data[:, 2], grid)
        phase_id = phase_positions(path, "Phase", data[:, 0], ids)
        confidence = data[:, place["MAD"]] if "MAD" in place else np.full(len(data), np.nan)
        maps = indexing_maps(np.deg2rad(data[:, 5:8]), phase_id, confidence, grid.shape)
        return maps if emsoft else from_oxford_frame(maps, phases)  # EMsoft keeps its own frame, which is orix's

    def read_contrast() -> NDArray[np.float64]:
        return columns.read()[:, place["BC"]].reshape(grid.shape)

    name = "orientation similarity" if emsoft else "band contrast"  # EMsoft reuses the columns
    confidence = "dot product, larger is better" if emsoft else "mean angular deviation [degrees], smaller is better"
    tilt = parse_decimal(values.get("TiltAngle", ""))
    return Scan(
        path=path,
        format_name="Channel ctf",
        files=(path,),
        grid=grid,
        sample_tilt_deg=tilt,
        beam_energy_kev=positive_or_none(parse_decimal(values.get("KV", ""))),
        phases=phases,
        indexing=Indexing(path, grid.shape, confidence, read_indexing) if phases else None,
        band_contrast=LazyMap(name, "1", path, grid.shape, read_contrast) if "BC" in place else None,
        notes=() if phases else ("indexing left out: the file declares no phase",),
    )


def _text_grid(
    path: Path,
    table: TextTable,
    settings: AcquisitionSettings,
    stored: tuple[int, int] | None,
    values: dict[str, str],
    step_names: tuple[str, str],
    scale: float,
) -> Grid:
    if table.lines == 0:
        raise ScanFormatError(path, "data lines", 0, "one per point", REMEDY_WHOLE)
    grid = resolve_grid(path, table.lines, settings, stored=stored)
    steps: list[float | None] = []
    for name, cells, given in (
        (step_names[1], grid.rows, settings.step_y_um),
        (step_names[0], grid.columns, settings.step_x_um),
    ):
        if given is not None:
            steps.append(given)
        elif name in values:
            steps.append(require_step_um(path, name, require_decimal(path, name, values[name]) * scale, cells))
        elif cells == 1:
            steps.append(None)
        else:
            raise ScanFormatError(path, name, "no such line in the header", "the step in µm", REMEDY_WHOLE)
    return Grid(grid.rows, grid.columns, steps[0], steps[1])


def _hexagonal_grid(
    path: Path, table: TextTable, settings: AcquisitionSettings, values: dict[str, str], scale: float
) -> Grid:
    rows, odd, even = (_count_in(path, values, name) for name in ("NROWS", "NCOLS_ODD", "NCOLS_EVEN"))
    step_x, step_y = (
        given or require_decimal(path, name, values.get(name, "")) * scale
        for name, given in (("XSTEP", settings.step_x_um), ("YSTEP", settings.step_y_um))
    )
    require_step_um(path, "XSTEP", step_x, cells=2)  # without a step no grid is hexagonal
    return hexagonal_grid(path, (rows, odd, even), (step_y, step_x), table.lines)


def _ang_values(header: list[str]) -> dict[str, str]:
    """Header entries by upper-case name; the first of each."""
    values: dict[str, str] = {}
    for line in header:
        match = re.match(r"#\s*([A-Za-z_-]+):?\s+(\S.*)", line)
        if match:
            values.setdefault(match[1].upper(), match[2].strip())
    return values


def _ang_shape(path: Path, values: dict[str, str]) -> tuple[int, int]:
    columns = _count_in(path, values, "NCOLS_ODD")
    even = _count_in(path, values, "NCOLS_EVEN") if "NCOLS_EVEN" in values else columns
    if even != columns:
        expected = f"{columns} as NCOLS_ODD on a square grid"
        raise ScanFormatError(path, "NCOLS_EVEN", even, expected, HEXAGONAL_REMEDY)
    return _count_in(path, values, "NROWS"), columns


def _ang_phases(path: Path, header: list[str]) -> dict[int, Phase]:
    """Phases by their number; a new phase begins with a line '# Phase n' or '# MaterialName'."""
    found: list[dict[str, str]] = []
    for line in header:
        match = re.match(r"#\s*(Phase|MaterialName|Formula|Symmetry|LatticeConstants)\b:?\s*(.*)", line)
        if not match:
            continue
        key, value = match[1], match[2].strip()
        if key == "Phase" or not found or (key == "MaterialName" and "MaterialName" in found[-1]):
            found.append({})
        if len(found) > _MOST_PHASES:
            raise ScanFormatError(path, "Phase", f"more than {_MOST_PHASES} phases", f"at most {_MOST_PHASES}")
        found[-1].setdefault(key, value)
    phases: dict[int, Phase] = {}
    for position, values in enumerate(found):
        field = f"Phase {position + 1}"
        number = require_count(path, "Phase", values["Phase"]) if "Phase" in values else position + 1
        if number in phases:
            raise ScanFormatError(path, "Phase", f"number {number} twice", "each phase once")
        lattice = tuple(parse_decimal(part) or 0.0 for part in values.get("LatticeConstants", "").split())
        name = values.get("MaterialName") or values.get("Formula") or ""
        group = edax_point_group(values.get("Symmetry", ""))
        phases[number] = make_phase(path, f"{field}, LatticeConstants", name, group, None, lattice)
    return phases


def _ctf_values(header: list[str]) -> dict[str, str]:
    """Header entries by name: one per line, and pairs on the line that begins with 'Euler angles'."""
    values: dict[str, str] = {}
    for line in header[:-1]:
        parts = line.split("\t") if "\t" in line else line.split(None, 1)
        if parts and parts[0].lower().startswith("euler angles"):
            words = line.replace("!", "!\t", 1).split("!", 1)[-1].split()
            values.update(zip(words[::2], words[1::2], strict=False))
        elif len(parts) > 1:
            values.setdefault(parts[0].strip(), parts[1].strip())
    return values


def _ctf_phases(path: Path, header: list[str]) -> tuple[Phase, ...]:
    start = next((number for number, line in enumerate(header) if re.match(r"Phases\s", line)), None)
    if start is None:
        raise ScanFormatError(path, "Phases", "no such line in the header", "the number of phases")
    text = header[start].split()[1] if len(header[start].split()) > 1 else ""
    if text == "0":
        return ()
    count = require_count(path, "Phases", text)
    lines = header[start + 1 : -1]
    if count > _MOST_PHASES or count > len(lines):
        raise ScanFormatError(path, "Phases", count, f"{len(lines)}, the lines that follow")
    phases = []
    for number, line in enumerate(lines[:count], start=1):
        parts = line.split("\t")
        field = f"phase {number}"
        if len(parts) < 5:
            raise ScanFormatError(
                path, field, repr(line), "lattice, angles, name, Laue group, space group between tabs"
            )
        lattice = tuple(parse_decimal(part) or 0.0 for part in (*parts[0].split(";"), *parts[1].split(";")))
        group = laue_group(require_count(path, f"{field}, Laue group", parts[3]), path, f"{field}, Laue group")
        space = parts[4].strip()
        space_group = None if space in ("", "0") else require_count(path, f"{field}, space group", space)
        phases.append(make_phase(path, f"{field}, lattice", parts[2], group, space_group, lattice))
    return tuple(phases)


def _count_in(path: Path, values: dict[str, str], name: str) -> int:
    if name not in values:
        remedy = "Declare the grid: --set acquisition.rows=ROWS --set acquisition.columns=COLUMNS"
        raise ScanFormatError(path, name, "no such line in the header", "a number of points", remedy)
    return require_count(path, name, values[name], "The header is corrupted: export the map again.")


def _check_finite(path: Path, data: NDArray[np.float64]) -> None:
    bad = ~np.isfinite(data).all(axis=1)
    if bad.any():
        raise ScanFormatError(path, f"data line {int(np.argmax(bad)) + 1}", "a value that is not finite", "numbers")
