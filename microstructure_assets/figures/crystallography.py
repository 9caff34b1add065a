"""Pictures of the conventional analysis: orientations and their confidence, phases, kernel averages, grains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures import raster
from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import INK, MISSING, phase_palette, touching_colours
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
from microstructure_assets.figures.layout import Key, foot, legend, map_with_sides, title
from microstructure_assets.figures.panels import MapPanel, Plot, ratio
from microstructure_assets.figures.sizes import label_sizes, size_histogram

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE_GAP = 88


@never_raises("Orientations")
def draw_orientation_map(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """How sure the indexing is, dark where a point is not indexed, and the distribution of the confidence.

    Parameters
    ----------
    arrays
        `confidence` (y, x); `phase` (y, x) optional. The orientations themselves are shown as colours by `ipf_map`.
    """
    confidence = array(arrays, "confidence", 2)
    phase = None if confidence is None else labels(arrays, "phase", confidence.shape)
    if confidence is None:
        return statement("Orientations", "There is no map of the indexing's confidence.", heading, width_in)
    if phase is not None and not (phase > 0).any():
        return statement("Orientations", "No point is indexed.", heading, width_in)
    shape = (confidence.shape[0], confidence.shape[1])
    shown = confidence if phase is None else np.where(phase > 0, confidence, np.nan)
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 1, bar=True)
    panel = MapPanel(sheet.canvas, sheet.map_box, shape, grid)
    share = f"{number(100 * float(np.mean(phase > 0)), 3)} % of points indexed" if phase is not None else ""
    title(sheet.canvas, panel.box, "Confidence of the indexing", share, sheet.room)
    if panel.values(shown, "viridis", what="confidence"):
        panel.scale_bar()
    panel.axes()
    _histogram(sheet.canvas, sheet.sides[0], shown, "Confidence", "confidence")
    foot(sheet.canvas, sheet.foot, "colours from the 0.5th to the 99.5th percentile", heading)
    return sheet.canvas.finish()


@never_raises("Phases")
def draw_phase_map(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Phases in colours, with the share of each.

    Parameters
    ----------
    arrays
        `phase` (y, x), 0 = not indexed.
    tables
        `phases` with the columns `phase` and `name`, optional.
    """
    phase = labels(arrays, "phase")
    if phase is None:
        return statement("Phases", "There is no map of phases.", heading, width_in)
    shape = (phase.shape[0], phase.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 0, bar=False, keys=True)
    panel = MapPanel(sheet.canvas, sheet.map_box, shape, grid)
    present = np.unique(phase)
    table = phase_palette(present)
    panel.paint(table[np.searchsorted(present, panel.sample(phase))])
    title(sheet.canvas, panel.box, "Phases", counted(int((present > 0).sum()), "phase"), sheet.room)
    panel.axes()
    panel.scale_bar()
    names = dict(zip(tables["phases"]["phase"], tables["phases"]["name"], strict=False)) if "phases" in tables else {}
    keys = [
        Key(
            "fill",
            np.array(colour) / 255,
            f"{'not indexed' if value <= 0 else names.get(value, f'phase {value}')} "
            f"{number(100 * float(np.mean(phase == value)), 3)} %",
        )
        for value, colour in zip(present.tolist(), table.tolist(), strict=True)
    ]
    legend(sheet.canvas, panel.box.left, panel.box.bottom + 84, keys, sheet.canvas.width - 20)
    foot(sheet.canvas, sheet.foot, "", heading)
    return sheet.canvas.finish()


@never_raises("Inverse pole figure")
def draw_ipf_map(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Orientations as colours, and the key to them.

    Parameters
    ----------
    arrays
        `rgb` (y, x, 3); `key_1`, `key_2`, ... (height, width, 3) optional, one per phase.
    tables
        `phases` with the columns `phase` and `name`, optional.
    """
    rgb = array(arrays, "rgb", 3)
    if rgb is None or rgb.shape[2] != 3:
        return statement("Inverse pole figure", "There is no map of colours.", heading, width_in)
    rgb = np.clip(np.nan_to_num(rgb), 0, 255).astype(np.uint8)
    if not rgb.any():
        return statement("Inverse pole figure", "No point is indexed.", heading, width_in)
    shape = (rgb.shape[0], rgb.shape[1])
    keys = [name for name in sorted(arrays) if name.startswith("key_")][:3]
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), max(1, len(keys)), bar=False, side_gap=SIDE_GAP)
    panel = MapPanel(sheet.canvas, sheet.map_box, shape, grid)
    panel.paint(panel.sample(rgb))
    title(sheet.canvas, panel.box, "Inverse pole figure", "black: not indexed", sheet.room)
    panel.axes()
    panel.scale_bar()
    names = dict(zip(tables["phases"]["phase"], tables["phases"]["name"], strict=False)) if "phases" in tables else {}
    for name, box in zip(keys, sheet.sides, strict=False):
        key = array(arrays, name, 3)
        if key is not None:
            words = str(names.get(int(name.removeprefix("key_")), "key"))
            title(sheet.canvas, box, "Key", words, box.width + 18)
            scale = min(box.width / key.shape[1], box.height / key.shape[0])
            height, width = round(scale * key.shape[0]), round(scale * key.shape[1])
            sheet.canvas.image(raster.stretch(key, height, width), Box(box.left, box.top, width, height))
    foot(sheet.canvas, sheet.foot, "colours of orix's IPFColorKeyTSL", heading)
    return sheet.canvas.finish()


@never_raises("Kernel average misorientation")
def draw_kernel_average_misorientation(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Mean misorientation to the neighbours as a map, and its distribution.

    Parameters
    ----------
    arrays
        `kam_degrees` (y, x).

    Notes
    -----
    As Fig. 8 of Zhang et al., with its distribution.
    """
    kam = array(arrays, "kam_degrees", 2)
    if kam is None:
        return statement("Kernel average misorientation", "There is no map of it.", heading, width_in)
    shape = (kam.shape[0], kam.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 1, bar=True)
    panel = MapPanel(sheet.canvas, sheet.map_box, shape, grid)
    without = int(kam.size - np.isfinite(kam).sum())
    facts = f"{counted(without, 'point')} without value" if without else ""
    title(sheet.canvas, panel.box, "Kernel average misorientation", facts, sheet.room)
    if panel.values(kam, "viridis", unit="degrees"):
        panel.scale_bar()
    panel.axes()
    _histogram(sheet.canvas, sheet.sides[0], kam, "Distribution", "KAM (degrees)")
    foot(sheet.canvas, sheet.foot, "colours from the 0.5th to the 99.5th percentile", heading)
    return sheet.canvas.finish()


@never_raises("Grains")
def draw_grains(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Grains in colours that differ between neighbours, and their sizes.

    Parameters
    ----------
    arrays
        `grain` (y, x), 0 = none.
    """
    grain = labels(arrays, "grain")
    if grain is None:
        return statement("Grains", "There is no map of grains.", heading, width_in)
    shape = (grain.shape[0], grain.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 1, bar=False, side_gap=SIDE_GAP, keys=True)
    panel = MapPanel(sheet.canvas, sheet.map_box, shape, grid)
    _paint_grains(panel, grain)
    sizes = label_sizes(grain)
    title(sheet.canvas, panel.box, "Grains", counted(len(sizes), "grain"), sheet.room)
    panel.axes()
    panel.scale_bar()
    keys = [Key("fill", np.array(MISSING) / 255, "no grain")] if (grain <= 0).any() else []
    legend(sheet.canvas, panel.box.left, panel.box.bottom + 84, keys, sheet.map_box.right + 90)
    size_histogram(sheet.canvas, sheet.sides[0], sizes, grid, "grain")
    foot(sheet.canvas, sheet.foot, "", heading)
    return sheet.canvas.finish()


def _paint_grains(panel: MapPanel, grain: np.ndarray) -> None:
    drawn = grain[:: max(1, grain.shape[0] // panel.pixels[0]), :: max(1, grain.shape[1] // panel.pixels[1])]
    values, colours = touching_colours(drawn)
    colours[values <= 0] = MISSING
    sampled = panel.sample(grain)
    panel.paint(panel.borders(colours[np.minimum(np.searchsorted(values, sampled), len(values) - 1)], grain))


@never_raises("Grain statistics")
def draw_grain_statistics(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Orientation spread of each grain as a map, and the sizes of the grains.

    Parameters
    ----------
    arrays
        `grain` (y, x).
    tables
        `grain_statistics` with the columns `grain` and `orientation_spread_deg`.

    Notes
    -----
    The sizes as in Fig. 7b of Zhang et al.
    """
    grain = labels(arrays, "grain")
    table = columns(tables, "grain_statistics", ("grain", "orientation_spread_deg"))
    if grain is None or table is None or not len(table["grain"]):
        return statement("Grain statistics", "There is no grain.", heading, width_in)
    shape = (grain.shape[0], grain.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 1, bar=True, side_gap=SIDE_GAP, keys=True)
    panel = MapPanel(sheet.canvas, sheet.map_box, shape, grid)
    spread = _by_grain(grain, table["grain"], table["orientation_spread_deg"])
    title(sheet.canvas, panel.box, "Grain orientation spread", counted(len(table["grain"]), "grain"), sheet.room)
    if panel.values(spread, "viridis", unit="degrees"):
        panel.scale_bar()
    panel.axes()
    size_histogram(sheet.canvas, sheet.sides[0], label_sizes(grain), grid, "grain")
    foot(sheet.canvas, sheet.foot, "colours from the 0.5th to the 99.5th percentile", heading)
    return sheet.canvas.finish()


def _by_grain(grain: np.ndarray, number: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The value of each point's grain; NaN where the table has none."""
    order = np.argsort(number, kind="stable")
    place = np.minimum(np.searchsorted(number[order], grain), len(number) - 1)
    found = order[place]
    return np.where((number[found] == grain) & (grain > 0), value[found], np.nan)


def _histogram(canvas: Canvas, box: Box, values: np.ndarray, name: str, axis: str) -> None:
    """Share of points by value."""
    known = values[np.isfinite(values)]
    if not known.size:
        title(canvas, box, name)
        words_in_box(canvas, box, "No point has a value.")
        return
    title(canvas, box, name, f"median {number(float(np.median(known)), 3)}", box.width + 18)
    low, high = float(known.min()), float(known.max())
    edges = np.linspace(low, high if high > low else low + max(1.0, abs(low)), 25)
    share = np.histogram(known, edges)[0] / known.size * 100
    plot = Plot(canvas, box, (float(edges[0]), float(edges[-1])), (0, float(share.max()) * 1.1))
    plot.bars(edges, share, "#9dbce0")
    plot.upright(float(np.median(known)), INK)
    plot.axes(axis, "share (%)")
