"""Patterns as plain bytes: EDAX's up1 and up2, NORDIF's dat. A short header (or a setting file) and then the patterns.

kikuchipy reads both and is the oracle of the tests; its lazy arrays deliver rows about 50 times slower than a memory
map does, and it takes a cut-off file without a word.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.grids import resolve_grid
from microstructure_assets.acquisition.image_files import background_image
from microstructure_assets.acquisition.pattern_source import checked_points, rows_of, runs
from microstructure_assets.acquisition.scan import Detector, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.source_files import NORDIF_FILES
from microstructure_assets.acquisition.values import (
    parse_decimal,
    positive_or_none,
    require_count,
    require_decimal,
    require_step_um,
)

COPY_AGAIN = "Copy it again from the microscope; if it was cut off there, export the whole points only."
_UP_HEADER_BYTES = 42  # from version 3 on


@dataclass(frozen=True)
class BinaryPatterns:
    """Patterns one behind the other in a file; any number of threads may read.

    Attributes
    ----------
    file : Path
    offset : int
        Position of the first pattern [bytes].
    shape : (rows, columns, height, width)
    dtype : dtype
    """

    file: Path
    offset: int
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]

    def read_points(self, points: NDArray[np.int64]) -> NDArray[Any]:
        """Patterns of some points, as `PatternSource` has it."""
        wanted = checked_points(self.shape, points)
        pixels = self.shape[2] * self.shape[3]
        block = np.empty((wanted.size, *self.shape[2:]), dtype=self.dtype)
        for into, first, last in runs(wanted):
            count, offset = (last + 1 - first) * pixels, self.offset + first * pixels * self.dtype.itemsize
            values = np.fromfile(self.file, dtype=self.dtype, count=count, offset=offset)
            if values.size != count:
                found, expected = f"{values.size} values from byte {offset}", f"{count}: it was whole when opened"
                raise ScanFormatError(self.file, "file size", found, expected, COPY_AGAIN)
            block[into] = values.reshape(-1, *self.shape[2:])
        return block

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns of rows start to stop - 1."""
        return rows_of(self, start, stop)


def read_up(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """Patterns of EDAX: .up1 has 8 bits, .up2 16; versions from 3 on know their grid.

    Raises
    ------
    ScanFormatError
        If the file is cut off, its grid hexagonal, or the grid unknown (version 1 with no map beside it).
    """
    dtype = np.dtype("<u2" if path.suffix.lower() == ".up2" else "u1")
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(_UP_HEADER_BYTES)
    if len(head) < 16:
        raise ScanFormatError(path, "header", f"{len(head)} bytes", "16 or more", COPY_AGAIN)
    version, width, height, offset = struct.unpack("<4I", head[:16])
    if version == 0 or version == 2 or version > 100:
        raise ScanFormatError(path, "version", version, "1, or 3 and above", "Export the patterns as HDF5.")
    height, width = require_count(path, "pattern height", height), require_count(path, "pattern width", width)
    pattern_bytes = height * width * dtype.itemsize
    stored: tuple[int, int] | None = None
    steps: tuple[float | None, float | None] = (None, None)
    notes: tuple[str, ...] = ()
    if version == 1:
        points, rest = divmod(size - offset, pattern_bytes)
        if offset < 16 or offset > size or rest or points == 0:
            found = f"{max(size - offset, 0)} bytes of patterns"
            raise ScanFormatError(path, "file size", found, f"a multiple of {height}×{width} pixels", COPY_AGAIN)
    else:
        stored, steps, notes = _up_grid(path, head, size, offset, pattern_bytes)
        points = stored[0] * stored[1]
    grid = resolve_grid(path, points, settings, stored=stored, steps_um=steps, beside=beside)
    return Scan(
        path=path,
        format_name="EDAX up1 and up2",
        files=(path,),
        grid=grid,
        detector=Detector(height, width),
        patterns=BinaryPatterns(path, offset, (*grid.shape, height, width), dtype),
        notes=notes,
    )


def _up_grid(
    path: Path, head: bytes, size: int, offset: int, pattern_bytes: int
) -> tuple[tuple[int, int], tuple[float | None, float | None], tuple[str, ...]]:
    if len(head) < _UP_HEADER_BYTES:
        raise ScanFormatError(path, "header", f"{len(head)} bytes", _UP_HEADER_BYTES, COPY_AGAIN)
    columns, rows, hexagonal = struct.unpack("<IIB", head[17:26])
    step_x, step_y = struct.unpack("<2d", head[26:42])
    if hexagonal:
        remedy = "Hexagonal grids are not read: acquire on, or resample to, a square grid."
        raise ScanFormatError(path, "grid type", "hexagonal", "square", remedy)
    rows, columns = require_count(path, "map height", rows), require_count(path, "map width", columns)
    if not _UP_HEADER_BYTES <= offset <= size:
        expected = f"{_UP_HEADER_BYTES} (behind the header) to {size} (the end of the file)"
        raise ScanFormatError(path, "position of the first pattern", offset, expected, COPY_AGAIN)
    needed = offset + rows * columns * pattern_bytes
    if size < needed:
        found, wanted = f"{size} bytes", f"{needed} for {rows}×{columns} patterns"
        raise ScanFormatError(path, "file size", found, wanted, COPY_AGAIN)
    extra = (size - needed) // pattern_bytes
    notes = (f"{extra} patterns after the last point left out",) if extra else ()
    steps = (
        require_step_um(path, "step along y", step_y, rows),
        require_step_um(path, "step along x", step_x, columns),
    )
    return (rows, columns), steps, notes


def read_nordif(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """Patterns of NORDIF: 8-bit pixels without any header, explained by ``Setting.txt`` in the same folder.

    Where that file is absent, rows or columns and the pattern's shape must be declared. The static background is
    ``Background acquisition pattern.bmp`` in the same folder.

    Raises
    ------
    ScanFormatError
    """
    setting_file, image = (path.parent / name for name in NORDIF_FILES)
    known = _nordif_settings(setting_file) if setting_file.is_file() else None
    height = settings.pattern_height_px or (known.height if known else None)
    width = settings.pattern_width_px or (known.width if known else None)
    if height is None or width is None:
        remedy = "Put Setting.txt beside it, or declare acquisition.pattern_height_px and pattern_width_px."
        raise ScanFormatError(path, "shape of the patterns", "no Setting.txt beside the file", "one", remedy)
    points, rest = divmod(path.stat().st_size, height * width)
    if rest or points == 0:
        found = f"{path.stat().st_size} bytes"
        raise ScanFormatError(path, "file size", found, f"a multiple of {height}×{width} pixels", COPY_AGAIN)
    stored = (known.rows, known.columns) if known else None
    step = known.step_um if known else None
    grid = resolve_grid(path, points, settings, stored=stored, steps_um=(step, step), beside=beside)
    background = background_image(image, (height, width)) if image.is_file() else None
    files = [path, *([setting_file] if known else []), *([image] if background else [])]
    return Scan(
        path=path,
        format_name="NORDIF dat",
        files=tuple(files),
        grid=grid,
        detector=Detector(height, width),
        sample_tilt_deg=known.tilt_deg if known else None,
        beam_energy_kev=known.energy_kev if known else None,
        patterns=BinaryPatterns(path, 0, (*grid.shape, height, width), np.dtype("u1")),
        background=background,
        notes=() if known else ("no Setting.txt beside the patterns: the shape is the declared one",),
    )


@dataclass(frozen=True)
class _NordifSettings:
    rows: int
    columns: int
    height: int
    width: int
    step_um: float | None
    tilt_deg: float | None
    energy_kev: float | None


def _nordif_settings(path: Path) -> _NordifSettings:
    sections: dict[str, dict[str, str]] = {}
    entries: dict[str, str] = {}
    for line in path.read_bytes()[: 1 << 20].decode("latin-1").splitlines():
        parts = [part.strip() for part in line.split("\t")]
        if parts[0].startswith("["):
            entries = sections.setdefault(parts[0].strip("[]").lower(), {})
        elif len(parts) > 1:
            entries.setdefault(parts[0].lower(), parts[1])

    def entry(section: str, name: str) -> str:
        value = sections.get(section, {}).get(name)
        if value is None:
            raise ScanFormatError(path, f"[{section}] {name}", "no such line", "a value", COPY_AGAIN)
        return value

    rows, columns = _pair(path, "[area] number of samples", entry("area", "number of samples"))
    width, height = _pair(path, "[acquisition settings] resolution", entry("acquisition settings", "resolution"))
    step = require_decimal(path, "[area] step size", entry("area", "step size"))
    microscope = sections.get("microscope", {})
    return _NordifSettings(
        rows=rows,
        columns=columns,
        height=height,
        width=width,
        step_um=require_step_um(path, "[area] step size", step, rows * columns),
        tilt_deg=parse_decimal(microscope.get("tilt angle", "")),
        energy_kev=positive_or_none(parse_decimal(microscope.get("accelerating voltage", ""))),
    )


def _pair(path: Path, field: str, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d+)\s*x\s*(\d+)\s*", text)
    if not match:
        raise ScanFormatError(path, field, repr(text), "two numbers, like 3x3")
    return require_count(path, field, match[1]), require_count(path, field, match[2])
