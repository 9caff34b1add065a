"""What the report of a scan says in words: its headline, what was found and what to hold back from believing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microstructure_assets.figures.report import Fact


def headline(facts: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Five numbers."""
    return (
        Fact(f"{facts['points']:,}", "points"),
        Fact(f"{facts['regions']:,}", "regions"),
        Fact(f"{facts['mean_diameter_um']:.3g}", "mean diameter", facts["unit"]),
        Fact(f"{facts['area_weighted_diameter_um']:.3g}", "area-weighted diameter", facts["unit"]),
        Fact(f"{100 * facts['trusted_share']:.1f}", "trusted points", "%"),
    )


def summary(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What was found, in plain sentences."""
    n, unit = facts["tiling"]["n"], facts["unit"]
    return (
        f"The map holds {facts['regions']} regions with a mean equivalent diameter of "
        f"{facts['mean_diameter_um']:.3g} {unit} ({facts['area_weighted_diameter_um']:.3g} {unit} weighted by area).",
        *_length_scale(facts),
        f"It was analysed in {n} × {n} regions of interest (ROIs), with {facts['clusters_mean']:.1f} clusters per ROI "
        f"on average, found on {facts['components_mean']:.1f} principal components.",
        f"{100 * facts['anomaly_share']:.1f} % of the points lie beyond the 95 % quantile of their cluster: 5 % of "
        "the pure points by chance, and most of those that the beam mixes at boundaries.",
    )


def _length_scale(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The length scale beside the diameters of the regions; nothing where the curve recommends no tiling."""
    found, unit = facts["length_scale"], facts["unit"]
    n = found["n"]
    if n is None:
        return ()
    draws = f" (n = {found['n_low']} to {found['n_high']} in 95 % of the draws)" if found["n_low"] is not None else ""
    length, words = found["roi_length_um"], []
    for name, mean, weighted in (
        ("regions", facts["mean_diameter_um"], facts["area_weighted_diameter_um"]),
        ("grains", *facts["grain_diameters_um"]),
    ):
        if mean and weighted:
            words.append(
                f"{length / mean:.2g} times the mean diameter of the {name} and {length / weighted:.2g} times the one "
                "weighted by area"
            )
    return (
        f"The clusters of scores and of weights agree best in {n} × {n} ROIs{draws}: {length:.3g} {unit} as "
        f"√(height × width), {', '.join(words)}.{_doubts(found)}",
    )


def _doubts(found: Mapping[str, Any]) -> str:
    """What keeps a length scale from being the microstructure's, as further sentences."""
    not_its_own = {
        "the cap on K": found["set_by_cap"],
        "the limits on clusters and components": found["set_by_limits"],
    }
    made_by = " and ".join(name for name, made in not_its_own.items() if made)
    words = f" This is set by {made_by}, not by the microstructure." if made_by else ""
    if found["kind"] == "untested":
        words += " How sure that is cannot be said."
    shifted, adjusted = found["n_above_null"], found["n_adjusted"]
    if None not in (shifted, adjusted) and {shifted, adjusted} != {found["n"]}:
        words += (
            f" Less what a shifted map gives, the agreement is largest at n = {shifted}, as adjusted mutual "
            f"information at n = {adjusted}."
        )
    return words


def distrust(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What a reader should hold back from believing, with its figure."""
    warnings = []
    if facts["unit"] != "µm":
        warnings.append(
            "The file gives no step size: lengths are in points. Set acquisition.step_x_um and acquisition.step_y_um."
        )
    if not facts["static_background"].startswith("the scan's"):
        warnings.append(
            f"Static background {facts['static_background']}. What is left of the detector's fixed pattern makes all "
            "patterns alike; a measured one is better (acquisition.static_background)."
        )
    if facts["points"] < 100:
        warnings.append(
            f"{facts['points']} points are too few for statistics of clusters; only the grossest contrast can be found."
        )
    warnings += _distrust_of_tiling(facts["length_scale"], facts["tiling"])
    if facts["trusted_share"] < 0.95:
        warnings.append(
            f"{100 * (1 - facts['trusted_share']):.1f} % of the points are not trusted: mixed, dark or between regions."
        )
    if facts["rois_limited"]:
        warnings.append(
            f"In {facts['rois_limited']} of {facts['tiling']['roi_count']} ROIs the number of points "
            "limited the number of clusters."
        )
    if facts["fallbacks"]:
        warnings.append(
            f"{facts['fallbacks']} of {facts['references']} references come from a fallback, as no window qualified."
        )
    if facts["residual_median"] > 1.2:
        warnings.append(
            f"Half of the patterns leave residuals above {facts['residual_median']:.2f} noise deviations: the "
            "references do not hold all of the signal."
        )
    warnings.append(
        "Regions are found from the likeness of patterns, without indexing: boundaries of less than about 1° may be "
        "missed, and two touching grains of nearly equal pattern are one region."
    )
    return tuple(warnings)


def _distrust_of_tiling(curve: Mapping[str, Any], tiling: Mapping[str, Any]) -> list[str]:
    n, warnings = curve["n"], []
    by_points = " ROIs were made by their number of points." if tiling["chosen_by"] == "points_per_roi" else ""
    if n is None:
        warnings.append(f"The scan shows no length scale: {curve['why']}.{by_points}")
    if curve["set_by_cap"]:
        warnings.append(f"The length scale is set by the cap on K, not by the microstructure.{by_points}")
    if curve["set_by_limits"]:
        warnings.append(
            "The length scale is set by the limits on clusters and components, not by the microstructure: larger ROIs "
            "hold more grains than they may have clusters or components (mixture.points_per_parameter, knee.maximum)."
        )
    if curve["kind"] == "edge":
        warnings.append("The agreement is largest at the first or last tiling that is eligible: it may rise beyond.")
    if curve["kind"] == "untested":
        warnings.append("How sure the length scale is cannot be said: the scan holds too few grains to resample it.")
    if curve["kind"] == "plateau":
        warnings.append(
            f"The length scale is no peak but a plateau of the curve: tilings from {min(curve['alike'])} to "
            f"{max(curve['alike'])} cannot all be told apart."
        )
    if tiling["chosen_by"] == "scale_curve" and tiling["n"] != n:
        now = "none" if n is None else f"{n} × {n}"
        warnings.append(
            f"The {tiling['n']} × {tiling['n']} ROIs were chosen from an earlier scale curve, the present one "
            f"recommends {now}; raise tiling.choice_number to choose anew."
        )
    return warnings


def about(manifest: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Facts of the scan."""
    grid = manifest["grid"]
    step = (
        "not known"
        if facts["unit"] != "µm"
        else f"{grid['step_x_um']:.4g} µm along x, {grid['step_y_um']:.4g} µm along y"
    )
    known = [
        (
            "file",
            f"{manifest['format']}, {manifest['raw_files']['count']:,} files, "
            f"{manifest['raw_files']['bytes'] / 1e6:,.1f} MB",
        ),
        ("grid", f"{grid['rows']} rows × {grid['columns']} columns"),
        ("step", step),
        ("phases", ", ".join(phase["name"] for phase in manifest.get("phases", [])) or "not given"),
    ]
    if "noise_deviation" in facts:
        noise = f"{facts['noise_deviation']:.3g} per pixel, in the intensity of the corrected patterns"
        known.append(("noise", noise))
    return tuple(known)
