"""Oxford's .cpr (header, text) with its .crc (data, binary): an indexed map.

None of the libraries in use reads the pair. The records are simple: a phase byte, then the fields that the header
lists, in its order. The codes are those that MTEX and DefDAP use, too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.crystal_frames import from_oxford_frame
from microstructure_assets.acquisition.crystallography import indexing_maps, laue_group, make_phase
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.scan import Grid, Indexing, IndexingMaps, LazyMap, Phase, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.values import (
    parse_decimal,
    positive_or_none,
    require_count,
    require_decimal,
    require_step_um,
)
from microstructure_assets.acquisition.vendor_indexing import phase_positions

_FIELDS = {
    1: ("x", "<f4"),
    2: ("y", "<f4"),
    3: ("euler1", "<f4"),
    4: ("euler2", "<f4"),
    5: ("euler3", "<f4"),
    6: ("mad", "<f4"),
    7: ("bc", "u1"),
    8: ("bs", "u1"),
    10: ("bands", "u1"),
    11: ("error", "u1"),
    12: ("reliability", "<f4"),
}
_MOST_FIELDS = 255
_REMEDY = "Export the map again, as .ctf or .h5oina."


def read_cpr(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """The map of a .cpr and .crc pair; either may be given.

    Raises
    ------
    ScanFormatError
    """
    header_path, data_path = _partner(path, ".cpr"), _partner(path, ".crc")
    sections = _sections(header_path)
    mode = sections.get("general", {}).get("jobmode", "RegularGrid")
    if mode.lower() not in ("regulargrid", "grid"):
        remedy = "Only maps on a square grid are read."
        raise ScanFormatError(header_path, "[General] JobMode", mode, "RegularGrid", remedy)
    rows = require_count(header_path, "[Job] yCells", _entry(header_path, sections, "Job", "yCells"))
    columns = require_count(header_path, "[Job] xCells", _entry(header_path, sections, "Job", "xCells"))
    steps = []
    for name, cells in (("GridDistY", rows), ("GridDistX", columns)):
        value = require_decimal(header_path, f"[Job] {name}", _entry(header_path, sections, "Job", name))
        steps.append(require_step_um(header_path, f"[Job] {name}", value, cells))
    grid = Grid(rows, columns, steps[0], steps[1])
    record = _record(header_path, data_path, sections, grid)
    phases = _phases(header_path, sections)
    job = sections.get("job", {})

    def column(name: str) -> NDArray[np.float64]:
        return np.asarray(np.memmap(data_path, dtype=record, mode="r")[name], dtype=np.float64)

    def read_indexing() -> IndexingMaps:
        euler = np.stack([column(f"euler{angle}") for angle in (1, 2, 3)], axis=1)
        ids = phase_positions(data_path, "phase", column("phase"), tuple(range(1, len(phases) + 1)))
        ids = np.where(np.isfinite(euler).all(axis=1), ids, 0).astype(np.int32)
        names = record.names or ()
        deviation = column("mad") if "mad" in names else np.full(grid.points, np.nan)
        return from_oxford_frame(indexing_maps(euler, ids, deviation, grid.shape), phases)

    names = record.names or ()
    oriented = phases and all(f"euler{angle}" in names for angle in (1, 2, 3))
    confidence = "mean angular deviation [degrees], smaller is better"
    return Scan(
        path=path,
        format_name="Channel cpr and crc",
        files=(header_path, data_path),
        grid=grid,
        sample_tilt_deg=parse_decimal(job.get("tiltangle", "")),
        beam_energy_kev=positive_or_none(parse_decimal(job.get("kv", ""))),
        phases=phases,
        indexing=Indexing(data_path, grid.shape, confidence, read_indexing) if oriented else None,
        band_contrast=LazyMap("band contrast", "1", data_path, grid.shape, lambda: column("bc").reshape(grid.shape))
        if "bc" in names
        else None,
        notes=() if oriented else ("indexing left out: the file declares no phase or no angles",),
    )


def _partner(path: Path, suffix: str) -> Path:
    if path.suffix.lower() == suffix:
        return path
    for candidate in sorted(path.parent.iterdir()):
        if candidate.stem.casefold() == path.stem.casefold() and candidate.suffix.lower() == suffix:
            return candidate
    raise ScanFormatError(path, "files", f"no {suffix} file of the same name", "the pair of .cpr and .crc", _REMEDY)


def _sections(path: Path) -> dict[str, dict[str, str]]:
    data = path.read_bytes()[: 1 << 22]
    sections: dict[str, dict[str, str]] = {}
    entries: dict[str, str] = {}
    for line in data.decode("latin-1").splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            entries = sections.setdefault(line[1:-1].strip().lower(), {})
        elif "=" in line and not line.startswith(";"):
            name, _, value = line.partition("=")
            entries.setdefault(name.strip().lower(), value.strip())
    return sections


def _entry(path: Path, sections: dict[str, dict[str, str]], section: str, name: str) -> str:
    value = sections.get(section.lower(), {}).get(name.lower())
    if value is None:
        raise ScanFormatError(path, f"[{section}] {name}", "no such entry", "a value", _REMEDY)
    return value


def _record(header: Path, data: Path, sections: dict[str, dict[str, str]], grid: Grid) -> np.dtype[np.void]:
    """Type of a record, held against the size of the data file. Fields of unknown code are taken for 4 bytes each (EDX
    windows are), which that same check confirms or refutes."""
    count = require_count(header, "[Fields] Count", _entry(header, sections, "Fields", "Count"))
    if count > _MOST_FIELDS:
        raise ScanFormatError(header, "[Fields] Count", count, f"at most {_MOST_FIELDS}", _REMEDY)
    fields: list[tuple[str, str]] = [("phase", "u1")]
    for number in range(1, count + 1):
        code = require_count(header, f"[Fields] Field{number}", _entry(header, sections, "Fields", f"Field{number}"))
        fields.append(_FIELDS.get(code, (f"field{code}", "<f4")))
    names = [name for name, _ in fields]
    if len(set(names)) != len(names):
        raise ScanFormatError(header, "[Fields]", ", ".join(names), "each field once", _REMEDY)
    record = np.dtype(fields)
    size = data.stat().st_size
    if size != record.itemsize * grid.points:
        expected = f"{record.itemsize * grid.points} ({grid.rows}×{grid.columns} points of {record.itemsize} bytes)"
        raise ScanFormatError(data, "file size", f"{size} bytes", expected, _REMEDY)
    return record


def _phases(path: Path, sections: dict[str, dict[str, str]]) -> tuple[Phase, ...]:
    text = _entry(path, sections, "Phases", "Count")
    if text == "0":
        return ()
    count = require_count(path, "[Phases] Count", text)
    if count > _MOST_FIELDS:
        raise ScanFormatError(path, "[Phases] Count", count, f"at most {_MOST_FIELDS}", _REMEDY)
    phases = []
    for number in range(1, count + 1):
        section = f"Phase{number}"
        names = ("a", "b", "c", "alpha", "beta", "gamma")
        lattice = tuple(
            require_decimal(path, f"[{section}] {name}", _entry(path, sections, section, name)) for name in names
        )
        laue = require_count(path, f"[{section}] LaueGroup", _entry(path, sections, section, "LaueGroup"))
        space = sections[section.lower()].get("spacegroup", "0")
        space_group = None if space in ("", "0") else require_count(path, f"[{section}] SpaceGroup", space)
        name = sections[section.lower()].get("structurename", "")
        group = laue_group(laue, path, f"[{section}] LaueGroup")
        phases.append(make_phase(path, f"[{section}]", name, group, space_group, lattice))
    return tuple(phases)
