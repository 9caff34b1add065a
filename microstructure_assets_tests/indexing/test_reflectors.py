"""Reflectors against published lists and structure factors, symmetries against orix."""

from __future__ import annotations

import numpy as np
import pytest
from diffpy.structure import Lattice
from diffpy.structure.spacegroups import GetSpaceGroup
from orix.crystal_map import Phase

from microstructure_assets.indexing.reflectors import LatticeMismatch, reflecting_families, symmetry_quaternions

RIGHT = (90.0, 90.0, 90.0)
HEXAGONAL = (90.0, 90.0, 120.0)
#: A lattice that each space group can have.
LATTICES = {
    1: ((5.0, 6.0, 7.0), (80.0, 85.0, 95.0)),
    14: ((5.0, 6.0, 7.0), (90.0, 110.0, 90.0)),
    62: ((5.0, 6.0, 7.0), RIGHT),
    88: ((5.0, 5.0, 7.0), RIGHT),
    141: ((3.78, 3.78, 9.51), RIGHT),
    148: ((5.0, 5.0, 13.0), HEXAGONAL),
    152: ((4.91, 4.91, 5.4), HEXAGONAL),
    167: ((4.99, 4.99, 17.06), HEXAGONAL),
    176: ((9.4, 9.4, 6.9), HEXAGONAL),
    194: ((3.21, 3.21, 5.21), HEXAGONAL),
    205: ((5.4, 5.4, 5.4), RIGHT),
    225: ((3.6, 3.6, 3.6), RIGHT),
    227: ((5.43, 5.43, 5.43), RIGHT),
    229: ((2.87, 2.87, 2.87), RIGHT),
}


@pytest.mark.parametrize(
    ("space_group", "planes", "expected"),
    [
        (225, 25, {(1, 1, 1), (2, 0, 0), (2, 2, 0), (3, 1, 1)}),
        (229, 25, {(1, 1, 0), (2, 0, 0), (2, 1, 1), (3, 1, 0)}),
        (227, 25, {(1, 1, 1), (2, 2, 0), (3, 1, 1), (4, 0, 0)}),
        # What PyEBSDIndex itself takes for close-packed hexagonal metals.
        (194, 37, {(1, 0, 0), (0, 0, 2), (1, 0, 1), (1, 0, 2), (2, -1, 0), (1, 0, 3), (2, -1, 2), (2, 0, 1)}),
    ],
)
def test_families_are_those_of_the_textbooks(space_group: int, planes: int, expected: set[tuple[int, ...]]) -> None:
    families = reflecting_families(space_group, *LATTICES[space_group], planes)
    assert set(families) == expected


@pytest.mark.parametrize("space_group", sorted(LATTICES))
def test_no_family_is_extinct_in_a_crystal_of_atoms_anywhere(space_group: int) -> None:
    """The structure factor of atoms in general positions is zero for forbidden reflections alone."""
    edges, angles = LATTICES[space_group]
    families = np.array(reflecting_families(space_group, edges, angles, 40))
    asymmetric = np.array([[0.1234, 0.2719, 0.0871], [0.3917, 0.0433, 0.2371]])
    operations = GetSpaceGroup(space_group).symop_list
    atoms = np.concatenate([asymmetric @ operation.R.T + operation.t for operation in operations])
    factor = np.abs(np.exp(2j * np.pi * atoms @ families.T).sum(axis=0))
    assert factor.min() > 1e-3
    reciprocal = Lattice(*edges, *angles).reciprocal()
    lengths = [reciprocal.norm(family) for family in families]
    assert (np.diff(lengths) >= -1e-6).all()


@pytest.mark.parametrize(
    ("plane", "space_group"), [((1, 0, 0), 225), ((2, 0, 0), 227), ((0, 0, 3), 167), ((0, 0, 1), 194)]
)
def test_forbidden_reflections_are_not_taken(plane: tuple[int, int, int], space_group: int) -> None:
    assert plane not in reflecting_families(space_group, *LATTICES[space_group], 60)


@pytest.mark.parametrize("space_group", sorted(set(LATTICES) - {14}))
def test_symmetry_is_that_of_orix(space_group: int) -> None:
    own = symmetry_quaternions(space_group, *LATTICES[space_group])
    orix = np.asarray(Phase(space_group=space_group).point_group.laue_proper_subgroup.data)
    assert own.shape == orix.shape
    overlap = np.abs(own @ orix.T)
    np.testing.assert_allclose(overlap.max(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(overlap.max(axis=0), 1, atol=1e-6)


def test_the_axis_of_a_monoclinic_crystal_is_b() -> None:
    """Where orix has c."""
    np.testing.assert_allclose(np.abs(symmetry_quaternions(14, *LATTICES[14]))[1], (0, 0, 1, 0), atol=1e-12)


def test_the_two_settings_of_trigonal_groups_differ() -> None:
    along_a, between = (symmetry_quaternions(number, (5, 5, 7), HEXAGONAL) for number in (164, 162))
    assert np.abs(along_a @ between.T).max(axis=1).min() < 0.99


def test_a_lattice_of_another_system_is_refused() -> None:
    with pytest.raises(LatticeMismatch, match="space group 225"):
        symmetry_quaternions(225, (3.6, 3.6, 5.0), RIGHT)
