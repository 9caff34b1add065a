"""Text files with a header and one line per point: count the lines, look at a few, parse them all when asked.

Nothing here allocates by what a header claims, only by what the file holds.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.scan import Grid
from microstructure_assets.acquisition.values import parse_decimal

_LONGEST_LINE = 1 << 16
_MOST_HEADER_LINES = 10_000
_BLOCK = 1 << 22
_REMEDY_CONTRADICTION = (
    "Header and coordinates contradict each other. Declare what is true: "
    "acquisition.rows, columns, step_x_um and step_y_um."
)
REMEDY_WHOLE = "The file was cut off or its header is wrong: export it again."


@dataclass(frozen=True)
class TextTable:
    """Where the data of a text map lie.

    Attributes
    ----------
    path : Path
    offset : int
        Position of the first data line [bytes].
    lines : int
        Number of data lines.
    last_fields : int
        Number of fields on the last of them.
    """

    path: Path
    offset: int
    lines: int
    last_fields: int

    def line(self, number: int) -> list[str]:
        """Fields of one data line; the lines before it are passed over."""
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            for _ in range(number):
                stream.readline(_LONGEST_LINE)
            return stream.readline(_LONGEST_LINE).decode("latin-1").split()

    def parse(self) -> NDArray[np.float64]:
        """All data lines, an array (lines, fields).

        Raises
        ------
        ScanFormatError
            If a line has another number of fields than the first, or a field that is no number.
        """
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            text = stream.read()
        try:
            values = np.loadtxt(io.BytesIO(text.replace(b",", b".")), dtype=np.float64, ndmin=2, comments=None)
        except ValueError as error:
            raise ScanFormatError(self.path, "data lines", error, "numbers, equally many on each line") from error
        if values.shape[0] != self.lines:
            raise ScanFormatError(self.path, "data lines", values.shape[0], f"{self.lines} lines without a gap")
        return values


@dataclass
class CachedColumns:
    """The parsed lines, kept after the first use: orientations and band contrast come from one reading."""

    table: TextTable
    lock: threading.Lock = field(default_factory=threading.Lock)
    values: NDArray[np.float64] | None = None

    def read(self) -> NDArray[np.float64]:
        """All data lines, parsed once."""
        with self.lock:
            if self.values is None:
                self.values = self.table.parse()
                self.values.flags.writeable = False
            return self.values


def read_header(path: Path, is_last: str, *, comment: bool) -> tuple[list[str], int]:
    """Header lines of a text map and the position of the first data line.

    Parameters
    ----------
    is_last : str
        The header ends before the first line that does not start with this (`comment`), or with the first that does.
    comment : bool

    Raises
    ------
    ScanFormatError
        If the file is empty, has a line of more than 65536 bytes or no end of its header in 10000 lines.
    """
    header: list[str] = []
    with path.open("rb") as stream:
        while len(header) < _MOST_HEADER_LINES:
            position = stream.tell()
            raw = stream.readline(_LONGEST_LINE)
            if not raw:
                break
            if len(raw) == _LONGEST_LINE:
                raise ScanFormatError(path, f"line {len(header) + 1}", "65536 bytes and more", "a line of text")
            line = raw.decode("latin-1").rstrip("\r\n")
            if comment:
                if not line.startswith(is_last):
                    return header, position
                header.append(line)
            else:
                header.append(line)
                if line.split()[: len(is_last.split())] == is_last.split():
                    return header, stream.tell()
    if not header:
        raise ScanFormatError(path, "file", "an empty file", "a header and data lines", REMEDY_WHOLE)
    end = "data lines" if comment else f"the line {is_last!r} before the data"
    raise ScanFormatError(path, "header", f"{len(header)} lines without its end", end, REMEDY_WHOLE)


def count_lines(path: Path, offset: int) -> TextTable:
    """Count the data lines, without trailing empty ones; in blocks, so a file of any size will do."""
    newlines, tail = 0, b""
    with path.open("rb") as stream:
        stream.seek(offset)
        while block := stream.read(_BLOCK):
            newlines += block.count(b"\n")
            tail = (tail + block)[-_LONGEST_LINE:]
    text = tail.rstrip()
    trailing = tail[len(text) :].count(b"\n")
    lines = newlines - trailing + 1 if text else 0
    return TextTable(path, offset, lines, len(text.rpartition(b"\n")[2].split()))


def check_fields(table: TextTable, fewest: int, expected: str) -> None:
    """The first and the last line must hold at least `fewest` fields, and equally many.

    Raises
    ------
    ScanFormatError
    """
    fields = len(table.line(0))
    if fields < fewest:
        raise ScanFormatError(table.path, "data line 1", f"{fields} fields", expected, REMEDY_WHOLE)
    if table.last_fields != fields:
        found = f"{table.last_fields} fields"
        raise ScanFormatError(table.path, f"data line {table.lines}", found, f"{fields} as on line 1", REMEDY_WHOLE)


def check_steps(table: TextTable, grid: Grid, x_field: int, y_field: int, names: tuple[str, str], scale: float) -> None:
    """Hold the header's grid against the coordinates of three points: the first, the second, the first of row 2.

    Parameters
    ----------
    names : (name of the step along x, along y)
    scale : float
        µm per unit of the coordinates.

    Raises
    ------
    ScanFormatError
        If a step differs by more than a tenth, or row 2 does not begin where row 1 does.
    """
    x_first, y_first = _coordinates(table, 0, x_field, y_field)
    if grid.columns > 1:
        x_second, _ = _coordinates(table, 1, x_field, y_field)
        _compare_step(table.path, names[0], grid.step_x_um, (x_second - x_first) * scale, "columns")
    if grid.rows > 1:
        x_below, y_below = _coordinates(table, grid.columns, x_field, y_field)
        _compare_step(table.path, names[1], grid.step_y_um, (y_below - y_first) * scale, "rows")
        if grid.step_x_um is not None and abs(x_below - x_first) * scale > 0.5 * grid.step_x_um:
            found = f"{grid.columns}, but point {grid.columns + 1} lies at x = {x_below:g}"
            expected = f"x = {x_first:g}, where a row begins"
            raise ScanFormatError(table.path, "columns of the grid", found, expected, _REMEDY_CONTRADICTION)


def _coordinates(table: TextTable, number: int, x_field: int, y_field: int) -> tuple[float, float]:
    fields = table.line(number)
    x, y = (parse_decimal(fields[at]) if at < len(fields) else None for at in (x_field, y_field))
    if x is None or y is None:
        raise ScanFormatError(table.path, f"data line {number + 1}", " ".join(fields), "a point with x and y")
    return x, y


def _compare_step(path: Path, name: str, step_um: float | None, found_um: float, along: str) -> None:
    if step_um is not None and abs(found_um - step_um) > 0.1 * step_um:
        expected = f"{found_um:g} µm, the distance of neighbouring {along} by the coordinates"
        raise ScanFormatError(path, name, f"{step_um:g} µm", expected, _REMEDY_CONTRADICTION)


def check_order(path: Path, x: NDArray[np.float64], y: NDArray[np.float64], grid: Grid) -> None:
    """Points must lie row by row on the rectangular grid, each within half a step of its place.

    The steps are those of the coordinates themselves, which vendors round.
    """
    x, y = x.reshape(grid.shape), y.reshape(grid.shape)
    step_x = (x[0, -1] - x[0, 0]) / (grid.columns - 1) if grid.columns > 1 else 1.0
    step_y = (y[-1, 0] - y[0, 0]) / (grid.rows - 1) if grid.rows > 1 else 1.0
    off_x = np.abs(x - (x[0, 0] + step_x * np.arange(grid.columns)))
    off_y = np.abs(y - (y[0, 0] + step_y * np.arange(grid.rows)[:, None]))
    good = (off_x < 0.5 * step_x) & (off_y < 0.5 * step_y)
    if not (step_x > 0 and step_y > 0 and good.all()):
        at = int(np.argmin(good))
        found = f"x = {x.flat[at]:g}, y = {y.flat[at]:g} at point {at + 1}"
        expected = f"row {at // grid.columns + 1}, column {at % grid.columns + 1} of a {grid.rows}×{grid.columns} grid"
        raise ScanFormatError(path, "coordinates", found, expected, "Export the map row by row on a square grid.")
