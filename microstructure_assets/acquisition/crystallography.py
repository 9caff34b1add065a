"""Vendors' conventions for symmetry, lattices, pattern centres and orientations, brought to one."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.scan import IndexingMaps, Phase

LAUE_GROUPS = ("-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m")
"""Laue groups in the order of their numbers 1 to 11 in Oxford's (HKL's) files."""

_EDAX_LAUE_GROUPS = {
    "1": "-1", "2": "2/m", "20": "2/m", "22": "mmm", "4": "4/m", "42": "4/mmm", "3": "-3", "32": "-3m", "6": "6/m",
    "62": "6/mmm", "23": "m-3", "43": "m-3m", "m3m": "m-3m", "m3": "m-3",
}  # fmt: skip

_SMALLEST_CELL_EDGE_ANGSTROM = 1.5
_SMALLEST_CELL_VOLUME = 1e-6  # squared, of a cell with edges of length 1


def laue_group(number: int, file: Path, field: str) -> str:
    """Laue group from Oxford's number."""
    if not 1 <= number <= len(LAUE_GROUPS):
        raise ScanFormatError(file, field, number, "the number of a Laue group, from 1 to 11")
    return LAUE_GROUPS[number - 1]


def edax_point_group(text: str) -> str:
    """Laue group from EDAX's symmetry code (43 for cubic) or bracketed symbol; an unknown code stays as it is.

    EDAX codes a Laue group by its rotations; the Laue group is given, since diffraction shows no other.
    """
    text = text.strip()
    symbol = text[text.rfind("[") + 1 : -1] if text.endswith("]") else text
    return _EDAX_LAUE_GROUPS.get(symbol, symbol)


def make_phase(
    file: Path,
    field: str,
    name: str,
    point_group: str,
    space_group: int | None,
    lattice: tuple[float, ...],
    *,
    unit_may_be_nm: bool = False,
) -> Phase:
    """A phase after a look at its lattice.

    Parameters
    ----------
    lattice : six floats
        a, b, c [Å] and alpha, beta, gamma [degrees].
    unit_may_be_nm : bool
        For formats that do not state the unit (kikuchipy's, EMsoft's): an edge below 1.5 cannot be in Å, since no
        crystal has so small a cell, and the edges are then taken as nm.

    Raises
    ------
    ScanFormatError
        If there are not six finite positive numbers, an angle is not below 180°, no cell has such angles, or the space
        group is not 1-230.
    """
    if len(lattice) != 6 or not all(math.isfinite(value) and value > 0 for value in lattice) or max(lattice[3:]) >= 180:
        raise ScanFormatError(file, field, lattice, "a, b, c in Å and alpha, beta, gamma in degrees, all positive")
    cosines = [math.cos(math.radians(angle)) for angle in lattice[3:]]
    if 1 + 2 * math.prod(cosines) - sum(part * part for part in cosines) < _SMALLEST_CELL_VOLUME:
        raise ScanFormatError(file, field, lattice[3:], "alpha, beta and gamma [degrees] that enclose a cell")
    if space_group is not None and not 1 <= space_group <= 230:
        raise ScanFormatError(file, field, space_group, "the number of a space group, from 1 to 230")
    scale = 10.0 if unit_may_be_nm and min(lattice[:3]) < _SMALLEST_CELL_EDGE_ANGSTROM else 1.0
    a, b, c = (round(scale * value, 6) for value in lattice[:3])
    alpha, beta, gamma = (round(value, 6) for value in lattice[3:])
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return Phase(clean or "unnamed", point_group, space_group, (a, b, c), (alpha, beta, gamma))


def bruker_pattern_centre(
    centre: tuple[float, float, float], convention: str, height_px: int, width_px: int
) -> tuple[float, float, float] | None:
    """Pattern centre in Bruker's convention from the vendor's.

    Parameters
    ----------
    centre : (x, y, z)
    convention : {"bruker", "edax", "oxford"}
        EDAX counts y from the bottom and z in the shorter side; Oxford counts y from the bottom and both y and z in
        the width [1]_.

    Returns
    -------
    (x, y, z) or None
        None where the vendor left it unset (no positive, finite detector distance).

    References
    ----------
    .. [1] kikuchipy documentation, "Reference frames", and the H5OINA specification, Oxford Instruments.
    """
    x, y, z = centre
    if not all(math.isfinite(value) for value in centre) or z <= 0:
        return None
    if convention == "edax":
        y, z = 1 - y, z * min(height_px, width_px) / height_px
    elif convention == "oxford":
        y, z = 1 - y * width_px / height_px, z * width_px / height_px
    return round(float(x), 9), round(float(y), 9), round(float(z), 9)


def indexing_maps(
    euler_rad: NDArray[np.float64], phase_id: NDArray[np.int32], confidence: NDArray[np.float64], shape: tuple[int, int]
) -> IndexingMaps:
    """Maps from columns of points in row-major order.

    Parameters
    ----------
    euler_rad : (n, 3) ndarray
        Bunge's angles [rad].
    phase_id : (n,) ndarray
        0 where not indexed; the orientation is then the identity, whatever the vendor wrote.
    confidence : (n,) ndarray
    shape : (rows, columns)
    """
    from orix.quaternion import Rotation

    indexed = phase_id > 0
    euler = np.where(indexed[:, None], euler_rad, 0.0)
    quaternion = np.asarray(Rotation.from_euler(euler).data, dtype=np.float64).reshape(-1, 4)
    quaternion = np.where(quaternion[:, :1] < 0, -quaternion, quaternion) + 0.0  # no negative zeros
    quaternion[~indexed] = (1, 0, 0, 0)
    return IndexingMaps(
        quaternion=quaternion.reshape(*shape, 4),
        phase_id=phase_id.astype(np.int32).reshape(shape),
        confidence=confidence.astype(np.float64).reshape(shape),
    )
