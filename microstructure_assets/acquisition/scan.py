"""The one model of a scan. Everything in it is known from headers; patterns and maps are read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.pattern_source import PatternSource

_MOST_FILES_SHOWN = 20


def cells_there(shape: tuple[int, int], *, short_rows: bool) -> NDArray[np.bool_]:
    """Which cells of a grid are points: all, but the last of every other row where these are short."""
    there = np.ones(shape, dtype=bool)
    if short_rows:
        there[1::2, -1] = False
    return there


@dataclass(frozen=True)
class Grid:
    """A grid of points, row by row from the top left.

    Attributes
    ----------
    rows, columns : int
        Number of points along y and along x.
    step_y_um, step_x_um : float or None
        Distance between neighbouring points [µm]; None where neither the file nor the user says.
    kind : {"square", "hexagonal"}
        Square includes rectangular cells. On a hexagonal grid the second, fourth, ... row begins half a step further
        along x, and `step_y_um` is the distance of rows.
    short_rows : bool
        Whether these rows end one point earlier: their last cell is no point.
    """

    rows: int
    columns: int
    step_y_um: float | None
    step_x_um: float | None
    kind: Literal["square", "hexagonal"] = "square"
    short_rows: bool = False

    @property
    def points(self) -> int:
        """Number of cells; with short rows some of them are no points."""
        return self.rows * self.columns

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which cells are points, (rows, columns)."""
        return cells_there(self.shape, short_rows=self.short_rows)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns


@dataclass(frozen=True)
class Detector:
    """The detector as the stored patterns show it.

    Attributes
    ----------
    height_px, width_px : int
        Shape of one stored pattern.
    pattern_centre : (x, y, z) or None
        In Bruker's convention: x as fraction of the width from the left, y as fraction of the height from the top,
        z the detector distance as fraction of the height. The mean over the scan where the file has one per point.
    """

    height_px: int
    width_px: int
    pattern_centre: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Phase:
    """A phase of the scan.

    Attributes
    ----------
    name : str
    point_group : str
        International symbol. Vendors give the Laue group; then it is that.
    space_group : int or None
        Number in the International Tables.
    lattice_angstrom : (a, b, c)
        [Å]
    lattice_angles_deg : (alpha, beta, gamma)
        [degrees]
    """

    name: str
    point_group: str
    space_group: int | None
    lattice_angstrom: tuple[float, float, float]
    lattice_angles_deg: tuple[float, float, float]


@dataclass(frozen=True)
class LazyMap:
    """A map over the grid that is read when asked for.

    Attributes
    ----------
    name : str
        As the vendor calls it.
    unit : str
        Unit of the values; "1" for a plain number.
    file : Path
        Where it comes from.
    shape : (rows, columns)
    """

    name: str
    unit: str
    file: Path
    shape: tuple[int, int]
    reader: Callable[[], NDArray[Any]] = field(repr=False, compare=False)

    def read(self) -> NDArray[Any]:
        """The map, an array (rows, columns)."""
        return _of_shape(self.reader(), self.shape, self.name)


@dataclass(frozen=True)
class LazyImage:
    """A detector image that is read when asked for, such as a static background; `shape` is (height, width)."""

    name: str
    file: Path
    shape: tuple[int, int]
    reader: Callable[[], NDArray[Any]] = field(repr=False, compare=False)

    def read(self) -> NDArray[Any]:
        """The image, an array (height, width)."""
        return _of_shape(self.reader(), self.shape, self.name)


@dataclass(frozen=True)
class IndexingMaps:
    """What a vendor's indexing found.

    Attributes
    ----------
    quaternion : (rows, columns, 4) ndarray of float64
        Unit quaternions with scalar part first and not negative, orix's convention (sample to crystal, from Bunge's
        Euler angles), in the sample frame of the vendor and the crystal frame of orix (x along a, z along
        c*). The identity where a point is not indexed.
    phase_id : (rows, columns) ndarray of int32
        1 + position in `Scan.phases`; 0 where a point is not indexed.
    confidence : (rows, columns) ndarray of float64
        See `Indexing.confidence_name`.
    """

    quaternion: NDArray[np.float64]
    phase_id: NDArray[np.int32]
    confidence: NDArray[np.float64]


@dataclass(frozen=True)
class Indexing:
    """A vendor's indexing that is read when asked for.

    Attributes
    ----------
    file : Path
        Where it comes from.
    shape : (rows, columns)
    confidence_name : str
        What the confidence is, with its unit and its sense.
    """

    file: Path
    shape: tuple[int, int]
    confidence_name: str
    reader: Callable[[], IndexingMaps] = field(repr=False, compare=False)

    def read(self) -> IndexingMaps:
        """Orientations, phases and confidence of all points."""
        maps = self.reader()
        _of_shape(maps.quaternion, (*self.shape, 4), "quaternion")
        _of_shape(maps.phase_id, self.shape, "phase_id")
        _of_shape(maps.confidence, self.shape, "confidence")
        return maps


@dataclass(frozen=True)
class Scan:
    """One acquisition over a grid of points.

    Attributes
    ----------
    path : Path
        The file or folder that was opened.
    format_name : str
        Name of the row in `formats.FORMATS`.
    files : tuple of Path
        Every raw file that belongs to the scan: data, setting files, backgrounds, maps beside the patterns.
    grid : Grid
    detector : Detector or None
        None for maps without patterns.
    sample_tilt_deg, beam_energy_kev : float or None
        None where unknown.
    phases : tuple of Phase
    patterns : PatternSource or None
    indexing : Indexing or None
    band_contrast : LazyMap or None
        The vendor's measure of pattern quality under the vendor's name (band contrast, image quality, ...).
    element_maps : mapping of str to LazyMap
        EDS maps by the vendor's name of the line.
    background : LazyImage or None
        Static background; `static_background` reads it.
    declared : tuple of str
        Names of the settings that were used in place of, or for want of, what the files say.
    notes : tuple of str
        What a reader should know: what was chosen, left out or is unknown.
    """

    path: Path
    format_name: str
    files: tuple[Path, ...]
    grid: Grid
    detector: Detector | None = None
    sample_tilt_deg: float | None = None
    beam_energy_kev: float | None = None
    phases: tuple[Phase, ...] = ()
    patterns: PatternSource | None = None
    indexing: Indexing | None = None
    band_contrast: LazyMap | None = None
    element_maps: Mapping[str, LazyMap] = field(default_factory=lambda: MappingProxyType({}))
    background: LazyImage | None = None
    declared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def static_background(self) -> NDArray[Any] | None:
        """The static background (height, width), read on each access; None if there is none."""
        return None if self.background is None else self.background.read()

    def unknown(self) -> tuple[str, ...]:
        """Names of the quantities that neither the files nor the settings give."""
        values = {
            "step_x_um": self.grid.step_x_um or self.grid.columns == 1,
            "step_y_um": self.grid.step_y_um or self.grid.rows == 1,
            "sample_tilt_deg": self.sample_tilt_deg is not None,
            "beam_energy_kev": self.beam_energy_kev,
            "pattern_centre": self.detector is None or self.detector.pattern_centre,
            "phases": self.phases,
        }
        return tuple(name for name, value in values.items() if not value)

    def summary(self) -> dict[str, Any]:
        """What is known of the scan as plain JSON types; the same wherever the scan lies on disk."""
        files = sorted(str(file) for file in self.files)
        shown = files if len(files) <= _MOST_FILES_SHOWN else [*files[:3], files[-1]]
        patterns = self.patterns
        return {
            "name": self.path.name,
            "format": self.format_name,
            "file_count": len(files),
            "files": [_relative(Path(file), self.path.parent) for file in shown],
            "grid": {
                "rows": self.grid.rows,
                "columns": self.grid.columns,
                "step_y_um": self.grid.step_y_um,
                "step_x_um": self.grid.step_x_um,
                **({} if self.grid.kind == "square" else {"kind": self.grid.kind, "short_rows": self.grid.short_rows}),
            },
            "detector": None
            if self.detector is None
            else {
                "height_px": self.detector.height_px,
                "width_px": self.detector.width_px,
                "pattern_centre_bruker": None
                if self.detector.pattern_centre is None
                else list(self.detector.pattern_centre),
            },
            "sample_tilt_deg": self.sample_tilt_deg,
            "beam_energy_kev": self.beam_energy_kev,
            "phases": [
                {
                    "name": phase.name,
                    "point_group": phase.point_group,
                    "space_group": phase.space_group,
                    "lattice_angstrom": list(phase.lattice_angstrom),
                    "lattice_angles_deg": list(phase.lattice_angles_deg),
                }
                for phase in self.phases
            ],
            "patterns": None
            if patterns is None
            else {
                "shape": list(patterns.shape),
                "dtype": patterns.dtype.name,
                "bytes": int(np.prod(patterns.shape, dtype=object)) * patterns.dtype.itemsize,
            },
            "indexing": None
            if self.indexing is None
            else {
                "file": self.indexing.file.name,
                "confidence": self.indexing.confidence_name,
            },
            "band_contrast": None if self.band_contrast is None else self.band_contrast.name,
            "element_maps": {name: element.unit for name, element in self.element_maps.items()},
            "static_background": None if self.background is None else self.background.name,
            "declared": list(self.declared),
            "unknown": list(self.unknown()),
            "notes": list(self.notes),
        }


def _relative(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name


def _of_shape(array: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[Any]:
    if array.shape != shape:
        raise ValueError(f"{name}: found an array of shape {array.shape}, expected {shape}")
    return array
