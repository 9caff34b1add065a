"""A partially reduced iron ore as the paper's: clusters of small regions against phases and grains, beside rivals.

The authors' results for their six regions are held against the vendor's phases; here the truth is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.lane import LaneSettings, Preprocessed, characterise_roi, paper_settings, zero_mean
from benchmarks.accuracy.metrics import rand_index
from benchmarks.accuracy.results import Row
from benchmarks.accuracy.sample_rivals import indexed_maps
from benchmarks.accuracy.twin_patterns import TwinPatterns
from benchmarks.accuracy.twins import PUBLISHED_BEAM
from microstructure_assets.methods.mixture import select_mixture
from microstructure_assets.methods.stitching import stitch
from microstructure_assets.methods.tiling import Roi
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.twin import Twin, simulate

#: Grains of 0.14 µm by number and 1.1 µm weighted by area, at a step of 0.0263 µm: a fiftieth of them ten times larger.
GRAINS: dict[str, Any] = {
    "microstructure": "laguerre",
    "mean_grain_diameter_points": 8.4,
    "grain_size_sigma": 0.4,
    "large_grain_fraction": 0.02,
    "large_grain_ratio": 10.0,
    "pore_fraction": 0.1,
    "pore_diameter_points": 6.0,
}
#: Yields go with the coefficient of backscattering of the mean atomic number; iron shows stronger bands than its
#: oxides. A quarter of the detector's pixels along each side, and what is left of the noise then: bands are as strong
#: as the noise of a pixel. None of this was tuned on a score.
ACQUISITION: dict[str, Any] = {
    **PUBLISHED_BEAM,
    "master_pattern": "kinematical",
    "phases": ("magnetite", "wustite", "ferrite"),
    "phase_yields": (0.82, 0.86, 1.0),
    "phase_contrasts": (0.6, 0.8, 1.0),
    "beam_energy_kev": 15.0,
    "detector_height_px": 100,
    "detector_width_px": 125,
    "gain_spread": 0.03,
    "noise_nu": 1.0,
}
SHAPE = (150, 150)
#: The paper's six: first row and column, rows, columns.
REGIONS = {
    "70×70, first": (2, 2, 70, 70),
    "50×40": (90, 10, 50, 40),
    "70×70, second": (78, 78, 70, 70),
    "20×20, first": (27, 27, 20, 20),
    "20×20, second": (105, 20, 20, 20),
    "20×20, third": (103, 103, 20, 20),
}
#: Twins that settings may be chosen on; those after them are only reported.
DEVELOPMENT_SEEDS = 10
CUBE_ON_CUBE = (0.0, 0.5, 1.0)
ABLATED_SHARE = 0.5
SCORES = ("phase", "grain", "mapped")


def parameters(quick: bool) -> list[dict[str, Any]]:
    """One kind of twin; how much of its wüstite has the orientation of the magnetite goes by the seed."""
    return [{"shape": list(SHAPE)}]


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """A row per region and form."""
    share = CUBE_ON_CUBE[seed % len(CUBE_ON_CUBE)]
    twin = simulate(
        TwinSettings(
            rows=SHAPE[0],
            columns=SHAPE[1],
            cube_on_cube_fraction=share,
            cube_on_cube_phases=("wustite",),
            seed=seed,
            **GRAINS,
            **ACQUISITION,
        )
    )
    ablated = seed < DEVELOPMENT_SEEDS and share == ABLATED_SHARE
    lanes = (paper_settings(), LaneSettings(), *(ablations() if ablated else ()))
    rows: list[Row] = []
    for name, place in REGIONS.items():
        found = dict(_forms(twin, place, lanes))
        judged = {form: _judge(twin, place, label) for form, label in found.items()}
        for form, row in judged.items():
            base = judged["paper, scores" if form.endswith("scores") else "paper, weights"]
            gains = {f"gain_{score}": row[score] - base[score] for score in SCORES}
            facts = {"region": name, "form": form, "cube_on_cube": share, "seen": int(seed < DEVELOPMENT_SEEDS)}
            rows.append({**facts, **row, **gains})
    return rows


def ablations() -> tuple[LaneSettings, ...]:
    """The default lane with one group of settings as published."""
    paper, names = paper_settings(), ("preprocessing", "knee", "mixture", "references", "factorization")
    return tuple(
        replace(LaneSettings(), name=f"default but {name} as published", **{name: getattr(paper, name)})
        for name in names
    )


def _forms(
    twin: Twin, place: tuple[int, int, int, int], lanes: tuple[LaneSettings, ...]
) -> Iterator[tuple[str, NDArray[np.integer]]]:
    """Labels of the points of a region by form."""
    for settings in lanes:
        roi = Roi(0, 0, 0, 0, place[2], 0, place[3])
        patterns = _region(twin, place, settings)
        found = characterise_roi(patterns, roi, settings, with_weights=True)
        yield f"{settings.name}, scores", found.label
        yield f"{settings.name}, weights", _by_weights(found.weight_map, found.mixture.count, settings)
        stitched = stitch(zero_mean(patterns, settings), found.label, found.noise_variance, settings.stitching)
        yield f"{settings.name}, stitched map", stitched.region - 1
    yield from indexed_maps(twin, place)


def _region(twin: Twin, place: tuple[int, int, int, int], settings: LaneSettings) -> Preprocessed:
    row, column, rows, columns = place
    patterns = TwinPatterns(twin, settings.preprocessing)
    own = patterns.read(row, row + rows, column, column + columns)
    return Preprocessed(own, patterns.detector_shape, twin.settings.step_um, twin.settings.step_um)


def _by_weights(weight: NDArray[np.float32], count: int, settings: LaneSettings) -> NDArray[np.integer]:
    """Clusters of the weights: as many as those of the scores in the published code, the largest weight by default."""
    if settings.name != "paper":
        return np.asarray(weight.argmax(axis=2))
    own = settings.mixture.model_copy(update={"minimum_clusters": count, "maximum_clusters": count})
    flat = weight.reshape(-1, weight.shape[2]).astype(np.float64)
    return select_mixture(flat, own).label.reshape(weight.shape[:2])


def _judge(twin: Twin, place: tuple[int, int, int, int], label: NDArray[np.integer]) -> dict[str, float]:
    """Rand indices against phases (pores are one), grains, and phases where a cluster takes that of its majority."""
    row, column, rows, columns = place
    area = slice(row, row + rows), slice(column, column + columns)
    phase, grain = twin.truth.phase[area].astype(np.int64), twin.truth.region[area]
    table = np.zeros((int(label.max()) + 2, len(twin.settings.phases) + 1))
    np.add.at(table, (label.ravel() + 1, phase.ravel() + 1), 1)
    mapped = table.argmax(axis=1)[label + 1] - 1
    return {
        "phase": rand_index(phase, label),
        "grain": rand_index(grain, label),
        "mapped": rand_index(phase, mapped),
        "right": float((mapped == phase).mean()),
        "found": float(len(np.unique(label))),
        "true": float(len(np.unique(grain))),
    }
