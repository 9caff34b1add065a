"""Picture of the analysis tiling: ROIs, tiles and named regions over the band contrast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets.figures import raster
from microstructure_assets.figures.canvas import Box, counted, number, text_width
from microstructure_assets.figures.colours import (
    INK,
    RED,
    finite_limits,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    columns,
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
from microstructure_assets.figures.panels import MapPanel, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOUNDS = ("row_start", "row_stop", "column_start", "column_stop")
LARGEST_TILING = 4096


@never_raises("Analysis tiling")
def draw_analysis_tiling(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """The tiles of a scan as a grid over the band contrast, named regions outlined and labelled.

    Parameters
    ----------
    arrays
        `band_contrast` (y, x); or `shape` (2) where there is no map to draw on.
    tables
        `tiles`: a row per ROI with `slot`, `row_start`, `row_stop`, `column_start`, `column_stop` in points, stop
        excluded. `regions` optional: `name`, `slot` and the same bounds for the named regions; slots of `tiles` that
        begin with ``r`` are named regions too.
    """
    background = array(arrays, "band_contrast", 2)
    rois = columns(tables, "tiles", BOUNDS, words=("slot", "name"))
    regions = columns(tables, "regions", BOUNDS, words=("slot", "name"))
    shape_given = per_roi(arrays, "shape")
    if background is not None:
        shape = background.shape
    elif shape_given.size == 2 and np.all(shape_given >= 1):
        shape = (int(shape_given[0]), int(shape_given[1]))
    elif rois is not None:
        shape = (max(1, int(rois["row_stop"].max())), max(1, int(rois["column_stop"].max())))
    else:
        return statement("Analysis tiling", "There are neither tiles nor a map to draw them on.", heading, width_in)
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 0, bar=False)
    canvas = sheet.canvas
    panel = MapPanel(canvas, sheet.map_box, shape, grid, middle=True)
    limits = finite_limits(background) if background is not None else None
    if background is not None and limits is not None:
        panel.paint(
            raster.blend(panel.colours(background, "gray", limits), np.ones(panel.pixels, bool), (255, 255, 255), 0.3)
        )
    else:
        panel.paint(np.full((*panel.pixels, 3), 238, np.uint8))
    facts = "no tiles are declared"
    if rois is not None:
        facts = _draw_tiles(panel, rois, regions)
    title(canvas, Box(sheet.map_box.left, panel.box.top, sheet.map_box.width, 1), "Analysis tiling", facts)
    panel.axes()
    without = "no point has a band contrast" if background is not None and limits is None else ""
    foot(canvas, sheet.foot, without, heading)
    return canvas.finish()


def _bounds_box(panel: MapPanel, bounds: Sequence[float]) -> Box:
    """Box of first row, row behind the last, first column and column behind the last, cut to the map."""
    left, top = panel.place(bounds[0] - 0.5, bounds[2] - 0.5)
    right, bottom = panel.place(bounds[1] - 0.5, bounds[3] - 0.5)
    frame = panel.box
    x = np.clip([float(left), float(right)], frame.left, frame.right)
    y = np.clip([float(top), float(bottom)], frame.top, frame.bottom)
    return Box(float(x[0]), float(y[0]), float(x[1] - x[0]), float(y[1] - y[0]))


def _draw_tiles(panel: MapPanel, rois: dict[str, Any], regions: dict[str, Any] | None) -> str:
    """Outlines and labels of ROIs, tiles and regions; returns what is said about them."""
    tiles: dict[str, list[float]] = {}
    named: dict[str, list[float]] = {}
    names: dict[str, str] = {}
    for table in (rois, regions):
        for row in range(0 if table is None else min(len(table["slot"]), LARGEST_TILING)):
            assert table is not None
            slot = table["slot"][row] or table["name"][row]
            first, last, left, right = (float(table[name][row]) for name in BOUNDS)
            kept = named if table is regions or slot.startswith("r") else tiles
            known = kept.get(slot, [first, last, left, right])
            kept[slot] = [min(known[0], first), max(known[1], last), min(known[2], left), max(known[3], right)]
            names[slot] = table["name"][row] or names.get(slot, slot)
    roi_count = sum(not slot.startswith("r") for slot in rois["slot"])
    if roi_count > len(tiles):
        for row in range(min(len(rois["slot"]), LARGEST_TILING)):
            box = _bounds_box(panel, [float(rois[name][row]) for name in BOUNDS])
            panel.canvas.outline(box, "#ffffff", 0.6, order=2.5)
    for slot, bounds in tiles.items():
        _tile(panel, slot, _bounds_box(panel, bounds))
    for slot, bounds in list(named.items())[:64]:
        _named_region(panel, names[slot], _bounds_box(panel, bounds))
    sizes = np.array([[bounds[1] - bounds[0], bounds[3] - bounds[2]] for bounds in tiles.values()])
    facts = counted(len(tiles), "tile")
    if len(sizes):
        height, width = (float(value) for value in np.median(sizes, axis=0))
        facts += f" of about {number(height)} × {number(width)} points"
        if panel.grid.known:
            facts += f" ({number(height * panel.grid.step_y)} × {number(width * panel.grid.step_x)} µm)"
    if roi_count > len(tiles):
        facts += f", {counted(roi_count, 'ROI')}"
    return facts + (f", {counted(len(named), 'named region')}" if named else "")


def _tile(panel: MapPanel, slot: str, box: Box) -> None:
    canvas, length = panel.canvas, text_width(slot, 8) + 9
    canvas.outline(box, INK, 0.9, order=3)
    if box.width >= length - 3 and box.height >= 24:
        canvas.fill([Box(box.left, box.top, length, 22)], [(1, 1, 1, 0.8)], order=3)
        canvas.text(box.left + 5, box.top + 17, slot, size=8)


def _named_region(panel: MapPanel, name: str, box: Box) -> None:
    canvas, length = panel.canvas, min(text_width(name, bold=True) + 12, 220)
    canvas.outline(box, "#ffffff", 3.4, order=4.2)
    canvas.outline(box, RED, 1.7, order=4.3)
    top = box.top - 25 if box.top - 25 >= panel.box.top else box.top
    left = max(min(box.left, panel.box.right - length), panel.box.left)
    canvas.fill([Box(left, top, length, 25)], RED, order=4.4)
    canvas.text(left + 6, top + 19, name, colour="#ffffff", bold=True, width=length - 10)
