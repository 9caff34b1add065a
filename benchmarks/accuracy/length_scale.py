"""Does the tiling where both clusterings agree best follow the grains? The scale curve on twins of known grains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.results import Row
from benchmarks.accuracy.twins import twin_settings
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.correlation_length import grain_size
from microstructure_assets.methods.length_scale import length_scale
from microstructure_assets.methods.roi_agreement import WorkflowSettings
from microstructure_assets.methods.scale_curve import band_agreements, tiling_bands
from microstructure_assets.methods.settings import (
    CLUSTER_CAPS,
    KneeSettings,
    MixtureSettings,
    PreprocessingSettings,
    ScaleSettings,
)
from microstructure_assets.methods.stitching import ArrayPatterns
from microstructure_assets.simulation.twin import simulate

#: A factor of four, in equal ratios.
DIAMETERS = (6.0, 7.9, 10.4, 13.8, 18.2, 24.0)
SIZES: dict[str, dict[str, Any]] = {
    "Voronoi": {"microstructure": "voronoi"},
    "lognormal": {"microstructure": "laguerre", "grain_size_sigma": 0.5},
    "bimodal": {
        "microstructure": "laguerre",
        "grain_size_sigma": 0.25,
        "large_grain_fraction": 0.05,
        "large_grain_ratio": 5.0,
    },
}
ELONGATIONS = (1.0, 3.0)
#: Side of the scan in mean diameters, and at least in points: with either alone the tilings would decide the answer.
SIDE_DIAMETERS, LEAST_SIDE_POINTS = 12, 160
DETECTOR_PX = 40
NOISE_NU = 1.0
#: Steps of an eighth to a third: finer ones would not tell more of a law over a factor of four.
TILINGS = (3, 4, 5, 6, 7, 8, 9, 11, 13, 16)
#: The control of equally many points a ROI is not looked at here, and is a quarter of the work.
NO_CONTROL = ScaleSettings(control_points=1_000_000)
#: Limits on components and clusters: as the lane has them; or 40 components, and five numbers (not points) a parameter.
LIMITS = {
    "default": WorkflowSettings(scale=NO_CONTROL),
    "lifted": WorkflowSettings(
        knee=KneeSettings(maximum=40), mixture=MixtureSettings(points_per_parameter=0.5), scale=NO_CONTROL
    ),
}


def parameters(quick: bool) -> list[dict[str, Any]]:
    """Diameters, size laws and shapes of the grains; one law and shape with the limits lifted."""
    diameters = DIAMETERS[:2] if quick else DIAMETERS
    plain = [_parameters(sizes, shape, own, "default") for own in diameters for sizes in SIZES for shape in ELONGATIONS]
    return plain + [_parameters("Voronoi", 1.0, own, "lifted") for own in diameters]


def _parameters(sizes: str, elongation: float, diameter: float, limits: str) -> dict[str, Any]:
    shape = [_side(diameter)] * 2
    return {"sizes": sizes, "elongation": elongation, "diameter": diameter, "shape": shape, "limits": limits}


def _side(diameter: float) -> int:
    return max(LEAST_SIDE_POINTS, round(SIDE_DIAMETERS * diameter))


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """The tiling of the largest mean under each cap, as the cap in force, beside the true diameters."""
    twin = simulate(
        twin_settings(
            tuple(given["shape"]),
            given["diameter"],
            NOISE_NU,
            seed,
            detector_height_px=DETECTOR_PX,
            detector_width_px=DETECTOR_PX,
            elongation=given["elongation"],
            **SIZES[given["sizes"]],
        )
    )
    rows, columns = twin.truth.grain.shape
    number_mean, area_mean = true_diameters(twin.truth.grain)
    settings = PreprocessingSettings(crop_height_px=0, crop_width_px=0, static_background="scan")
    correction = BackgroundCorrection.prepare((DETECTOR_PX, DETECTOR_PX), settings, None)
    corrected = np.concatenate(
        [
            correction(twin.read_rows(row, min(rows, row + 32)).reshape(-1, DETECTOR_PX, DETECTOR_PX))
            for row in range(0, rows, 32)
        ]
    )
    patterns = ArrayPatterns(corrected.reshape(rows, columns, -1))
    workflow = LIMITS[given["limits"]]
    tables = [band_agreements(patterns, band, workflow) for n in TILINGS for band in tiling_bands(patterns.shape, n)]
    rois = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    diameter = grain_size(patterns).diameter
    found: list[Row] = []
    for cap in CLUSTER_CAPS:
        scale = length_scale(rois, (rows, columns), workflow.scale.model_copy(update={"cluster_cap": cap}), diameter)
        chosen = scale.recommendation
        summary, own = scale.summary, scale.summary.k_max == cap
        best = chosen.cap_shift[cap]
        curve = dict(
            zip(
                summary.n[own].tolist(),
                zip(summary.nmi_mean[own], summary.limited_fraction[own], strict=True),
                strict=True,
            )
        )
        length = math.sqrt(rows * columns) / best if best else math.nan
        found.append(
            {
                "k_max": cap,
                "n": best,
                "kind": chosen.kind,
                "set_by_cap": chosen.set_by_cap,
                "set_by_limits": chosen.set_by_limits,
                "n_low": chosen.n_low,
                "n_high": chosen.n_high,
                "roi_length": length,
                "ratio_number": length / number_mean,
                "ratio_area": length / area_mean,
                "number_mean": number_mean,
                "area_mean": area_mean,
                "diameter_from_patterns": diameter,
                "nmi": [round(float(curve[n][0]), 4) for n in TILINGS],
                "limited": [round(float(curve[n][1]), 4) for n in TILINGS],
                "clusters": [round(float(mean), 2) for mean in summary.clusters_mean[own]],
            }
        )
    return found


def true_diameters(grain: NDArray[np.integer]) -> tuple[float, float]:
    """Mean equivalent diameter of the grains in the scan [points], by number and weighted by area.

    Grains of the twins have random orientations, so that hardly any two neighbours are less than 2° apart; grains that
    the edge of the scan cuts count with what is inside.
    """
    points = np.bincount(grain.ravel())
    points = points[points > 0]
    diameter = np.sqrt(4 * points / np.pi)
    return float(diameter.mean()), float(np.average(diameter, weights=points))


def fits(rows: list[Row]) -> list[Row]:
    """Straight lines log ROI = a + b log d over the twins of each cap, size law and shape, and over all of them.

    Returns
    -------
    list of dict
        By group: ``limits, k_max, sizes, elongation``, number of ``twins``; of either mean diameter d, ``number`` and
        ``area``: slope ``b`` with its 95 % interval, and the geometric mean of the ratio with its 95 % interval.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row["n"] is None or row["kind"] == "flat":
            continue
        own = (row["limits"], row["k_max"])
        groups.setdefault((*own, row["sizes"], row["elongation"]), []).append(row)
        if row["limits"] == "default":
            groups.setdefault((*own, "all", 0.0), []).append(row)
    found = []
    for (limits, cap, sizes, elongation), members in sorted(groups.items()):
        line: Row = {"limits": limits, "k_max": cap, "sizes": sizes, "elongation": elongation, "twins": len(members)}
        length = np.log([row["roi_length"] for row in members])
        for name in ("number", "area"):
            diameter = np.log([row[f"{name}_mean"] for row in members])
            line[name] = _fit(diameter, length)
        kinds = [row["kind"] for row in members]
        line["kinds"] = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
        for name in ("set_by_cap", "set_by_limits"):
            line[name] = sum(bool(row[name]) for row in members)
        found.append(line)
    return found


def _fit(diameter: NDArray[np.float64], length: NDArray[np.float64]) -> dict[str, float]:
    from scipy import stats

    ratio, count = length - diameter, len(length)
    spread = float(ratio.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan
    half = float(stats.t.ppf(0.975, max(1, count - 1))) * spread
    line = {
        "ratio": math.exp(ratio.mean()),
        "ratio_low": math.exp(ratio.mean() - half),
        "ratio_high": math.exp(ratio.mean() + half),
        "scatter": math.exp(float(ratio.std(ddof=1))) if count > 1 else math.nan,
    }
    if count < 3 or np.ptp(diameter) == 0:
        return {**line, "b": math.nan, "b_low": math.nan, "b_high": math.nan}
    found = stats.linregress(diameter, length)
    half = float(stats.t.ppf(0.975, count - 2)) * found.stderr
    return {**line, "b": found.slope, "b_low": found.slope - half, "b_high": found.slope + half}


def table(rows: list[Row]) -> str:
    """The fits as Markdown."""
    heads = (
        "limits", "K_max", "sizes", "elongation", "twins", "peak / plateau / edge / untested", "set by the cap",
        "set by the limits",
        "ROI / number mean", "b, number mean", "ROI / area mean", "b, area mean", "scatter",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for fit in fits(rows):
        cells = [
            fit["limits"],
            str(fit["k_max"]),
            fit["sizes"],
            "all" if fit["sizes"] == "all" else f"{fit['elongation']:g}",
            str(fit["twins"]),
            " / ".join(str(fit["kinds"].get(kind, 0)) for kind in ("peak", "plateau", "edge", "untested")),
            str(fit["set_by_cap"]),
            str(fit["set_by_limits"]),
        ]
        for name in ("number", "area"):
            own = fit[name]
            cells += [_interval(own, "ratio"), _interval(own, "b")]
        scatter = fit["number"]["scatter"]
        cells.append(f"{scatter:.2f}" if math.isfinite(scatter) else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _interval(values: dict[str, float], name: str) -> str:
    if not math.isfinite(values[name]):
        return "–"
    if not math.isfinite(values[name + "_low"]):
        return f"{values[name]:.2f}"
    return f"{values[name]:.2f} ({values[name + '_low']:.2f} to {values[name + '_high']:.2f})"
