"""Picture of the segmentation: regions, what is not trusted, and apart from them anomalies and region sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures import raster
from microstructure_assets.figures.canvas import counted, number
from microstructure_assets.figures.colours import (
    BLACK,
    INK,
    MISSING,
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
from microstructure_assets.figures.panels import MapPanel, ratio
from microstructure_assets.figures.sizes import label_sizes, size_histogram

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
    sizes = label_sizes(region)
    facts = counted(len(sizes), "region")
    facts += ", trust not stated" if trusted is None else f", not trusted {number(100 * doubtful, 2)} %"
    title(canvas, panel.box, "Segmentation", facts, sheet.room)
    panel.axes()
    panel.scale_bar()
    legend(canvas, panel.box.left, panel.box.bottom + 84, keys, sheet.map_box.right + 90)
    if anomaly is not None:
        _anomaly_map(MapPanel(canvas, sheet.sides[0], shape, grid), anomaly, region, sheet.sides[0].width + 18)
    size_histogram(canvas, sheet.sides[-1], sizes, grid, "region")
    foot(canvas, sheet.foot, "" if anomaly is not None else "no map of anomalies", heading)
    return canvas.finish()


def _anomaly_map(panel: MapPanel, anomaly: np.ndarray, region: np.ndarray, room: float) -> None:
    """Anomalies in black on the pale outlines of the regions; the large map has the axes."""
    paper = np.full((*panel.pixels, 3), PALE, np.uint8)
    dark = raster.share(anomaly, *panel.pixels)[..., None]
    pixels = (panel.borders(paper, region, OUTLINE) * (1 - dark) + np.array(BLACK) * dark).astype(np.uint8)
    panel.paint(pixels)
    title(panel.canvas, panel.box, "Anomalies", f"{number(100 * float(anomaly.mean()), 2)} % of points", room)
