"""Picture of a tile's clusters: the map, and the criteria over their number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted, words_in_box
from microstructure_assets.figures.colours import (
    BLUE,
    RED,
    cluster_colours,
    label_palette,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    columns,
    labels,
    never_raises,
    per_roi,
    statement,
    width_px,
)
from microstructure_assets.figures.layout import (
    Key,
    foot,
    legend,
    map_with_sides,
    title,
)
from microstructure_assets.figures.panels import MapPanel, Plot, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INFORMATION = {"aic": "#9aa3ad", "bic": BLUE, "icl": "#f0a929"}
CRITERIA = {**INFORMATION, "silhouette": BLUE, "composite": BLUE}
CURVES_SHOWN = 16


@never_raises("Clusters")
def draw_gmm_clusters(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """The cluster map and the criteria over the number of clusters K with the chosen K.

    Parameters
    ----------
    arrays
        `cluster` (y, x), local to the ROI, negative = none; `cluster_count` (roi), `roi` (y, x) optional.
    tables
        `criteria`: `roi`, `clusters` (K), and of `aic`, `bic`, `icl`, `silhouette`, `composite` what was computed.

    Notes
    -----
    `composite` is Eq. 6 of [1]_ or what stands in its place; the chosen K is where it is largest.
    AIC, BIC and ICL are drawn as Δ, what they are above their best value.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization".
    """
    cluster = labels(arrays, "cluster")
    criteria = columns(tables, "criteria", ("clusters",), optional=("roi", *CRITERIA))
    if cluster is None and criteria is None:
        return statement("Clusters", "There is neither a cluster map nor a table of criteria.", heading, width_in)
    shape = (1, 1) if cluster is None else (cluster.shape[0], cluster.shape[1])
    chosen_by = _chosen_by(criteria)
    sides = 3 if chosen_by == "S(K)" else 2  # S(K) would show the same curve again
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), sides, bar=False, side_gap=34, keys=True)
    canvas = sheet.canvas
    roi = labels(arrays, "roi", shape)
    chosen = per_roi(arrays, "cluster_count")
    said = chosen[np.isfinite(chosen)]
    facts = ""
    if said.size:
        low, high = int(said.min()), int(said.max())
        facts = f"K = {low}" if low == high else f"K = {low} to {high}"
        facts += f" in {len(chosen)} ROIs" if len(chosen) > 1 else ""
    if cluster is None:
        title(canvas, sheet.map_box, "Clusters", facts)
        words_in_box(canvas, sheet.map_box, "There is no cluster map.")
    else:
        panel = MapPanel(canvas, sheet.map_box, shape, grid)
        panel.paint(panel.rois(panel.borders(cluster_colours(panel.sample(cluster)), cluster), roi))
        facts = f"{facts} · {counted(int((cluster >= 0).sum()), 'point')}".lstrip(" ·")
        title(canvas, panel.box, "Clusters", facts, sheet.room)
        panel.axes()
        panel.scale_bar()
        legend(canvas, panel.box.left, panel.box.bottom + 84, _cluster_keys(cluster, roi), sheet.map_box.right + 50)
    points = 0 if cluster is None else int((cluster >= 0).sum()) // max(len(chosen), 1)
    _criteria_panels(canvas, sheet.sides, criteria, chosen_by, chosen, points)
    foot(canvas, sheet.foot, "", heading)
    return canvas.finish()


def _cluster_keys(cluster: np.ndarray, roi: np.ndarray | None) -> list[Key]:
    if roi is not None and roi.max() > roi.min():
        return []  # clusters are local to the ROI: one list of points would mix them
    numbers, points = np.unique(cluster[cluster >= 0], return_counts=True)
    keys = [
        Key(
            "fill",
            [tuple(label_palette(int(index) + 1)[int(index)] / 255)],
            f"c{index} {100 * amount / cluster.size:.0f} %",
        )
        for index, amount in zip(numbers[:64], points, strict=False)
    ]
    return [Key("fill", "#e4e7ea", "none"), *keys] if (cluster < 0).any() else keys


def _criteria_panels(
    canvas: Canvas,
    boxes: list[Box],
    criteria: dict[str, np.ndarray] | None,
    chosen_by: str,
    chosen: np.ndarray,
    points: int,
) -> None:
    """Information criteria, silhouette and, where there is a third box, S(K); one above the other or in a row."""
    first = boxes[0]
    facts = f"red: K chosen by {chosen_by}" if chosen_by else "red: the chosen K"
    title(canvas, first, "Criteria over K", facts if chosen.size else "", first.width + 18)
    if criteria is None:
        words_in_box(canvas, first, "There is no table of criteria.")
        return
    k_range = (float(criteria["clusters"].min()) - 0.4, float(criteria["clusters"].max()) + 0.4)
    stacked = len(boxes) > 1 and boxes[1].top > boxes[0].top
    rows = (
        (tuple(INFORMATION), "Δ per point" if points else "Δ"),
        (("silhouette",), "silhouette"),
        (("composite",), "S(K) − best"),
    )
    for place, (box, (names, words)) in enumerate(zip(boxes, rows, strict=False)):
        lines = _criterion_lines(criteria, names, max(points, 1))
        if not lines:
            words_in_box(canvas, box, f"no {' or '.join(names)}")
            continue
        _criterion_plot(canvas, box, lines, chosen, words, k_range, x_ticks=not stacked or place == len(boxes) - 1)


def _chosen_by(criteria: dict[str, np.ndarray] | None) -> str:
    """Name of what chose K, from its values: where ICL or BIC did, S(K) is that one with its sign turned."""
    if criteria is None:
        return ""
    score = criteria["composite"]
    for name in ("icl", "bic"):
        both = np.isfinite(score) & np.isfinite(criteria[name])
        if both.any() and np.allclose(score[both], -criteria[name][both], rtol=1e-9):
            return name.upper()
    return "S(K)" if np.isfinite(score).any() else ""


def _criterion_plot(
    canvas: Canvas,
    box: Box,
    lines: list[_Line],
    chosen: np.ndarray,
    words: str,
    k_range: tuple[float, float],
    *,
    x_ticks: bool,
) -> None:
    """Curves over K; information criteria on decades, where those that differ little come apart near their best."""
    decades = lines[0].name in INFORMATION
    values = np.concatenate([line.values for line in lines])
    lowest, top = float(values.min()), float(values.max())
    if decades:
        positive = values[values > 0]
        lowest, top = (float(positive.min()) / 3, top * 5) if positive.size else (0.1, 10.0)
        lowest = max(lowest, top * 1e-6)
        limits = (lowest, top)
    else:
        margin = 0.12 * (top - lowest) or max(abs(top) * 0.1, 0.1)
        limits = (lowest - margin, top + margin)
    plot = Plot(canvas, box, k_range, limits, log_y=decades)
    names = list(dict.fromkeys(line.name for line in lines))
    several = len({line.roi for line in lines}) > 1
    for order, (name, roi, curve, own) in enumerate(lines):
        shown = np.maximum(curve, lowest) if decades else curve  # the best value itself has no logarithm
        # a later curve is thinner, so that one beneath it shows on both sides
        width = (5.0, 3.0, 1.2)[names.index(name)] if len(names) > 1 else 1.3
        plot.curve(own, shown, CRITERIA[name], width / (2 if several else 1), order=4 + order * 1e-3)
        pick = np.flatnonzero(own == chosen[roi]) if 0 <= roi < len(chosen) else np.zeros(0, int)
        if pick.size:
            plot.dots(own[pick[0]], shown[pick[0]], RED, 4.5 if several else 5.5)
    plot.axes("number of clusters K", words, x_ticks=x_ticks, x_count=4, y_count=2)
    if len(names) > 1:
        keys = [Key("line", CRITERIA[name], name.upper()) for name in names]
        legend(canvas, box.right - 76 * len(keys), box.top + 24, keys, box.right + 10)


class _Line(NamedTuple):
    """One criterion of one ROI over K."""

    name: str
    roi: int
    values: np.ndarray
    k: np.ndarray


def _criterion_lines(criteria: dict[str, np.ndarray], names: tuple[str, ...], points: int) -> list[_Line]:
    """Curves to draw: information criteria above their least value per point, S(K) below its largest."""
    k, which = criteria["clusters"], np.nan_to_num(criteria["roi"])
    lines = []
    for name in names:
        for roi in np.unique(which)[:CURVES_SHOWN]:
            member = np.flatnonzero((which == roi) & np.isfinite(criteria[name]))
            member = member[np.argsort(k[member], kind="stable")]
            if len(member):
                curve = criteria[name][member]
                if name in INFORMATION:
                    curve = (curve - curve.min()) / points
                elif name == "composite":
                    curve = curve - curve.max()
                lines.append(_Line(name, int(roi), curve, k[member]))
    return lines
