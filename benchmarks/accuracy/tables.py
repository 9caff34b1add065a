"""The tables: median and spread over the seeds, the goal and the verdict beside them, between markers of a page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import association, length_scale, sample_verdict
from benchmarks.accuracy.columns import Column, Table
from benchmarks.accuracy.findings import FINDINGS, differing
from benchmarks.accuracy.results import Results, Row, code_version


def _goal_regions(least: float) -> Callable[[Row], tuple[float, float] | None]:
    def goal(row: Row) -> tuple[float, float] | None:
        held = row["map"] == "default, stitched" and row["nu"] <= 3 and row["diameter"] >= 14
        return (least, math.inf) if held else None

    return goal


def _is_lane(row: Row) -> bool:
    return row["lane"].startswith("default lane") and row["form"] == "weights" and row["angle"] == 0


def _goal_own(row: Row) -> tuple[float, float] | None:
    return (-math.inf, {0.2: 0.01, 1.4: 0.03, 3.0: 0.08}.get(row["nu"], math.inf)) if _is_lane(row) else None


def _goal_absent(row: Row) -> tuple[float, float] | None:
    return (-math.inf, 0.05) if _is_lane(row) and row["nu"] <= 1.4 else None


def _goal_coverage(row: Row) -> tuple[float, float] | None:
    return (0.90, 0.98) if _is_lane(row) else None


def _goal_false(row: Row) -> tuple[float, float] | None:
    # Of fewer scans even a rate of nought has a bound above the goal.
    held = row["coupling"] in ("declared", "off") and row["effective"] and row["scans"] >= association.SCANS
    return (-math.inf, 0.09) if held else None


def _goal_power(row: Row) -> tuple[float, float] | None:
    return (0.8, math.inf) if row["coupling"] in ("declared", "off") and not row["reach"] else None


_COUNTS = (
    Column("true", "true grains", 0),
    Column("found", "found", 0),
    Column("split", "split", 0),
    Column("merged", "merged", 0),
)
_INDICES = (
    Column("pure", "Rand index, pure points", 4, _goal_regions(0.995)),
    Column("all", "Rand index, all points", 4, _goal_regions(0.99)),
)


def _recall(experiment: str, title: str) -> Table:
    return Table(
        experiment,
        title,
        (("nu", "ν"), ("angle", "misorientation [°]"), ("score", "score")),
        (
            Column("recall", "recall", 3),
            Column("recall_away", "recall, false edges from 3 points off only", 3),
            Column("roc", "area under ROC", 3),
            Column("true", "true edges", 0),
        ),
    )


TABLES: dict[str, Table] = {
    "regions": Table(
        "regions",
        "Regions of the stitched map",
        (("diameter", "diameter"), ("nu", "ν"), ("map", "map"), ("tiling", "tiling")),
        (*_INDICES, *_COUNTS),
        lambda row: row["tiling"] > 0 and row["map"].endswith("stitched"),
    ),
    "regions-rois": Table(
        "regions",
        "Clusters inside each ROI, mean over the ROIs, before stitching",
        (("diameter", "diameter"), ("nu", "ν"), ("map", "map"), ("tiling", "tiling")),
        (
            Column("pure", "Rand index, pure points", 3),
            Column("all", "all points", 3),
            Column("true", "grains in a ROI", 1),
            Column("found", "clusters in a ROI", 1),
        ),
        lambda row: row["map"].endswith("ROI by ROI"),
    ),
    "regions-rivals": Table(
        "regions",
        "Rivals on the scores of the whole scan",
        (("diameter", "diameter"), ("nu", "ν"), ("map", "rival")),
        (*_INDICES, *_COUNTS),
        lambda row: row["tiling"] == 0,
    ),
    "frontier": Table(
        "frontier",
        "The frontier",
        (("what", "what"), ("nu", "ν"), ("map", "map"), ("tiling", "tiling")),
        (
            Column("pure", "Rand index, pure points", 4),
            Column("all", "Rand index, all points", 4),
            Column("pure_share", "share of pure points", 2),
            *_COUNTS,
        ),
        lambda row: not row["map"].endswith("ROI by ROI"),
    ),
    "edges": Table(
        "edges",
        "Boundaries as edges, matched one to one within one edge",
        (("diameter", "diameter"), ("nu", "ν"), ("tiling", "tiling"), ("map", "edges of")),
        (
            Column("net", "F score less that of the moved map", 3),
            Column("score", "F score", 3),
            Column("edges", "edges", 0),
            Column("true_edges", "true edges", 0),
        ),
    ),
    "positions": Table(
        "positions",
        "Position of the crossings at the half-fraction line [points]",
        (("nu", "ν"), ("rotation", "stripes turned by [°]"), ("axis", "along"), ("lane", "lane")),
        (
            Column("bias", "bias", 3),
            Column("rms", "RMS", 3),
            Column("median", "median size of the error", 3),
            Column("found_share", "found", 3),
            Column("extra_share", "extra", 3),
            Column("coverage", "inside 95 % interval", 2),
        ),
    ),
    "recall": _recall("recall", "Recall of sub-grain edges at 1 % of false edges"),
    "recall-rival": _recall("recall_rival", "The same by misorientations of dictionary indexing"),
    "weights": Table(
        "weights",
        "Weights on mixed points",
        (("angle", "angle"), ("nu", "ν"), ("lane", "lane"), ("form", "form")),
        (
            Column("error_all", "error of the own weight", 4, _goal_own),
            Column("error", "the same, where the own grain has a reference", 4),
            Column("bias", "bias", 3),
            Column("absent", "weight on absent references", 3, _goal_absent),
            Column("coverage", "inside 95 % interval", 3, _goal_coverage),
            Column("represented", "own grain has a reference", 3),
        ),
    ),
    "anomalies": Table(
        "anomalies",
        "Anomalies against mixed points",
        (("diameter", "diameter"), ("nu", "ν"), ("score", "score")),
        (
            Column("roc", "area under ROC", 3),
            Column("pr", "area under precision-recall", 3),
            Column("positive_share", "share of mixed points", 2),
            Column("flagged", "flagged", 3),
            Column("precision", "precision of the flags", 2),
            Column("recall", "recall of the flags", 2),
        ),
    ),
    "indexing": Table(
        "indexing",
        "Orientations from patterns, and what follows",
        (("twin", "twin"), ("nu", "ν"), ("form", "form")),
        (
            Column("indexed", "indexed", 3),
            Column("right_phase", "right phase", 3),
            Column("error", "median error [°]", 2),
            Column("error_high", "95 % [°]", 2),
            Column("wrong", "over 5°", 3),
            Column("kam", "mean KAM [°]", 2),
            Column("kam_true", "of the truth", 2),
            Column("grains", "grains", 0),
            Column("grains_true", "of the truth", 0),
            Column("number_ratio", "number mean over true", 3, lambda row: (0.98, 1.02)),
            Column("area_ratio", "area mean over true", 3, lambda row: (0.98, 1.02)),
            Column("boundary_ratio", "boundary length over true", 3, lambda row: (0.98, 1.02)),
        ),
    ),
    "sample": Table(
        "sample",
        "A partially reduced ore: Rand indices of regions, and gains over the published options in the same region",
        (("region", "region"), ("form", "form")),
        (
            Column("phase", "phases", 2),
            Column("grain", "grains", 2),
            Column("mapped", "phases of the majority", 2),
            Column("right", "points of the right phase", 2),
            Column("found", "found", 0),
            Column("true", "true grains", 0),
            Column("gain_phase", "gain, phases", 2),
            Column("gain_grain", "gain, grains", 2),
            Column("gain_mapped", "gain, majority", 2),
        ),
    ),
    "coupling": Table(
        "coupling",
        "Chemistry that shows in patterns: share of the twins in which a latent goes with the counts",
        (("kind", "what shows"), ("nu", "ν"), ("chemistry", "chemistry")),
        (
            Column("grains_compared", "grains", 0),
            Column("real", "found *real*", 2),
            Column("partial", "largest partial correlation", 2),
        ),
    ),
    "association": Table(
        "association",
        "Latents and maps: rates over 200 scans",
        (
            ("coupling", "couplings"),
            ("grains", "grains"),
            ("gradient", "gradient"),
            ("reach", "reach"),
            ("effective", "effective grains"),
        ),
        (
            Column("false_real", "false *real*", 3),
            Column("bound_real", "its 95 % bound", 3, _goal_false),
            Column("false_inside", "false gradient", 3),
            Column("bound_inside", "its 95 % bound", 3, _goal_false),
            Column("false_any", "any verdict but *chance*", 3),
            Column("false_points", "textbook, points", 3),
            Column("false_single", "single pairs at 5 %", 3),
            Column("power_single", "found, pair alone", 3, _goal_power),
            Column("power_family", "found among all", 3, _goal_power),
            Column("partial", "mean partial correlation", 3),
        ),
    ),
}


def all_tables(results: Results, *, quick: bool) -> dict[str, str]:
    """Every table that there are results for, as Markdown."""
    found = {
        name: render(table, rows, results, quick=quick)
        for name, table in (TABLES | FINDINGS).items()
        if (rows := [row for row in results.rows(table.experiment) if table.keep(row)])
    }
    if rows := results.rows("length_scale"):
        heading = _heading(rows, results, "length_scale", quick)
        title = "### ROI length of the largest mean NMI over the mean grain diameter"
        found["length_scale"] = f"{title}\n\n{heading}\n\n{length_scale.table(rows)}"
    if rows := results.rows("sample"):
        heading = _heading(rows, results, "sample", quick)
        title = "### A partially reduced ore: gains over the published options, and whether they are better"
        found["sample-verdict"] = f"{title}\n\n{heading}\n\n{sample_verdict.table(rows)}"
    if rows := results.rows("routes"):
        found["routes"] += f"\n\n{differing(rows)}"
    return found


def render(table: Table, rows: list[Row], results: Results, *, quick: bool) -> str:
    """One table: a row per group, median and range over the seeds, goals with their verdicts."""
    grouped: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[key] for key, _ in table.groups), []).append(row)
    with_goals = any(column.goal(row) for column in table.columns for row in rows)
    shown = [column for column in table.columns if any(_finite(row.get(column.key)) for row in rows)]
    heads = [title for _, title in table.groups] + [column.title for column in shown] + ["seeds"]
    heads += ["goals"] if with_goals else []
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for key in sorted(grouped, key=_order):
        members = grouped[key]
        cells = [_named(value) for value in key]
        cells += [_spread([row.get(column.key) for row in members], column.digits) for column in shown]
        cells.append(str(len({row["seed"] for row in members})))
        if with_goals:
            cells.append(_verdicts(table.columns, members))
        lines.append("| " + " | ".join(cells) + " |")
    return f"### {table.title}\n\n{_heading(rows, results, table.experiment, quick)}\n\n" + "\n".join(lines)


def _heading(rows: list[Row], results: Results, experiment: str, quick: bool) -> str:
    shapes = sorted({"×".join(str(side) for side in row["shape"]) for row in rows})
    codes = sorted({line["code"] for line in results.lines(experiment)})
    seeds = len({row["seed"] for row in rows})
    plural = "s" if seeds > 1 else ""
    text = f"Median (smallest to largest) over {seeds} seed{plural}; twins of {', '.join(shapes)} points."
    if quick:
        text += " Quick run: few twins, noises and tilings."
    if len(codes) > 1:
        text += f" Measured with {len(codes)} versions of the code."
    elif codes != [code_version(experiment)]:
        text += " Measured with an earlier version of the code."
    return text


def _order(key: tuple[Any, ...]) -> tuple[tuple[int, Any], ...]:
    return tuple((0, value) if isinstance(value, int | float) else (1, str(value)) for value in key)


def _named(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _spread(values: Sequence[Any], digits: int) -> str:
    known = [float(value) for value in values if _finite(value)]
    if not known:
        return "–"
    middle = f"{np.median(known):.{digits}f}"
    if len(known) == 1:
        return middle
    return f"{middle} ({min(known):.{digits}f} to {max(known):.{digits}f})"


def _verdicts(columns: Sequence[Column], members: list[Row]) -> str:
    """Each goal with the number of seeds that reach it; reached where the median does."""
    words = []
    for column in columns:
        goal = column.goal(members[0])
        values = [float(row[column.key]) for row in members if _finite(row.get(column.key))]
        if goal is None or not values or goal == (-math.inf, math.inf):
            continue
        least, most = goal
        limit = " ".join(
            part
            for part in (f"≥ {least:g}" if least > -math.inf else "", f"≤ {most:g}" if most < math.inf else "")
            if part
        )
        middle = float(np.median(values))
        reached = sum(least <= value <= most for value in values)
        word = "reached" if least <= middle <= most else "**missed**"
        words.append(f"{limit}: {word} ({reached} of {len(values)})")
    return "; ".join(words) if words else "–"


def write_document(path: Path, tables: dict[str, str]) -> None:
    """Put the tables between the markers ``<!-- table: NAME -->`` and ``<!-- end -->`` of a page.

    Raises
    ------
    ValueError
        If the page has no place for a table.
    """
    text = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        match = pattern.search(text)
        if not match:
            raise ValueError(f"{path}: no place for the table {name}; expected <!-- table: {name} --> … <!-- end -->")
        text = f"{text[: match.end(1)]}\n{table}\n\n{text[match.start(2) :]}"
    path.write_text(text, encoding="utf-8")
