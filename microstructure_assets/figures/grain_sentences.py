"""What the report says of the conventional analysis: its headline on a map without patterns, sentences, doubts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microstructure_assets.figures.report import Fact

LARGEST_FILLED = 0.05
_MEANS = ("number_mean", "area_mean", "number_mean_inside", "area_mean_inside")


def map_headline(facts: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Five numbers of a map without patterns."""
    unit = facts["unit"]
    return (
        Fact(f"{facts['points']:,}", "points"),
        Fact(f"{100 * facts['indexed_share']:.1f}", "indexed points", "%"),
        Fact(f"{facts['grains']:,}", "grains"),
        Fact(_figure(facts["diameter_number_mean_um"]), "mean diameter", unit),
        Fact(_figure(facts["diameter_area_mean_um"]), "area-weighted diameter", unit),
    )


def grain_summary(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What the grains are; that there are none where nothing is indexed."""
    unit = facts["unit"]
    if not facts["indexed_share"]:
        return ("No point is indexed: there are no grains.",)
    means = {name: _figure(facts[f"diameter_{name}_um"]) for name in _MEANS}
    found = (
        f"{facts['grains']:,} grains at {facts['threshold_deg']:g}°, with a mean equivalent diameter of "
        f"{means['number_mean']} {unit} ({means['area_mean']} {unit} weighted by area); "
        f"{facts['grains_inside']:,} of them are not cut by the edge of the map: {means['number_mean_inside']} and "
        f"{means['area_mean_inside']} {unit}.",
    )
    if facts["twin_share"] is None:
        return found
    return (*found, f"{100 * facts['twin_share']:.1f} % of the grain boundaries obey a twin law.")


def grain_distrust(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What to hold back from believing in the grains, beside what the checks say."""
    if not facts["indexed_share"] or facts["filled_share"] <= LARGEST_FILLED:
        return ()
    return (
        f"{100 * facts['filled_share']:.1f} % of the points were given to grains by their neighbours: "
        f"{facts['dissolved']:,} grains were too small (crystallography.grain_minimum_points).",
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
