"""Quaternion algebra and disorientations against orix and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.simulation import crystallography


@pytest.mark.parametrize("group", ["432", "622", "222", "3", "422"])
def test_disorientation_is_that_of_orix(group: str) -> None:
    from orix.quaternion import Misorientation, Rotation
    from orix.quaternion import symmetry as groups

    symmetry = {"432": groups.O, "622": groups.D6, "222": groups.D2, "3": groups.C3, "422": groups.D4}[group]
    generator = np.random.default_rng(3)
    first, second = (crystallography.random_quaternions(60, generator) for _ in range(2))
    ours = crystallography.disorientation_deg(first, second, symmetry.data)
    reference = Misorientation((Rotation(second) * ~Rotation(first)).data, symmetry=(symmetry, symmetry)).reduce().angle
    np.testing.assert_allclose(ours, np.rad2deg(reference), atol=1e-6)


@given(st.integers(0, 2**32), st.floats(1e-6, 44.0))
@settings(max_examples=40, deadline=None)
def test_a_turn_of_less_than_45_degrees_is_its_own_disorientation_and_symmetric(seed: int, angle_deg: float) -> None:
    from orix.quaternion.symmetry import O

    generator = np.random.default_rng(seed)
    start = crystallography.random_quaternions(5, generator)
    axis = np.tile([1.0, 0.0, 0.0], (5, 1))
    turned = crystallography.multiply(crystallography.rotation_about(axis, np.full(5, angle_deg)), start)
    forward = crystallography.disorientation_deg(start, turned, O.data)
    np.testing.assert_allclose(forward, angle_deg, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        crystallography.disorientation_deg(turned, start, O.data), forward, rtol=1e-7, atol=1e-12
    )
    equivalent = crystallography.multiply(O.data[7], turned)
    np.testing.assert_allclose(
        crystallography.disorientation_deg(start, equivalent, O.data), forward, rtol=1e-6, atol=1e-9
    )


def test_random_orientations_have_the_mackenzie_mean() -> None:
    from orix.quaternion.symmetry import O

    generator = np.random.default_rng(0)
    first, second = (crystallography.random_quaternions(20_000, generator) for _ in range(2))
    angles = crystallography.disorientation_deg(first, second, O.data)
    assert angles.mean() == pytest.approx(40.736, abs=0.3)
    assert angles.max() < 62.81


def test_nearest_equivalent_is_close_and_equivalent() -> None:
    from orix.quaternion.symmetry import O

    generator = np.random.default_rng(1)
    start = crystallography.random_quaternions(24, generator)
    small = crystallography.rotation_about(crystallography.random_directions(24, generator), np.full(24, 2.0))
    hidden = crystallography.multiply(O.data, crystallography.multiply(small, start))
    found = crystallography.nearest_equivalent(hidden, start, O.data)
    dots = np.sum(found * start, axis=1)
    np.testing.assert_allclose(np.rad2deg(2 * np.arccos(np.clip(dots, -1, 1))), 2.0, atol=1e-5)
    np.testing.assert_allclose(crystallography.disorientation_deg(found, hidden, O.data), 0, atol=1e-5)
