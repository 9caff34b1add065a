"""Pictures of whole maps: pattern quality, the analysis tiling, boundaries from weights and the segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures import raster
from microstructure_assets.figures.canvas import Box, Canvas, counted, number, text_width, words_in_box
from microstructure_assets.figures.colours import (
    INK,
    MISSING,
    RED,
    cluster_colours,
    finite_limits,
    touching_colours,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    columns,
    flags,
    labels,
    never_raises,
    per_roi,
    statement,
    width_px,
)
from microstructure_assets.figures.panels import (
    BAR_MARGIN,
    FOOT_HEIGHT,
    LEFT_MARGIN,
    TITLE_HEIGHT,
    Key,
    MapPanel,
    Plot,
    foot,
    legend,
    map_with_sides,
    ratio,
    title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _map_facts(values: np.ndarray) -> str:
    without = int(values.size - np.isfinite(values).sum())
    few = values.ravel()[:: max(1, values.size // 400_000)]
    few = few[np.isfinite(few)]
    text = f"median {number(float(np.median(few)))}" if few.size else ""
    return text + (f", {counted(without, 'point')} without value" if without else "")


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
    tables
        Not used.
    grid
        Steps and origin [µm].
    heading
        Name of the scan, at the foot of the picture.
    width_in
        Width of the picture [inch].

    Returns
    -------
    matplotlib.figure.Figure
        The picture.
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
        `tile`: `slot`, `y_start`, `y_stop`, `x_start`, `x_stop` in points, stop excluded; slots that begin with ``r``
        are named regions, with their name in `name`. `roi`, as far as there are several in a tile: the same bounds.
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
    background = array(arrays, "band_contrast", 2)
    bounds = ("y_start", "y_stop", "x_start", "x_stop")
    tiles = columns(tables, "tile", bounds, ("slot", "name"))
    rois = columns(tables, "roi", bounds)
    shape_given = per_roi(arrays, "shape")
    if background is not None:
        shape = background.shape
    elif shape_given.size == 2 and np.all(shape_given >= 1):
        shape = (int(shape_given[0]), int(shape_given[1]))
    elif tiles is not None:
        shape = (max(1, int(np.nanmax(tiles["y_stop"]))), max(1, int(np.nanmax(tiles["x_stop"]))))
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
    if tiles is not None:
        facts = _draw_tiles(panel, tiles, rois)
    title(canvas, Box(sheet.map_box.left, panel.box.top, sheet.map_box.width, 1), "Analysis tiling", facts)
    panel.axes()
    without = "" if limits is not None else "no band contrast to draw on"
    foot(canvas, sheet.foot, without, heading)
    return canvas.finish()


def _draw_tiles(panel: MapPanel, tiles: dict[str, np.ndarray], rois: dict[str, np.ndarray] | None) -> str:
    """Outlines and labels of tiles and regions; returns what is said about them."""

    def corners(table: dict[str, np.ndarray], row: int) -> Box:
        left, top = panel.place(table["y_start"][row] - 0.5, table["x_start"][row] - 0.5)
        right, bottom = panel.place(table["y_stop"][row] - 0.5, table["x_stop"][row] - 0.5)
        frame = panel.box
        left, right = np.clip([float(left), float(right)], frame.left, frame.right)
        top, bottom = np.clip([float(top), float(bottom)], frame.top, frame.bottom)
        return Box(left, top, right - left, bottom - top)

    canvas = panel.canvas
    if rois is not None:
        for row in range(min(len(rois["y_start"]), 1024)):
            canvas.outline(corners(rois, row), "#ffffff", 0.6, order=2.5)
    named = [row for row, slot in enumerate(tiles["slot"]) if slot.startswith("r")]
    plain = [row for row in range(len(tiles["slot"])) if row not in named]
    for row in plain[:1024]:
        box = corners(tiles, row)
        canvas.outline(box, INK, 0.9, order=3)
        if box.width >= text_width(tiles["slot"][row], 8) + 6 and box.height >= 24:
            plate = Box(box.left, box.top, text_width(tiles["slot"][row], 8) + 9, 22)
            canvas.fill([plate], [(1, 1, 1, 0.8)], order=3)
            canvas.text(box.left + 5, box.top + 17, tiles["slot"][row], size=8)
    for row in named[:64]:
        box = corners(tiles, row)
        canvas.outline(box, "#ffffff", 3.4, order=4.2)
        canvas.outline(box, RED, 1.7, order=4.3)
        name = tiles["name"][row] or tiles["slot"][row]
        length = min(text_width(name, bold=True) + 12, 220)
        top = box.top - 25 if box.top - 25 >= panel.box.top else box.top
        canvas.fill([Box(box.left, top, length, 25)], RED, order=4.4)
        canvas.text(box.left + 6, top + 19, name, colour="#ffffff", bold=True, width=length - 10)
    heights, widths = tiles["y_stop"] - tiles["y_start"], tiles["x_stop"] - tiles["x_start"]
    facts = counted(len(plain), "tile")
    if plain:
        facts += (
            f" of about {number(float(np.median(heights[plain])))} × {number(float(np.median(widths[plain])))} points"
        )
        if panel.grid.known:
            high = number(float(np.median(heights[plain])) * panel.grid.step_y)
            facts += f" ({high} × {number(float(np.median(widths[plain])) * panel.grid.step_x)} µm)"
    if rois is not None and len(rois["y_start"]) > len(plain):
        facts += f", {counted(len(rois['y_start']), 'ROI')}"
    return facts + (f", {counted(len(named), 'named region')}" if named else "")


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
        `crossings`: `axis` ("x" or "y"), `y`, `x` (row and column in points of this map), `position_um` and
        `position_std_um` [µm, from the origin of `grid` along `axis`; points where the step is not known].
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
    crossings = columns(tables, "crossings", ("y", "x", "position_um", "position_std_um"), ("axis",))
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
    column = np.where(along_x, (crossings["position_um"] - grid.origin_x) / grid.step_x, crossings["x"])
    row = np.where(along_x, crossings["y"], (crossings["position_um"] - grid.origin_y) / grid.step_y)
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
    _bars(plot, edges, counts, "#8fb4dc")
    plot.upright(median, RED, 1.4)
    plot.axes(f"standard deviation ({unit})", "crossings")


def _bars(plot: Plot, edges: np.ndarray, counts: np.ndarray, colour: str) -> None:
    left, top = plot.place(edges[:-1], counts)
    right, _ = plot.place(edges[1:], counts)
    boxes = [
        Box(float(start), float(high), float(stop - start), plot.box.bottom - float(high))
        for start, stop, high in zip(left, right, top, strict=True)
        if plot.box.bottom - high > 0
    ]
    plot.canvas.fill(boxes, colour, edge="white", width=0.4)


@never_raises("Segmentation")
def draw_segmentation_map(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Regions in colours that differ between neighbours, anomalies, what is not trusted, and the sizes of the regions.

    Parameters
    ----------
    arrays
        `region` (y, x), 0 = none; `anomaly`, `boundary`, `trusted` (y, x) optional.
    tables
        Not used: sizes are counted in the map.
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
    region = labels(arrays, "region")
    if region is None:
        return statement("Segmentation", "There is no map of regions.", heading, width_in)
    shape = (region.shape[0], region.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 1, bar=False, keys=True)
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
    anomaly = flags(arrays, "anomaly", shape)
    if anomaly is not None and anomaly.any():
        pixels = panel.marked(pixels, anomaly)
        keys.append(Key("outline" if min(panel.point_size) >= 6 else "fill", "#101216", "anomaly"))
    panel.paint(pixels)
    sizes = _sizes(region)
    facts = counted(len(sizes), "region")
    if anomaly is not None:
        facts += f", anomalies {number(100 * float(anomaly.mean()), 2)} %"
    facts += ", trust not stated" if trusted is None else f", not trusted {number(100 * doubtful, 2)} %"
    title(canvas, panel.box, "Segmentation", facts, sheet.room)
    panel.axes()
    panel.scale_bar()
    legend(canvas, panel.box.left, panel.box.bottom + 84, keys, sheet.map_box.right + 90)
    _size_histogram(canvas, sheet.sides[0], sizes, grid)
    foot(canvas, sheet.foot, "" if anomaly is not None else "no map of anomalies", heading)
    return canvas.finish()


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
    _bars(plot, edges, regions, "#9dbce0")
    plot.curve(np.repeat(edges, 2), np.concatenate([[0], np.repeat(area, 2), [0]]), RED, 1.3)
    plot.axes(f"equivalent diameter ({grid.unit})", "share (%)")
    legend(
        canvas,
        box.left,
        box.bottom + 84,
        [Key("fill", "#9dbce0", "of regions"), Key("line", RED, "of area")],
        box.right + 20,
    )
