"""Orientations from patterns, and what follows from them: errors, phases, kernel averages and grains on twins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.results import Row
from benchmarks.accuracy.twins import PURE, STEP_UM, twin_settings
from microstructure_assets.acquisition.scan import Phase
from microstructure_assets.indexing.dictionary import DictionaryIndexer
from microstructure_assets.indexing.geometry import PatternGeometry
from microstructure_assets.indexing.hough import HoughIndexer
from microstructure_assets.indexing.phases import indexed_phases
from microstructure_assets.indexing.points import IndexedPoints, indexed
from microstructure_assets.indexing.refinement import Refiner
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.crystallography.geometry import MapGeometry
from microstructure_assets.methods.crystallography.grains import find_grains
from microstructure_assets.methods.crystallography.misorientation import (
    edge_misorientations,
    kernel_average_misorientation,
)
from microstructure_assets.methods.crystallography.settings import CrystallographySettings
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.simulation.master_patterns import CRYSTAL_STRUCTURES
from microstructure_assets.simulation.twin import Twin, simulate

NICKEL: dict[str, Any] = {}
STEEL: dict[str, Any] = {"master_pattern": "kinematical", "phases": ("ferrite", "austenite")}
BENT: dict[str, Any] = {"orientation_gradient_deg_per_um": 10.0}
TWINS = {"nickel": NICKEL, "nickel, 0.5° a point": BENT, "ferrite and austenite": STEEL}
SHAPE, DIAMETER = [60, 60], 14.0
#: A solution that is further off is a wrong one.
WRONG_DEG = 5.0
GEOMETRY = MapGeometry("square", STEP_UM, STEP_UM)


def parameters(quick: bool) -> list[dict[str, Any]]:
    """Twins and noises."""
    noises = (0.7,) if quick else (0.5, 1.0, 1.4)
    return [{"twin": name, "nu": nu, "diameter": DIAMETER, "shape": SHAPE} for name in TWINS for nu in noises]


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """What indexing of the corrected patterns finds in each form, and what the true orientations would have given."""
    twin = simulate(twin_settings((SHAPE[0], SHAPE[1]), given["diameter"], given["nu"], seed, **TWINS[given["twin"]]))
    bands, patterns = indexer_of(twin), corrected_patterns(twin)
    by_bands = bands.index(patterns)
    forms = {
        "bands": by_bands,
        "bands, refined": _refiner(twin).refined(patterns, by_bands),
        "dictionary, refined": by_dictionary(twin, patterns),
    }
    return [{"form": name, **_compared(found, twin)} for name, found in forms.items()]


def by_dictionary(twin: Twin, patterns: NDArray[np.float32]) -> IndexedPoints:
    """Dictionary indexing with default settings and the true geometry, refined."""
    geometry, energy = indexer_of(twin).geometry, twin.settings.beam_energy_kev
    return _refiner(twin).refined(patterns, indexed([patterns], DictionaryIndexer(_masters(twin), geometry, energy)))


def _masters(twin: Twin) -> dict[int, Any]:
    return {number: master.signal for number, master in enumerate(twin.masters, 1)}


def _refiner(twin: Twin) -> Refiner:
    geometry, energy = indexer_of(twin).geometry, twin.settings.beam_energy_kev
    return Refiner(_masters(twin), geometry, energy, IndexingSettings().refinement_reach_deg)


def _compared(found: IndexedPoints, twin: Twin) -> Row:
    """Errors of what was found, and what follows from it beside what is true of the twin.

    The true kernel average in grains that turn by a constant angle per point along a direction of their own is that
    angle times the mean of (|cos| + |sin|) / 2 over all directions, 2/π.
    """
    truth, settings = twin.truth, twin.settings
    true_phase = truth.phase + 1
    phase, quaternion = found.phase_id.reshape(SHAPE), found.quaternion.reshape(*SHAPE, 4)
    pure, indexed_points = truth.own_fraction >= PURE, phase > 0
    right = pure & (phase == true_phase)
    error = _misorientation_deg(quaternion[right], truth.orientation[right])
    symmetries = PhaseSymmetries.of(["m-3m"] * len(settings.phases))
    kam, grain = _kam(quaternion, phase, symmetries), grains_of(quaternion, phase, symmetries)
    true_grain = truth.grain.astype(np.int32) + 1
    own, true = diameters(grain), diameters(true_grain)
    own, true = own[own > 0], true[true > 0]
    return {
        "indexed": float(indexed_points[pure].mean()),
        "right_phase": float(right.sum() / max(1, (pure & indexed_points).sum())),
        "error": float(np.median(error)),
        "error_high": float(np.percentile(error, 95)),
        "wrong": float(np.mean(error > WRONG_DEG)),
        "kam": float(np.nanmean(kam[pure])),
        "kam_true": settings.orientation_gradient_deg_per_um * settings.step_um * 2 / np.pi,
        "grains": len(own),
        "grains_true": len(true),
        "number_ratio": float(own.mean() / true.mean()),
        "area_ratio": float(np.average(own, weights=own**2) / np.average(true, weights=true**2)),
        "boundary_ratio": _sides(grain) / _sides(true_grain),
    }


def phases_of(twin: Twin) -> tuple[Phase, ...]:
    """The twin's phases as a scan would name them."""
    crystals = [(name, CRYSTAL_STRUCTURES[name]) for name in twin.settings.phases]
    return tuple(
        Phase(name, "m-3m", crystal.space_group, (crystal.lattice_angstrom,) * 3, (90.0, 90.0, 90.0))
        for name, crystal in crystals
    )


def indexer_of(twin: Twin) -> HoughIndexer:
    """An indexer with default settings that knows the twin's phases and true geometry."""
    own, settings = twin.settings, IndexingSettings()
    centre = (own.pattern_centre_x, own.pattern_centre_y, own.pattern_centre_z)
    geometry = PatternGeometry(own.detector_height_px, own.detector_width_px, centre, own.sample_tilt_deg)
    return HoughIndexer.of(indexed_phases(phases_of(twin), settings), geometry, settings)


def corrected_patterns(twin: Twin) -> NDArray[np.float32]:
    """All patterns without background, (n, height, width)."""
    rows, _, height, width = twin.shape
    correct = BackgroundCorrection.prepare((height, width), PreprocessingSettings(), twin.static_background)
    return np.concatenate([correct(twin.read_rows(row, row + 1).reshape(-1, height, width)) for row in range(rows)])


def _kam(quaternion: NDArray[Any], phase: NDArray[Any], symmetries: PhaseSymmetries) -> NDArray[np.floating]:
    limit = CrystallographySettings().kernel_limit_deg
    return kernel_average_misorientation(quaternion, phase, symmetries, GEOMETRY.neighbourhood, limit)


def grains_of(quaternion: NDArray[Any], phase: NDArray[Any], symmetries: PhaseSymmetries) -> NDArray[np.int32]:
    """Grains with the default settings, of any map on a square grid."""
    settings = CrystallographySettings()
    return find_grains(
        edge_misorientations(quaternion, phase, symmetries, GEOMETRY.neighbourhood),
        phase,
        GEOMETRY.neighbourhood,
        threshold_deg=settings.grain_threshold_deg,
        minimum_points=settings.grain_minimum_points,
        fill_points=settings.grain_fill_points,
    ).grain


def _sides(grain: NDArray[np.int32]) -> int:
    """Sides between points of different grains."""
    pairs = ((grain[:, 1:], grain[:, :-1]), (grain[1:], grain[:-1]))
    return sum(int(np.count_nonzero((one != other) & (one > 0) & (other > 0))) for one, other in pairs)


def diameters(grain: NDArray[np.int32]) -> NDArray[np.float64]:
    """Equivalent diameters of grains [points]."""
    return np.sqrt(4 / np.pi * np.bincount(grain.ravel())[1:])


def _misorientation_deg(found: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.float64]:
    """By orix; all phases of these twins are cubic."""
    from orix.quaternion import Orientation
    from orix.quaternion.symmetry import Oh

    return np.asarray(np.degrees(Orientation(found, Oh).angle_with(Orientation(truth, Oh))))
