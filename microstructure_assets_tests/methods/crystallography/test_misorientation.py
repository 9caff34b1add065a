"""Misorientations and their kernel averages against orix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orix.crystal_map import Phase
from orix.quaternion import Orientation, Rotation

from microstructure_assets.methods.crystallography.misorientation import (
    edge_misorientations,
    kernel_average_misorientation,
)
from microstructure_assets.methods.crystallography.neighbours import Neighbourhood
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries, PointGroupUnknown, proper_operators
from microstructure_assets_tests.methods.crystallography.making import LAUE_GROUPS, random_quaternions, rotation

FOUR = Neighbourhood.of("square")


def orix_angle(first: np.ndarray, second: np.ndarray, point_group: str) -> np.ndarray:
    symmetry = Phase(point_group=point_group).point_group
    if point_group == "2/m":  # orix's turns about z, where files have b along y
        quarter = Rotation.from_axes_angles([1, 0, 0], 90, degrees=True)
        first, second = ((quarter * Rotation(side)).data for side in (first, second))
    angles = Orientation(first, symmetry=symmetry).angle_with(Orientation(second, symmetry=symmetry), degrees=True)
    return np.asarray(angles)


@pytest.mark.parametrize("point_group", LAUE_GROUPS)
def test_angles_are_those_of_orix(point_group: str) -> None:
    q = random_quaternions(np.random.default_rng(1), 1, 60)
    found = edge_misorientations(q, np.ones((1, 60), np.int32), PhaseSymmetries.of([point_group]), FOUR)
    horizontal = FOUR.forward().offsets[0].tolist().index([0, 1])
    np.testing.assert_allclose(found[horizontal, 0, :-1], orix_angle(q[0, :-1], q[0, 1:], point_group), atol=1e-4)
    assert np.isnan(found[horizontal, 0, -1])


@settings(deadline=None, max_examples=60)
@given(
    angle=st.floats(1e-5, 20), seed=st.integers(0, 10_000), group=st.sampled_from(LAUE_GROUPS)
)  # below half the angle between any two symmetry rotations, so that the rotation itself is the smallest one
def test_small_rotations_are_found_as_they_are(angle: float, seed: int, group: str) -> None:
    generator = np.random.default_rng(seed)
    symmetries = PhaseSymmetries.of([group])
    operator = symmetries.operators[1, generator.integers(symmetries.counts[1])]
    start = random_quaternions(generator)
    turned = multiply(operator, multiply(rotation(tuple(generator.normal(size=3)), angle), start))
    found = edge_misorientations(np.stack([start, turned])[None], np.ones((1, 2), np.int32), symmetries, FOUR)
    assert np.nanmin(found) == pytest.approx(angle, rel=1e-5, abs=1e-7)


def multiply(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray((Orientation(first) * Orientation(second)).data).reshape(4)


def test_edges_between_phases_and_beside_points_without_orientation() -> None:
    q = np.broadcast_to([1.0, 0, 0, 0], (2, 3, 4))
    phase = np.array([[1, 2, 0], [1, 2, 2]])
    right, down = (FOUR.forward().offsets[0].tolist().index(step) for step in ([0, 1], [1, 0]))
    found = edge_misorientations(q, phase, PhaseSymmetries.of(["m-3m", "6/mmm"]), FOUR)
    np.testing.assert_array_equal(found[right], [[np.inf, np.nan, np.nan], [np.inf, 0, np.nan]])
    np.testing.assert_array_equal(found[down], [[0, 0, np.nan], [np.nan] * 3])


@pytest.mark.parametrize(("corners", "order"), [(False, 1), (True, 1), (False, 2)])
def test_kernel_average_is_the_mean_over_neighbours_of_the_same_phase(corners: bool, order: int) -> None:
    generator = np.random.default_rng(3)
    phase = generator.integers(0, 3, (6, 7))
    groups = ["m-3m", "4/mmm"]
    q = random_quaternions(generator, 6, 7)
    found = kernel_average_misorientation(
        q, phase, PhaseSymmetries.of(groups), Neighbourhood.of("square", corners=corners, order=order), 50.0
    )
    for row in range(6):
        for column in range(7):
            angles = []
            for r in range(6):
                for c in range(7):
                    down, right = abs(r - row), abs(c - column)
                    distance = max(down, right) if corners else down + right
                    if phase[row, column] and phase[r, c] == phase[row, column] and 0 < distance <= order:
                        group = groups[phase[r, c] - 1]
                        angles.append(float(orix_angle(q[row, column], q[r, c], group)[0]))
            angles = [angle for angle in angles if angle <= 50]
            expected = np.mean(angles) if angles else np.nan
            assert found[row, column] == pytest.approx(expected, abs=1e-3, nan_ok=True)


@pytest.mark.parametrize("kind", ["square", "hexagonal"])
def test_a_uniform_gradient_has_its_closed_form(kind: str) -> None:
    # Turned by 0.1 degrees per column about z: neighbours to the left and right differ by that, others by their shift.
    columns = np.arange(9) + (0.5 * (np.arange(6)[:, None] % 2) if kind == "hexagonal" else np.zeros((6, 1)))
    q = np.array([[rotation((0, 0, 1), 0.1 * place) for place in row] for row in columns])
    found = kernel_average_misorientation(
        q,
        np.ones((6, 9), np.int32),
        PhaseSymmetries.of(["m-3m"]),
        Neighbourhood.of(kind),
        5.0,  # type: ignore[arg-type]
    )
    expected = {"square": (0.1 + 0.1) / 4, "hexagonal": (2 * 0.1 + 4 * 0.05) / 6}[kind]
    np.testing.assert_allclose(found[1:-1, 1:-1], expected, atol=1e-6)


def test_neighbours_in_other_grains_are_left_out() -> None:
    q = np.array([[rotation((0, 0, 1), angle) for angle in (0.0, 1.0, 3.0)]])
    phase, symmetries = np.ones((1, 3), np.int32), PhaseSymmetries.of(["m-3m"])
    every = kernel_average_misorientation(q, phase, symmetries, FOUR, 5.0)
    np.testing.assert_allclose(every, [[1, 1.5, 2]], atol=1e-5)
    own = kernel_average_misorientation(q, phase, symmetries, FOUR, 5.0, np.array([[1, 1, 2]]))
    np.testing.assert_allclose(own, [[1, 1, np.nan]], atol=1e-5)


def test_single_precision_still_resolves_a_hundredth_of_a_degree() -> None:
    start = random_quaternions(np.random.default_rng(5), 200)
    turned = np.array([multiply(rotation((1, 2, 3), 0.01), own) for own in start])
    q = np.stack([start, turned], axis=1).astype(np.float32)
    found = edge_misorientations(q, np.ones((200, 2), np.int32), PhaseSymmetries.of(["-1"]), FOUR)
    horizontal = FOUR.forward().offsets[0].tolist().index([0, 1])
    np.testing.assert_allclose(found[horizontal, :, 0], 0.01, atol=1e-4)


def test_operators_are_the_rotations_of_the_laue_group() -> None:
    counts = [len(proper_operators(group)) for group in LAUE_GROUPS]
    assert counts == [1, 2, 4, 4, 8, 3, 6, 6, 12, 12, 24]
    np.testing.assert_array_equal(np.sort(proper_operators("432"), 0), np.sort(proper_operators("m-3m"), 0))


@pytest.mark.parametrize("wrong", ["", "m-4m", "Fm-3m ", "None"])
def test_an_unknown_point_group_is_refused(wrong: str) -> None:
    with pytest.raises(PointGroupUnknown, match="none of the 32 point groups"):
        proper_operators(wrong)
