"""Rotations that leave a crystal as it is, by point group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.errors import InputError

# orix's monoclinic groups turn about z; with x along a and z along c*, the frame of all maps, b lies along y.
_ABOUT_B = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
_B_TO_Z = np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0])
# orix's trigonal groups have their two-fold axes along a, as 321 has; those of 312 lie half-way between, 30° further.
_BETWEEN_A = {"312": "32", "31m": "3m", "-31m": "-3m"}
_A_TO_BETWEEN = np.array([np.cos(np.pi / 12), 0.0, 0.0, np.sin(np.pi / 12)])
#: Space groups of point groups 312, 31m and -31m.
_BETWEEN_A_GROUPS = {149: "312", 151: "312", 153: "312", 157: "31m", 159: "31m", 162: "-31m", 163: "-31m"}
_IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])


class PointGroupUnknown(InputError):
    """A symbol that is none of the 32 point groups."""


@dataclass(frozen=True)
class PhaseSymmetries:
    """Symmetry rotations of the phases of a map, for the compiled kernels.

    Attributes
    ----------
    operators : ndarray of float64, shape (1 + phases, most operators, 4)
        Unit quaternions, scalar part first; row 0, for points that are not indexed, is the identity.
    counts : ndarray of int64, shape (1 + phases,)
        How many of them are those of the phase.
    """

    operators: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, point_groups: Sequence[str]) -> PhaseSymmetries:
        """The symmetries of phases 1, 2, ... of a map by their point groups.

        Raises
        ------
        PointGroupUnknown
            If a symbol is none of the 32 point groups.
        """
        every = [np.array([[1.0, 0.0, 0.0, 0.0]]), *(proper_operators(group) for group in point_groups)]
        operators = np.zeros((len(every), max(len(own) for own in every), 4))
        for padded, own in zip(operators, every, strict=True):
            padded[: len(own)] = own
        return cls(operators, np.array([len(own) for own in every]))


def proper_operators(point_group: str) -> NDArray[np.float64]:
    """Rotations of the Laue group of a point group, since diffraction shows no other symmetry.

    Parameters
    ----------
    point_group : str
        International symbol, as ``m-3m``; of trigonal crystals whose two-fold axes lie between the edges of the cell
        with their place, as ``312`` (:func:`symbol_with_axes`).

    Returns
    -------
    ndarray of float64, shape (operators, 4)
        Unit quaternions, scalar part first; the identity first. The axis of monoclinic crystals is b, which lies along
        y; unique axis c is not known here.

    Raises
    ------
    PointGroupUnknown
        If the symbol is none of the 32 point groups.
    """
    group = laue_symmetry(point_group)
    if group.name == "2/m":
        return _ABOUT_B.copy()
    operators = np.ascontiguousarray(group.proper_subgroup.data, dtype=np.float64)
    if point_group in _BETWEEN_A:
        from orix.quaternion import Rotation

        turn = Rotation(to_orix_setting(point_group))
        operators = np.ascontiguousarray((~turn * Rotation(operators) * turn).data)
    return operators


def symbol_with_axes(point_group: str, space_group: int | None) -> str:
    """The symbol of a point group, with the place of the two-fold axes of trigonal crystals where the space group says.

    ``32`` of space group 149 (P312) is ``312``; without a space group the axes lie along the edges of the cell.
    """
    return _BETWEEN_A_GROUPS.get(space_group or 0, point_group)


def laue_symmetry(point_group: str) -> Any:
    """orix's symmetry of the Laue group of a point group.

    Raises
    ------
    PointGroupUnknown
        If the symbol is none of the 32 point groups.
    """
    from orix.crystal_map import Phase

    try:
        group = Phase(point_group=_BETWEEN_A.get(point_group, point_group)).point_group
    except ValueError as error:
        raise _unknown(point_group) from error
    if group is None:
        raise _unknown(point_group)
    return group.laue


def to_orix_setting(point_group: str) -> NDArray[np.float64]:
    """Rotation of the crystal frame to the one in which orix has the axes of the Laue group, (4,) quaternion."""
    if point_group in _BETWEEN_A:
        return _A_TO_BETWEEN
    return _B_TO_Z if laue_symmetry(point_group).name == "2/m" else _IDENTITY


def _unknown(point_group: str) -> PointGroupUnknown:
    return PointGroupUnknown(
        f"point group {point_group!r}: is none of the 32 point groups; expected an international symbol as m-3m or "
        "6/mmm; correct the phase in the file"
    )
