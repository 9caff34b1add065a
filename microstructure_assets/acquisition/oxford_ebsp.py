"""Oxford's .ebsp: a table of positions, then each pattern with a header before and its beam position behind it.

kikuchipy reads it and is the oracle of the tests; here the number of patterns follows from the table itself, rows are
read without the rest, and a map beside the patterns gives the grid where the file does not.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.grids import resolve_grid
from microstructure_assets.acquisition.pattern_source import checked_points, rows_of, runs
from microstructure_assets.acquisition.scan import Detector, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.values import require_count

_NEWEST = 6
_BLOCK = 1 << 16
_REMEDY = "Copy it again from the microscope, or export the patterns as h5oina."


@dataclass(frozen=True)
class EbspPatterns:
    """Patterns of an .ebsp file; any number of threads may read.

    Attributes
    ----------
    file : Path
    shape : (rows, columns, height, width)
    dtype : dtype
    starts : (rows * columns,) ndarray of int64
        Position of each point's pixels [bytes].
    spacing : int
        Distance of consecutive patterns [bytes].
    """

    file: Path
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    starts: NDArray[np.int64] = field(repr=False, compare=False)
    spacing: int

    def read_points(self, points: NDArray[np.int64]) -> NDArray[Any]:
        """Patterns of some points, as `PatternSource` has it; what lies together in the file is read in one go."""
        wanted = self.starts[checked_points(self.shape, points)]
        height, width = self.shape[2:]
        pixel_bytes = height * width * self.dtype.itemsize
        block = np.empty((wanted.size, height, width), dtype=self.dtype)
        flat = block.reshape(wanted.size, -1).view(np.uint8)
        whole = np.memmap(self.file, dtype=np.uint8, mode="r")
        if int(wanted.max()) + pixel_bytes > whole.size:
            raise ScanFormatError(self.file, "file size", f"{whole.size} bytes", "as when it was opened", _REMEDY)
        for into, first, _ in runs(wanted, self.spacing):
            flat[into] = np.lib.stride_tricks.as_strided(
                whole[first:], (into.size, pixel_bytes), (self.spacing, 1), writeable=False
            )
        return block

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns of rows start to stop - 1."""
        return rows_of(self, start, stop)


@dataclass(frozen=True)
class _Layout:
    version: int
    table_start: int
    header: struct.Struct


def read_ebsp(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """Patterns of an .ebsp file that holds one for each point.

    Raises
    ------
    ScanFormatError
        If patterns are compressed, missing or of different shapes at the ends, or the grid is unknown.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        layout = _layout(path, stream.read(16))
        table = _positions(path, stream, layout, size)
        height, width, pixel_bytes = _pattern_header(path, stream, layout, int(table[0]), size)
        dtype = np.dtype("u1" if pixel_bytes == height * width else "<u2")
        footers = [
            _footer(stream, layout, int(position), pixel_bytes) for position in (table[0], table[1 % table.size])
        ]
        spacing = _spacing(path, table, layout, pixel_bytes, size)
        last = _pattern_header(path, stream, layout, int(table[-1]), size)
        if last != (height, width, pixel_bytes):
            found = f"{last[0]}×{last[1]} pixels, {last[2]} bytes"
            raise ScanFormatError(path, "last pattern", found, f"{height}×{width} pixels, {pixel_bytes} bytes", _REMEDY)
        stored, step = _grid(footers, _footer(stream, layout, int(table[-1]), pixel_bytes), table.size)
    grid = resolve_grid(path, table.size, settings, stored=stored, steps_um=(step, step), beside=beside)
    return Scan(
        path=path,
        format_name="Oxford ebsp",
        files=(path,),
        grid=grid,
        detector=Detector(height, width),
        patterns=EbspPatterns(path, (*grid.shape, height, width), dtype, table + layout.header.size, spacing),
        notes=("step along y taken to be the step along x",) if step else (),
    )


def _layout(path: Path, head: bytes) -> _Layout:
    if len(head) < 16:
        raise ScanFormatError(path, "header", f"{len(head)} bytes", "16 or more", _REMEDY)
    (first,) = struct.unpack("<q", head[:8])
    version = max(0, -first)
    if version > _NEWEST:
        raise ScanFormatError(path, "version", version, f"0 to {_NEWEST}", _REMEDY)
    table_start = 0 if version == 0 else 8 if version < 4 else 9
    return _Layout(version, table_start, struct.Struct("<4i" if version < 5 else "<6i"))


def _positions(path: Path, stream: Any, layout: _Layout, size: int) -> NDArray[np.int64]:
    """The table of positions. The patterns follow on it, so it ends where the foremost of them begins."""
    stream.seek(layout.table_start)
    table = np.empty(0, dtype=np.int64)
    while True:
        block = np.frombuffer(stream.read(8 * _BLOCK)[: 8 * _BLOCK // 8 * 8], dtype=np.uint8)
        block = block[: block.size // 8 * 8].view("<i8")
        table = np.concatenate([table, block])
        foremost = np.minimum.accumulate(np.where(table > 0, table, size))
        ends = layout.table_start + 8 * np.arange(1, table.size + 1)
        reached = np.flatnonzero(ends >= foremost)
        if reached.size:
            count = int(reached[0]) + 1
            break
        if block.size < _BLOCK:
            raise ScanFormatError(path, "table of positions", f"{table.size} entries and no end", "patterns", _REMEDY)
    table = table[:count]
    missing = int((table == 0).sum())
    if missing:
        remedy = "Store the patterns of all points: this file holds those of some points only."
        raise ScanFormatError(path, "patterns", f"{count - missing} of {count} points", "one per point", remedy)
    if ends[count - 1] != table.min() or table.max() >= size:
        raise ScanFormatError(path, "table of positions", "positions outside the file", f"up to {size}", _REMEDY)
    return table


def _pattern_header(path: Path, stream: Any, layout: _Layout, position: int, size: int) -> tuple[int, int, int]:
    stream.seek(position)
    head = stream.read(layout.header.size)
    if len(head) < layout.header.size:
        raise ScanFormatError(path, "pattern header", f"{len(head)} bytes", layout.header.size, _REMEDY)
    compressed, height, width, pixel_bytes = layout.header.unpack(head)[-4:]
    if compressed:
        raise ScanFormatError(path, "patterns", "compressed", "uncompressed", "Export the patterns uncompressed.")
    height, width = require_count(path, "pattern height", height), require_count(path, "pattern width", width)
    if pixel_bytes not in (height * width, 2 * height * width):
        raise ScanFormatError(path, "bytes of a pattern", pixel_bytes, f"1 or 2 per pixel of {height}×{width}", _REMEDY)
    if position + layout.header.size + pixel_bytes > size:
        raise ScanFormatError(path, "file size", f"{size} bytes", "the last pattern whole", _REMEDY)
    return height, width, pixel_bytes


def _footer(stream: Any, layout: _Layout, position: int, pixel_bytes: int) -> tuple[float, float] | None:
    """Beam position (x, y) [µm] behind a pattern, where the file has it."""
    stream.seek(position + layout.header.size + pixel_bytes)
    data = stream.read(18)
    if layout.version == 0:
        return None
    if layout.version == 1:
        return struct.unpack("<2d", data[:16]) if len(data) >= 16 else None
    if len(data) < 18 or data[0] != 1 or data[9] != 1:
        return None
    return struct.unpack("<d", data[1:9])[0], struct.unpack("<d", data[10:18])[0]


def _spacing(path: Path, table: NDArray[np.int64], layout: _Layout, pixel_bytes: int, size: int) -> int:
    ordered = np.sort(table)
    distances = np.diff(ordered)
    smallest = layout.header.size + pixel_bytes
    if distances.size and int(distances.min()) < smallest:
        raise ScanFormatError(path, "table of positions", int(distances.min()), f"{smallest} bytes and more", _REMEDY)
    if int(ordered[-1]) + smallest > size:
        raise ScanFormatError(path, "file size", f"{size} bytes", int(ordered[-1]) + smallest, _REMEDY)
    return int(distances.min()) if distances.size else smallest


def _grid(
    first_two: list[tuple[float, float] | None], last: tuple[float, float] | None, points: int
) -> tuple[tuple[int, int] | None, float | None]:
    """Rows and columns, and the step [µm], from the beam positions of three points; equal steps are assumed."""
    first, second = first_two
    if first is None or second is None or last is None or not np.isfinite([*first, *second, *last]).all():
        return None, None
    step = abs(second[0] - first[0])
    if step <= 0:
        return None, None
    rows = round(abs(last[1] - first[1]) / step) + 1
    columns = round(abs(last[0] - first[0]) / step) + 1
    return ((rows, columns), step) if rows * columns == points else (None, step)
