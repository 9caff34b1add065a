"""Picture of the weights of the constrained factorization: a map per cluster, the residual and a line profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import RED, finite_limits, label_palette
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    labels,
    never_raises,
    statement,
    width_px,
)
from microstructure_assets.figures.layout import (
    BAR_MARGIN,
    FOOT_HEIGHT,
    LEFT_MARGIN,
    Key,
    foot,
    legend,
    title,
)
from microstructure_assets.figures.panels import MapPanel, Plot, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAPS_SHOWN = 6


def _colour(index: int) -> tuple[float, float, float]:
    red, green, blue = label_palette(index + 1)[index] / 255
    return float(red), float(green), float(blue)


@never_raises("Weights")
def draw_cnmf_weights(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Weight maps of the dominating clusters, the residual, and the weights along the middle row with their deviation.

    Parameters
    ----------
    arrays
        `weight` (y, x, cluster) padded with NaN or zero; `weight_std` (y, x, cluster), `residual` (y, x) and
        `roi` (y, x) optional.

    Notes
    -----
    As Fig. 11 of [1]_.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization".
    """
    weight = array(arrays, "weight", 3)
    if weight is None:
        return statement("Weights", "There are no weights.", heading, width_in)
    shape = (weight.shape[0], weight.shape[1])
    known = np.isfinite(weight)
    mass = np.where(known, weight, 0).reshape(-1, weight.shape[2]).sum(axis=0, dtype=float)
    order = [int(index) for index in np.argsort(-mass, kind="stable") if mass[index] > 0]
    shown = order[:MAPS_SHOWN]
    width = width_px(width_in)
    across = 4 if len(shown) > 2 else len(shown) + 1
    rows = -(-(len(shown) + 1) // across)
    # every panel as wide as the others; the last column carries the colour bars
    map_width = (width - 40 - LEFT_MARGIN - BAR_MARGIN - (across - 1) * 18) / across
    map_width = min(map_width, 0.45 * (width - 40 - LEFT_MARGIN - BAR_MARGIN))
    map_height = max(40.0, min(map_width * ratio(shape, grid), 1.35 * map_width))
    row_height, top = map_height + 44, 96
    profile_top = top + rows * row_height + 62
    canvas = Canvas(width, profile_top + 190 + FOOT_HEIGHT + 34)
    roi = labels(arrays, "roi", shape)
    limits = finite_limits(weight, 0.5, 99.5) or (0.0, 1.0)
    limits = (min(0.0, limits[0]) if limits[0] < -0.05 else 0.0, max(limits[1], 1e-9))
    residual = array(arrays, "residual", 2, shape)
    whole = sum(mass) or 1.0
    row_left = 20.0 + LEFT_MARGIN
    for place in range(len(shown) + 1):
        row, column = divmod(place, across)
        box = Box(row_left + column * (map_width + 18), top + row * row_height, map_width, map_height)
        panel = MapPanel(canvas, box, shape, grid)
        last = place == len(shown)
        if not last:
            panel.paint(panel.rois(panel.colours(weight[..., shown[place]], "viridis", limits), roi))
            share = f"{number(100 * mass[shown[place]] / whole, 2)} %"
            canvas.fill([Box(panel.box.left, panel.box.top - 23, 13, 13)], [_colour(shown[place])])
            canvas.text(panel.box.left + 18, panel.box.top - 11, f"c{shown[place]} · {share}", width=map_width - 14)
            if place == min(across, len(shown)) - 1:
                panel.colour_bar("viridis", limits) if column == across - 1 else None
        elif residual is None:
            canvas.text(panel.box.left, panel.box.top - 11, "Residual", width=map_width)
            panel.missing("no residual")
        else:
            canvas.text(panel.box.left, panel.box.top - 11, "Residual", width=map_width)
            panel.values(residual, "magma", bar=True, what="residual")
        panel.axes(x=place + across > len(shown), y=column == 0)
        middle = panel.place(shape[0] // 2, 0)[1]
        canvas.segments([[(panel.box.left - 6, float(middle)), (panel.box.left, float(middle))]], RED, 1.6)
    hidden = len(order) - len(shown)
    facts = f"{counted(len(order), 'cluster')}, share of all weight in %"
    facts += f"; the {hidden} smallest not shown" if hidden else ""
    title(canvas, Box(row_left, top - 32, width - row_left - 40, 1), "Weights", facts)
    text = (
        ""
        if roi is None or roi.max() == roi.min()
        else "clusters are local to their ROI, maps of one number share a place"
    )
    _profile(canvas, Box(row_left, profile_top, width - row_left - 40, 190), arrays, weight, order, roi, grid)
    foot(canvas, canvas.height - 12, text, heading)
    return canvas.finish()


def _profile(
    canvas: Canvas,
    box: Box,
    arrays: Arrays,
    weight: np.ndarray,
    order: list[int],
    roi: np.ndarray | None,
    grid: Grid,
) -> None:
    """Weights along the middle row, with a band of one standard deviation."""
    row = weight.shape[0] // 2
    at = f"y = {number(grid.origin_y + row * grid.step_y)} {grid.unit}"
    name = f"Profile along the middle row, {at} (red tick)"
    line = weight[row].astype(float)
    if not np.isfinite(line).any() or weight.shape[1] < 2:
        title(canvas, box, name)
        words_in_box(canvas, box, "The middle row has fewer than two points with weights.")
        return
    title(canvas, box, name)
    deviation = array(arrays, "weight_std", 3, weight.shape)
    x = grid.origin_x + np.arange(weight.shape[1]) * grid.step_x
    present = [index for index in order if np.nanmax(np.where(np.isfinite(line[:, index]), line[:, index], 0)) > 0.1]
    present = present[:MAPS_SHOWN] or order[:MAPS_SHOWN]
    finite = line[:, present][np.isfinite(line[:, present])]
    low, high = (min(0.0, float(finite.min())), max(1.0, float(finite.max()))) if finite.size else (0.0, 1.0)
    plot = Plot(canvas, box, (float(x[0]), float(x[-1])), (low - 0.03 * (high - low), high + 0.05 * (high - low)))
    step = max(1, weight.shape[1] // int(box.width))
    for index in present:
        values = line[::step, index]
        if deviation is not None:
            _band(plot, x[::step], values, deviation[row, ::step, index].astype(float), index)
        plot.curve(x[::step], values, "#1c2229", 2.3, order=3.9)
        plot.curve(x[::step], values, _colour(index), 1.5, order=4)
    if roi is not None:
        for change in np.flatnonzero(np.diff(roi[row]))[:16]:
            plot.upright(float(x[change] + x[change + 1]) / 2, "#8a94a0", 0.8)
    plot.axes(f"x ({grid.unit})", "weight", x_count=8, y_count=3)
    keys = [Key("fill", [_colour(index)], f"c{index}") for index in present]
    legend(canvas, box.left + 8, box.bottom + 51, keys, box.left + box.width / 2 - 50)


def _band(plot: Plot, x: np.ndarray, values: np.ndarray, spread: np.ndarray, index: int) -> None:
    known = np.isfinite(values) & np.isfinite(spread)
    if known.sum() < 2:
        return
    upper, lower = (
        plot.place(x[known], values[known] + spread[known]),
        plot.place(x[known], values[known] - spread[known]),
    )
    corners = np.concatenate([np.stack(upper, axis=1), np.stack(lower, axis=1)[::-1]])
    corners[:, 1] = np.clip(corners[:, 1], plot.box.top, plot.box.bottom)
    red, green, blue = _colour(index)
    plot.canvas.polygon(corners, f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}", 0.4, order=2)
