"""Picture of the scale curve: agreement and number of clusters over the tilings, on two axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, number, round_ticks, text_width
from microstructure_assets.figures.colours import BLUE, FAINT, INK, MUTED, RED
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    columns,
    never_raises,
    per_roi,
    statement,
    width_px,
)
from microstructure_assets.figures.layout import Key, foot, legend, title
from microstructure_assets.figures.panels import Plot
from microstructure_assets.methods.scale_peak import FEWEST_ROIS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUMERIC = ("n", "k_max", "roi_height_um", "roi_width_um", "clusters_mean", "roi_count", "single_cluster_fraction")
OPTIONAL = (
    "nmi_mean",
    "nmi_std",
    "nmi_max",
    "nmi_above_null",
    "ami_mean",
    "nmi_mean_low",
    "nmi_mean_high",
    "nmi_mean_fixed_points",
    "scored_count",
    "limited_fraction",
)
PALE_BLUE, SPREAD = "#c9daf0", "#8fb0da"
CAP_COLOURS = ("#b4bdc7", "#8b96a2", "#5d6873", "#262d34")
GRAINS = "#2f8f5b"
LEFT, RIGHT, TOP, MIDDLE, BOTTOM = 104, 100, 188, 112, 132

Curve = dict[str, Any]


@never_raises("Length scale")
def draw_nmi_scale_curve(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Mean NMI with its interval and spread, and the mean number of clusters, over the tilings; below it the controls.

    Parameters
    ----------
    arrays
        `k_max` (1) optional: the cap in force, else the largest but one of the table. `n` (1) optional: the recommended
        tiling. `grain_diameter` (1) optional, in the unit of the grid.
    tables
        `curve`: a row per tiling and cap with the columns of the contract.

    Notes
    -----
    As Fig. 12 of [1]_, with the curves of all caps on K, interval of the mean, controls and tilings that are not
    eligible.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization".
    """
    given, chosen, diameter = (per_roi(arrays, name) for name in ("k_max", "n", "grain_diameter"))
    table = columns(tables, "curve", NUMERIC, optional=OPTIONAL)
    if table is None or not np.isfinite(table["nmi_mean"]).any():
        words = "No tiling has a ROI with several clusters on both sides."
        return statement("Length scale", words, heading, width_in)
    caps = np.unique(table["k_max"])
    cap = float(given[0]) if given.size else float(caps[-2] if len(caps) > 1 else caps[0])
    curves = {float(one): _of_cap(table, one) for one in caps}
    own = curves.get(cap, next(iter(curves.values())))
    width = width_px(width_in)
    inner = width - LEFT - RIGHT
    upper = Box(LEFT, TOP, inner, 400)
    lower = Box(LEFT, upper.bottom + MIDDLE, inner, 210)
    canvas = Canvas(width, lower.bottom + BOTTOM)
    limits = (float(own["n"].min()) - 0.5, float(own["n"].max()) + 0.5)
    _agreement(canvas, upper, limits, curves, cap, own, chosen)
    of_two_grains = _two_grains(canvas, upper, limits, own, diameter)
    _roi_axis(canvas, upper, limits, own, grid)
    _controls(canvas, lower, limits, own, cap)
    legend(
        canvas,
        LEFT,
        66,
        (
            Key("line", BLUE, f"mean NMI, K_max {cap:.0f}"),
            *([Key("fill", PALE_BLUE, "95 % interval")] if np.isfinite(own["nmi_mean_low"]).any() else []),
            Key("line", SPREAD, "± standard deviation"),
            Key("dot", SPREAD, "largest"),
        ),
        width - 20,
    )
    others = tuple(Key("line", colour, f"K_max {one:.0f}") for one, colour in _others(curves, cap))
    clusters = Key("line", RED, "mean number of clusters")
    grains = (Key("line", GRAINS, "two grain diameters"),) if of_two_grains else ()
    legend(canvas, LEFT, 96, (clusters, Key("dot", BLUE, f"{FEWEST_ROIS} ROIs or more"), *grains), width - 20)
    legend(canvas, LEFT, 126, others, width - 20)
    foot(canvas, canvas.height - 12, "ROIs with one cluster on either side are not in the means", heading)
    return canvas.finish()


def _of_cap(table: Curve, cap: float) -> Curve:
    rows = np.flatnonzero(table["k_max"] == cap)
    rows = rows[np.argsort(table["n"][rows], kind="stable")]
    return {name: values[rows] for name, values in table.items()}


def _others(curves: dict[float, Curve], cap: float) -> list[tuple[float, str]]:
    return list(zip([one for one in curves if one != cap], CAP_COLOURS, strict=False))


def _agreement(
    canvas: Canvas,
    box: Box,
    limits: tuple[float, float],
    curves: dict[float, Curve],
    cap: float,
    own: Curve,
    chosen: np.ndarray,
) -> None:
    plot = Plot(canvas, box, limits, (0.0, 1.02))
    for one, colour in _others(curves, cap):
        plot.curve(curves[one]["n"], curves[one]["nmi_mean"], colour, 0.9, order=2.5)
    _band(plot, own["n"], own["nmi_mean_low"], own["nmi_mean_high"], PALE_BLUE)
    for sign in (-1, 1):
        plot.curve(own["n"], own["nmi_mean"] + sign * own["nmi_std"], SPREAD, 0.7)
    plot.dots(own["n"], own["nmi_max"], SPREAD, 3.0)
    plot.curve(own["n"], own["nmi_mean"], BLUE, 2.0)
    eligible = own["scored_count"] >= FEWEST_ROIS
    plot.dots(own["n"][eligible], own["nmi_mean"][eligible], BLUE, 5.5)
    clusters = Plot(canvas, box, limits, (0.0, 1.1 * float(np.nanmax(own["clusters_mean"]))))
    clusters.curve(own["n"], own["clusters_mean"], RED, 1.6, order=3.5)
    _right_axis(clusters, "mean number of clusters")
    facts = "no tiling is recommended"
    if chosen.size and np.isfinite(chosen[0]):
        plot.upright(float(chosen[0]), INK, 1.0)
        facts = f"recommended: {chosen[0]:.0f} × {chosen[0]:.0f} ROIs"
    canvas.text(20, 30, "Agreement of the clusters of scores and of weights", size=10.5, bold=True)
    canvas.text(canvas.width - 20, 30, facts, colour=MUTED, across="right")
    plot.axes("tiling n (ROIs along each axis)", "NMI", x_count=10, x_whole=True)


def _two_grains(canvas: Canvas, box: Box, limits: tuple[float, float], own: Curve, diameter: np.ndarray) -> bool:
    """A line at the tiling whose ROIs are two grain diameters long, as the paper has the peak; whether it is drawn."""
    if not diameter.size or not diameter[0] > 0:
        return False
    length = np.sqrt(own["roi_height_um"] * own["roi_width_um"])
    n = float(own["n"][0] * length[0] / (2 * diameter[0]))
    if limits[0] < n < limits[1]:
        Plot(canvas, box, limits, (0.0, 1.02)).upright(n, GRAINS, 1.2)
    return limits[0] < n < limits[1]


def _band(plot: Plot, x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> None:
    known = np.isfinite(low) & np.isfinite(high)
    if known.sum() > 1:
        forth, back = plot.place(x[known], low[known]), plot.place(x[known][::-1], high[known][::-1])
        corners = np.stack([np.concatenate([a, b]) for a, b in zip(forth, back, strict=True)], axis=1)
        corners[:, 1] = np.clip(corners[:, 1], plot.box.top, plot.box.bottom)
        plot.canvas.polygon(corners, colour, order=2.2)


def _right_axis(plot: Plot, words: str) -> None:
    box, widest = plot.box, 0.0
    plot.canvas.segments([[(box.right, box.top), (box.right, box.bottom)]], RED, 0.6)
    for value, text in round_ticks(*plot.y, 4):
        row = float(plot.place(0, value)[1])
        plot.canvas.segments([[(box.right, row), (box.right + 6, row)]], RED, 0.6)
        plot.canvas.text(box.right + 10, row, text, colour=RED, down="center")
        widest = max(widest, text_width(text))
    plot.canvas.text(box.right + 34 + widest, box.top + box.height / 2, words, colour=RED, across="center", turn=True)


def _roi_axis(canvas: Canvas, box: Box, limits: tuple[float, float], own: Curve, grid: Grid) -> None:
    """Size of the ROIs along the upper edge."""
    plot = Plot(canvas, Box(box.left, box.top, box.width, 0.0001), limits, (0.0, 1.0))
    length = np.sqrt(own["roi_height_um"] * own["roi_width_um"])
    last = -np.inf
    for n, value in zip(own["n"], length, strict=True):
        place, text = float(plot.place(n, 0)[0]), number(float(value))
        if place - text_width(text) / 2 > last + 12:
            canvas.segments([[(place, box.top - 6), (place, box.top)]], MUTED, 0.6)
            canvas.text(place, box.top - 10, text, colour=MUTED, across="center")
            last = place + text_width(text) / 2
    canvas.text(box.left, box.top - 34, f"√(height × width) of a ROI [{grid.unit}]", colour=MUTED)


def _controls(canvas: Canvas, box: Box, limits: tuple[float, float], own: Curve, cap: float) -> None:
    plot = Plot(canvas, box, limits, (0.0, 1.02))
    lines = (
        ("nmi_above_null", MUTED, "NMI less that after a shift"),
        ("ami_mean", "#2f8f5b", "adjusted MI"),
        ("nmi_mean_fixed_points", "#8a5fb0", "NMI, equal points"),
        ("single_cluster_fraction", "#c98a1b", "one cluster"),
        ("limited_fraction", "#b0413e", "at a limit"),
    )
    plot.curve(own["n"], own["nmi_mean"], FAINT, 1.2)
    keys = [Key("line", FAINT, "NMI")]
    for name, colour, words in lines:
        known = np.isfinite(own[name])
        if known.any():
            plot.curve(own["n"], own[name], colour, 1.4)
            if known.sum() == 1:  # no line goes through one value
                plot.dots(own["n"][known], own[name][known], colour, 4.0)
            keys.append(Key("line", colour, words))
    title(canvas, box, f"Controls, K_max {cap:.0f}")
    plot.axes("tiling n (ROIs along each axis)", "0–1", x_count=10, y_count=3, x_whole=True)
    legend(canvas, box.left, box.bottom + 86, keys, canvas.width - 20)
