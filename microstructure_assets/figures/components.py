"""Picture of a tile's principal components: scores as colours, the knee, the eigenvalues and the noise edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted, words_in_box
from microstructure_assets.figures.colours import (
    BLUE,
    MISSING,
    RED,
    finite_limits,
    rgb_from_oklab,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    labels,
    never_raises,
    per_roi,
    statement,
    width_px,
)
from microstructure_assets.figures.layout import (
    foot,
    map_with_sides,
    title,
)
from microstructure_assets.figures.panels import MapPanel, Plot, ratio

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
        `explained_variance` (roi, k), the eigenvalues, and `noise_edge` (roi) in their unit.

    Notes
    -----
    The knee curve is Fig. 2 of [1]_, normalised by its Eq. 2.

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
    kept = per_roi(arrays, "knee")
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
        if not np.isfinite(score[..., 0]).any():
            panel.missing("No point has a score.")
        name = f"Scores 1–{min(3, score.shape[2])} as colour" if score.shape[2] > 1 else "Score 1 as lightness"
        title(canvas, panel.box, name, facts, sheet.room)
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
    values, edge, words = _per_roi_curves(arrays, "explained_variance"), per_roi(arrays, "noise_edge"), "eigenvalue"
    if not values.size:
        values, edge, words = ratios, np.zeros(0), "variance share"
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
