"""Which lattice planes of a phase can show as bands, by its lattice and space group alone; its atoms are unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.indexing.settings import Family

#: Largest deviation of a symmetry operation from a rotation, where the lattice belongs to its space group.
_ORTHOGONAL = 0.02
_SPACING_STEP = 0.8
_SMALLEST_SPACING_ANGSTROM = 0.4


class LatticeMismatch(ValueError):
    """A lattice that the operations of its space group do not leave as it is."""


def reflecting_families(
    space_group: int, lattice_angstrom: tuple[float, ...], lattice_angles_deg: tuple[float, ...], planes: int
) -> tuple[Family, ...]:
    """Families of planes by falling spacing, as many as it takes to hold a number of planes.

    Of the orders of one plane, the first that the space group allows stands for all, since they share one band.

    Parameters
    ----------
    space_group : int
        Number in the International Tables; standard setting, hexagonal axes for rhombohedral groups.
    lattice_angstrom, lattice_angles_deg : three floats each
        Edges [Å] and angles [degrees].
    planes : int
        Families are taken until they hold at least as many planes, and there are at least two.

    Returns
    -------
    tuple of (h, k, l)

    Notes
    -----
    A plane is absent where an operation of the space group maps it onto itself with another phase; this covers
    centring, glide planes and screw axes. What the positions of the atoms extinguish besides is not known here, nor is
    how strong a band is: the largest spacings are the strongest only as a rule.
    """
    operations = _operations(space_group)
    reciprocal = _reciprocal_metric(lattice_angstrom, lattice_angles_deg)
    spacing = float(np.cbrt(1 / math.sqrt(np.linalg.det(reciprocal))))
    while True:
        families = _families_above(spacing, operations, reciprocal)
        counts = np.cumsum([count for _, count in families])
        enough = np.flatnonzero((counts >= planes) & (np.arange(len(counts)) >= 1))
        if len(enough) or spacing < _SMALLEST_SPACING_ANGSTROM:
            chosen = families[: int(enough[0]) + 1] if len(enough) else families
            return tuple(family for family, _ in chosen)
        spacing *= _SPACING_STEP


def symmetry_quaternions(
    space_group: int, lattice_angstrom: tuple[float, ...], lattice_angles_deg: tuple[float, ...]
) -> NDArray[np.float64]:
    """Rotations of the Laue group of a space group in the frame with x along a and z along c*, shape (n, 4).

    Raises
    ------
    LatticeMismatch
        If the lattice does not have the symmetry of the space group.
    """
    from diffpy.structure import Lattice, Structure
    from orix.crystal_map import Phase
    from scipy.spatial.transform import Rotation

    lattice = Phase(
        space_group=space_group, structure=Structure(lattice=Lattice(*lattice_angstrom, *lattice_angles_deg))
    ).structure.lattice
    axes = np.asarray(lattice.base, dtype=np.float64).T
    found: dict[tuple[int, ...], NDArray[np.float64]] = {}
    for matrix, _ in _operations(space_group):
        proper = matrix * round(float(np.linalg.det(matrix)))
        cartesian = axes @ proper @ np.linalg.inv(axes)
        if np.abs(cartesian @ cartesian.T - np.eye(3)).max() > _ORTHOGONAL:
            raise LatticeMismatch(
                f"the lattice {lattice_angstrom} Å, {lattice_angles_deg} degrees does not have the symmetry of space "
                f"group {space_group}"
            )
        found[tuple(proper.astype(int).ravel().tolist())] = cartesian
    matrices = np.stack([found[key] for key in sorted(found, reverse=True)])
    # Not orix's `from_matrix`, which gives two-fold axes wrong signs.
    return np.asarray(Rotation.from_matrix(matrices).as_quat(canonical=True, scalar_first=True), dtype=np.float64)


def _operations(space_group: int) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Matrices and translations in lattice coordinates."""
    from diffpy.structure.spacegroups import GetSpaceGroup

    return [(np.asarray(each.R, float), np.asarray(each.t, float)) for each in GetSpaceGroup(space_group).symop_list]


def _reciprocal_metric(edges: Iterable[float], angles_deg: Iterable[float]) -> NDArray[np.float64]:
    a, b, c = edges
    alpha, beta, gamma = np.cos(np.radians(tuple(angles_deg)))
    metric = np.array(
        [
            [a * a, a * b * gamma, a * c * beta],
            [a * b * gamma, b * b, b * c * alpha],
            [a * c * beta, b * c * alpha, c * c],
        ]
    )
    return np.asarray(np.linalg.inv(metric))


def _families_above(spacing: float, operations: list[Any], reciprocal: NDArray[np.float64]) -> list[tuple[Family, int]]:
    """Allowed families with at least this spacing [Å] and the number of their planes, largest spacing first."""
    direct = np.linalg.inv(reciprocal)
    # |h| <= a/d, since the component of a reciprocal vector of length 1/d along a is h/a.
    limits = [math.floor(math.sqrt(direct[axis, axis]) / spacing + 1e-9) for axis in range(3)]
    candidates = []
    for plane in product(*(range(-limit, limit + 1) for limit in limits)):
        if plane <= (0, 0, 0):  # of a plane and its inverse, one
            continue
        vector = np.array(plane)
        found = 1 / math.sqrt(vector @ reciprocal @ vector)
        if found >= spacing - 1e-9:
            candidates.append((found, plane))
    candidates.sort(key=lambda each: (-round(each[0], 6), tuple(-part for part in each[1])))
    seen: set[tuple[int, ...]] = set()
    families = []
    for _, plane in candidates:
        direction = _lowest_order(plane)
        if direction in seen or _absent(np.array(plane), operations):
            continue
        equivalents = {_lowest_order(tuple((np.array(plane) @ matrix).round().astype(int))) for matrix, _ in operations}
        seen |= equivalents
        families.append(((plane[0], plane[1], plane[2]), len(equivalents)))
    return families


def _lowest_order(plane: tuple[int, ...]) -> tuple[int, ...]:
    """Indices of a plane without common factor, the first that is not zero positive."""
    divisor = math.gcd(*(int(part) for part in plane))
    reduced = tuple(int(part) // divisor for part in plane)
    return reduced if reduced > (0, 0, 0) else tuple(-part for part in reduced)


def _absent(plane: NDArray[np.integer], operations: list[Any]) -> bool:
    for matrix, translation in operations:
        if np.array_equal((plane @ matrix).round(), plane):
            phase = float(plane @ translation)
            if abs(phase - round(phase)) > 1e-3:
                return True
    return False
