"""Does the scale curve change if it is made of binned patterns? Beside it, what other starts of the mixtures do."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.results import Row
from benchmarks.accuracy.routes import DETECTOR_PX, NOISE_NU, PATTERNS
from benchmarks.accuracy.twin_patterns import TwinPatterns
from benchmarks.accuracy.twins import twin_settings
from microstructure_assets.methods.binning import binning_factor
from microstructure_assets.methods.correlation_length import grain_size
from microstructure_assets.methods.length_scale import LengthScale, length_scale
from microstructure_assets.methods.roi_agreement import WorkflowSettings
from microstructure_assets.methods.scale_curve import band_agreements, tiling_bands
from microstructure_assets.methods.scan_noise import binned_signal_share
from microstructure_assets.methods.settings import MixtureSettings, PreprocessingSettings
from microstructure_assets.methods.stitching import ArrayPatterns
from microstructure_assets.simulation.twin import simulate

SIDE_POINTS, DIAMETERS = 120, (8.0, 14.0)
TILINGS = (2, 3, 4, 5, 6, 8, 10)
WHOLE, BINNED, OTHER_STARTS = "all pixels", "binned", "all pixels, other starts"


def parameters(quick: bool) -> list[dict[str, Any]]:
    """Sharp and blurred patterns, mean diameters."""
    names = ("sharp",) if quick else ("sharp", "blurred")
    shape = [SIDE_POINTS // 2 if quick else SIDE_POINTS] * 2
    return [{"patterns": name, "diameter": own, "shape": shape} for name in names for own in DIAMETERS]


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """A row per form: its curve at the cap in force, and how far it is from that of all pixels."""
    rows, columns = given["shape"]
    changes = {"detector_height_px": DETECTOR_PX, "detector_width_px": DETECTOR_PX, **PATTERNS[given["patterns"]]}
    patterns = TwinPatterns(
        simulate(twin_settings((rows, columns), given["diameter"], NOISE_NU, seed, **changes)), PreprocessingSettings()
    )
    share = binned_signal_share(patterns, patterns.binned, binning_factor(patterns.detector_shape))
    whole, binned = (ArrayPatterns(own.read(0, rows, 0, columns)) for own in (patterns, patterns.binned))
    settings = WorkflowSettings()
    other = replace(settings, mixture=MixtureSettings(seed=settings.mixture.seed + 1))
    curves = {
        form: _curve(own, workflow)
        for form, own, workflow in ((WHOLE, whole, settings), (BINNED, binned, settings), (OTHER_STARTS, whole, other))
    }
    exact = curves[WHOLE]
    return [{"form": form, "signal_share": share, **_compared(own, exact)} for form, own in curves.items()]


def _curve(patterns: ArrayPatterns, workflow: WorkflowSettings) -> LengthScale:
    tables = [band_agreements(patterns, band, workflow) for n in TILINGS for band in tiling_bands(patterns.shape, n)]
    rois = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return length_scale(rois, patterns.shape[:2], workflow.scale, grain_size(patterns).diameter)


def _compared(own: LengthScale, exact: LengthScale) -> Row:
    """Of the means over the ROIs of each tiling, under the cap in force."""
    cap = WorkflowSettings().scale.cluster_cap
    mean, half, expected = _means(own, cap), _half_widths(exact, cap), _means(exact, cap)
    difference = np.abs(mean - expected)
    return {
        "n": own.recommendation.cap_shift[cap] or math.nan,
        "kind": own.recommendation.kind,
        "nmi": [round(float(value), 4) for value in mean],
        "difference_mean": float(np.nanmean(difference)),
        "difference_largest": float(np.nanmax(difference)),
        "half_width": float(np.nanmedian(half)),
        "grain_diameter": own.grain_diameter_points,
    }


def _means(found: LengthScale, cap: int) -> NDArray[np.float64]:
    return np.asarray(found.summary.nmi_mean[found.summary.k_max == cap])


def _half_widths(found: LengthScale, cap: int) -> NDArray[np.float64]:
    own = found.summary.k_max == cap
    return np.asarray(found.summary.nmi_mean_high[own] - found.summary.nmi_mean_low[own]) / 2
