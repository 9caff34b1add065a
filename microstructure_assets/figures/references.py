"""Picture of the reference patterns: where their windows lie and what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import (
    INK,
    MUTED,
    RED,
    cluster_colours,
    label_palette,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    labels,
    never_raises,
    per_roi,
    statement,
    width_px,
    windows,
)
from microstructure_assets.figures.layout import (
    FOOT_HEIGHT,
    LEFT_MARGIN,
    TITLE_HEIGHT,
    Key,
    foot,
    legend,
    title,
)
from microstructure_assets.figures.panels import MapPanel, ratio
from microstructure_assets.figures.patterns import draw_pattern

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST_STRIP = 10


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
        `reference` (roi, cluster, dy, dx); `cluster_count` (roi), `point_count` (roi, cluster: patterns averaged),
        `cluster` (y, x), `roi` (y, x) optional.
    tables
        `windows` as `figures.inputs.windows` reads it; its `point_count` is taken where the arrays have none.
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
    placed = windows(tables, grid)
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
        rows = np.zeros(0) if placed is None else placed["y"]
        count = "no windows are given" if placed is None else counted(int(np.isfinite(rows).sum()), "window")
        title(canvas, panel.box, "Windows on the cluster map", count, map_box.width)
        panel.axes()
        if placed is not None and np.isfinite(rows).any():
            panel.point_boxes(rows, placed["x"], 1, RED)
            legend(canvas, panel.box.left, panel.box.bottom + 84, [Key("outline", RED, "3 × 3 window")], map_box.right)
    shown, total = _reference_strip(canvas, strip, reference, _order(arrays, reference, cluster, roi), arrays, placed)
    hidden = f", {total - shown} not shown" if total > shown else ""
    title(canvas, strip, "Reference patterns", f"{counted(total, 'cluster')}{hidden}", strip.width)
    remark = "fallback: no window qualified" if _fallbacks(placed) else ""
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
            limit = max(0, min(limit, int(counts[place])))
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
    arrays: Arrays,
    placed: dict[str, np.ndarray] | None,
) -> tuple[int, int]:
    """Images of the references in rows; returns how many are shown and how many there are."""
    if reference is None or not order:
        words_in_box(canvas, strip, "There are no references.")
        return 0, 0
    across = 2 if len(order) <= 4 else 3
    side = (strip.width - (across - 1) * 10) / across
    high = min(max(side * reference.shape[2] / reference.shape[3], 40), 1.4 * side)
    averaged, fallback = _averaged(arrays, placed), _fallbacks(placed)
    pitch = high + (58 if averaged or fallback else 36)
    shown = order[: min(max(1, int((strip.height + 10) // pitch)) * across, LARGEST_STRIP)]
    for place, (roi, index, points) in enumerate(shown):
        box = Box(strip.left + (place % across) * (side + 10), strip.top + 24 + (place // across) * pitch, side, high)
        draw_pattern(canvas, box, np.asarray(reference[roi, index], float))
        several = reference.shape[0] > 1
        words = f"ROI {roi} · c{index}" if several else f"c{index}"
        colour = tuple(label_palette(index + 1)[index] / 255)
        canvas.fill([Box(box.left, box.top - 19, 13, 13)], [colour], edge=INK, width=0.4)
        words += f" · {number(points)} pt" if points and not several else ""
        canvas.text(box.left + 18, box.top - 7, words, size=8, width=side - 16)
        said = f"mean of {number(averaged[roi, index])}" if (roi, index) in averaged else ""
        said = "fallback" if (roi, index) in fallback else said
        canvas.text(box.left, box.bottom + 19, said, size=8, colour=MUTED, width=side)
    return len(shown), len(order)


def _names(placed: dict[str, np.ndarray]) -> list[tuple[int, int]]:
    """ROI and cluster of each window."""
    rois, clusters = np.nan_to_num(placed["roi"]), np.nan_to_num(placed["cluster"], nan=-1)
    return [(int(roi), int(index)) for roi, index in zip(rois, clusters, strict=True)]


def _averaged(arrays: Arrays, placed: dict[str, np.ndarray] | None) -> dict[tuple[int, int], float]:
    """Patterns averaged in each reference, where it is known."""
    counts = array(arrays, "point_count", 2)
    if counts is not None:
        return {(int(roi), int(index)): float(counts[roi, index]) for roi, index in np.argwhere(counts > 0)}
    if placed is None:
        return {}
    amounts = zip(_names(placed), placed["point_count"], strict=True)
    return {name: float(amount) for name, amount in amounts if np.isfinite(amount)}


def _fallbacks(placed: dict[str, np.ndarray] | None) -> set[tuple[int, int]]:
    """References for which no window qualified."""
    if placed is None:
        return set()
    words = zip(_names(placed), placed["fallback"], strict=True)
    return {name for name, word in words if word not in ("", "none", "False", "0", "0.0", "nan")}
