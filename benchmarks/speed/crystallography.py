"""The conventional analysis of a map of ten million points: kernel average misorientation, grains, their statistics."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality
from microstructure_assets.methods.crystallography.boundaries import grain_sides
from microstructure_assets.methods.crystallography.geometry import MapGeometry
from microstructure_assets.methods.crystallography.grain_statistics import (
    boundary_lengths,
    filled_orientations,
    grain_orientations,
    grain_shapes,
    twin_lengths,
)
from microstructure_assets.methods.crystallography.grains import find_grains
from microstructure_assets.methods.crystallography.misorientation import (
    edge_misorientations,
    kernel_average_misorientation,
)
from microstructure_assets.methods.crystallography.settings import CrystallographySettings
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries
from microstructure_assets.methods.crystallography.twin_laws import twin_laws

SIDE, SMALL_SIDE = 3163, 316
#: Points per grain, as in the paper's scan.
GRAIN_POINTS = 400
#: Spread of the points of a grain about its orientation [degrees].
SPREAD_DEG = 0.2
#: Shares of points without orientation and of points with a wrong one.
UNINDEXED, WILD = 0.03, 0.01
GEOMETRY = MapGeometry("square", 0.05, 0.05)
POINT_GROUPS = ("m-3m", "6/mmm")
SYMMETRIES = PhaseSymmetries.of(POINT_GROUPS)


def ours(data: Arrays) -> Arrays:
    """What `kernel_average_misorientation`, `grains` and `grain_statistics` do, with their default settings."""
    settings, phase, quaternion = CrystallographySettings(), data["phase"], data["quaternion"]
    clock = [time.perf_counter()]
    kam = kernel_average_misorientation(
        quaternion, phase, SYMMETRIES, GEOMETRY.neighbourhood, settings.kernel_limit_deg
    )
    clock.append(time.perf_counter())
    edges = edge_misorientations(quaternion, phase, SYMMETRIES, GEOMETRY.neighbourhood)
    grains = find_grains(
        edges,
        phase,
        GEOMETRY.neighbourhood,
        threshold_deg=settings.grain_threshold_deg,
        minimum_points=settings.grain_minimum_points,
        fill_points=settings.grain_fill_points,
    )
    clock.append(time.perf_counter())
    orientations = grain_orientations(grains, quaternion, phase, SYMMETRIES)
    filled = filled_orientations(grains, orientations, quaternion, phase)
    edges = edge_misorientations(*filled, SYMMETRIES, GEOMETRY.neighbourhood)
    del filled
    sides = grain_sides(grains.grain, edges, GEOMETRY, subgrain_deg=settings.subgrain_deg, measured=grains.measured)
    laws = twin_laws(settings.twin_laws)
    twin_lengths(grains, sides, orientations, laws, POINT_GROUPS, settings.twin_tolerance_deg)
    grain_shapes(grains, GEOMETRY)
    boundary_lengths(grains.grain, sides, grains.count, [settings.grain_threshold_deg, settings.high_angle_deg])
    clock.append(time.perf_counter())
    return {"kam": kam, "grain": grains.grain, "seconds": np.diff(clock)}


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """The kernel averages beside orix, the grains beside the truth, and the time of each part."""
    found = results["ours"]
    kernel, grains, statistics = (float(seconds) for seconds in found["seconds"])
    # A point is right where its grain's own points are most of those of its true grain, and the other way round.
    most = _largest_partner(found["grain"].ravel(), data["truth"].ravel())
    back = _largest_partner(data["truth"].ravel(), found["grain"].ravel())
    right = (most[found["grain"].ravel()] == data["truth"].ravel()) & (
        back[data["truth"].ravel()] == found["grain"].ravel()
    )
    return {
        "largest difference of kernel averages to orix, 500 points [degrees]": Equality(
            _difference_to_orix(data, found["kam"]), most=0.01
        ),
        "share of points in their true grain": Equality(float(right.mean()), least=0.99),
        "kernel averages and grains [s]": Equality(kernel + grains, most=60.0, is_goal=True),
        "statistics of the grains [s]": Equality(statistics),
    }


def _largest_partner(own: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.int64]:
    """For each label of `own` the label of `other` that most of its points have."""
    size = int(other.max()) + 1
    pairs, counts = np.unique(own.astype(np.int64) * size + other, return_counts=True)
    partner = np.zeros(int(own.max()) + 1, np.int64)
    order = np.argsort(counts, kind="stable")
    partner[pairs[order] // size] = pairs[order] % size
    return partner


def _difference_to_orix(data: Arrays, kam: NDArray[np.floating]) -> float:
    from orix.quaternion import Orientation
    from orix.quaternion.symmetry import Oh

    side, limit = kam.shape[0], CrystallographySettings().kernel_limit_deg
    row, column = np.random.default_rng(0).integers(1, side - 1, (2, 1500))
    cubic = np.flatnonzero(data["phase"][row, column] == 1)[:500]
    row, column = row[cubic], column[cubic]
    centre = Orientation(data["quaternion"][row, column].astype(float), Oh)
    neighbours = [(row + down, column + right) for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    angles = np.stack(
        [
            np.degrees(centre.angle_with(Orientation(data["quaternion"][place].astype(float), Oh)))
            for place in neighbours
        ]
    )
    counted = (angles <= limit) & np.stack([data["phase"][place] == 1 for place in neighbours])
    with np.errstate(invalid="ignore"):
        expected = np.where(counted, angles, 0).sum(axis=0) / counted.sum(axis=0)
    own = kam[row, column]
    if (np.isnan(own) != np.isnan(expected)).any():
        return float("nan")
    return float(np.nanmax(np.abs(own - expected)))


def prepare(small: bool) -> Arrays:
    """Voronoi grains of random orientation and phase, in which points scatter, some without orientation, some wild."""
    from scipy.spatial import cKDTree
    from scipy.spatial.transform import Rotation

    side = SMALL_SIDE if small else SIDE
    generator = np.random.default_rng(5)
    count = max(2, side * side // GRAIN_POINTS)
    tree = cKDTree(generator.random((count, 2)) * side)
    truth = np.empty((side, side), np.int32)
    quaternion = np.empty((side, side, 4))
    phase = np.empty((side, side), np.int32)
    turns, phases = Rotation.random(count, random_state=5), generator.integers(1, 3, count)
    for row in range(side):
        own = tree.query(np.column_stack([np.full(side, row), np.arange(side)]))[1]
        scatter = Rotation.from_rotvec(np.radians(SPREAD_DEG) * generator.standard_normal((side, 3)))
        truth[row] = own + 1
        turned, chance = (scatter * turns[own]).as_quat(canonical=True), generator.random(side)
        wild = chance < WILD
        turned[wild] = Rotation.random(int(wild.sum()), random_state=row).as_quat(canonical=True)
        quaternion[row] = np.roll(turned, 1, axis=1)
        phase[row] = np.where((chance >= WILD) & (chance < WILD + UNINDEXED), 0, phases[own])
    return {"quaternion": quaternion, "phase": phase, "truth": truth}


BENCHMARKS = (
    Benchmark(
        name="crystallography",
        step="Kernel average misorientation, grains and their statistics",
        size="10,004,569 points",
        data=f"Voronoi grains of about {GRAIN_POINTS} points and of two phases, whose points scatter by {SPREAD_DEG}°; "
        f"{100 * UNINDEXED:g} % of the points without orientation, {100 * WILD:g} % with a wrong one",
        goal=None,
        repeats=3,
        prepare=prepare,
        ours={"ours": ours},
        peers={},
        check=check,
    ),
)
