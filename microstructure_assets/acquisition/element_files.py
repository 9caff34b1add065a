"""Counts of each element in a numpy archive beside the patterns, as a twin is written with them."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.scan import Grid, LazyMap, Scan

_MOST_ELEMENTS = 120
_REMEDY = "Write one array (rows, columns) of counts per element with numpy.savez, or move the file elsewhere."
# All that zipfile and numpy raise of a damaged archive; NotImplementedError is for a compression unknown to zipfile.
_BROKEN = (OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


def attach_elements(scan: Scan, path: Path) -> Scan:
    """The scan with the element maps that lie beside it; the scan's own come first.

    Parameters
    ----------
    scan : Scan
    path : Path
        ``.npz`` with an array (rows, columns) of counts for each element, named after it.

    Raises
    ------
    ScanFormatError
        If it is no such archive, or of another grid.
    """
    if scan.element_maps:
        return replace(scan, notes=(*scan.notes, f"element maps of {path.name} left out: {scan.path.name} has its own"))
    maps = {name: LazyMap(name, "counts", path, scan.grid.shape, partial(_read, path, name)) for name in _names(path)}
    for name in maps:
        _check(path, name, scan.grid)
    return replace(scan, files=(*scan.files, path), element_maps=MappingProxyType(maps))


def _names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except _BROKEN as error:
        raise ScanFormatError(path, "archive", error, "a numpy archive (.npz)", _REMEDY) from error
    names = [member.removesuffix(".npy") for member in members]
    odd = [name for name, member in zip(names, members, strict=True) if name == member or not name.isprintable()]
    if odd or not 0 < len(set(names)) == len(names) <= _MOST_ELEMENTS:
        found = f"{odd[0]!r}" if odd else f"{len(names)} entries, {len(set(names))} of different names"
        raise ScanFormatError(path, "entries", found, f"1 to {_MOST_ELEMENTS} arrays named after elements", _REMEDY)
    return names


def _check(path: Path, name: str, grid: Grid) -> None:
    """Hold an array's header against the grid, so that a small archive cannot unpack to more than the map."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
    except _BROKEN as error:
        raise ScanFormatError(path, name, error, "an array", _REMEDY) from error
    if shape != grid.shape or dtype.kind not in "uif":
        expected = f"numbers of shape {grid.shape} as the scan"
        raise ScanFormatError(path, name, f"{dtype} of shape {shape}", expected, _REMEDY)


def _read(path: Path, name: str) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            values = np.asarray(archive[name])
    except _BROKEN as error:
        raise ScanFormatError(path, name, error, "an array", _REMEDY) from error
    if not np.isfinite(values).all() or (values < 0).any():
        raise ScanFormatError(path, name, "negative or not finite values", "counts", _REMEDY)
    return values
