"""Functions of orientation are symmetric, as many as theory has them, and the baseline keeps within its means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.methods.association_algebra import independent_functions
from microstructure_assets.methods.association_baseline import baseline, orientation_functions
from microstructure_assets.methods.association_settings import AssociationSettings
from microstructure_assets.methods.crystallography.symmetry import proper_operators
from microstructure_assets.methods.crystallography.twin_laws import product
from microstructure_assets_tests.methods.crystallography.making import LAUE_GROUPS, random_quaternions


@pytest.mark.parametrize("group", LAUE_GROUPS)
def test_symmetric_equivalents_have_the_same_functions(group: str) -> None:
    generator = np.random.default_rng(1)
    q, operators = random_quaternions(generator, 60), proper_operators(group)
    other = product(operators[generator.integers(len(operators), size=60)], q) * generator.choice([-1, 1], (60, 1))
    first, second = (orientation_functions(values, group, 4) for values in (q, other))
    assert first == pytest.approx(second, abs=1e-6)
    turned = product(q, random_quaternions(generator, 60))
    assert np.abs(orientation_functions(turned, group, 4)[:, :9] - first[:, :9]).max() > 0.1


# Symmetrised harmonics of degrees 2, 4 and 6 by Laue group, after Bunge, each with 2 l + 1 functions of the sample.
@pytest.mark.parametrize(
    ("group", "invariants"),
    [
        ("m-3m", (0, 1, 1)),
        ("m-3", (0, 1, 2)),
        ("6/mmm", (1, 1, 2)),
        ("6/m", (1, 1, 3)),
        ("4/mmm", (1, 2, 2)),
        ("-3m", (1, 2, 3)),
        ("mmm", (2, 3, 4)),
        ("2/m", (3, 5, 7)),
        ("-1", (5, 9, 13)),
    ],
)
def test_there_are_as_many_functions_as_symmetrised_harmonics(group: str, invariants: tuple[int, ...]) -> None:
    q = random_quaternions(np.random.default_rng(2), 500)
    expected = 0
    for number, degree in zip(invariants, (2, 4, 6), strict=True):
        expected += number * (2 * degree + 1)
        assert orientation_functions(q, group, degree).shape[1] == expected


def test_functions_of_degree_four_hold_the_fourth_powers_of_a_cubic_direction() -> None:
    q = random_quaternions(np.random.default_rng(3), 300)
    direction = np.array([0, 0.48, 0.6, 0.64])
    crystal = product(product(q, np.broadcast_to(direction, q.shape)), q * [1, -1, -1, -1])[:, 1:]
    functions = np.column_stack([np.ones(300), orientation_functions(q, "m-3m", 4)])
    for power, exact in ((4, True), (6, False)):
        values = np.sum(crystal**power, axis=1)
        left = values - functions @ np.linalg.lstsq(functions, values, rcond=None)[0]
        assert bool(np.var(left) < 1e-12 * np.var(values)) is exact


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 90), st.integers(1, 90))
def test_phases_take_part_that_have_grains_for_all_their_functions(seed: int, first: int, second: int) -> None:
    generator = np.random.default_rng(seed)
    phase = np.repeat([1, 2], [first, second])
    given = AssociationSettings(trend_degree=0, grains_per_function=3)
    grains = first + second
    found = baseline(
        phase,
        generator.normal(size=(grains, 2)),
        random_quaternions(generator, grains),
        ("m-3m", "6/mmm"),
        generator.random((grains, 2)),
        given,
    )
    assert found.covered[phase == 1].all() == (first >= 3 * (1 + 4 + 9))
    assert found.covered[phase == 2].all() == (second >= 3 * (1 + 4 + 14))
    assert found.covered[phase == 1].any() == found.covered[phase == 1].all()
    assert found.covered[phase == 2].any() == found.covered[phase == 2].all()


def test_the_baseline_spans_phases_maps_and_place() -> None:
    generator = np.random.default_rng(4)
    phase, maps = generator.integers(1, 3, 200), generator.normal(size=(200, 2))
    centre = generator.random((200, 2)) * 50
    design = baseline(phase, maps, None, (), centre, AssociationSettings()).functions
    inside = [
        np.ones(200),
        phase == 2,
        (phase == 1) * maps[:, 0],
        (phase == 2) * maps[:, 1] ** 2,
        centre[:, 0] * centre[:, 1],
    ]
    outside = [centre[:, 0] ** 3, maps[:, 0] * maps[:, 1], generator.normal(size=200)]
    for values, spanned in [(own, True) for own in inside] + [(own, False) for own in outside]:
        left = values - design @ np.linalg.lstsq(design, values.astype(float), rcond=None)[0]
        assert bool(np.sum(left**2) < 1e-12 * np.sum(np.square(values, dtype=float))) is spanned
    pooled = baseline(phase, maps, None, (), centre, AssociationSettings(), by_phase=False).functions
    assert independent_functions(pooled) == 1 + 4 + 5
    assert independent_functions(design) == 2 + 8 + 5
