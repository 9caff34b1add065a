"""Pictures of the latent lane: how the autoencoder learned, maps of latents, clusters, plane and bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import (
    BLUE,
    MISSING,
    MUTED,
    RED,
    cluster_colours,
    colour_table,
    finite_limits,
    label_palette,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    columns,
    labels,
    never_raises,
    statement,
    width_px,
)
from microstructure_assets.figures.layout import FOOT_HEIGHT, TITLE_HEIGHT, Key, foot, legend, map_with_sides, title
from microstructure_assets.figures.panels import MapPanel, Plot, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS = 3
GAP, BAR = 26, 92
MARGIN = 84
EMBEDDED_SHOWN = 12_000
# What lies farther out is no place: its spread would not fit into a number.
FARTHEST = 1e15


@never_raises("Autoencoder")
def draw_pattern_vae(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Loss over the epochs of each training, and what each latent says.

    Parameters
    ----------
    tables
        `training`: `repeat`, `epoch`, `loss`, `held_out_loss`; `latents`: `divergence_nats`, `stability`.
    """
    training = columns(tables, "training", ("repeat", "epoch", "loss", "held_out_loss"))
    units = columns(tables, "latents", ("divergence_nats",), optional=("stability",))
    if training is None:
        return statement("Autoencoder", "There is no record of a training.", heading, width_in)
    width = width_px(width_in)
    side = (width - 40) / 2 - MARGIN - 20
    left, right = Box(20 + MARGIN, 70, side, 300), Box(width / 2 + MARGIN, 70, side, 300)
    canvas = Canvas(width, 500)
    values = np.concatenate([training["loss"], training["held_out_loss"]])
    low, high = finite_limits(values, 0, 98) or (0.0, 1.0)
    room = 0.06 * max(high - low, 1e-9)
    plot = Plot(canvas, left, (0.5, float(training["epoch"].max()) + 0.5), (low - room, high + room))
    for repeat in np.unique(training["repeat"]):
        rows = training["repeat"] == repeat
        plot.curve(training["epoch"][rows], training["loss"][rows], "#9aa3ad", 1.0)
        plot.curve(training["epoch"][rows], training["held_out_loss"][rows], BLUE, 1.6)
    plot.axes("epoch", "loss")
    title(canvas, left, "Training", counted(len(np.unique(training["repeat"])), "training"), side)
    legend(
        canvas,
        left.left,
        left.bottom + 84,
        (Key("line", BLUE, "held out"), Key("line", "#9aa3ad", "learned")),
        width / 2,
    )
    _units(canvas, right, units)
    foot(canvas, canvas.height - 12, "", heading)
    return canvas.finish()


def _units(canvas: Canvas, box: Box, units: dict[str, np.ndarray] | None) -> None:
    """Divergence of the latents in order, and how well each is found again."""
    if units is None or not len(units["divergence_nats"]):
        title(canvas, box, "Latents")
        words_in_box(canvas, box, "There is no table of latents.")
        return
    order = np.argsort(-units["divergence_nats"], kind="stable")
    value, rank = units["divergence_nats"][order], np.arange(1, len(order) + 1)
    plot = Plot(canvas, box, (0.5, len(order) + 0.5), (0.0, 1.05 * max(float(value.max()), 1e-9)))
    plot.curve(rank, value, BLUE, 1.6)
    plot.axes("latent, the strongest first", "divergence (nats)")
    keys = [Key("line", BLUE, "divergence")]
    stability = units.get("stability")
    if stability is not None and np.isfinite(stability).any():
        # On the same axes, from 0 to the upper edge.
        plot.dots(rank, stability[order] * float(value.max()), RED, 5)
        keys.append(Key("dot", RED, "found again (top: always)"))
    title(canvas, box, "Latents", counted(len(order), "latent"), box.width)
    legend(canvas, box.left, box.bottom + 84, keys, canvas.width - 20)


def _small_maps(
    values: Any, names: list[str], grid: Grid, heading: str, width_in: float, colours: str, note: str, paint: Any = None
) -> Figure:
    """Maps in rows of three, with their names."""
    shape = (int(values.shape[1]), int(values.shape[2]))
    width = width_px(width_in)
    small = (width - 40 - (ACROSS - 1) * GAP) / ACROSS - BAR
    height = max(40.0, min(small * ratio(shape, grid), small * 1.5))
    rows = -(-len(values) // ACROSS)
    canvas = Canvas(width, rows * (TITLE_HEIGHT + height) + FOOT_HEIGHT + 20)
    for place, own in enumerate(values):
        left = 20 + place % ACROSS * (small + BAR + GAP)
        top = TITLE_HEIGHT + place // ACROSS * (TITLE_HEIGHT + height)
        panel = MapPanel(canvas, Box(left, top, small, height), shape, grid)
        title(canvas, panel.box, names[place] if place < len(names) else "", "", small + 70)
        if paint is None:
            panel.values(own, colours)
        else:
            panel.paint(paint(panel.sample(own)))
    foot(canvas, canvas.height - 12, note, heading)
    return canvas.finish()


def _names(tables: Tables, count: int) -> list[str]:
    leading = columns(tables, "leading", ("latent",), optional=("stability",))
    if leading is None:
        return [f"latent {place}" for place in range(1, count + 1)]
    stability = leading.get("stability")
    names = []
    for place, latent in enumerate(leading["latent"]):
        again = "" if stability is None or not np.isfinite(stability[place]) else f" · r {stability[place]:.2f}"
        names.append(f"latent {int(latent)}{again}")
    return names


@never_raises("Latents")
def draw_vae_latents(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Maps of the leading latents.

    Parameters
    ----------
    arrays
        `leading` (leading, y, x).
    tables
        `leading`: `latent`, `stability`.
    """
    leading = array(arrays, "leading", 3)
    if leading is None:
        return statement("Latents", "There are no latents to show.", heading, width_in)
    note = "the latents of greatest divergence; r: correlation with the match in other trainings"
    return _small_maps(leading, _names(tables, len(leading)), grid, heading, width_in, "viridis", note)


@never_raises("Bands of latents")
def draw_latent_bands(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Quantile bands of the leading latents, as Fig. 14b of Zhang et al.

    Parameters
    ----------
    arrays
        `band` (leading, y, x) from 1, 0 = pore.
    tables
        `leading`: `latent`, `stability`.
    """
    band = array(arrays, "band", 3)
    if band is None:
        return statement("Bands of latents", "There are no bands to show.", heading, width_in)
    known = np.where(np.isfinite(band), band, 0)
    band = np.clip(known, 0, 254).astype(int)
    most = max(1, int(band.max()))
    table = colour_table("coolwarm")
    steps = table[np.linspace(0, len(table) - 1, most).round().astype(int)] if most > 1 else table[-1:]
    shades = np.concatenate([np.array([MISSING], np.uint8), steps[:, :3].astype(np.uint8)])
    note = f"{counted(most, 'band')} of equally many points, lowest values blue; grey: pores"

    def paint(values: np.ndarray) -> np.ndarray:
        return np.asarray(shades[values])

    return _small_maps(band, _names(tables, len(band)), grid, heading, width_in, "coolwarm", note, paint)


@never_raises("Clusters of latents")
def draw_latent_clusters(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Map of the clusters, and the silhouette over their number.

    Parameters
    ----------
    arrays
        `cluster` (y, x) from 1, 0 = pore.
    tables
        `numbers`: `clusters`, `silhouette`, `silhouette_error`.
    """
    cluster = labels(arrays, "cluster")
    if cluster is None:
        return statement("Clusters of latents", "There is no map of clusters.", heading, width_in)
    cluster = np.maximum(cluster, 0)
    shape = (cluster.shape[0], cluster.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 1, bar=False, keys=True)
    canvas = sheet.canvas
    panel = MapPanel(canvas, sheet.map_box, shape, grid)
    panel.paint(cluster_colours(panel.sample(cluster - 1)))
    count = int(cluster.max(initial=0))
    title(canvas, panel.box, "Clusters of latents", counted(count, "cluster"), sheet.room)
    panel.axes()
    panel.scale_bar()
    legend(canvas, panel.box.left, panel.box.bottom + 84, _cluster_keys(cluster), sheet.map_box.right + 50)
    table, box = columns(tables, "numbers", ("clusters", "silhouette")), sheet.sides[0]
    title(canvas, box, "Number of clusters", "mean silhouette", box.width)
    if table is None or not len(table["clusters"]):
        words_in_box(canvas, box, "No number of clusters was compared.")
    else:
        number_of, value = table["clusters"], table["silhouette"]
        low, high = min(0.0, float(value.min())), max(0.1, 1.1 * float(value.max()))
        plot = Plot(canvas, box, (float(number_of.min()) - 0.5, float(number_of.max()) + 0.5), (low, high))
        plot.curve(number_of, value, BLUE, 1.6)
        plot.dots(number_of, value, BLUE, 5)
        if count in number_of:
            plot.upright(float(count), RED)
        plot.axes("clusters", "silhouette")
    foot(canvas, sheet.foot, "", heading)
    return canvas.finish()


def _cluster_keys(cluster: np.ndarray) -> list[Key]:
    numbers, points = np.unique(cluster, return_counts=True)
    keys = []
    for one, amount in zip(numbers[:40].tolist(), points.tolist(), strict=False):
        colour = tuple(np.array(MISSING) / 255) if one == 0 else tuple(label_palette(one)[one - 1] / 255)
        keys.append(Key("fill", [colour], f"{one or 'pore'} {100 * amount / cluster.size:.0f} %"))
    return keys


@never_raises("Plane of latents")
def draw_latent_embedding(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """The plane with points in the colours of their clusters, beside the map, as Fig. 13 of Zhang et al.

    Parameters
    ----------
    arrays
        `embedding` (y, x, 2), `cluster` (y, x) from 1, 0 = pore.
    """
    place = array(arrays, "embedding", 3)
    known = None if place is None else (np.abs(place) < FARTHEST).all(axis=2)
    if place is None or known is None or not known.any():
        return statement("Plane of latents", "No point has a place in the plane.", heading, width_in)
    shape = (place.shape[0], place.shape[1])
    cluster = labels(arrays, "cluster", shape)
    own = np.ones(shape, np.int64) if cluster is None else cluster.astype(np.int64)
    width = width_px(width_in)
    side = (width - 40 - 60) / 2
    canvas = Canvas(width, TITLE_HEIGHT + side + FOOT_HEIGHT + 30)
    box = Box(20, TITLE_HEIGHT, side, side)
    x, y, group = place[..., 0][known], place[..., 1][known], own[known]
    step = max(1, -(-len(x) // EMBEDDED_SHOWN))
    middle, reach = (x.min() + x.max()) / 2, max(float(np.ptp(x)), float(np.ptp(y)), 1e-9) * 0.53
    height = (y.min() + y.max()) / 2
    plot = Plot(canvas, box, (middle - reach, middle + reach), (height - reach, height + reach))
    for one in np.unique(group):
        rows = np.flatnonzero(group == one)[::step]
        colour = "#{:02x}{:02x}{:02x}".format(*label_palette(int(one))[int(one) - 1]) if one > 0 else MUTED
        plot.dots(x[rows], y[rows], colour, 2.2, edge="none")
    canvas.outline(box, MUTED)
    title(canvas, box, "Plane of latents", f"t-SNE, {counted(len(x), 'point')}", side)
    panel = MapPanel(canvas, Box(20 + side + 60 + 20, TITLE_HEIGHT, side - 40, side - 60), shape, grid)
    panel.paint(cluster_colours(panel.sample(own - 1)))
    title(
        canvas, panel.box, "Clusters in the map", number(float(known.mean()) * 100, 3) + " % of the points", side - 40
    )
    panel.axes()
    panel.scale_bar()
    foot(canvas, canvas.height - 12, "distances between groups and their sizes in the plane mean nothing", heading)
    return canvas.finish()
