"""Picture of the reference patterns: where their windows lie and what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box, wrapped
from microstructure_assets.figures.colours import (
    AMBER,
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
NO_FALLBACK = ("", "none", "False", "0", "0.0", "nan")
FALLBACK_WORDS = {
    "best_window": "fallback: best window",
    "central_points": "fallback: central points",
    "empty": "fallback: no points",
}
"""What stands under a reference for which no window qualified."""
CORE_WORDS = {
    "core": ("core of its grain", "core beyond the ROI"),
    "neighbour": ("grain without cluster", "grain beyond the ROI"),
}
"""What stands under a reference from a grain's core that lies inside the ROI, and beyond it."""


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
    """
    reference, cluster = array(arrays, "reference", 4), labels(arrays, "cluster")
    if reference is None and cluster is None:
        return statement("Reference patterns", "There are neither references nor clusters.", heading, width_in)
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
    placed = windows(tables, grid, shape)
    if cluster is None:
        words_in_box(canvas, map_box, "There is no cluster map.")
        title(canvas, map_box, "Windows on the cluster map")
    else:
        panel.paint(panel.rois(panel.borders(cluster_colours(panel.sample(cluster)), cluster), roi))
        facts = "no windows are given" if placed is None else _draw_windows(panel, placed, map_box.right)
        title(canvas, panel.box, "Windows on the cluster map", facts, map_box.width)
        panel.axes()
    order = _order(arrays, reference, cluster, roi)
    origins = {} if placed is None else _origins(placed, roi)
    shown = _reference_strip(canvas, strip, reference, order, _averaged(arrays, placed), origins)
    hidden = f", {len(order) - shown} not shown" if len(order) > shown else ""
    title(canvas, strip, "Reference patterns", f"{counted(len(order), 'reference')}{hidden}", strip.width)
    foot(canvas, canvas.height - 12, "", heading)
    return canvas.finish()


def _draw_windows(panel: MapPanel, placed: dict[str, np.ndarray], right: float) -> str:
    """Boxes where references come from, on the map alone; returns how many there are."""
    inside = np.isfinite(placed["y"])
    core = np.array([source in CORE_WORDS for source in placed["source"]], bool)
    keys = []
    for member, reach, colour, words in (
        (inside & ~core, 1, RED, "3 × 3 window"),
        (inside & core, 0, AMBER, "middle of a core"),
    ):
        if member.any():
            panel.point_boxes(placed["y"][member], placed["x"][member], reach, colour)
            keys.append(Key("outline", colour, words))
    legend(panel.canvas, panel.box.left, panel.box.bottom + 84, keys, right)
    beyond = int((~inside).sum())
    return f"{number(inside.sum())} shown" + (f", {number(beyond)} not on the map" if beyond else "")


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
    averaged: dict[tuple[int, int], float],
    origins: dict[tuple[int, int], _Origin],
) -> int:
    """Images of the references in rows with what they are made of; returns how many are shown."""
    if reference is None or not order:
        words_in_box(canvas, strip, "There are no references.")
        return 0
    across = 2 if len(order) <= 4 else 3
    side = (strip.width - (across - 1) * 10) / across
    high = min(max(side * reference.shape[2] / reference.shape[3], 40), 1.4 * side)
    said = {name: _said(name, averaged, origins, side) for name in (entry[:2] for entry in order)}
    pitch = high + 36 + 21 * max(len(lines) for lines in said.values())
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
        ink = RED if (roi, index) in origins and origins[roi, index].fallback else MUTED
        for line, text in enumerate(said[roi, index]):
            canvas.text(box.left, box.bottom + 19 + 21 * line, text, size=8, colour=ink, width=side + 8)
    return len(shown)


def _said(
    name: tuple[int, int],
    averaged: dict[tuple[int, int], float],
    origins: dict[tuple[int, int], _Origin],
    width: float,
) -> list[str]:
    """Lines under the image of a reference: where it comes from and how many patterns it is the mean of."""
    lines = wrapped(origins[name].words, width, 8) if name in origins else []
    return [*lines, f"mean of {number(averaged[name])}"] if name in averaged else lines


class _Origin(NamedTuple):
    """Where a reference comes from in a reader's words, and whether it is a makeshift."""

    words: str
    fallback: bool


def _origins(placed: dict[str, np.ndarray], roi: np.ndarray | None) -> dict[tuple[int, int], _Origin]:
    """Where each reference comes from, as far as the table says."""
    found = {}
    for place, name in enumerate(_names(placed)):
        fallback, source = placed["fallback"][place], placed["source"][place]
        if fallback not in NO_FALLBACK:
            found[name] = _Origin(FALLBACK_WORDS.get(fallback, "fallback"), True)
        elif source in CORE_WORDS:
            row, column = placed["y"][place], placed["x"][place]
            inside = np.isfinite(row) and (roi is None or roi[int(row), int(column)] == name[0])
            found[name] = _Origin(CORE_WORDS[source][0 if inside else 1], False)
        elif source:
            found[name] = _Origin("own points", False)
    return found


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
