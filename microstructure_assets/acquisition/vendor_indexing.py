"""Phases and orientations as the vendors' HDF5 files hold them, brought to columns with one meaning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.crystallography import (
    edax_point_group,
    indexing_maps,
    laue_group,
    make_phase,
)
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.hdf5_files import Header
from microstructure_assets.acquisition.scan import IndexingMaps, Phase

NumberedPhases = tuple[tuple[int, Phase], ...]


@dataclass(frozen=True)
class PointColumns:
    """Per point, in the file's order: Bunge's angles (n, 3) [rad], phase id (n,; 0 = not indexed), confidence (n,)."""

    euler_rad: NDArray[np.float64]
    phase_id: NDArray[np.int32]
    confidence: NDArray[np.float64]

    def maps(self, shape: tuple[int, int], order: NDArray[np.int64] | None) -> IndexingMaps:
        """As maps of the scan; `order` is the position in the file of each point of the grid."""
        finite = np.isfinite(self.euler_rad).all(axis=1)
        phase_id = np.where(finite, self.phase_id, 0).astype(np.int32)
        euler, confidence = self.euler_rad, self.confidence
        if order is not None:
            euler, phase_id, confidence = euler[order], phase_id[order], confidence[order]
        return indexing_maps(euler, phase_id, confidence, shape)


def phase_positions(file: Path, field: str, stored: NDArray[Any], ids: tuple[int, ...]) -> NDArray[np.int32]:
    """1 + position in `ids` of each stored phase id; 0 for what is not positive and in `ids` (not indexed).

    Raises
    ------
    ScanFormatError
        If a positive id is none of `ids`.
    """
    positions = np.zeros(stored.shape, dtype=np.int32)
    strange = np.isfinite(stored) & (stored > 0)
    for position, number in enumerate(ids):
        positions[stored == number] = position + 1
        strange &= stored != number
    if strange.any():
        expected = f"0 (not indexed) or one of the phases {', '.join(map(str, ids))}"
        raise ScanFormatError(file, field, f"phase {stored[strange][0]:g}", expected)
    return positions


def edax_phase_positions(
    file: Path, field: str, stored: NDArray[Any], ids: tuple[int, ...], indexed: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """EDAX numbers phases from 1, but writes 0 for the only phase of a map with one."""
    if len(ids) == 1:
        stored = np.where(stored == 0, ids[0], stored)
    return np.where(indexed, phase_positions(file, field, stored, ids), 0).astype(np.int32)


def kikuchipy_phases(header: Header) -> NumberedPhases:
    """Phases of the crystal map that orix wrote; the placeholder of an empty map is none."""
    phases: list[tuple[int, Phase]] = []
    base = "EBSD/CrystalMap/crystal_map/header/phases"
    for key in header.names(base):
        if not key.isdigit():
            continue  # orix keeps 'not indexed' as phase -1
        point_group = header.text(f"{base}/{key}/point_group") or "None"
        space_group = header.scalar(f"{base}/{key}/space_group")
        number = int(space_group) if isinstance(space_group, int | float) and space_group > 0 else None
        if point_group == "None" and number is None:
            continue
        lattice = header.numbers(f"{base}/{key}/structure/lattice/abcABG", 6)
        if lattice is None:
            raise ScanFormatError(header.path, f"{base}/{key}", "no lattice", "structure/lattice/abcABG")
        name = header.text(f"{base}/{key}/name") or ""
        phase = make_phase(header.path, f"{base}/{key}", name, point_group, number, lattice, unit_may_be_nm=True)
        phases.append((int(key), phase))
    return tuple(phases)


def kikuchipy_columns(header: Header, ids: tuple[int, ...], points: int) -> PointColumns:
    """Columns of orix's crystal map; the best match where it holds several per point."""
    base = "EBSD/CrystalMap/crystal_map/data"
    euler = np.stack([_first(header, f"{base}/{name}", points) for name in ("phi1", "Phi", "phi2")], axis=1)
    stored = _first(header, f"{base}/phase_id", points).astype(np.int64)
    phase_id = phase_positions(header.path, f"{base}/phase_id", stored, ids)
    if header.dataset(f"{base}/is_in_data") is not None:
        phase_id[_first(header, f"{base}/is_in_data", points) == 0] = 0
    name = kikuchipy_confidence(header, points)
    confidence = _first(header, f"{base}/{name}", points) if name else np.full(points, np.nan)
    return PointColumns(euler, phase_id, confidence)


def kikuchipy_confidence(header: Header, points: int) -> str | None:
    """Name of the crystal map's property that tells how good the match is: `scores` or the first there is."""
    base = "EBSD/CrystalMap/crystal_map/data"
    known = {"phi1", "Phi", "phi2", "id", "is_in_data", "phase_id", "x", "y", "z"}
    names = [name for name in header.names(base) if name not in known and _per_point(header, base, name, points)]
    return "scores" if "scores" in names else next(iter(names), None)


def edax_phases(header: Header) -> NumberedPhases:
    """Phases of EDAX; lattices in Å."""
    phases: list[tuple[int, Phase]] = []
    for key in header.names("EBSD/Header/Phase"):
        base = f"EBSD/Header/Phase/{key}"
        edges = ("a", "b", "c", "alpha", "beta", "gamma")
        lattice = tuple(header.number(f"{base}/Lattice Constant {edge}") or 0.0 for edge in edges)
        symbol = header.text(f"{base}/Point Group") or header.text(f"{base}/Symmetry") or ""
        name = header.text(f"{base}/MaterialName") or header.text(f"{base}/Formula") or ""
        phase = make_phase(header.path, base, name, edax_point_group(symbol), None, lattice)
        phases.append((_number(header, base, key), phase))
    return tuple(phases)


def edax_columns(header: Header, ids: tuple[int, ...], points: int) -> PointColumns:
    """Angles in radians; a confidence index of -1 is EDAX's 'not indexed'."""
    euler = np.stack([_first(header, f"EBSD/Data/{name}", points) for name in ("Phi1", "Phi", "Phi2")], axis=1)
    confidence = _optional(header, "EBSD/Data/CI", points)
    stored = _optional(header, "EBSD/Data/Phase", points, fill=0.0)
    phase_id = edax_phase_positions(header.path, "EBSD/Data/Phase", stored, ids, ~(confidence < 0))
    return PointColumns(euler, phase_id, confidence)


def oxford_phases(header: Header) -> NumberedPhases:
    """Phases of the H5OINA specification; lattices in Å and radians."""
    phases: list[tuple[int, Phase]] = []
    for key in header.names("EBSD/Header/Phases"):
        base = f"EBSD/Header/Phases/{key}"
        edges = header.numbers(f"{base}/Lattice Dimensions", 3) or ()
        angles = header.numbers(f"{base}/Lattice Angles", 3) or ()
        laue = header.scalar(f"{base}/Laue Group")
        group = laue_group(int(laue), header.path, f"{base}/Laue Group") if isinstance(laue, int | float) else ""
        space_group = header.scalar(f"{base}/Space Group")
        number = int(space_group) if isinstance(space_group, int | float) and space_group > 0 else None
        lattice = (*edges, *(float(np.rad2deg(angle)) for angle in angles))
        name = header.text(f"{base}/Phase Name") or ""
        phases.append((_number(header, base, key), make_phase(header.path, base, name, group, number, lattice)))
    return tuple(phases)


def oxford_columns(header: Header, ids: tuple[int, ...], points: int) -> PointColumns:
    """Angles in radians, phase 0 not indexed; NaN outside the measured area."""
    data = header.dataset("EBSD/Data/Euler")
    if data is None or data.shape != (points, 3):
        raise ScanFormatError(header.path, "EBSD/Data/Euler", None if data is None else data.shape, (points, 3))
    deviation = np.rad2deg(_optional(header, "EBSD/Data/Mean Angular Deviation", points))
    stored = _first(header, "EBSD/Data/Phase", points)
    phase_id = phase_positions(header.path, "EBSD/Data/Phase", stored, ids)
    return PointColumns(np.asarray(data[()], dtype=np.float64), phase_id, deviation)


def bruker_phases(header: Header) -> NumberedPhases:
    """Phases of Bruker; lattices in Å, no point group, which the space group implies."""
    phases: list[tuple[int, Phase]] = []
    for key in header.names("EBSD/Header/Phases"):
        base = f"EBSD/Header/Phases/{key}"
        lattice = header.numbers(f"{base}/LatticeConstants", 6) or ()
        space_group = header.scalar(f"{base}/IT")
        number = int(space_group) if isinstance(space_group, int | float) and space_group > 0 else None
        name = header.text(f"{base}/Name") or header.text(f"{base}/Formula") or ""
        group = laue_group_of(number)
        phases.append((_number(header, base, key), make_phase(header.path, base, name, group, number, lattice)))
    return tuple(phases)


def bruker_columns(header: Header, ids: tuple[int, ...], points: int) -> PointColumns:
    """Angles in degrees, phase 0 not indexed."""
    euler = np.stack([_first(header, f"EBSD/Data/{name}", points) for name in ("phi1", "PHI", "phi2")], axis=1)
    stored = _first(header, "EBSD/Data/Phase", points)
    phase_id = phase_positions(header.path, "EBSD/Data/Phase", stored, ids)
    return PointColumns(np.deg2rad(euler), phase_id, _optional(header, "EBSD/Data/MAD", points))


def laue_group_of(space_group: int | None) -> str:
    """Laue group of a space group: the ranges of the International Tables."""
    last = ((2, "-1"), (15, "2/m"), (74, "mmm"), (88, "4/m"), (142, "4/mmm"), (148, "-3"), (167, "-3m"), (176, "6/m"),
            (194, "6/mmm"), (206, "m-3"), (230, "m-3m"))  # fmt: skip
    return "" if space_group is None else next((group for end, group in last if space_group <= end), "")


def any_indexed(header: Header, name: str, ids: tuple[int, ...], points: int) -> bool:
    """Whether any point has a phase, be it one that the file does not declare; without phase ids nothing is known."""
    if header.dataset(name) is None:
        return True
    stored = _first(header, name, points)
    return bool(((stored > 0) | np.isin(stored, ids)).any())


def _number(header: Header, field: str, key: str) -> int:
    if not key.isdigit():
        raise ScanFormatError(header.path, field, key, "the number of a phase")
    return int(key)


def _per_point(header: Header, base: str, name: str, points: int) -> bool:
    data = header.dataset(f"{base}/{name}")
    return data is not None and data.ndim > 0 and data.shape[0] == points and data.dtype.kind in "iufb"


def _first(header: Header, name: str, points: int) -> NDArray[np.float64]:
    """A column of one value per point (the first where there are several)."""
    data = header.dataset(name)
    if data is None or data.ndim == 0 or data.shape[0] != points or data.dtype.kind not in "iufb":
        found = "nothing" if data is None else f"shape {data.shape}, type {data.dtype}"
        raise ScanFormatError(header.path, name, found, f"{points} numbers")
    values = data[()] if data.ndim == 1 else data[(slice(None),) + (0,) * (data.ndim - 1)]
    return np.asarray(values, dtype=np.float64)


def _optional(header: Header, name: str, points: int, fill: float = float("nan")) -> NDArray[np.float64]:
    return np.full(points, fill) if header.dataset(name) is None else _first(header, name, points)
