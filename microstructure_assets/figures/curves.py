"""Pictures of a tile's decisions beside its maps: components kept, number of clusters, anomalies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import (
    AMBER,
    BLUE,
    MISSING,
    MUTED,
    RED,
    cluster_colours,
    finite_limits,
    label_palette,
    rgb_from_oklab,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    columns,
    flags,
    labels,
    never_raises,
    optional_column,
    per_roi,
    statement,
    width_px,
)
from microstructure_assets.figures.panels import Key, MapPanel, Plot, foot, legend, map_with_sides, ratio, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES_SHOWN = 16
PALE_BLUE = "#a9c3e6"


def score_colours(score: np.ndarray, roi: np.ndarray | None = None) -> np.ndarray:
    """The first three scores as one colour per point: lightness, green to red, blue to yellow in OKLab.

    Lightness carries the first component, so that it shows whatever the reader's colour vision. Each ROI is scaled by
    itself, 2nd to 98th percentile: its components are its own.

    Parameters
    ----------
    score
        (y, x, k) with k ≥ 1.
    roi
        (y, x), None for one ROI.

    Returns
    -------
    numpy.ndarray
        (y, x, 3) uint8.
    """
    used = np.full((*score.shape[:2], 3), np.nan)
    used[..., : min(3, score.shape[2])] = score[..., :3]
    known = np.isfinite(used[..., 0])
    share = np.full(used.shape, 0.5)
    for place in np.unique(roi) if roi is not None else [0]:
        member = known if roi is None else known & (roi == place)
        for component in range(min(3, score.shape[2])):
            values = used[member, component]
            limits = finite_limits(values, 2, 98)
            if limits is not None:
                scaled = np.clip((values - limits[0]) / (limits[1] - limits[0]), 0, 1)
                share[member, component] = np.where(np.isfinite(scaled), scaled, 0.5)
    lab = np.stack([0.36 + 0.54 * share[..., 0], 0.26 * (share[..., 1] - 0.5), 0.26 * (share[..., 2] - 0.5)], axis=-1)
    picture = rgb_from_oklab(lab)
    picture[~known] = MISSING
    return picture


def _per_roi_curves(arrays: Arrays, name: str) -> np.ndarray:
    """(roi, k) as float, also from (k); no rows where there is none."""
    values = array(arrays, name, 2)
    if values is None:
        single = array(arrays, name, 1)
        return np.zeros((0, 0)) if single is None else single.astype(float)[None]
    return values.astype(float)


@never_raises("Principal components")
def draw_pca_scores(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """The first three scores as colours, the knee of the cumulative variance, eigenvalues and the noise edge.

    Parameters
    ----------
    arrays
        `score` (y, x, k), `explained_variance_ratio` (roi, k) padded with NaN, `knee` (roi); optional `roi` (y, x),
        `component_count` (roi) where it differs from the knee, `noise_edge` (roi) in the same unit as `eigenvalue`
        (roi, k), or `noise_edge_ratio` (roi) in that of `explained_variance_ratio`.
    tables
        Not used.
    grid
        Steps and origin [µm].
    heading
        Name of scan and tile.
    width_in
        Width of the picture [inch].

    Returns
    -------
    matplotlib.figure.Figure
        The picture; the knee curve is Fig. 2 of [1]_, normalised by its Eq. 2.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization".
    """
    score, ratios = array(arrays, "score", 3), _per_roi_curves(arrays, "explained_variance_ratio")
    if score is None and not ratios.size:
        return statement("Principal components", "There are no scores and no variances.", heading, width_in)
    shape = (1, 1) if score is None else (score.shape[0], score.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 2, bar=False)
    canvas = sheet.canvas
    kept = per_roi(arrays, "component_count")
    kept = kept if kept.size else per_roi(arrays, "knee")
    said = kept[np.isfinite(kept)]
    facts = ""
    if said.size:
        low, high = int(said.min()), int(said.max())
        facts = (counted(low, "component") if low == high else f"{low} to {high} components") + " kept"
        facts += f", {len(kept)} ROIs" if len(kept) > 1 else ""
    if score is None:
        title(canvas, sheet.map_box, "Scores", facts)
        words_in_box(canvas, sheet.map_box, "There are no scores.")
    else:
        panel = MapPanel(canvas, sheet.map_box, shape, grid)
        step = (max(1, shape[0] // panel.pixels[0]), max(1, shape[1] // panel.pixels[1]))
        roi = labels(arrays, "roi", shape)
        few = None if roi is None else roi[:: step[0], :: step[1]]
        panel.paint(panel.rois(panel.sample(score_colours(score[:: step[0], :: step[1]], few)), roi))
        title(canvas, panel.box, f"Scores 1–{min(3, score.shape[2])} as colour", facts, sheet.room)
        panel.axes()
        panel.scale_bar()
    _knee_panel(canvas, sheet.sides[0], ratios, per_roi(arrays, "knee"))
    _eigenvalue_panel(canvas, sheet.sides[1], arrays, ratios)
    foot(canvas, sheet.foot, "colour: lightness, green–red, blue–yellow of the scores, per ROI", heading)
    return canvas.finish()


def _knee_panel(canvas: Canvas, box: Box, ratios: np.ndarray, knee: np.ndarray) -> None:
    """Normalised cumulative variance against k/p, Eq. 2, with the knee in red."""
    curves = []
    for place, row in enumerate(ratios[:CURVES_SHOWN]):
        known = row[np.isfinite(row)]
        cumulative = np.cumsum(known)
        if len(known) >= 2 and cumulative[-1] > cumulative[0]:
            curves.append((place, (cumulative - cumulative[0]) / (cumulative[-1] - cumulative[0])))
    if not curves:
        title(canvas, box, "Knee")
        words_in_box(canvas, box, "Fewer than two components: no knee.")
        return
    plot = Plot(canvas, box, (0, 1.02), (0, 1.06))
    plot.curve([0, 1], [0, 1], "#b5bdc5", 0.8, order=2)
    marked = []
    for place, curve in curves:
        index = np.arange(1, len(curve) + 1) / len(curve)
        plot.curve(index, curve, BLUE if len(curves) == 1 else PALE_BLUE, 1.5 if len(curves) == 1 else 1.0)
        if place < knee.size and np.isfinite(knee[place]) and 1 <= knee[place] <= len(curve):
            marked.append((index[int(knee[place]) - 1], curve[int(knee[place]) - 1], int(knee[place]), len(curve)))
    for x, y, _, _ in marked:
        plot.dots(x, y, RED, 6.5)
    facts = "no knee given"
    if marked:
        found = sorted({entry[2] for entry in marked})
        facts = f"knee k* = {found[0]}" + (f" to {found[-1]}" if len(found) > 1 else "") + f" of {marked[0][3]}"
    title(canvas, box, "Cumulative variance", facts, box.width + 18)
    plot.axes("k / p", "R, 0–1", y_count=3)


def _eigenvalue_panel(canvas: Canvas, box: Box, arrays: Arrays, ratios: np.ndarray) -> None:
    """Eigenvalues on decades beside the noise edge."""
    values, edge, words = _per_roi_curves(arrays, "eigenvalue"), per_roi(arrays, "noise_edge"), "eigenvalue"
    if not values.size:
        values, edge, words = ratios, per_roi(arrays, "noise_edge_ratio"), "variance share"
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        title(canvas, box, "Eigenvalues")
        words_in_box(canvas, box, "No eigenvalue is above zero.")
        return
    edges = edge[np.isfinite(edge) & (edge > 0)]
    every = np.concatenate([positive, edges])
    low, high = float(every.min()) / 1.4, float(every.max()) * 1.4
    plot = Plot(canvas, box, (0.5, values.shape[1] + 0.5), (max(low, high * 1e-9), high), log_y=True)
    for row in values[:CURVES_SHOWN]:
        index = np.flatnonzero(np.isfinite(row) & (row > 0))
        plot.curve(index + 1, row[index], BLUE if len(values) == 1 else PALE_BLUE, 1.1)
        if len(values) == 1 and len(index) <= 60:
            plot.dots(index + 1, row[index], BLUE, 3.5)
    for level in edges[:CURVES_SHOWN]:
        plot.curve([0.5, values.shape[1] + 0.5], [level, level], RED, 1.2)
    title(canvas, box, "Eigenvalues", "red: noise edge" if edges.size else "no noise edge given", box.width + 18)
    plot.axes("component", words, y_count=3)


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
        `criteria`: `roi`, `k`, and of `aic`, `bic`, `silhouette`, `composite` what was computed.
    grid
        Steps and origin [µm].
    heading
        Name of scan and tile.
    width_in
        Width of the picture [inch].

    Returns
    -------
    matplotlib.figure.Figure
        The picture; composite is Eq. 6 of [1]_ or what stands in its place.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization".
    """
    cluster = labels(arrays, "cluster")
    criteria = columns(tables, "criteria", ("k",))
    if cluster is None and criteria is None:
        return statement("Clusters", "There is neither a cluster map nor a table of criteria.", heading, width_in)
    shape = (1, 1) if cluster is None else (cluster.shape[0], cluster.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 3, bar=False, side_gap=34, keys=True)
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
    _criteria_panels(canvas, sheet.sides, tables, chosen, points)
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


def _criteria_panels(canvas: Canvas, boxes: list[Box], tables: Tables, chosen: np.ndarray, points: int) -> None:
    """AIC and BIC, silhouette and composite over K, one above the other or in a row."""
    criteria = columns(tables, "criteria", ("k",))
    first = boxes[0]
    title(canvas, first, "Criteria over K", "red: the chosen K", first.width + 50)
    if criteria is None:
        words_in_box(canvas, first, "There is no table of criteria.")
        return
    k = criteria["k"]
    which = optional_column(tables, "criteria", "roi", len(k))
    which = np.where(np.isfinite(which), which, 0)
    low, high = float(np.nanmin(k)) - 0.4, float(np.nanmax(k)) + 0.4
    per_point = points > 0
    rows = (
        (("aic", "bic"), "Δ per point" if per_point else "Δ", True),
        (("silhouette",), "silhouette", False),
        (("composite",), "S(K)", False),
    )
    stacked = len(boxes) > 1 and boxes[1].top > boxes[0].top
    for place, (box, (names, words, relative)) in enumerate(zip(boxes, rows, strict=True)):
        lines = _criterion_lines(tables, names, k, which, points if relative else 0, relative)
        every = np.concatenate([line[2] for line in lines]) if lines else np.zeros(0)
        if not every.size:
            words_in_box(canvas, box, f"no {' or '.join(names)}")
            continue
        bottom, top = float(every.min()), float(every.max())
        margin = 0.12 * (top - bottom) or max(abs(top) * 0.1, 0.1)
        plot = Plot(canvas, box, (low, high), (bottom - margin, top + margin))
        several = len(lines) > len(names)
        for name, roi, values, ks in lines:
            colour = {"aic": "#8a94a0", "bic": BLUE}.get(name, BLUE)
            plot.curve(
                ks,
                values,
                colour if not several else {"aic": "#c5ccd3"}.get(name, PALE_BLUE),
                1.3 if not several else 0.9,
            )
            pick = np.flatnonzero(ks == chosen[roi]) if 0 <= roi < len(chosen) else np.zeros(0, int)
            if pick.size:
                plot.dots(ks[pick[0]], values[pick[0]], RED, 5.5)
        last = not stacked or place == len(rows) - 1
        plot.axes("number of clusters K", words, x_ticks=last, x_count=6, y_count=2)
        if len(names) == 2:
            legend(
                canvas,
                box.right - 170,
                box.top + 24,
                [Key("line", "#8a94a0", "AIC"), Key("line", BLUE, "BIC")],
                box.right,
            )


def _criterion_lines(
    tables: Tables, names: tuple[str, ...], k: np.ndarray, which: np.ndarray, points: int, relative: bool
) -> list[tuple[str, int, np.ndarray, np.ndarray]]:
    """Name, ROI, values and K of each curve; relative ones count from their smallest value."""
    lines = []
    for name in names:
        values = optional_column(tables, "criteria", name, len(k))
        for roi in np.unique(which)[:CURVES_SHOWN]:
            member = (which == roi) & np.isfinite(values) & np.isfinite(k)
            if member.any():
                order = np.argsort(k[member], kind="stable")
                curve = values[member][order]
                if relative:
                    curve = (curve - curve.min()) / max(points, 1)
                lines.append((name, int(roi), curve, k[member][order]))
    return lines


@never_raises("Anomalies")
def draw_anomalies(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """The Mahalanobis distance with anomalies in black, cluster centres in yellow and reference windows in red boxes.

    Parameters
    ----------
    arrays
        `mahalanobis_squared` (y, x), `anomaly` (y, x); optional `roi` (y, x), `dimension` (roi or single: d, the number
        of components), `expected_fraction` (single, 0.05 unless given).
    tables
        `centres`: `y`, `x` of the cluster centres and `windows`: `y`, `x` of the window centres, in points of this map.
    grid
        Steps and origin [µm].
    heading
        Name of scan and tile.
    width_in
        Width of the picture [inch].

    Returns
    -------
    matplotlib.figure.Figure
        The picture: Fig. 9 (iv) of [1]_, and beside it the share of points beyond each distance against the chi-squared
        law of Eq. 9.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization".
    """
    squared = array(arrays, "mahalanobis_squared", 2)
    if squared is None:
        return statement("Anomalies", "There is no map of the Mahalanobis distance.", heading, width_in)
    shape = (squared.shape[0], squared.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 1, bar=True, keys=True)
    canvas = sheet.canvas
    panel = MapPanel(canvas, sheet.map_box, shape, grid)
    distance = np.sqrt(np.maximum(squared.astype(float), 0))
    anomaly = flags(arrays, "anomaly", shape)
    expected = per_roi(arrays, "expected_fraction")
    share = float(expected[0]) if expected.size and 0 < expected[0] < 1 else 0.05
    facts = "no map of anomalies"
    if anomaly is not None:
        amount = int(anomaly.sum())
        facts = f"{counted(amount, 'anomaly', 'anomalies')}, {number(100 * amount / anomaly.size, 2)} %"
        facts += f" (expected {number(100 * share, 2)} %)"
    title(canvas, panel.box, "Mahalanobis distance", facts, sheet.room)
    limits = finite_limits(distance, 0.5, 98)
    keys = []
    if limits is None:
        panel.missing("No point has a distance.")
    else:
        pixels = panel.rois(panel.colours(distance, "ice", limits), labels(arrays, "roi", shape))
        if anomaly is not None:
            pixels = panel.marked(pixels, anomaly)
            keys.append(Key("outline" if min(panel.point_size) >= 6 else "fill", "#101216", "anomaly"))
        panel.paint(pixels)
        panel.colour_bar("ice", limits)
        for table, reach, colour, words in (("windows", 1, "#ff5a4f", "window"), ("centres", 0, AMBER, "centre")):
            found = columns(tables, table, ("y", "x"))
            if found is not None:
                panel.point_boxes(found["y"], found["x"], reach, colour)
                keys.append(Key("outline", colour, words))
    panel.axes()
    legend(canvas, panel.box.left, panel.box.bottom + 84, keys, sheet.map_box.right + 90)
    _exceedance(canvas, sheet.sides[0], squared, per_roi(arrays, "dimension"), share)
    foot(canvas, sheet.foot, "", heading)
    return canvas.finish()


def _exceedance(canvas: Canvas, box: Box, squared: np.ndarray, dimension: np.ndarray, share: float) -> None:
    """Share of points beyond each squared distance, as found and by the chi-squared law."""
    known = np.sort(squared[np.isfinite(squared) & (squared >= 0)].astype(float).ravel())
    if len(known) < 2 or known[-1] <= 0:
        title(canvas, box, "Points beyond D²")
        words_in_box(canvas, box, "Too few distances for a distribution.")
        return
    step = max(1, len(known) // 400)
    beyond = 1 - np.arange(len(known)) / len(known)
    keep = np.unique(np.concatenate([np.arange(0, len(known), step), np.arange(max(0, len(known) - 60), len(known))]))
    high = float(np.percentile(known, 99.8)) * 1.15 + 1e-9
    plot = Plot(canvas, box, (0, high), (max(0.5 / len(known), 1e-5), 1.2), log_y=True)
    plot.curve(known[keep], beyond[keep], BLUE, 1.6)
    d = dimension[np.isfinite(dimension) & (dimension >= 1)]
    keys = [Key("line", BLUE, "found")]
    if d.size:
        from scipy.special import chdtrc, chdtri

        at = np.linspace(0, high, 160)
        law = np.mean([chdtrc(value, at) for value in d], axis=0)
        plot.curve(at[law > 10 ** plot.y[0]], law[law > 10 ** plot.y[0]], MUTED, 1.1)
        keys.append(Key("line", MUTED, "χ² law"))
        for value in np.unique(d)[:4]:
            plot.upright(float(chdtri(value, share)), RED, 1.0)
        keys.append(Key("line", RED, "limit"))
    degrees = ", ".join(number(value) for value in np.unique(d)[:4])
    title(
        canvas, box, "Points beyond D²", f"d = {degrees}" if degrees else "degrees of freedom not given", box.width + 18
    )
    plot.axes("D²", "share of points", y_count=4)
    legend(canvas, box.left - 30, box.bottom + 84, keys, box.right + 20)
