"""Pictures of the element maps: three elements as colours, and each one by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted, number
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    columns,
    never_raises,
    statement,
    width_px,
)
from microstructure_assets.figures.layout import FOOT_HEIGHT, LEFT_MARGIN, TITLE_HEIGHT, Key, foot, legend, title
from microstructure_assets.figures.panels import MapPanel, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ELEMENTS = 8
ACROSS = 3
GAP, BAR = 26, 92
CHANNELS = ("#ff4040", "#30c030", "#4060ff")


@never_raises("Element maps")
def draw_element_maps(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Three elements as red, green and blue, and the counts of each element in small maps.

    Parameters
    ----------
    arrays
        `counts` (element, y, x); `rgb` (y, x, 3) optional.
    tables
        `elements` with the columns `line` and `mean`; `colours` with the column `element`, optional.
    """
    counts = array(arrays, "counts", 3)
    if counts is None:
        return statement("Element maps", "There is no element map.", heading, width_in)
    shape = (counts.shape[1], counts.shape[2])
    rgb = array(arrays, "rgb", 3, shape)
    names = columns(tables, "elements", ("mean",), words=("line",))
    lines = list(names["line"]) if names is not None else []
    width, shown = width_px(width_in), min(len(counts), MOST_ELEMENTS)
    aspect = ratio(shape, grid)
    inner = width - 40 - LEFT_MARGIN
    large_width = min(inner, (0.9 * inner) / max(aspect, 1e-9))
    large_height = max(40.0, min(large_width * aspect, 0.5 * width)) if rgb is not None and rgb.shape[2] == 3 else 0.0
    small_width = (width - 40 - (ACROSS - 1) * GAP) / ACROSS - BAR
    small_height = max(40.0, min(small_width * aspect, small_width * 1.5))
    rows = -(-shown // ACROSS)
    top = TITLE_HEIGHT + large_height + FOOT_HEIGHT + 40 if large_height else 10.0
    canvas = Canvas(width, top + rows * (TITLE_HEIGHT + small_height) + 60)
    if large_height and rgb is not None:
        panel = MapPanel(canvas, Box(20 + LEFT_MARGIN, TITLE_HEIGHT, inner, large_height), shape, grid)
        panel.paint(panel.sample(np.clip(np.nan_to_num(rgb), 0, 255).astype(np.uint8)))
        title(canvas, panel.box, "Elements", counted(len(counts), "line"), inner)
        panel.axes()
        panel.scale_bar()
        of_colours = columns(tables, "colours", (), words=("element",)) if "colours" in tables else None
        elements = list(of_colours["element"]) if of_colours is not None else []
        keys = [Key("fill", colour, str(name)) for colour, name in zip(CHANNELS, elements, strict=False)]
        legend(canvas, panel.box.left, panel.box.bottom + 84, keys, width - 20)
    for place in range(shown):
        left = 20 + place % ACROSS * (small_width + BAR + GAP)
        box = Box(left, top + TITLE_HEIGHT + place // ACROSS * (TITLE_HEIGHT + small_height), small_width, small_height)
        own = MapPanel(canvas, box, shape, grid)
        known = counts[place][np.isfinite(counts[place])]
        facts = f"mean {number(float(known.mean()), 3)}" if known.size else ""
        title(
            canvas, own.box, str(lines[place]) if place < len(lines) else f"line {place + 1}", facts, small_width + 70
        )
        own.values(counts[place], "viridis", what="count")
    more = f"{len(counts) - shown} more lines are not shown" if len(counts) > shown else ""
    foot(canvas, canvas.height - 12, more or "colours from the 0.5th to the 99.5th percentile", heading)
    return canvas.finish()
