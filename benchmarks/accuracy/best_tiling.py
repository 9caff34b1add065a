"""Is the tiling that the scale curve recommends a good one? Its stitched map beside those of a ladder of tilings."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.accuracy.lane import LaneSettings, Preprocessed, preprocess, run_lane
from benchmarks.accuracy.length_scale import DETECTOR_PX, DIAMETERS, NOISE_NU, SIZES, TILINGS
from benchmarks.accuracy.metrics import rand_index
from benchmarks.accuracy.results import Row
from benchmarks.accuracy.twins import PURE, twin_settings
from microstructure_assets.methods.correlation_length import grain_size
from microstructure_assets.methods.length_scale import length_scale
from microstructure_assets.methods.roi_agreement import WorkflowSettings
from microstructure_assets.methods.scale_curve import band_agreements, tiling_bands
from microstructure_assets.methods.scale_peak import Recommendation
from microstructure_assets.methods.settings import TilingSettings
from microstructure_assets.methods.stitching import ArrayPatterns
from microstructure_assets.methods.tiling import Tiling, analysis_tiling
from microstructure_assets.simulation.twin import simulate

#: The size laws of single grains: a bimodal one has no one size that a tiling could follow.
LAWS = ("Voronoi", "lognormal")
#: The least side of the scans of `length_scale`: the larger ones of large grains would take twice the time.
SIDE_POINTS = 160
#: From ROIs of 2,800 points to ROIs of 100.
LADDER = (3, 4, 6, 8, 11, 16)


def parameters(quick: bool) -> list[dict[str, Any]]:
    """Size laws and mean diameters."""
    diameters = DIAMETERS[:2] if quick else DIAMETERS
    return [{"sizes": sizes, "diameter": own, "shape": [SIDE_POINTS] * 2} for own in diameters for sizes in LAWS]


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """One row: the recommended tiling, that of the rule and the best one, the index of each and what is lost."""
    rows, columns = given["shape"]
    twin = simulate(
        twin_settings(
            (rows, columns),
            given["diameter"],
            NOISE_NU,
            seed,
            detector_height_px=DETECTOR_PX,
            detector_width_px=DETECTOR_PX,
            **SIZES[given["sizes"]],
        )
    )
    settings = LaneSettings()
    patterns = preprocess(twin, settings.preprocessing)
    advice = recommendation(patterns)
    chosen, rule = product_tiling((rows, columns), advice), analysis_tiling(rows, columns, TilingSettings())
    pure = twin.truth.own_fraction >= PURE
    whole, inside = {}, {}
    for n in sorted({*LADDER, chosen.n, rule.n}):
        stitched = run_lane(patterns, n, settings).stitched
        assert stitched is not None
        whole[n] = rand_index(twin.truth.region, stitched.region)
        inside[n] = rand_index(twin.truth.region, stitched.region, pure)
    best = max(whole, key=lambda n: whole[n])
    return [
        {
            "kind": advice.kind,
            "set_by_cap": advice.set_by_cap,
            "set_by_limits": advice.set_by_limits,
            "n_curve": advice.n,
            "by_curve": int(chosen.chosen_by == "scale_curve"),
            "n": chosen.n,
            "n_rule": rule.n,
            "n_best": best,
            "index": whole[chosen.n],
            "index_rule": whole[rule.n],
            "index_best": whole[best],
            "index_worst": min(whole.values()),
            "loss": whole[best] - whole[chosen.n],
            "loss_rule": whole[best] - whole[rule.n],
            "loss_pure": max(inside.values()) - inside[chosen.n],
            "tilings": list(whole),
            "all": list(whole.values()),
            "pure": list(inside.values()),
        }
    ]


def recommendation(patterns: Preprocessed) -> Recommendation:
    """What the scale curve of a scan recommends, from the tilings of `length_scale`."""
    blocks, settings = ArrayPatterns(patterns.array), WorkflowSettings()
    tables = [band_agreements(blocks, band, settings) for n in TILINGS for band in tiling_bands(blocks.shape, n)]
    rois = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return length_scale(rois, blocks.shape[:2], settings.scale, grain_size(blocks).diameter).recommendation


def product_tiling(shape: tuple[int, int], advice: Recommendation) -> Tiling:
    """What ``analysis_tiling`` makes of a recommendation: the tiling of the rule where there is none, or the cap's.

    Parameters
    ----------
    shape
        Rows and columns of the scan.
    advice
        Of its scale curve.
    """
    return analysis_tiling(*shape, TilingSettings(), (None if advice.set_by_cap else advice.n, advice.reason))
