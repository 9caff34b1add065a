"""Regions: the stitched map against true grains, for every tiling, beside the published options and rivals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import rivals
from benchmarks.accuracy.lane import LaneResult, LaneSettings, paper_settings, preprocess, run_lane
from benchmarks.accuracy.metrics import grain_counts, rand_index
from benchmarks.accuracy.results import Row
from benchmarks.accuracy.twins import FRONTIER, PURE, twin_settings
from microstructure_assets.simulation.truth import Truth
from microstructure_assets.simulation.twin import simulate

TILINGS = (3, 4, 5, 6, 7, 8)


def parameters(quick: bool) -> list[dict[str, Any]]:
    """Parameters of the twins of diameter, noise and tiling."""
    if quick:
        return [
            {"shape": [90, 120], "diameter": 14.0, "nu": nu, "tilings": [3, 5, 8], "paper_tilings": [4], "rivals": True}
            for nu in (0.7, 3.0)
        ] + [{"shape": [90, 120], "diameter": 5.0, "nu": 0.7, "tilings": [8], "paper_tilings": [], "rivals": False}]
    return [
        {
            "shape": [120, 160] if diameter > 20 else [90, 120],
            "diameter": diameter,
            "nu": nu,
            "tilings": list(TILINGS),
            "paper_tilings": [4] if diameter > 20 else [4, 8],
            "rivals": diameter < 20,
        }
        for diameter in (14.0, 28.0, 5.0)
        for nu in (0.7, 3.0, 0.2, 1.4)
    ]


def frontier_parameters(quick: bool) -> list[dict[str, Any]]:
    """Parameters of the twins of the frontier; diameter 5 stands in the main table."""
    cases: list[dict[str, Any]] = [{"what": "ν = 7", "nu": 7.0}] if not quick else []
    cases += [{"what": what, "nu": 1.4} for what in FRONTIER]
    if quick:
        few = ("diameter 14", "phases", "intensity")
        cases = [case for case in cases if any(word in case["what"] for word in few)]
    shared = {"shape": [90, 120], "diameter": 14.0, "tilings": [4] if quick else [3, 5, 8], "paper_tilings": []}
    return [{**shared, "rivals": not quick, **case} for case in cases]


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """Rows of one twin: default and published options by tiling, and rivals."""
    changes = FRONTIER.get(given.get("what", ""), {})
    twin = simulate(
        twin_settings((given["shape"][0], given["shape"][1]), given["diameter"], given["nu"], seed, **changes)
    )
    truth, rows = twin.truth, []
    for settings, tilings in ((LaneSettings(), given["tilings"]), (paper_settings(), given["paper_tilings"])):
        patterns = preprocess(twin, settings.preprocessing) if tilings else None
        for n in tilings:
            assert patterns is not None
            lane = run_lane(patterns, n, settings)
            assert lane.stitched is not None
            rows.append({"map": f"{settings.name}, stitched", "tiling": n, **_judge(truth, lane.stitched.region)})
            rows.append({"map": f"{settings.name}, ROI by ROI", "tiling": n, **_judge_rois(truth, lane)})
        if given["rivals"] and settings.name == "default":
            assert patterns is not None
            number = int(truth.region.max()) + 1
            scores = rivals.scan_scores(patterns, 50)
            found = {
                "k-means, true number": rivals.kmeans(scores, number, seed),
                "k-means, number by silhouette": rivals.kmeans_chosen(scores, _candidates(number), seed),
                "SLIC superpixels merged to the true number": rivals.superpixels(scores, number),
                "Ward on the grid to the true number": rivals.constrained_ward(scores, number),
            }
            rows += [{"map": name, "tiling": 0, **_judge(truth, label)} for name, label in found.items()]
    return rows


def _candidates(number: int) -> list[int]:
    """Numbers of clusters to choose from, up to twice the true one, so that the truth is among the possible answers."""
    return sorted({max(2, round(number * factor)) for factor in (0.25, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)})


def _judge(truth: Truth, found: NDArray[np.integer]) -> Row:
    pure = truth.own_fraction >= PURE
    counts = grain_counts(truth.region, found)
    return {
        "pure": rand_index(truth.region, found, pure),
        "all": rand_index(truth.region, found),
        "true": counts.true,
        "found": counts.found,
        "split": counts.split,
        "merged": counts.merged,
        "pure_share": float(pure.mean()),
    }


def _judge_rois(truth: Truth, lane: LaneResult) -> Row:
    """Mean over the ROIs of the Rand index inside each, which asks nothing of the seams."""
    pure, every, clusters, grains = [], [], [], []
    for result in lane.rois:
        roi = result.roi
        area = slice(roi.row_start, roi.row_stop), slice(roi.column_start, roi.column_stop)
        chosen = truth.own_fraction[area] >= PURE
        if chosen.any():
            pure.append(rand_index(truth.region[area], result.label, chosen))
        every.append(rand_index(truth.region[area], result.label))
        clusters.append(result.mixture.count)
        grains.append(len(np.unique(truth.region[area])))
    return {
        "pure": float(np.mean(pure)) if pure else float("nan"),
        "all": float(np.mean(every)),
        "true": float(np.mean(grains)),
        "found": float(np.mean(clusters)),
    }
