"""Patterns whose chemistry shows in them in a declared way, and the same with the chemistry switched off.

Latents are the leading principal scores of the scan: what an autoencoder adds is another question, and no autoencoder
can be trained for each of many twins. Grains have one of two compositions, of which the method is told nothing but the
counts of an element.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.lane import preprocess
from benchmarks.accuracy.results import Row
from benchmarks.accuracy.twins import twin_settings
from microstructure_assets.methods.association import REAL, latent_correlations
from microstructure_assets.methods.association_maps import AssociationMaps
from microstructure_assets.methods.association_settings import AssociationSettings
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.components import principal_components
from microstructure_assets.methods.quality import PatternQuality, pattern_quality
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.simulation.twin import Twin, simulate

#: What the second composition changes: its mean atomic number shows in background and dose alone, by 8 %; its order,
#: at the same edge, in reflections of their own; its lattice, of the same atoms, in the width of the bands, by 1.4 %.
KINDS: dict[str, dict[str, Any]] = {
    "atomic number: yields 1 and 1.08": {"phases": ("nickel", "nickel"), "phase_yields": (1.0, 1.08)},
    "order: Ni and Ni3Al of one edge": {"phases": ("nickel_expanded", "ni3al")},
    "lattice: Ni, edges 3.524 and 3.572 Å": {"phases": ("nickel", "nickel_expanded")},
}
LATENTS, COUNTS, ELEMENT = 8, (20.0, 40.0), "element"
SHAPE, DIAMETER = (96, 96), 8.0


def parameters(quick: bool) -> list[dict[str, Any]]:
    """Kinds of coupling and noises, each with the chemistry on and off."""
    noises = (0.5,) if quick else (0.5, 1.4)
    return [
        {"kind": kind, "nu": nu, "chemistry": chemistry, "shape": list(SHAPE)}
        for kind in KINDS
        for nu in noises
        for chemistry in ("on", "off")
    ]


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """One row: whether a latent is found to go with the counts beyond what phase, quality and orientation explain."""
    changes = {"master_pattern": "kinematical", **KINDS[given["kind"]]}
    twin = simulate(twin_settings(SHAPE, DIAMETER, given["nu"], seed, **changes))
    patterns = preprocess(twin, PreprocessingSettings())
    score = principal_components(patterns.array.reshape(-1, patterns.array.shape[2]), LATENTS).score
    quality, truth = _quality(twin), twin.truth
    grain = truth.grain.astype(np.int64) + 1
    maps = AssociationMaps(
        grain=grain,
        phase=np.ones(SHAPE, np.int64),
        numbers={ELEMENT: _counts(truth.grain, truth.grain_phase, given["chemistry"], seed)},
        baseline={
            "band contrast": quality.band_contrast.reshape(SHAPE).astype(float),
            "intensity": quality.mean_intensity.reshape(SHAPE).astype(float),
        },
        orientation=truth.domain_orientation,
        point_groups=("m-3m",),
    )
    found = latent_correlations(score.reshape(*SHAPE, -1).astype(np.float32), maps, AssociationSettings())
    own = np.asarray(found.table["map"]) == ELEMENT
    partial = np.abs(np.asarray(found.table["partial"], float)[own])
    return [
        {
            "grains_compared": found.grains,
            "real": float(np.any(np.asarray(found.table["verdict"])[own] == REAL)),
            "partial": float(np.nanmax(partial)) if np.isfinite(partial).any() else float("nan"),
        }
    ]


def _quality(twin: Twin) -> PatternQuality:
    height, width = twin.shape[2:]
    raw = twin.read_rows(0, SHAPE[0]).reshape(-1, height, width)
    correction = BackgroundCorrection.prepare((height, width), PreprocessingSettings(), twin.static_background)
    return pattern_quality(raw, correction(raw))


def _counts(
    grain: NDArray[np.integer], grain_phase: NDArray[np.integer], chemistry: str, seed: int
) -> NDArray[np.float64]:
    """Counts of an element: twice as many in grains of the second composition, or in as many others."""
    generator = np.random.default_rng([seed, 31])
    second = grain_phase == 1 if chemistry == "on" else generator.permutation(grain_phase == 1)
    return generator.poisson(np.where(second, COUNTS[1], COUNTS[0])[grain]).astype(np.float64)
