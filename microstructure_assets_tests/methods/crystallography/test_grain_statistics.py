"""Figures of grains against closed forms, orix and real twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from orix.crystal_map import Phase
from orix.quaternion import Misorientation, Quaternion

from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.methods.crystallography.boundaries import grain_sides, twin_deviations
from microstructure_assets.methods.crystallography.geometry import MapGeometry
from microstructure_assets.methods.crystallography.grain_statistics import (
    boundary_lengths,
    filled_orientations,
    grain_orientations,
    grain_shapes,
    twin_lengths,
)
from microstructure_assets.methods.crystallography.grains import GrainMap, find_grains
from microstructure_assets.methods.crystallography.misorientation import edge_misorientations
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries, proper_operators
from microstructure_assets.methods.crystallography.twin_laws import TwinLaw, TwinLawMalformed, product
from microstructure_assets_tests.methods.crystallography.making import random_quaternions, rotation, voronoi

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "ebsd_maps"
UNIT = MapGeometry("square", 1.0, 1.0)


def whole(grain: np.ndarray) -> GrainMap:
    grain = np.asarray(grain, np.int32)
    return GrainMap(grain, grain > 0, int(grain.max()), 0)


def test_a_rectangle_has_the_moments_of_a_rectangle() -> None:
    grain = np.zeros((12, 20), np.int32)
    grain[3:7, 2:14] = 1
    shape = grain_shapes(whole(grain), MapGeometry("square", 0.5, 0.25))
    assert shape["point_count"][0] == 48
    assert shape["area_um2"][0] == pytest.approx(48 * 0.125)
    assert shape["equivalent_diameter_um"][0] == pytest.approx(np.sqrt(4 * 6 / np.pi))
    assert (shape["centroid_y_um"][0], shape["centroid_x_um"][0]) == pytest.approx((4.5 * 0.5, 7.5 * 0.25))
    assert shape["aspect_ratio"][0] == pytest.approx(12 * 0.25 / (4 * 0.5))  # variance of a side w is w^2 / 12
    assert shape["long_axis_deg"][0] == pytest.approx(0, abs=1e-9)
    assert not shape["touches_edge"][0]


def test_an_ellipse_has_its_axes_and_direction() -> None:
    y, x = np.mgrid[:200, :200] - 100.0
    turn = np.radians(30)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    shape = grain_shapes(whole((along / 80) ** 2 + (across / 32) ** 2 <= 1), UNIT)
    assert shape["aspect_ratio"][0] == pytest.approx(2.5, rel=0.01)
    assert shape["long_axis_deg"][0] == pytest.approx(30, abs=0.3)


@pytest.mark.parametrize("geometry", [UNIT, MapGeometry("hexagonal", np.sqrt(0.75) * 0.4, 0.4)])
def test_a_single_point_is_round_and_touches_the_edge(geometry: MapGeometry) -> None:
    shape = grain_shapes(whole([[1]]), geometry)
    assert shape["aspect_ratio"][0] == pytest.approx(1)
    assert shape["touches_edge"][0]


@pytest.mark.parametrize("group", ["m-3m", "6/mmm", "-3m", "-1"])
def test_mean_orientation_and_spread_do_not_depend_on_the_equivalents_that_were_stored(group: str) -> None:
    generator = np.random.default_rng(7)
    operators = proper_operators(group)
    middle = random_quaternions(generator)
    # Pairs turned by +-2 degrees about random axes have this mean, and this spread.
    axes = generator.normal(size=(30, 3))
    points = np.array([product(rotation(tuple(axis), sign * 2.0), middle) for axis in axes for sign in (1, -1)])
    stored = product(operators[generator.integers(len(operators), size=60)], points)
    grains = whole(np.ones((6, 10)))
    found = grain_orientations(
        grains, stored.reshape(6, 10, 4), np.ones((6, 10), np.int32), PhaseSymmetries.of([group])
    )
    assert np.abs(product(operators, middle) @ found.quaternion[0]).max() == pytest.approx(1, abs=1e-10)
    assert found.spread_deg[0] == pytest.approx(2.0, abs=1e-6)
    assert found.phase.tolist() == [1]


def test_filled_points_are_no_part_of_the_mean() -> None:
    q = np.array([[rotation((0, 0, 1), angle) for angle in (0.0, 0.0, 40.0)]])
    grains = GrainMap(np.array([[1, 1, 1]], np.int32), np.array([[True, True, False]]), 1, 0)
    found = grain_orientations(grains, q, np.array([[1, 1, 0]]), PhaseSymmetries.of(["m-3m"]))
    assert found.spread_deg[0] == pytest.approx(0, abs=1e-6)


def test_boundaries_by_class_on_a_map_drawn_by_hand() -> None:
    grain = np.array([[1, 1, 2], [1, 1, 2], [3, 3, 0]])
    edges = np.full((2, 3, 3), np.nan)
    steps = UNIT.neighbourhood.forward().offsets[0].tolist()
    right, down = steps.index([0, 1]), steps.index([1, 0])
    edges[right, 0, :2], edges[right, 1, :2] = (1.5, 10), (0.1, 20)
    edges[down, 0], edges[down, 1, :2], edges[right, 2, 0] = 0, np.inf, 0
    sides = grain_sides(grain, edges, MapGeometry("square", 2.0, 3.0), subgrain_deg=1)
    found = boundary_lengths(grain, sides, 3, (2, 15))
    assert found["neighbours"].tolist() == [2, 1, 1]
    assert found["boundary_below_2deg_um"].tolist() == [2, 0, 0]  # one side of grain 1 with itself, counted once
    assert found["boundary_2_15deg_um"].tolist() == [2, 2, 0]
    assert found["boundary_above_15deg_um"].tolist() == [2, 2, 0]
    assert found["boundary_phase_um"].tolist() == [6, 0, 6]


def test_boundaries_of_filled_and_wild_points_are_those_of_their_grains() -> None:
    """Two grains 5° apart, a column without orientation between them and a wild point inside the second."""
    turn = np.where(np.arange(6)[None, :] < 3, 0.0, 5.0) + np.zeros((5, 1))
    turn[2, 4] = 40.0
    phase = np.ones((5, 6), np.int32)
    phase[:, 2] = 0
    quaternion = np.array([[rotation((0, 0, 1), angle) for angle in row] for row in turn])
    symmetries, around = PhaseSymmetries.of(["m-3m"]), UNIT.neighbourhood
    raw = edge_misorientations(quaternion, phase, symmetries, around)
    grains = find_grains(raw, phase, around, threshold_deg=2, minimum_points=2, fill_points=20)
    assert grains.count == 2
    assert (grains.grain > 0).all()
    orientations = grain_orientations(grains, quaternion, phase, symmetries)
    with pytest.raises(ValueError, match="found NaN beside point"):
        grain_sides(grains.grain, raw, UNIT)
    filled = edge_misorientations(*filled_orientations(grains, orientations, quaternion, phase), symmetries, around)
    sides = grain_sides(grains.grain, filled, UNIT, subgrain_deg=0.5, measured=grains.measured)
    found = boundary_lengths(grains.grain, sides, 2, (2, 15))
    assert found["boundary_2_15deg_um"].tolist() == [5, 5]
    assert not any(found[f"boundary_{name}_um"].any() for name in ("below_2deg", "above_15deg", "phase"))


def test_a_wild_point_of_another_phase_makes_no_phase_boundary() -> None:
    phase = np.ones((5, 5), np.int32)
    phase[2, 2] = 2
    quaternion = np.tile([1.0, 0, 0, 0], (5, 5, 1))
    symmetries, around = PhaseSymmetries.of(["m-3m", "6/mmm"]), UNIT.neighbourhood
    raw = edge_misorientations(quaternion, phase, symmetries, around)
    grains = find_grains(raw, phase, around, threshold_deg=2, minimum_points=2, fill_points=20)
    orientations = grain_orientations(grains, quaternion, phase, symmetries)
    turned, own = filled_orientations(grains, orientations, quaternion, phase)
    assert (own == 1).all()
    sides = grain_sides(
        grains.grain,
        edge_misorientations(turned, own, symmetries, around),
        UNIT,
        subgrain_deg=1,
        measured=grains.measured,
    )
    assert len(sides.first) == 0


def test_neighbours_of_voronoi_grains_are_counted_as_by_hand() -> None:
    truth = voronoi(np.random.default_rng(2), (30, 40), 15) + 1
    pairs = {
        frozenset(pair)
        for a, b in ((truth[:, :-1], truth[:, 1:]), (truth[:-1], truth[1:]))
        for pair in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
        if pair[0] != pair[1]
    }
    sides = grain_sides(truth, np.full((2, 30, 40), 30.0), UNIT)
    found = boundary_lengths(truth, sides, 15, (2, 15))
    expected = [sum(number in pair for pair in pairs) for number in range(1, 16)]
    assert found["neighbours"].tolist() == expected


@pytest.mark.parametrize(
    ("law", "group", "angle", "axis"),
    [("m-3m 60 <1 1 1>", "m-3m", 60, (1, 1, 1)), ("6/mmm 86.3 <1 1 -2 0>", "6/mmm", 86.3, (1, 0, 0))],
)  # fmt: skip
def test_deviation_from_a_twin_is_that_over_all_symmetries_as_orix_has_it(
    law: str, group: str, angle: float, axis: tuple[float, float, float]
) -> None:
    first, second = random_quaternions(np.random.default_rng(8), 2, 20)
    found = twin_deviations(first, second, TwinLaw.parse(law))
    point_group = Phase(point_group=group).point_group.laue_proper_subgroup
    twin = rotation(axis, angle)
    for own, a, b in zip(found, first, second, strict=True):
        m = Quaternion(b) * ~Quaternion(a)
        every = (Quaternion(point_group.data).outer(m)).outer(Quaternion(point_group.data))
        scalar = np.abs(every.data.reshape(-1, 4) @ twin).max()
        assert own == pytest.approx(np.degrees(2 * np.arccos(min(1, scalar))), abs=1e-4)
        assert own <= Misorientation(m.data).angle[0] * 180 / np.pi + angle


@pytest.mark.parametrize("law", ["m-3m 60 <1 1 1>", "6/mmm 86.3 <1 1 -2 0>", "6/mmm 35 <1 0 -1 1> c/a 1.624"])
def test_a_twin_is_no_angle_away_from_itself(law: str) -> None:
    own = TwinLaw.parse(law)
    generator = np.random.default_rng(9)
    start, operators = random_quaternions(generator), proper_operators(own.point_group)
    twin = product(rotation(own.axis, own.angle_deg), start)
    for one, two in generator.integers(len(operators), size=(10, 2)):
        pair = product(operators[one], start)[None], product(operators[two], twin)[None]
        assert twin_deviations(*pair, own)[0] == pytest.approx(0, abs=1e-4)
        assert twin_deviations(*pair[::-1], own)[0] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("60 <111>", "expected Laue group, angle in degrees and direction"),
        ("m-3m 60 <1 1 -2 0>", "found 4 indices, expected 3"),
        ("6/mmm 86 <1 1 0>", "found 3 indices, expected 4"),
        ("6/mmm 86 <1 1 1 0>", "must add to zero"),
        ("6/mmm 35 <1 0 -1 1>", "add 'c/a'"),
        ("m-3m 60 <0 0 0>", "has no length"),
    ],
)
def test_malformed_laws_are_refused(wrong: str, why: str) -> None:
    with pytest.raises(TwinLawMalformed, match=why):
        TwinLaw.parse(wrong)


def characterised(path: Path, law: str) -> tuple[GrainMap, dict[str, np.ndarray]]:
    if not path.exists():
        pytest.skip(f"{path} is not here: the data that is not part of the repository")
    scan = open_scan(path)
    assert scan.indexing is not None
    maps, groups = scan.indexing.read(), [phase.point_group for phase in scan.phases]
    assert scan.grid.step_y_um
    assert scan.grid.step_x_um
    geometry, symmetries = MapGeometry("square", scan.grid.step_y_um, scan.grid.step_x_um), PhaseSymmetries.of(groups)
    edges = edge_misorientations(maps.quaternion, maps.phase_id, symmetries, geometry.neighbourhood)
    grains = find_grains(
        edges, maps.phase_id, geometry.neighbourhood, threshold_deg=5, minimum_points=5, fill_points=20
    )
    orientations = grain_orientations(grains, maps.quaternion, maps.phase_id, symmetries)
    filled = filled_orientations(grains, orientations, maps.quaternion, maps.phase_id)
    edges = edge_misorientations(*filled, symmetries, geometry.neighbourhood)
    sides = grain_sides(grains.grain, edges, geometry)
    return grains, twin_lengths(grains, sides, orientations, [TwinLaw.parse(law)], groups, 5.0)[1]


def test_extension_twins_of_magnesium_are_found() -> None:
    _, laws = characterised(SHARED / "magnesium_twins" / "twins.ctf", "6/mmm 86.3 <1 1 -2 0>")
    assert laws["share"][0] > 0.4


def test_annealing_twins_of_a_nickel_superalloy_are_found() -> None:
    _, laws = characterised(SHARED / "defdap" / "testDataEBSD.crc", "m-3m 60 <1 1 1>")
    assert laws["share"][0] > 0.4
