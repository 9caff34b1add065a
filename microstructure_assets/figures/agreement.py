"""Picture of how far the lanes agree: a matrix of pairs, and what share of the boundaries each one finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, text_width
from microstructure_assets.figures.colours import INK, MISSING, MUTED, colourise, label_palette
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    columns,
    never_raises,
    statement,
    width_px,
)
from microstructure_assets.figures.layout import Key, foot, legend, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL, GAP = 74, 60


@never_raises("Agreement of the lanes")
def draw_lane_agreement(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Adjusted mutual information of each pair of lanes, and the share of each boundary class that each lane finds.

    Parameters
    ----------
    tables
        `partitions`: `lane_a`, `lane_b`, `ami`; `boundaries`: `lane`, `boundary`, `found`, `found_by_chance`.
    """
    pairs = columns(tables, "partitions", (), optional=("ami",), words=("lane_a", "lane_b"))
    found = columns(tables, "boundaries", (), optional=("found", "found_by_chance"), words=("lane", "boundary"))
    if pairs is None or not len(pairs["lane_a"]):
        return statement("Agreement of the lanes", "There are no two lanes to compare.", heading, width_in)
    lanes = list(dict.fromkeys([*pairs["lane_a"], *pairs["lane_b"]]))
    names = max(text_width(str(lane)) for lane in lanes) + 16
    width = width_px(width_in)
    cell = min(CELL, (width - 40 - names) / len(lanes))
    bars = 0 if found is None else 46 + 26 * len(lanes)
    classes = [] if found is None else _known_classes(found)
    top = 74
    canvas = Canvas(width, top + cell * len(lanes) + 60 + len(classes) * bars + 80)
    title(canvas, Box(20, top, width - 40, 1), "Agreement of the lanes", "adjusted mutual information inside ROIs")
    _matrix(canvas, lanes, pairs, Box(20 + names, top, cell, cell))
    if found is not None and classes:
        _bars(canvas, lanes, classes, found, Box(20 + names, top + cell * len(lanes) + 100, width - 140 - names, bars))
    note = "grey bars: found by chance" if classes else "no boundaries of an indexing to compare with"
    foot(canvas, canvas.height - 12, f"0: as by chance, 1: equal; {note}", heading)
    return canvas.finish()


def _known_classes(found: dict[str, Any]) -> list[str]:
    """Classes of boundaries that the scan has."""
    known = np.isfinite(found["found"])
    return list(dict.fromkeys(name for name, there in zip(found["boundary"], known, strict=True) if there))


def _matrix(canvas: Canvas, lanes: list[str], pairs: dict[str, Any], cell: Box) -> None:
    """Lower triangle, a square per pair."""
    value = {
        frozenset((first, second)): own
        for first, second, own in zip(pairs["lane_a"], pairs["lane_b"], pairs["ami"], strict=True)
    }
    for row, lane in enumerate(lanes):
        y = cell.top + row * cell.height
        canvas.text(cell.left - 10, y + cell.height / 2 + 5, lane, across="right")
        for column, other in enumerate(lanes[:row]):
            own = float(value.get(frozenset((lane, other)), np.nan))
            box = Box(cell.left + column * cell.width, y, cell.width - 2, cell.height - 2)
            shade = colourise(np.array([[own]]), (0.0, 1.0), "viridis")[0, 0] if np.isfinite(own) else np.array(MISSING)
            canvas.fill([box], [tuple(shade[:3] / 255)])
            dark = np.isfinite(own) and own < 0.6
            words = f"{own:.2f}" if np.isfinite(own) else "–"
            canvas.text(
                box.left + box.width / 2,
                y + cell.height / 2 + 5,
                words,
                colour="#ffffff" if dark else INK,
                across="center",
            )
        if row < len(lanes) - 1:
            short = cell.left + row * cell.width
            canvas.text(
                short + cell.width / 2,
                cell.top + len(lanes) * cell.height + 18,
                str(row + 1),
                colour=MUTED,
                across="center",
            )
        canvas.text(cell.left + row * cell.width + 8, y + cell.height / 2 + 5, str(row + 1), colour=MUTED)


def _bars(canvas: Canvas, lanes: list[str], classes: list[str], found: dict[str, Any], box: Box) -> None:
    """A group of bars per class of boundaries."""
    keys = [Key("fill", [tuple(label_palette(1)[0] / 255)], "share of the boundary length found within one point")]
    legend(canvas, box.left, box.top - 40, keys, canvas.width - 20)
    values = {
        (lane, name): (float(share), float(chance))
        for lane, name, share, chance in zip(
            *(found[key] for key in ("lane", "boundary", "found", "found_by_chance")), strict=True
        )
    }
    for place, name in enumerate(classes):
        top = box.top + place * box.height
        canvas.text(box.left, top - 6, f"Boundaries {name}", bold=True)
        for row, lane in enumerate(lanes):
            y = top + 6 + 26 * row
            canvas.text(box.left - 10, y + 15, lane, across="right", colour=MUTED)
            share, chance = values.get((lane, name), (np.nan, np.nan))
            if not np.isfinite(share):
                canvas.text(box.left + 4, y + 15, "–", colour=MUTED)
                continue
            canvas.fill([Box(box.left, y + 2, max(1.0, box.width * share), 16)], [tuple(label_palette(1)[0] / 255)])
            if np.isfinite(chance):
                canvas.fill([Box(box.left, y + 12, max(1.0, box.width * chance), 6)], "#9aa3ad", order=3)
            canvas.text(box.left + box.width * share + 8, y + 15, f"{100 * share:.0f} %")
