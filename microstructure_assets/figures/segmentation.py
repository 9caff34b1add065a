"""Picture of the segmentation: regions, what is not trusted, and apart from them anomalies and region sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures import raster
from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import (
    BLACK,
    INK,
    MISSING,
    RED,
    touching_colours,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    flags,
    labels,
    never_raises,
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

SIDE_GAP = 88
PALE = (244, 246, 247)
OUTLINE = (150, 190, 230)


@never_raises("Segmentation")
def draw_segmentation_map(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Regions in colours that differ between neighbours, what is not trusted, and beside them anomalies and sizes.

    Parameters
    ----------
    arrays
        `region` (y, x), 0 = none; `anomaly`, `trusted` (y, x) optional.

    Notes
    -----
    Anomalies have a map of their own: most lie where regions meet, and would hide the boundaries and small regions.
    """
    region = labels(arrays, "region")
    if region is None:
        return statement("Segmentation", "There is no map of regions.", heading, width_in)
    shape = (region.shape[0], region.shape[1])
    anomaly = flags(arrays, "anomaly", shape)
    sides = 1 if anomaly is None else 2
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), sides, bar=False, side_gap=SIDE_GAP, keys=True)
    canvas = sheet.canvas
    panel = MapPanel(canvas, sheet.map_box, shape, grid)
    # neighbours are those of the drawn map: what is smaller than a pixel cannot be seen
    drawn = region[:: max(1, shape[0] // panel.pixels[0]), :: max(1, shape[1] // panel.pixels[1])]
    values, colours = touching_colours(drawn)
    colours[values <= 0] = MISSING
    sampled = panel.sample(region)
    # a label between the samples of `drawn` takes the colour of the next label that has one
    pixels = colours[np.minimum(np.searchsorted(values, sampled), len(values) - 1)]
    keys = [Key("fill", "#e4e7ea", "no region")] if (region <= 0).any() else []
    trusted = flags(arrays, "trusted", shape)
    doubtful = 0.0 if trusted is None else float(1 - trusted.mean())
    if trusted is not None and doubtful:
        grey = ~panel.sample(trusted)
        pixels = raster.blend(pixels, grey, (205, 210, 215), 0.7)
        pixels = raster.blend(pixels, grey & raster.hatching(*panel.pixels), (90, 98, 106), 0.8)
        keys.append(Key("hatch", INK, "not trusted"))
    pixels = panel.borders(pixels, region)
    panel.paint(pixels)
    sizes = _sizes(region)
    facts = counted(len(sizes), "region")
    facts += ", trust not stated" if trusted is None else f", not trusted {number(100 * doubtful, 2)} %"
    title(canvas, panel.box, "Segmentation", facts, sheet.room)
    panel.axes()
    panel.scale_bar()
    legend(canvas, panel.box.left, panel.box.bottom + 84, keys, sheet.map_box.right + 90)
    if anomaly is not None:
        _anomaly_map(MapPanel(canvas, sheet.sides[0], shape, grid), anomaly, region, sheet.sides[0].width + 18)
    _size_histogram(canvas, sheet.sides[-1], sizes, grid)
    foot(canvas, sheet.foot, "" if anomaly is not None else "no map of anomalies", heading)
    return canvas.finish()


def _anomaly_map(panel: MapPanel, anomaly: np.ndarray, region: np.ndarray, room: float) -> None:
    """Anomalies in black on the pale outlines of the regions; the large map has the axes."""
    paper = np.full((*panel.pixels, 3), PALE, np.uint8)
    dark = raster.share(anomaly, *panel.pixels)[..., None]
    pixels = (panel.borders(paper, region, OUTLINE) * (1 - dark) + np.array(BLACK) * dark).astype(np.uint8)
    panel.paint(pixels)
    title(panel.canvas, panel.box, "Anomalies", f"{number(100 * float(anomaly.mean()), 2)} % of points", room)


def _sizes(region: np.ndarray) -> np.ndarray:
    """Points of each region; counting is much faster than sorting while labels are about as many as points."""
    if int(region.max()) <= 4 * region.size + 1000:
        counts = np.bincount(np.maximum(region, 0).ravel())[1:]
        return counts[counts > 0]
    return np.unique(region[region > 0], return_counts=True)[1]


def _size_histogram(canvas: Canvas, box: Box, sizes: np.ndarray, grid: Grid) -> None:
    """Equivalent circle diameters: share of regions as bars, share of area as a line."""
    if not len(sizes):
        title(canvas, box, "Region size")
        words_in_box(canvas, box, "There is no region to measure.")
        return
    diameter = np.sqrt(4 / np.pi * sizes * grid.step_y * grid.step_x)
    by_area = float(np.average(diameter, weights=sizes))
    facts = f"mean {number(float(diameter.mean()), 2)} (area {number(by_area, 2)}) {grid.unit}"
    title(canvas, box, "Region size", facts, box.width + 18)
    low, high = float(diameter.min()) * 0.9, float(diameter.max()) * 1.1
    edges = np.linspace(0 if low < high / 4 else low, high, max(5, min(24, int(1.2 * np.sqrt(len(sizes))) + 2)) + 1)
    regions = np.histogram(diameter, edges)[0] / len(sizes) * 100
    area = np.histogram(diameter, edges, weights=sizes)[0] / sizes.sum() * 100
    plot = Plot(canvas, box, (float(edges[0]), float(edges[-1])), (0, float(max(regions.max(), area.max())) * 1.1))
    plot.bars(edges, regions, "#9dbce0")
    plot.curve(np.repeat(edges, 2), np.concatenate([[0], np.repeat(area, 2), [0]]), RED, 1.3)
    plot.axes(f"equivalent diameter ({grid.unit})", "share (%)")
    legend(
        canvas,
        box.left,
        box.bottom + 84,
        [Key("fill", "#9dbce0", "of regions"), Key("line", RED, "of area")],
        box.right + 20,
    )
