"""How large the labelled areas of a map are: a histogram beside it."""

from __future__ import annotations

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, number, words_in_box
from microstructure_assets.figures.colours import RED
from microstructure_assets.figures.grid import Grid
from microstructure_assets.figures.layout import Key, legend, title
from microstructure_assets.figures.panels import Plot


def label_sizes(region: np.ndarray) -> np.ndarray:
    """Points of each label above 0; counting is much faster than sorting while labels are about as many as points."""
    if int(region.max()) <= 4 * region.size + 1000:
        counts = np.bincount(np.maximum(region, 0).ravel())[1:]
        return counts[counts > 0]
    return np.unique(region[region > 0], return_counts=True)[1]


def size_histogram(canvas: Canvas, box: Box, sizes: np.ndarray, grid: Grid, what: str) -> None:
    """Equivalent circle diameters: share of the regions or grains as bars, share of area as a line."""
    if not len(sizes):
        title(canvas, box, f"{what.capitalize()} size")
        words_in_box(canvas, box, f"There is no {what} to measure.")
        return
    diameter = np.sqrt(4 / np.pi * sizes * grid.step_y * grid.step_x)
    by_area = float(np.average(diameter, weights=sizes))
    facts = f"mean {number(float(diameter.mean()), 2)} (area {number(by_area, 2)}) {grid.unit}"
    title(canvas, box, f"{what.capitalize()} size", facts, box.width + 18)
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
        [Key("fill", "#9dbce0", f"of {what}s"), Key("line", RED, "of area")],
        box.right + 20,
    )
