"""Twins on disk: a kikuchipy h5 file or a folder with one TIFF per point, streamed by rows, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

SCAN_GROUP = "Scan 1"


class Rows(Protocol):
    """Something whose patterns can be read by rows."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(rows, columns, height, width)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the patterns."""
        ...

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns of rows start to stop - 1."""
        ...


def write_h5(
    source: Rows,
    path: Path,
    header: Mapping[str, Any],
    phases: list[Any],
    block_rows: int,
    advance: Callable[[int], None],
) -> None:
    """Write ``path`` as ``kikuchipy.load`` reads it, also lazily.

    Parameters
    ----------
    source
        The patterns.
    path
        The file; a file of this name is replaced once the new one is whole.
    header
        ``step_um``, ``pattern_centre`` (Bruker), ``sample_tilt_deg``, ``beam_energy_kev``, ``static_background`` and
        ``title``.
    phases
        ``orix.crystal_map.Phase`` of each phase; every point is marked as not indexed.
    block_rows
        Rows written at once.
    advance
        Called with the number of points written since the last call.

    Notes
    -----
    The patterns are one contiguous dataset without compression, the fastest to write and to read.
    """
    import h5py

    rows, columns, height, width = source.shape
    partial = path.with_name(path.name + ".partial")
    try:
        with h5py.File(partial, "w", track_order=True) as file:
            _write_tree(file, {"manufacturer": "kikuchipy", "version": _kikuchipy_version()})
            group = file.create_group(SCAN_GROUP)
            _write_tree(group.create_group("EBSD/Header"), _ebsd_header(source, header))
            _write_tree(
                group.create_group("SEM/Header"),
                {
                    "beam_energy": float(header["beam_energy_kev"]),
                    "magnification": 0.0,
                    "microscope": str(header["title"]),
                    "working_distance": 0.0,
                },
            )
            _write_tree(group.create_group("EBSD/CrystalMap"), _crystal_map(rows, columns, header["step_um"], phases))
            data = group.create_dataset("EBSD/Data/patterns", (rows * columns, height, width), dtype=source.dtype)
            for start in range(0, rows, block_rows):
                stop = min(start + block_rows, rows)
                block = source.read_rows(start, stop)
                data[start * columns : stop * columns] = block.reshape(-1, height, width)
                advance((stop - start) * columns)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _kikuchipy_version() -> str:
    from importlib.metadata import version

    return version("kikuchipy")


def _write_tree(group: Any, tree: Mapping[str, Any]) -> None:
    """Scalars as arrays of one element and texts as bytes, as the format has them."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            _write_tree(group.create_group(key), value)
        elif isinstance(value, str):
            group.create_dataset(key, data=np.array([value.encode()], dtype=f"S{len(value.encode()) + 1}"))
        else:
            group.create_dataset(key, data=np.atleast_1d(value))


def _ebsd_header(source: Rows, header: Mapping[str, Any]) -> dict[str, Any]:
    rows, columns, height, width = source.shape
    pattern_centre = header["pattern_centre"]
    return {
        "azimuth_angle": 0.0,
        "binning": 1.0,
        "detector_pixel_size": 1.0,
        "elevation_angle": 0.0,
        "n_columns": columns,
        "n_rows": rows,
        "pattern_height": height,
        "pattern_width": width,
        "pcx": float(pattern_centre[0]),
        "pcy": float(pattern_centre[1]),
        "pcz": float(pattern_centre[2]),
        "sample_tilt": float(header["sample_tilt_deg"]),
        "static_background": header["static_background"],
        "step_x": float(header["step_um"]),
        "step_y": float(header["step_um"]),
        "twist_angle": 0.0,
    }


def _crystal_map(rows: int, columns: int, step_um: float, phases: list[Any]) -> dict[str, Any]:
    """orix's crystal map: the list of phases, no point indexed."""
    import orix
    from orix.crystal_map import CrystalMap, PhaseList
    from orix.io.plugins.orix_hdf5 import crystalmap2dict, phaselist2dict
    from orix.quaternion import Rotation

    count = rows * columns
    y, x = np.divmod(np.arange(count), columns)
    empty = CrystalMap(
        rotations=Rotation.identity((count,)),
        phase_id=np.full(count, -1, dtype=np.int64),
        x=x * step_um,
        y=y * step_um,
        scan_unit="um",
    )
    tree: dict[str, Any] = crystalmap2dict(empty)
    listed = PhaseList(phases, ids=list(range(1, len(phases) + 1)))
    listed.add_not_indexed()
    tree["header"]["phases"] = phaselist2dict(listed)
    return {"manufacturer": "orix", "version": orix.__version__, "crystal_map": tree}


def write_tiff_folder(
    source: Rows,
    path: Path,
    static_background: NDArray[Any],
    naming: Literal["number", "xy"],
    block_rows: int,
    advance: Callable[[int], None],
) -> None:
    """Write one uncompressed TIFF per point into the new folder ``path``.

    Names count the points row by row from zero (``pattern_000123.tif``) or carry the position
    (``pattern_x0003_y0001.tif``). The static background lies among them as ``static_background.tif``.

    Raises
    ------
    FileExistsError
        If ``path`` exists; files of two scans must not mix.
    """
    import tifffile

    if path.exists():
        raise FileExistsError(f"{path} exists; expected a new folder for the TIFF files")
    rows, columns, _, _ = source.shape
    digits = max(6, len(str(rows * columns - 1)))
    side = max(4, len(str(max(rows, columns) - 1)))
    partial = path.with_name(path.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)

    def write(row: int, patterns: NDArray[Any]) -> None:
        for column, pattern in enumerate(patterns):
            if naming == "xy":
                name = f"pattern_x{column:0{side}d}_y{row:0{side}d}.tif"
            else:
                name = f"pattern_{row * columns + column:0{digits}d}.tif"
            tifffile.imwrite(partial / name, pattern, photometric="minisblack", metadata=None)

    try:
        tifffile.imwrite(partial / "static_background.tif", static_background, photometric="minisblack", metadata=None)
        with ThreadPoolExecutor(max_workers=2) as pool:
            for start in range(0, rows, block_rows):
                stop = min(start + block_rows, rows)
                block = source.read_rows(start, stop)
                list(pool.map(write, range(start, stop), block))
                advance((stop - start) * columns)
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
