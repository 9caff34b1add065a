"""Picture of the pattern quality: band contrast and mean intensity."""

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
    never_raises,
    statement,
    width_px,
)
from microstructure_assets.figures.layout import (
    BAR_MARGIN,
    FOOT_HEIGHT,
    LEFT_MARGIN,
    TITLE_HEIGHT,
    foot,
    title,
)
from microstructure_assets.figures.panels import MapPanel, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _map_facts(values: np.ndarray) -> str:
    without = int(values.size - np.isfinite(values).sum())
    few = values.ravel()[:: max(1, values.size // 400_000)]
    few = few[np.isfinite(few)]
    facts = [f"median {number(float(np.median(few)))}"] if few.size else []
    return ", ".join([*facts, f"{counted(without, 'point')} without value"] if without else facts)


@never_raises("Pattern quality")
def draw_pattern_quality(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Band contrast and mean intensity as maps with µm axes, scale bar and colour bar.

    Parameters
    ----------
    arrays
        `band_contrast` (y, x), `mean_intensity` (y, x); one may be missing.
    """
    width = width_px(width_in)
    found = {name: array(arrays, name, 2) for name in ("band_contrast", "mean_intensity")}
    shapes = [values.shape for values in found.values() if values is not None]
    if not shapes:
        return statement("Pattern quality", "There is no map of band contrast or mean intensity.", heading, width_in)
    aspect = ratio(shapes[0], grid)
    stacked = aspect < 0.6
    column_count = 1 if stacked else 2
    map_width = (width - 40) / column_count - LEFT_MARGIN - BAR_MARGIN - (0 if stacked else 10)
    map_height = max(40.0, min(map_width * aspect, width * 0.55))
    row_height = TITLE_HEIGHT + map_height + FOOT_HEIGHT
    canvas = Canvas(width, row_height * (2 if stacked else 1) + 34)
    for place, (name, words, colours) in enumerate(
        (("band_contrast", "Band contrast", "gray"), ("mean_intensity", "Mean intensity", "cividis"))
    ):
        left = 20 + LEFT_MARGIN + (0 if stacked else place * ((width - 40) / 2 + 5))
        box = Box(left, TITLE_HEIGHT + (place * row_height if stacked else 0), map_width, map_height)
        values = found[name]
        panel = MapPanel(canvas, box, values.shape if values is not None else shapes[0], grid)
        title(canvas, panel.box, words, "" if values is None else _map_facts(values), map_width + 60)
        if values is None:
            panel.missing(f"There is no map of {words.lower()}.")
        elif panel.values(values, colours, unit="a.u.", what="value"):
            panel.scale_bar()
        panel.axes()
    foot(canvas, canvas.height - 12, "colours from the 0.5th to the 99.5th percentile", heading)
    return canvas.finish()
