"""Pictures made of detector images: sample patterns, and the loadings of the subspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures import raster
from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import (
    BLUE,
    INK,
    MUTED,
    colourise,
    finite_limits,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    never_raises,
    per_roi,
    statement,
    width_px,
)
from microstructure_assets.figures.layout import (
    FOOT_HEIGHT,
    LEFT_MARGIN,
    TITLE_HEIGHT,
    foot,
    title,
)
from microstructure_assets.figures.panels import MapPanel, Plot, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLE_COUNT = 4


def draw_pattern(canvas: Canvas, box: Box, pattern: np.ndarray, *, symmetric: bool = False) -> None:
    """A detector image in grey, or around zero in blue and red, as large as the box allows."""
    height, width = pattern.shape
    scale = min(box.width / width, box.height / height)
    high, across = max(8, round(height * scale)), max(8, round(width * scale))
    place = Box(round(box.left + (box.width - across) / 2), round(box.top + (box.height - high) / 2), across, high)
    limits = finite_limits(pattern, 0.3, 99.7)
    if limits is None:
        words_in_box(canvas, place, "no values")
        return
    if symmetric:
        largest = max(abs(limits[0]), abs(limits[1]))
        limits = (-largest, largest)
    small = raster.shrink_mean(pattern, high, across)
    canvas.image(raster.stretch(colourise(small, limits, "gray"), high, across), place)
    canvas.outline(place, INK, 0.5)


def _four_places(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of four points spread over a scan."""
    return (
        np.array([shape[0] // 4, shape[0] // 4, (3 * shape[0]) // 4, (3 * shape[0]) // 4]).clip(0, shape[0] - 1),
        np.array([shape[1] // 4, (3 * shape[1]) // 4, shape[1] // 4, (3 * shape[1]) // 4]).clip(0, shape[1] - 1),
    )


@never_raises("Preprocessed patterns")
def draw_preprocessed_patterns(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Four sample patterns, as recorded above the corrected ones where they are given.

    Parameters
    ----------
    arrays
        `corrected` (n, dy, dx) and optionally `raw` (n, dy, dx), `sample_y` (n), `sample_x` (n) in points; or
        `intensity` (y, x, dy, dx), of which four patterns are read (a lazily readable array does).
    """
    width = width_px(width_in)
    rows, cols = per_roi(arrays, "sample_y"), per_roi(arrays, "sample_x")
    corrected = array(arrays, "corrected", 3)
    source = arrays.get("intensity")
    if corrected is None and source is not None and len(getattr(source, "shape", ())) == 4 and 0 not in source.shape:
        y, x = _four_places((int(source.shape[0]), int(source.shape[1])))
        corrected = np.stack([np.asarray(source[int(row), int(column)]) for row, column in zip(y, x, strict=True)])
        rows, cols = y.astype(float), x.astype(float)
    raw = array(arrays, "raw", 3)
    lines = [
        (words, values) for words, values in (("As recorded", raw), ("Corrected", corrected)) if values is not None
    ]
    if not lines:
        return statement("Preprocessed patterns", "There are no sample patterns.", heading, width_in)
    side = (width - 40 - (SAMPLE_COUNT - 1) * 16) / SAMPLE_COUNT
    aspect = lines[-1][1].shape[1] / lines[-1][1].shape[2]
    high = min(max(side * aspect, 60), 1.4 * side)
    canvas = Canvas(width, 70 + len(lines) * (high + 44) + 26)
    for line, (words, values) in enumerate(lines):
        top = 60 + line * (high + 44)
        detector = f"{values.shape[1]} × {values.shape[2]} pixels"
        title(canvas, Box(20, top, width - 40, high), f"{words}  ·  {detector}")
        for place in range(min(SAMPLE_COUNT, len(values))):
            draw_pattern(canvas, Box(20 + place * (side + 16), top, side, high), values[place])
    for place in range(min(SAMPLE_COUNT, len(lines[-1][1]))):
        if place < min(len(rows), len(cols)):
            x, y = grid.origin_x + cols[place] * grid.step_x, grid.origin_y + rows[place] * grid.step_y
            text = f"x {number(x)}, y {number(y)} {grid.unit}"
            middle = 20 + place * (side + 16) + side / 2
            canvas.text(middle, canvas.height - 42, text, colour=MUTED, across="center", width=side)
    foot(canvas, canvas.height - 12, "" if raw is not None else "recorded patterns not at hand", heading)
    return canvas.finish()


@never_raises("Pattern subspace")
def draw_pattern_subspace(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """The first loadings as images, the variance that each component explains, and the energy left outside.

    Parameters
    ----------
    arrays
        `loading` (k, dy, dx), `explained_variance_ratio` (k), `residual_energy` (y, x); each may be missing.
    """
    loading, residual = array(arrays, "loading", 3), array(arrays, "residual_energy", 2)
    variance = per_roi(arrays, "explained_variance_ratio")
    if loading is None and residual is None and not variance.size:
        return statement("Pattern subspace", "There is no subspace to show.", heading, width_in)
    width = width_px(width_in)
    count = 6
    side = (width - 40 - (count - 1) * 12) / count
    aspect = 1.0 if loading is None else loading.shape[1] / loading.shape[2]
    high = min(max(side * aspect, 40), 1.5 * side)
    shape = (1, 1) if residual is None else residual.shape
    below = 46 + high + 26
    plot_left, plot_width = 20 + LEFT_MARGIN, 0.5 * (width - 40) - LEFT_MARGIN - 20
    map_left = width / 2 + LEFT_MARGIN + 10
    map_width = width / 2 - LEFT_MARGIN - 10 - 20 - 92
    panel_height = min(max(map_width * (ratio(shape, grid) if residual is not None else 0.75), 220), 0.42 * width)
    canvas = Canvas(width, below + TITLE_HEIGHT + panel_height + FOOT_HEIGHT + 34)
    title(canvas, Box(20, 46, width - 40, 1), "First loadings")
    if loading is None:
        words_in_box(canvas, Box(20, 46, width - 40, high), "There are no loadings.")
    else:
        for place in range(min(count, len(loading))):
            box = Box(20 + place * (side + 12), 46, side, high)
            draw_pattern(canvas, box, loading[place], symmetric=True)
            share = f" · {number(100 * variance[place], 2)} %" if place < variance.size else ""
            canvas.text(box.left + side / 2, 46 + high + 22, f"{place + 1}{share}", colour=MUTED, across="center")
    top = below + TITLE_HEIGHT
    _variance_curve(canvas, Box(plot_left, top, plot_width, panel_height), variance)
    panel = MapPanel(canvas, Box(map_left, top, map_width, panel_height), shape, grid)
    if residual is None:
        title(canvas, Box(map_left, top, map_width, 1), "Residual energy")
        words_in_box(canvas, Box(map_left, top, map_width, panel_height), "There is no map of the residual energy.")
    else:
        known = residual.ravel()[:: max(1, residual.size // 400_000)]
        known = known[np.isfinite(known)]
        facts = f"median {number(float(np.median(known)))}" if known.size else ""
        title(canvas, panel.box, "Residual energy", facts, map_width + 60)
        panel.values(residual, "magma", what="residual")
        panel.axes()
        panel.scale_bar()
    foot(canvas, canvas.height - 12, "loadings: grey is zero", heading)
    return canvas.finish()


def _variance_curve(canvas: Canvas, box: Box, variance: np.ndarray) -> None:
    known = variance[np.isfinite(variance) & (variance > 0)]
    if not known.size:
        title(canvas, box, "Explained variance")
        words_in_box(canvas, box, "No component explains any variance.")
        return
    total = counted(len(known), "component")
    title(canvas, box, "Explained variance", f"{total} hold {number(100 * float(known.sum()), 3)} %", box.width + 18)
    index = np.arange(1, len(known) + 1)
    low, high = 10 ** np.floor(np.log10(known.min() * 100)), 10 ** np.ceil(np.log10(known.max() * 100 * 1.0001))
    plot = Plot(canvas, box, (0.5, len(known) + 0.5), (min(low, high / 10), high), log_y=True)
    plot.curve(index, known * 100, BLUE)
    if len(known) <= 60:
        plot.dots(index, known * 100, BLUE, 4)
    plot.axes("component", "variance (%)")
