"""Picture of the boundaries: where the dominant weights cross, and how well the positions are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures import raster
from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import (
    RED,
    cluster_colours,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    columns,
    flags,
    labels,
    never_raises,
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


@never_raises("Boundaries")
def draw_weight_boundaries(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """The cluster map with the sub-pixel crossings of the dominant weights, and how well their positions are known.

    Parameters
    ----------
    arrays
        `cluster` (y, x) or, without it, `boundary` (y, x); `roi` (y, x) optional.
    tables
        `crossings`: `axis` ("x" or "y"), `y`, `x` (row and column in points of this map), `position_um` along `axis`
        from the map's first point and `position_std_um` [µm; points where the step is not known].
    """
    cluster, boundary = labels(arrays, "cluster"), flags(arrays, "boundary")
    shape = cluster.shape if cluster is not None else boundary.shape if boundary is not None else None
    if shape is None:
        return statement("Boundaries", "There is neither a cluster map nor a boundary map.", heading, width_in)
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 1, bar=False)
    canvas = sheet.canvas
    panel = MapPanel(canvas, sheet.map_box, shape, grid)
    if cluster is not None:
        pixels = cluster_colours(panel.sample(cluster))
        pixels = raster.blend(pixels, np.ones(panel.pixels, bool), (255, 255, 255), 0.35)
    else:
        pixels = np.full((*panel.pixels, 3), 238, np.uint8)
        flagged = raster.shrink_any(boundary, *panel.pixels) if boundary is not None else np.zeros(shape, bool)
        pixels = raster.blend(pixels, panel.sample(flagged), (150, 158, 166))
    panel.paint(panel.rois(pixels, labels(arrays, "roi", shape)))
    crossings = columns(tables, "crossings", ("y", "x", "position_um"), optional=("position_std_um",), words=("axis",))
    facts = "no crossing of two dominant weights"
    if crossings is not None:
        facts = _draw_crossings(panel, crossings)
    title(canvas, panel.box, "Weight boundaries", facts, sheet.room)
    panel.axes()
    panel.scale_bar()
    _position_histogram(canvas, sheet.sides[0], crossings, grid)
    foot(canvas, sheet.foot, "a tick per crossing, along x and along y", heading)
    return canvas.finish()


def _draw_crossings(panel: MapPanel, crossings: dict[str, np.ndarray]) -> str:
    """A tick of one point's length at each crossing, at right angles to its axis; returns the facts."""
    grid = panel.grid
    along_x = np.array([axis.strip().lower().startswith("x") for axis in crossings["axis"]])
    column = np.where(along_x, crossings["position_um"] / grid.step_x, crossings["x"])
    row = np.where(along_x, crossings["y"], crossings["position_um"] / grid.step_y)
    columns_px, rows_px = panel.place(row, column)
    height, width = panel.point_size
    half_x, half_y = np.where(along_x, 0, max(width / 2, 1)), np.where(along_x, max(height / 2, 1), 0)
    ends = np.stack(
        [
            np.stack([columns_px - half_x, rows_px - half_y], axis=1),
            np.stack([columns_px + half_x, rows_px + half_y], axis=1),
        ],
        axis=1,
    )
    frame = panel.box
    inside = np.isfinite(ends).all(axis=(1, 2))
    inside &= (ends[..., 0] >= frame.left - 1).all(axis=1) & (ends[..., 0] <= frame.right + 1).all(axis=1)
    inside &= (ends[..., 1] >= frame.top - 1).all(axis=1) & (ends[..., 1] <= frame.bottom + 1).all(axis=1)
    shown = np.flatnonzero(inside)
    step = max(1, len(shown) // 20_000)
    panel.canvas.segments(ends[shown[::step]], "#101216", 1.3 if height > 4 else 0.7)
    text = f"{counted(int(along_x.sum()), 'crossing')} along x, {number(int((~along_x).sum()))} along y"
    lost = len(along_x) - len(shown)
    return text + (f", {number(lost)} outside the map" if lost else "")


def _position_histogram(canvas: Canvas, box: Box, crossings: dict[str, np.ndarray] | None, grid: Grid) -> None:
    spread = crossings["position_std_um"] if crossings is not None else np.zeros(0)
    spread = spread[np.isfinite(spread) & (spread >= 0)]
    if not spread.size:
        title(canvas, box, "Position uncertainty")
        words_in_box(canvas, box, "No crossing has an uncertainty.")
        return
    unit, factor = ("nm", 1000.0) if grid.known else ("points", 1.0)
    spread = spread * factor
    median = float(np.median(spread))
    title(canvas, box, "Position uncertainty", f"median {number(median)} {unit}", box.width + 18)
    high = max(float(np.percentile(spread, 99)), median * 1.2, 1e-9)
    counts, edges = np.histogram(np.minimum(spread, high), bins=24, range=(0, high))
    plot = Plot(canvas, box, (0, high), (0, float(counts.max()) * 1.08))
    plot.bars(edges, counts, "#8fb4dc")
    plot.upright(median, RED, 1.4)
    plot.axes(f"standard deviation ({unit})", "crossings")
