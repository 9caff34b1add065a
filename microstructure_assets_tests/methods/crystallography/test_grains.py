"""Grains against scipy's components, their rules on small maps, and DefDAP's boundaries on a real map."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.methods.crystallography import grain_kernels
from microstructure_assets.methods.crystallography.geometry import MapGeometry
from microstructure_assets.methods.crystallography.grains import connected, find_grains
from microstructure_assets.methods.crystallography.misorientation import edge_misorientations
from microstructure_assets.methods.crystallography.neighbours import GridKind, Neighbourhood
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries
from microstructure_assets_tests.methods.crystallography.making import random_quaternions, voronoi

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "ebsd_maps"
SQUARE = Neighbourhood.of("square")


def random_edges(
    seed: int, shape: tuple[int, int], kind: GridKind
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Which forward steps join two present points, which are present, and the joined pairs."""
    generator = np.random.default_rng(seed)
    present = generator.random(shape) < 0.9
    offsets = Neighbourhood.of(kind).forward().offsets
    joined, pairs = np.zeros((offsets.shape[1], *shape), bool), []
    for row, column in np.argwhere(present):
        for k, (down, right) in enumerate(offsets[row % 2]):
            r, c = row + down, column + right
            inside = 0 <= r < shape[0] and 0 <= c < shape[1]
            if inside and present[r, c] and generator.random() < 0.5:
                joined[k, row, column] = True
                pairs.append((row * shape[1] + column, r * shape[1] + c))
    return joined, present, pairs


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000), shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kind=st.sampled_from(["square", "hexagonal"]),
)  # fmt: skip
def test_components_are_those_of_scipy(seed: int, shape: tuple[int, int], kind: GridKind) -> None:
    joined, present, pairs = random_edges(seed, shape, kind)
    label, count = connected(joined, present, Neighbourhood.of(kind))
    first, second = np.array(pairs, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(present.size, present.size))
    expected = connected_components(graph, directed=False)[1][present.ravel()]
    own = label[present]
    # scipy numbers components, too, in the order of their first points.
    np.testing.assert_array_equal(own - 1, np.unique(expected, return_inverse=True)[1])
    assert count == len(np.unique(expected))
    assert not label[~present].any()


def test_rows_can_be_united_in_any_order() -> None:
    joined, present, _ = random_edges(4, (8, 9), "hexagonal")
    offsets = Neighbourhood.of("hexagonal").forward().offsets
    expected, _ = connected(joined, present, Neighbourhood.of("hexagonal"))
    for order in permutations([(0, 2), (2, 3), (3, 7), (7, 8)]):
        parent, label = np.arange(72, dtype=np.int32), np.empty(72, np.int32)
        for start, stop in order:
            grain_kernels.unite(parent, joined, offsets, start, stop)
        grain_kernels.number(parent, present.ravel(), label)
        np.testing.assert_array_equal(label.reshape(8, 9), expected)


@pytest.mark.parametrize("kind", ["square", "hexagonal"])
def test_voronoi_grains_come_back(kind: GridKind) -> None:
    generator = np.random.default_rng(6)
    truth = voronoi(generator, (40, 50), 25)
    q = random_quaternions(generator, 25)[truth]
    nb = Neighbourhood.of(kind)
    edges = edge_misorientations(q, np.ones(truth.shape, np.int32), PhaseSymmetries.of(["m-3m"]), nb)
    found = find_grains(edges, np.ones(truth.shape, np.int32), nb, threshold_deg=2.0)
    pairs = np.unique(np.stack([found.grain.ravel(), truth.ravel()], axis=1), axis=0)
    assert found.count == len(pairs) == 25
    assert found.measured.all()


def edges_of(grain: np.ndarray, nb: Neighbourhood) -> np.ndarray:
    """Misorientations of 0 inside grains and 30 degrees between them."""
    offsets = nb.forward().offsets
    angle = np.full((offsets.shape[1], *grain.shape), np.nan)
    for row, column in np.argwhere(grain > 0):
        for k, (down, right) in enumerate(offsets[row % 2]):
            r, c = row + down, column + right
            if 0 <= r < grain.shape[0] and 0 <= c < grain.shape[1] and grain[r, c] > 0:
                angle[k, row, column] = 30.0 * (grain[r, c] != grain[row, column])
    return angle


def test_small_grains_dissolve_and_their_points_join_most_of_their_neighbours() -> None:
    truth = np.ones((5, 6), np.int32)
    truth[:, 3:] = 2
    truth[2, 1] = 3  # a spike in the first grain
    truth[1, 3] = 4  # and one on the boundary, three of its sides to the second grain
    found = find_grains(
        edges_of(truth, SQUARE), np.ones_like(truth), SQUARE, threshold_deg=2, minimum_points=2, fill_points=1
    )
    expected = np.ones((5, 6), np.int32)
    expected[:, 3:] = 2
    np.testing.assert_array_equal(found.grain, expected)
    np.testing.assert_array_equal(found.measured, truth < 3)
    assert (found.count, found.dissolved) == (2, 2)


def test_holes_are_filled_up_to_a_size_from_all_sides_at_once() -> None:
    truth = np.ones((6, 9), np.int32)
    truth[:, 5:] = 2
    truth[1, 4:6] = 0  # two points: one for each side
    truth[3:6, 2:8] = 0  # a pore of eighteen
    edges, phase = edges_of(truth, SQUARE), (truth > 0).astype(np.int32)
    found = find_grains(edges, phase, SQUARE, threshold_deg=2, fill_points=17)
    assert found.grain[1, 4:6].tolist() == [1, 2]
    assert not found.grain[3:6, 2:8].any()
    whole = find_grains(edges, phase, SQUARE, threshold_deg=2, fill_points=18)
    assert whole.grain[3:6, 2:8].tolist() == [[1, 1, 1, 2, 2, 2]] * 3
    assert not whole.measured[3:6, 2:8].any()


def test_a_tie_goes_to_the_smaller_number_and_phases_part_grains() -> None:
    phase = np.array([[1, 0, 2]])
    edges = np.array([[[np.nan] * 3], [[np.nan] * 3]])
    found = find_grains(edges, phase, SQUARE, threshold_deg=2, fill_points=1)
    assert found.grain.tolist() == [[1, 1, 2]]


def test_a_map_without_any_orientation_has_no_grains() -> None:
    found = find_grains(np.full((2, 3, 3), np.nan), np.zeros((3, 3), int), SQUARE, threshold_deg=2, fill_points=100)
    assert not found.grain.any()
    assert (found.count, found.dissolved) == (0, 0)


@pytest.mark.parametrize("threshold_deg", [5, 10])
def test_boundaries_of_a_real_map_are_those_of_defdap(threshold_deg: int) -> None:
    path = SHARED / "defdap" / "testDataEBSD.crc"
    if not path.exists():
        pytest.skip(f"{path} is not here: the data that is not part of the repository")
    scan = open_scan(path)
    assert scan.indexing is not None
    maps = scan.indexing.read()
    nb = MapGeometry("square", 0.12, 0.12).neighbourhood
    edges = edge_misorientations(maps.quaternion, maps.phase_id, PhaseSymmetries.of(["m-3m"]), nb)
    with np.load(SHARED / "defdap" / f"ebsd_grain_boundaries_{threshold_deg}deg.npz") as truth:
        for step, name in (([0, 1], "points_x"), ([1, 0], "points_y")):
            own = np.argwhere(edges[nb.forward().offsets[0].tolist().index(step)] > threshold_deg)[:, ::-1]
            assert set(map(tuple, own.tolist())) == set(map(tuple, truth[name].tolist()))
