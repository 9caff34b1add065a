"""Symmetries and colours of the Laue groups, the monoclinic one with its axis along b."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orix.quaternion import Rotation
from orix.vector import Vector3d

from microstructure_assets.indexing.reflectors import symmetry_quaternions
from microstructure_assets.methods.crystallography.colours import inverse_pole_figure_colours
from microstructure_assets.methods.crystallography.symmetry import (
    PointGroupUnknown,
    proper_operators,
    symbol_with_axes,
)

#: Rotations of the Laue classes, counted from the international tables.
ORDERS = {
    "-1": 1,
    "2/m": 2,
    "mmm": 4,
    "4/m": 4,
    "4/mmm": 8,
    "-3": 3,
    "-3m": 6,
    "6/m": 6,
    "6/mmm": 12,
    "m-3": 12,
    "m-3m": 24,
}


@pytest.mark.parametrize(("group", "order"), ORDERS.items())
def test_operators_are_a_group_of_the_right_order(group: str, order: int) -> None:
    own = proper_operators(group)
    assert own.shape == (order, 4)
    np.testing.assert_allclose(own[0], [1, 0, 0, 0])
    products = (Rotation(own).outer(Rotation(own))).data.reshape(-1, 4)
    nearest = np.abs(products @ own.T).max(axis=1)
    np.testing.assert_allclose(nearest, 1.0, atol=1e-12)


def test_monoclinic_crystals_turn_about_b_as_all_others_about_their_axes() -> None:
    x, y, z = (Vector3d(axis) for axis in np.eye(3))
    (_, about_b) = proper_operators("2/m")
    np.testing.assert_allclose((Rotation(about_b) * y).data[0], [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose((Rotation(about_b) * z).data[0], [0, 0, -1], atol=1e-15)
    # The six-fold axis lies along z, and a two-fold one along x, which is a.
    hexagonal = Rotation(proper_operators("6/mmm"))
    assert np.isclose((hexagonal * z).data[:, 2], 1).sum() == 6
    assert np.isclose((hexagonal * x).data[:, 0], 1).sum() == 2


@pytest.mark.parametrize(
    ("space_group", "point_group", "symbol"),
    [(149, "32", "312"), (163, "-3m", "-31m"), (157, "3m", "31m"), (150, "32", "32"), (166, "-3m", "-3m")],
)
def test_trigonal_crystals_have_their_axes_where_the_space_group_has_them(
    space_group: int, point_group: str, symbol: str
) -> None:
    """Against the rotations of the space group's operations, by diffpy."""
    found = symbol_with_axes(point_group, space_group)
    assert found == symbol
    expected = np.array(symmetry_quaternions(space_group, (5.0, 5.0, 7.0), (90.0, 90.0, 120.0)))
    own = proper_operators(found)
    assert len(own) == len(expected) == 6
    np.testing.assert_allclose(np.abs(own @ expected.T).max(axis=1), 1.0, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), group=st.sampled_from(["2/m", "mmm", "-3m", "-31m", "6/mmm", "m-3m"]))
def test_colours_are_those_of_every_equivalent_orientation(seed: int, group: str) -> None:
    random = np.random.default_rng(seed)
    first = random.normal(size=(1, 3, 4))
    first /= np.linalg.norm(first, axis=2, keepdims=True)
    operators = Rotation(proper_operators(group))
    equal = np.stack([(operators * Rotation(own)).data for own in first[0]])
    phase = np.ones(equal.shape[:2], int)
    found = inverse_pole_figure_colours(equal, phase, [group], "z").astype(int)
    assert np.abs(found - found[:, :1]).max() <= 2


def test_a_symbol_that_is_no_point_group_is_refused() -> None:
    with pytest.raises(PointGroupUnknown, match="point group 'cube': is none of the 32 point groups"):
        proper_operators("cube")
