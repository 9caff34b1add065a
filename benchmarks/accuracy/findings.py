"""The tables of the findings."""

from __future__ import annotations

import math
from collections.abc import Callable

from benchmarks.accuracy import routes
from benchmarks.accuracy.columns import Column, Table
from benchmarks.accuracy.results import Row


def _goal_route(least: float, most: float) -> Callable[[Row], tuple[float, float] | None]:
    return lambda row: None if row["route"] == routes.OTHER_STARTS else (least, most)


#: Tables of the findings; that of the length scale is made by its own module.
FINDINGS: dict[str, Table] = {
    "best_tiling": Table(
        "best_tiling",
        "Rand index of the stitched map, all points, by tiling",
        (("diameter", "diameter"), ("sizes", "sizes")),
        (
            Column("n", "recommended n", 0),
            Column("n_rule", "n, 600 points per ROI", 0),
            Column("n_best", "best n", 0),
            Column("index", "recommended", 4),
            Column("index_rule", "600 points per ROI", 4),
            Column("index_best", "best", 4),
            Column("index_worst", "worst", 4),
            Column("loss", "loss, recommended", 4, lambda row: (-math.inf, 0.03)),
            Column("loss_rule", "loss, 600 points per ROI", 4),
            Column("by_curve", "taken from the curve", 1),
        ),
    ),
    "routes": Table(
        "routes",
        "Fast routes beside all pixels and a full decomposition",
        (("patterns", "patterns"), ("grains", "grains"), ("tiling", "tiling"), ("route", "route")),
        (
            Column("rois", "ROIs", 0),
            Column("points", "points of a ROI", 0),
            Column("signal_share", "signal kept by binning", 3),
            Column("knee_equal", "same knee", 3),
            Column("clusters_equal", "same K", 3),
            Column("both_equal", "both", 3, _goal_route(0.95, math.inf)),
            Column("above_edge_equal", "as many components above the noise", 3),
            Column("weight_median", "weight difference, median", 4, _goal_route(-math.inf, 0.01)),
            Column("weight_99", "99th percentile", 3, _goal_route(-math.inf, 0.05)),
            Column("same_active", "same references take part", 3),
            Column("grain_weight_median", "difference of the sums over a grain, median", 4),
            Column("grain_weight_99", "99th percentile of these", 3),
            Column("index_median", "Rand index of the partitions, median", 3, _goal_route(0.98, math.inf)),
            Column("index_least", "least", 3),
            Column("true_index_exact", "Rand index to the grains, exact", 3),
            Column("true_index", "to the grains, this route", 3),
        ),
    ),
    "binned_curve": Table(
        "binned_curve",
        "Scale curves at K_max 20 beside that of all pixels",
        (("patterns", "patterns"), ("diameter", "diameter"), ("form", "form")),
        (
            Column("signal_share", "signal kept by binning", 3),
            Column("difference_mean", "difference of mean NMI, mean over tilings", 4),
            Column("difference_largest", "largest", 4),
            Column("half_width", "half of the 95 % interval of a mean", 4),
            Column("n", "n of the largest mean", 0),
            Column("grain_diameter", "grain diameter from patterns [points]", 2),
        ),
    ),
}


def differing(rows: list[Row]) -> str:
    """The ROIs whose knee or number of clusters is not the exact one, as a list in Markdown."""
    lines = []
    for row in sorted(rows, key=lambda row: (row["patterns"], row["grains"], row["tiling"], row["route"], row["seed"])):
        if not row["differing"] or row["route"] == routes.OTHER_STARTS:
            continue
        which = [
            f"{roi} (knee {knee} → {other_knee}, K {clusters} → {others}, {index:.2f})"
            for roi, knee, other_knee, clusters, others, index in row["differing"]
        ]
        n = row["tiling"]
        name = f"{row['patterns']}, {row['grains']} grains, {n}×{n}, {row['route']}, seed {row['seed']}"
        lines.append(f"- {name}: {', '.join(which)}.")
    heading = "ROIs that differ, numbered row by row (exact → route, and the Rand index of the two partitions):"
    return "\n".join([heading, "", *lines]) if lines else "No ROI differs in its knee or its number of clusters."
