"""Neighbours against distances between the points that the grid stands for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from microstructure_assets.methods.crystallography.geometry import MapGeometry
from microstructure_assets.methods.crystallography.neighbours import GridKind, Neighbourhood


def pairs_by_steps(neighbourhood: Neighbourhood, shape: tuple[int, int]) -> set[tuple[int, int]]:
    found = set()
    for row in range(shape[0]):
        for column in range(shape[1]):
            for down, right in neighbourhood.offsets[row % 2]:
                r, c = row + down, column + right
                if 0 <= r < shape[0] and 0 <= c < shape[1]:
                    found.add((row * shape[1] + column, int(r * shape[1] + c)))
    return found


def pairs_by_distance(
    geometry: MapGeometry, shape: tuple[int, int], nearest: float, farthest: float
) -> set[tuple[int, int]]:
    row, column = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    points = np.stack(geometry.positions_um(row, column), axis=1)
    near = cKDTree(points).query_pairs(farthest, output_type="ndarray")
    near = near[np.linalg.norm(points[near[:, 0]] - points[near[:, 1]], axis=1) > nearest]
    return {(int(a), int(b)) for a, b in near} | {(int(b), int(a)) for a, b in near}


HEXAGONAL = MapGeometry("hexagonal", np.sqrt(3) / 2, 1.0)


@pytest.mark.parametrize(
    ("geometry", "corners", "order", "perimeter", "nearest", "farthest"),
    [
        (MapGeometry("square", 1, 1), False, 1, False, 0, 1.01),
        (MapGeometry("square", 1, 1), True, 1, False, 0, 1.5),
        (HEXAGONAL, False, 1, False, 0, 1.01),
        (HEXAGONAL, False, 2, False, 0, 2.01),
        (HEXAGONAL, False, 2, True, 1.01, 2.01),
    ],
)  # fmt: skip
def test_neighbours_are_the_points_within_a_distance(
    geometry: MapGeometry, corners: bool, order: int, perimeter: bool, nearest: float, farthest: float
) -> None:
    steps = Neighbourhood.of(geometry.kind, corners=corners, order=order, perimeter=perimeter)
    assert pairs_by_steps(steps, (7, 6)) == pairs_by_distance(geometry, (7, 6), nearest, farthest)


@pytest.mark.parametrize(
    ("kind", "corners", "counts"),
    [("square", False, (4, 8, 12)), ("square", True, (8, 16, 24)), ("hexagonal", False, (6, 12, 18))],
)
def test_each_order_adds_a_ring(kind: GridKind, corners: bool, counts: tuple[int, int, int]) -> None:
    rings = [
        Neighbourhood.of(kind, corners=corners, order=order, perimeter=True).offsets.shape[1] for order in (1, 2, 3)
    ]
    assert tuple(rings) == counts
    assert Neighbourhood.of(kind, corners=corners, order=3).offsets.shape[1] == sum(counts)


@pytest.mark.parametrize("kind", ["square", "hexagonal"])
def test_forward_steps_meet_every_pair_once(kind: GridKind) -> None:
    whole = Neighbourhood.of(kind)
    forward = pairs_by_steps(whole.forward(), (6, 5))
    assert all(first < second for first, second in forward)
    assert forward | {(b, a) for a, b in forward} == pairs_by_steps(whole, (6, 5))


def test_sides_of_the_cells_add_up_to_their_perimeters() -> None:
    rectangle = MapGeometry("square", 0.5, 2.0)
    steps = rectangle.neighbourhood.forward().offsets[0].tolist()
    assert dict(zip(map(tuple, steps), rectangle.side_lengths_um()[0], strict=True)) == {(0, 1): 0.5, (1, 0): 2.0}
    # A regular hexagon of area A has a perimeter of sqrt(8 sqrt(3) A).
    perimeter = 2 * HEXAGONAL.side_lengths_um()[0].sum()
    assert perimeter == pytest.approx(np.sqrt(8 * np.sqrt(3) * HEXAGONAL.cell_area_um2))
