"""Pictures made of detector images: sample patterns, the loadings of the subspace, the reference patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures import raster
from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import (
    BLUE,
    INK,
    MUTED,
    RED,
    cluster_colours,
    colourise,
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
    optional_column,
    per_roi,
    statement,
    width_px,
)
from microstructure_assets.figures.panels import (
    FOOT_HEIGHT,
    LEFT_MARGIN,
    TITLE_HEIGHT,
    Key,
    MapPanel,
    Plot,
    foot,
    legend,
    ratio,
    title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLE_COUNT = 4
LARGEST_STRIP = 10


def _pattern(canvas: Canvas, box: Box, pattern: np.ndarray, *, symmetric: bool = False) -> None:
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
        `sample_corrected` (n, dy, dx) and optionally `sample_raw` (n, dy, dx), `sample_y` (n), `sample_x` (n) in
        points; or `intensity` (y, x, dy, dx), of which four patterns are read (a lazily readable array does).
    tables
        Not used.
    grid
        Steps and origin [µm], for the positions.
    heading
        Name of the scan.
    width_in
        Width of the picture [inch].

    Returns
    -------
    matplotlib.figure.Figure
        The picture.
    """
    width = width_px(width_in)
    rows, cols = per_roi(arrays, "sample_y"), per_roi(arrays, "sample_x")
    corrected = array(arrays, "sample_corrected", 3)
    source = arrays.get("intensity")
    if corrected is None and source is not None and len(getattr(source, "shape", ())) == 4 and 0 not in source.shape:
        y, x = _four_places((int(source.shape[0]), int(source.shape[1])))
        corrected = np.stack([np.asarray(source[int(row), int(column)]) for row, column in zip(y, x, strict=True)])
        rows, cols = y.astype(float), x.astype(float)
    raw = array(arrays, "sample_raw", 3)
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
            _pattern(canvas, Box(20 + place * (side + 16), top, side, high), values[place])
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
    tables
        Not used.
    grid
        Steps and origin [µm].
    heading
        Name of the scan.
    width_in
        Width of the picture [inch].

    Returns
    -------
    matplotlib.figure.Figure
        The picture.
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
            _pattern(canvas, box, loading[place], symmetric=True)
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


@never_raises("Reference patterns")
def draw_reference_windows(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """The cluster map with the reference windows, and the reference patterns of the largest clusters.

    Parameters
    ----------
    arrays
        `reference` (roi, cluster, dy, dx); `cluster_count` (roi), `cluster` (y, x), `roi` (y, x) optional.
    tables
        `windows`: `roi`, `cluster`, `y`, `x` (centre of the window in points of this map); optional `point_count`
        (points averaged in the reference), `fallback` (true where no window qualified).
    grid
        Steps and origin [µm].
    heading
        Name of scan and tile.
    width_in
        Width of the picture [inch].

    Returns
    -------
    matplotlib.figure.Figure
        The picture.
    """
    reference, cluster = array(arrays, "reference", 4), labels(arrays, "cluster")
    if reference is None and cluster is None:
        return statement("Reference patterns", "There are neither references nor clusters.", heading, width_in)
    windows = columns(tables, "windows", ("roi", "cluster", "y", "x"))
    width = width_px(width_in)
    shape = (1, 1) if cluster is None else (cluster.shape[0], cluster.shape[1])
    left = 20 + LEFT_MARGIN
    map_width = 0.56 * (width - 20 - left) - 26
    height = min(max(map_width * ratio(shape, grid), 340), 0.62 * width)
    canvas = Canvas(width, TITLE_HEIGHT + height + FOOT_HEIGHT + 64)
    map_box = Box(left, TITLE_HEIGHT, map_width, height)
    strip = Box(left + map_width + 26, TITLE_HEIGHT, width - 20 - left - map_width - 26, height + 40)
    panel = MapPanel(canvas, map_box, shape, grid)
    roi = labels(arrays, "roi", shape)
    if cluster is None:
        words_in_box(canvas, map_box, "There is no cluster map.")
        title(canvas, map_box, "Windows on the cluster map")
    else:
        panel.paint(panel.rois(panel.borders(cluster_colours(panel.sample(cluster)), cluster), roi))
        count = "no windows are given" if windows is None else counted(len(windows["y"]), "window")
        title(canvas, panel.box, "Windows on the cluster map", count, map_box.width)
        panel.axes()
        if windows is not None:
            panel.point_boxes(windows["y"], windows["x"], 1, RED)
        legend(canvas, panel.box.left, panel.box.bottom + 84, [Key("outline", RED, "3 × 3 window")], map_box.right)
    shown, total = _reference_strip(canvas, strip, reference, _order(arrays, reference, cluster, roi), tables, windows)
    hidden = f", {total - shown} not shown" if total > shown else ""
    title(canvas, strip, "Reference patterns", f"{counted(total, 'cluster')}{hidden}", strip.width)
    remark = "fallback: no window qualified" if _averaged(tables, windows)[1] else ""
    foot(canvas, canvas.height - 12, remark, heading)
    return canvas.finish()


def _order(
    arrays: Arrays, reference: np.ndarray | None, cluster: np.ndarray | None, roi: np.ndarray | None
) -> list[tuple[int, int, int]]:
    """ROI, cluster and points of every reference, largest cluster first."""
    if reference is None:
        return []
    counts = per_roi(arrays, "cluster_count")
    found = []
    for place in range(reference.shape[0]):
        limit = reference.shape[1]
        if place < counts.size and np.isfinite(counts[place]):
            limit = min(limit, int(counts[place]))
        points = np.zeros(limit, np.int64)
        if cluster is not None and limit:
            member = cluster if roi is None else cluster[roi == place]
            points = np.bincount(member[(member >= 0) & (member < limit)].ravel(), minlength=limit)
        found += [(place, index, int(points[index])) for index in range(limit)]
    return sorted(found, key=lambda entry: (-entry[2], entry[0], entry[1]))


def _reference_strip(
    canvas: Canvas,
    strip: Box,
    reference: np.ndarray | None,
    order: list[tuple[int, int, int]],
    tables: Tables,
    windows: dict[str, np.ndarray] | None,
) -> tuple[int, int]:
    """Images of the references in rows; returns how many are shown and how many there are."""
    if reference is None or not order:
        words_in_box(canvas, strip, "There are no references.")
        return 0, 0
    across = 2 if len(order) <= 4 else 3
    side = (strip.width - (across - 1) * 10) / across
    high = min(max(side * reference.shape[2] / reference.shape[3], 40), 1.4 * side)
    averaged, fallback = _averaged(tables, windows)
    pitch = high + (58 if averaged else 36)
    shown = order[: min(max(1, int((strip.height + 10) // pitch)) * across, LARGEST_STRIP)]
    for place, (roi, index, points) in enumerate(shown):
        box = Box(strip.left + (place % across) * (side + 10), strip.top + 24 + (place // across) * pitch, side, high)
        _pattern(canvas, box, np.asarray(reference[roi, index], float))
        several = reference.shape[0] > 1
        words = f"ROI {roi} · c{index}" if several else f"c{index}"
        colour = tuple(label_palette(index + 1)[index] / 255)
        canvas.fill([Box(box.left, box.top - 19, 13, 13)], [colour], edge=INK, width=0.4)
        words += f" · {number(points)} pt" if points and not several else ""
        canvas.text(box.left + 18, box.top - 7, words, size=8, width=side - 16)
        if (roi, index) in averaged:
            text = "fallback" if (roi, index) in fallback else f"mean of {number(averaged[roi, index])}"
            canvas.text(box.left, box.bottom + 19, text, size=8, colour=MUTED, width=side)
    return len(shown), len(order)


def _averaged(
    tables: Tables, windows: dict[str, np.ndarray] | None
) -> tuple[dict[tuple[int, int], float], set[tuple[int, int]]]:
    """Points averaged in each reference, and the references for which no window qualified."""
    if windows is None:
        return {}, set()
    count = len(windows["y"])
    amount = optional_column(tables, "windows", "point_count", count)
    fallback = optional_column(tables, "windows", "fallback", count)
    names = [(int(roi), int(index)) for roi, index in zip(windows["roi"], windows["cluster"], strict=True)]
    given = {name: float(value) for name, value in zip(names, amount, strict=True) if np.isfinite(value)}
    return given, {name for name, value in zip(names, fallback, strict=True) if value > 0}
