"""Maps of X-ray counts from the phases, with the spread of the emission volume and counting noise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from microstructure_assets.simulation.microstructure import Microstructure
    from microstructure_assets.simulation.settings import TwinSettings

Float64 = NDArray[np.float64]
EDS_STREAM = 5
# Atomic fractions of what the names of the built-in phases usually mean in steels and iron ores.
PHASE_FORMULAS = {
    "nickel": "Ni",
    "austenite": "Fe0.69Cr0.22Ni0.09",
    "ferrite": "Fe",
    "magnetite": "Fe3O4",
    "wustite": "Fe0.95O",
}


def atomic_fractions(formula: str) -> dict[str, float]:
    """Atomic fractions of a formula such as ``Fe3O4`` or ``Fe0.95O``.

    Raises
    ------
    ValueError
        If the text is no formula.
    """
    parts = re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", formula)
    if not parts or "".join(element + number for element, number in parts) != formula:
        raise ValueError(f"{formula!r} is no formula; expected elements and amounts such as Fe3O4")
    amounts: dict[str, float] = {}
    for element, number in parts:
        amounts[element] = amounts.get(element, 0.0) + float(number or 1)
    total = sum(amounts.values())
    return {element: amount / total for element, amount in amounts.items()}


def phase_formulas(settings: TwinSettings) -> tuple[str, ...]:
    """Formula of each phase: as given, else the built-in one, else the first word of the phase's name."""
    given = settings.eds_formulas
    return given or tuple(PHASE_FORMULAS.get(name, name.split(" ")[0]) for name in settings.phases)


def expected_counts(settings: TwinSettings, structure: Microstructure) -> dict[str, Float64]:
    """Mean counts of each element, (rows, columns): the phases under the emission volume, by atomic fraction.

    Counts stand in for no quantification: absorption, fluorescence and the yields of the lines are left out.
    """
    from scipy.ndimage import gaussian_filter

    from microstructure_assets.simulation.interaction import SIGMA_PER_FWHM

    s = structure.sub_points
    sigma = settings.eds_fwhm_um / settings.step_um * SIGMA_PER_FWHM * s
    rows = slice(structure.margin_rows * s + s // 2, (structure.margin_rows + structure.rows) * s, s)
    columns = slice(structure.margin_columns * s + s // 2, (structure.margin_columns + structure.columns) * s, s)
    phase_of_sample = structure.domain_phase[structure.labels]
    counts: dict[str, Float64] = {}
    for index, formula in enumerate(phase_formulas(settings)):
        share = (phase_of_sample == index).astype(np.float32)
        if sigma > 0:
            share = gaussian_filter(share, sigma, mode="nearest")
        volume = share[rows, columns].astype(np.float64)
        for element, fraction in atomic_fractions(formula).items():
            counts[element] = counts.get(element, 0.0) + settings.eds_counts * fraction * volume
    return counts


def measured_counts(settings: TwinSettings, expected: dict[str, Float64]) -> dict[str, NDArray[np.int32]]:
    """Poisson counts of each element, (rows, columns), int32."""
    seeds = np.random.SeedSequence(settings.seed, spawn_key=(EDS_STREAM,)).spawn(len(expected))
    return {
        element: np.random.Generator(np.random.PCG64(seed)).poisson(mean).astype(np.int32)
        for seed, (element, mean) in zip(seeds, expected.items(), strict=True)
    }
