"""What the report takes from the conventional analysis."""

from __future__ import annotations

from typing import Any

import numpy as np

from microstructure_assets.assets.views import ScanView
from microstructure_assets.figures.grain_sentences import grain_summary
from microstructure_assets.figures.report import Section, Table


def grain_facts(view: ScanView) -> dict[str, Any]:
    """Every figure that the sentences on grains use."""
    statistics = view.read("grain_statistics").attributes
    return {
        **view.read("orientation_map").attributes,
        **view.read("grains").attributes,
        **statistics,
        "points": int(np.prod(view.grid_shape)),
        "unit": view.grid.unit,
    }


def grain_sections(view: ScanView, facts: dict[str, Any]) -> tuple[Section, ...]:
    """Maps of the conventional analysis; one sentence where nothing is indexed."""
    if not facts["indexed_share"]:
        return (Section("Crystallography", (f"Orientations: {facts['source']}.",)),)
    return (
        Section(
            "Grains",
            grain_summary(facts),
            view.read("grains").figure(),
            "Grains in colours, and the distribution of their sizes",
            _twin_laws(view),
        ),
        Section(
            "Orientations",
            (f"Orientations: {facts['source']}; confidence: {facts['confidence_name']}.",),
            view.read("ipf_map").figure(),
            f"Inverse pole figure along {view.read('ipf_map').attributes['direction']}",
        ),
        Section("Phases", (), view.read("phase_map").figure(), "Phases"),
        Section(
            "Kernel average misorientation",
            (),
            view.read("kernel_average_misorientation").figure(),
            "Mean misorientation of each point to its neighbours",
        ),
    )


def _twin_laws(view: ScanView) -> Table | None:
    table = view.read("grain_statistics").table("twin_laws")
    rows = tuple(
        (str(law), f"{length:.4g}", f"{100 * share:.1f}", str(int(pairs)))
        for law, length, share, pairs in zip(*(table[name] for name in table), strict=True)
        if np.isfinite(share)
    )
    unit = view.grid.unit
    return Table(("twin law", f"boundary [{unit}]", "share [%]", "pairs of grains"), rows) if rows else None
