"""A scan as a folder with one image per point.

Names carry the position (``x12y3``, ``y3x12``, ``r3c12``, ``row_3_col_12``) or one running number, row by row; then the
grid is declared or stands in a map beside. Every point must be there once. Of the images only the first is opened when
the scan is; each other is held against it when it is read.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.grids import resolve_grid
from microstructure_assets.acquisition.image_files import (
    IMAGE_SUFFIXES,
    TIFF_SUFFIXES,
    background_image,
    image_header,
    read_image,
)
from microstructure_assets.acquisition.pattern_source import checked_points, rows_of
from microstructure_assets.acquisition.scan import Detector, Grid, LazyImage, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings

SIDE_SUFFIXES = frozenset(
    {".ang", ".cfg", ".cpr", ".crc", ".csv", ".ctf", ".db", ".ini", ".json", ".log", ".md", ".pdf", ".toml", ".txt"}
    | {".xml", ".yaml", ".yml"}
)
"""Files that may lie among the images: texts, tables and maps. Anything else is an error."""

_IMAGES, _SIDES = tuple(IMAGE_SUFFIXES), tuple(SIDE_SUFFIXES)
_POSITIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![a-z])x[ _=-]?(?P<x>\d+)[ _,-]*y[ _=-]?(?P<y>\d+)",
        r"(?<![a-z])y[ _=-]?(?P<y>\d+)[ _,-]*x[ _=-]?(?P<x>\d+)",
        r"(?<![a-z])r(?:ow)?[ _=-]?(?P<y>\d+)[ _,-]*c(?:ol(?:umn)?)?[ _=-]?(?P<x>\d+)",
    )
)
_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*)(?P<suffix>\.[^.]*)", re.DOTALL)
_MOST_DIGITS = 15
_THREADS = min(8, 2 * (os.cpu_count() or 1))
_REMEDY = "Complete the folder, move what is no point of the scan, or correct the declared grid."


@dataclass(frozen=True)
class ImageFolderPatterns:
    """Patterns in one image file each, read by several threads; may itself be called from any thread.

    Attributes
    ----------
    folder : Path
    names : tuple of str
        File of each point, row by row.
    shape : (rows, columns, height, width)
    dtype : dtype
    template : TiffTemplate or None
        The common frame of uncompressed TIFF files.
    """

    folder: Path
    names: tuple[str, ...] = field(repr=False)
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    template: TiffTemplate | None = field(default=None, repr=False)

    def read_points(self, points: NDArray[np.int64]) -> NDArray[Any]:
        """Patterns of some points, as `PatternSource` has it.

        Raises
        ------
        ScanFormatError
            Naming the file that is missing, is no greyscale image, or has another shape or type than the first.
        """
        names = [self.names[point] for point in checked_points(self.shape, points).tolist()]
        block = np.empty((len(names), *self.shape[2:]), dtype=self.dtype)
        threads = min(_THREADS, len(names))
        bounds = np.linspace(0, len(names), threads + 1).astype(int)

        def fill(part: int) -> None:
            for point in range(bounds[part], bounds[part + 1]):
                block[point] = self._read(names[point])

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, range(threads)))
        return block

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns of rows start to stop - 1."""
        return rows_of(self, start, stop)

    def _read(self, name: str) -> NDArray[Any]:
        path = os.path.join(self.folder, name)
        if self.template is not None:
            try:
                with open(path, "rb", buffering=0) as stream:
                    pixels = self.template.pixels(stream.read())
            except OSError as error:
                raise ScanFormatError(path, "image", error, "a readable file") from error
            if pixels is not None:
                return pixels
        image = read_image(Path(path))
        if image.shape != self.shape[2:] or image.dtype != self.dtype:
            height, width = self.shape[2:]
            expected = f"{height}×{width} {self.dtype.name} as {self.names[0]}"
            raise ScanFormatError(path, "image", f"{'×'.join(map(str, image.shape))} {image.dtype.name}", expected)
        return image


@dataclass(frozen=True)
class TiffTemplate:
    """What the TIFF files of one camera share: all bytes but the pixels.

    A file that equals the template around its pixels has its pixels at the same place; that spares parsing 131,670
    headers. Any other file goes to the TIFF library.
    """

    before: bytes
    after: bytes
    shape: tuple[int, int]
    stored: np.dtype[Any]

    def pixels(self, data: bytes) -> NDArray[Any] | None:
        """The image (height, width), or None if the file is not like the template."""
        offset, count = len(self.before), self.shape[0] * self.shape[1]
        end = offset + count * self.stored.itemsize
        if len(data) != end + len(self.after) or data[:offset] != self.before or data[end:] != self.after:
            return None
        return np.frombuffer(data, dtype=self.stored, count=count, offset=offset).reshape(self.shape)


def read_image_folder(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """A scan from a folder of images.

    Raises
    ------
    ScanFormatError
        If the folder holds no images, something else than images and side files, a point twice or not at all, or if
        the grid is unknown.
    """
    images, backgrounds, ignored = _list(path)
    names, stored = _order(path, images)
    grid = resolve_grid(path, len(names), settings, stored=stored, beside=beside)
    if stored is not None and grid.shape != stored:
        expected = f"{grid.rows}×{grid.columns} as declared"
        raise ScanFormatError(path, "grid by the names", f"{stored[0]}×{stored[1]}", expected, _REMEDY)
    first = path / names[0]
    (height, width), dtype = image_header(first)
    background = _background(path, backgrounds, (height, width))
    notes = (f"{len(ignored)} other files in the folder ignored: {', '.join(sorted(ignored)[:5])}",) if ignored else ()
    files = [path / name for name in names] + ([background.file] if background else [])
    return Scan(
        path=path,
        format_name="image folder",
        files=tuple(files),
        grid=Grid(grid.rows, grid.columns, None, None),
        detector=Detector(height, width),
        patterns=ImageFolderPatterns(path, names, (*grid.shape, height, width), dtype, _template(first)),
        background=background,
        notes=notes,
    )


def _list(path: Path) -> tuple[list[str], list[str], list[str]]:
    images: list[str] = []
    backgrounds: list[str] = []
    ignored: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name.lower()
            if name.endswith(_IMAGES) and not name.startswith("."):
                (backgrounds if "background" in name else images).append(entry.name)
            elif name.endswith(_SIDES) or name.startswith(".") or entry.is_dir():
                ignored.append(entry.name)
            else:
                expected = "images, and beside them only texts, tables and maps"
                remedy = f"{_REMEDY} If it holds the patterns, give the file itself."
                raise ScanFormatError(path, "file in the folder", repr(entry.name), expected, remedy)
    if not images:
        expected = f"images ({', '.join(sorted(IMAGE_SUFFIXES))})"
        raise ScanFormatError(
            path, "folder", f"{len(ignored)} other entries", expected, "Give the folder of the images."
        )
    return images, backgrounds, ignored


def _order(path: Path, images: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, int] | None]:
    """Names row by row, and the grid if they tell it. A sample of the names tells which way they are numbered."""
    sample = images[:: max(1, len(images) // 200)]
    for pattern in _POSITIONS:
        if sum(pattern.search(name) is not None for name in sample) * 2 > len(sample):
            return _by_position(path, images, [pattern.search(name) for name in images])
    return _by_number(path, images), None


def _by_position(
    path: Path, images: Sequence[str], matches: Sequence[re.Match[str] | None]
) -> tuple[tuple[str, ...], tuple[int, int]]:
    _refuse(path, "image without a position", (name for name, match in zip(images, matches, strict=True) if not match))
    x = _integers(path, images, [match["x"] for match in matches if match])
    y = _integers(path, images, [match["y"] for match in matches if match])
    (column, columns), (row, rows) = _places(x), _places(y)
    order = np.lexsort((column, row))
    _refuse_twice(path, images, order, (row[order], column[order]))
    if rows * columns != len(images):
        missing = _missing_positions(row, column, rows, columns)
        step_x, step_y = int(np.ptp(x)) // max(columns - 1, 1), int(np.ptp(y)) // max(rows - 1, 1)
        named = ", ".join(f"x{int(x.min()) + c * step_x}y{int(y.min()) + r * step_y}" for r, c in missing)
        found = f"{len(images)} images, without {named} …"
        raise ScanFormatError(path, "points", found, f"{rows * columns} ({rows} rows × {columns} columns)", _REMEDY)
    return tuple(images[index] for index in order), (rows, columns)


def _by_number(path: Path, images: Sequence[str]) -> tuple[str, ...]:
    matches = [_NUMBERED.fullmatch(name) for name in images]
    _refuse(path, "image without a number", (name for name, match in zip(images, matches, strict=True) if not match))
    whole = [match for match in matches if match]
    frames = [(match["before"], match["after"], match["suffix"].lower()) for match in whole]
    (usual, _), *others = Counter(frames).most_common()
    if others:
        odd = [name for name, frame in zip(images, frames, strict=True) if frame != usual]
        _refuse(path, f"image not named like {usual[0]}…{usual[1]}{usual[2]}", odd)
    number = _integers(path, images, [match["number"] for match in whole])
    order = np.argsort(number, kind="stable")
    _refuse_twice(path, images, order, (number[order],))
    gaps = np.flatnonzero(np.diff(number[order]) != 1)
    if gaps.size:
        before = int(number[order][gaps[0]])
        found = f"no number {before + 1} between {images[order[gaps[0]]]} and {images[order[gaps[0] + 1]]}"
        raise ScanFormatError(path, "points", found, "consecutive numbers", _REMEDY)
    return tuple(images[index] for index in order)


def _integers(path: Path, images: Sequence[str], digits: Sequence[str]) -> NDArray[np.int64]:
    _refuse(path, "number in a name", (n for n, text in zip(images, digits, strict=True) if len(text) > _MOST_DIGITS))
    return np.array([int(text) for text in digits], dtype=np.int64)


def _places(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Row or column of each coordinate, whose steps are all multiples of one whole number."""
    unique = np.unique(values)
    step = math.gcd(*(int(gap) for gap in np.diff(unique))) if unique.size > 1 else 1
    return (values - unique[0]) // step, int(unique[-1] - unique[0]) // step + 1


def _missing_positions(
    row: NDArray[np.int64], column: NDArray[np.int64], rows: int, columns: int, most: int = 5
) -> list[tuple[int, int]]:
    """The first few positions without an image, found by walking along what is there."""
    there = np.unique(row * columns + column)
    holes = np.flatnonzero(np.diff(np.concatenate([[-1], there, [rows * columns]])) > 1)[:most]
    edges = np.concatenate([[-1], there])
    return [divmod(int(edges[hole]) + 1, columns) for hole in holes]


def _refuse(path: Path, field_name: str, names: Iterable[str]) -> None:
    odd = sorted(names)
    if odd:
        found = ", ".join(map(repr, odd[:5])) + (f" and {len(odd) - 5} more" if len(odd) > 5 else "")
        raise ScanFormatError(path, field_name, found, "one naming for all points", _REMEDY)


def _refuse_twice(
    path: Path, images: Sequence[str], order: NDArray[np.intp], keys: tuple[NDArray[np.int64], ...]
) -> None:
    same = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    if same.any():
        at = int(np.argmax(same))
        found = f"{images[order[at]]!r} and {images[order[at + 1]]!r}"
        raise ScanFormatError(path, "two images of one point", found, "one image per point", _REMEDY)


def _background(path: Path, names: Sequence[str], shape: tuple[int, int]) -> LazyImage | None:
    if not names:
        return None
    chosen = [name for name in names if "acquisition" in name.lower()] if len(names) > 1 else list(names)
    if len(chosen) != 1:
        remedy = "Leave one in the folder."
        raise ScanFormatError(path, "static background", ", ".join(sorted(names)), "one image", remedy)
    return background_image(path / chosen[0], shape)


def _template(path: Path) -> TiffTemplate | None:
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return None
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        if not page.is_contiguous or page.dtype is None:
            return None
        offset, count = page.dataoffsets[0], page.shape[0] * page.shape[1] * page.dtype.itemsize
        stored = page.dtype.newbyteorder(file.byteorder)
        shape = int(page.shape[0]), int(page.shape[1])
    data = path.read_bytes()
    return TiffTemplate(data[:offset], data[offset + count :], shape, stored)
