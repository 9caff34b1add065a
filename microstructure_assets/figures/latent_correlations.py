"""Picture of which latents go with which maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted
from microstructure_assets.figures.colours import INK, MISSING, MUTED, colourise
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

MOST_LATENTS, MOST_MAPS = 14, 8
ROW, NAMES = 30, 120


@never_raises("Latents and maps")
def draw_latent_correlations(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """Correlation of the leading latents with each map, given the baseline; framed where it is real.

    Parameters
    ----------
    tables
        `correlations`: `latent`, `map`, `partial`, `in_phase`, `verdict`.
    """
    table = columns(tables, "correlations", ("latent",), optional=("partial", "in_phase"), words=("map", "verdict"))
    if table is None:
        return statement("Latents and maps", "No latent was compared with a map.", heading, width_in)
    maps = list(dict.fromkeys(table["map"]))[:MOST_MAPS]
    latents = _leading(table)
    width = width_px(width_in)
    top = 116
    canvas = Canvas(width, top + ROW * len(latents) + 100)
    cell = (width - 40 - NAMES) / len(maps)
    total = len(np.unique(table["latent"]))
    title(
        canvas,
        Box(20, 66, width - 40, 1),
        "Latents and maps",
        f"{counted(total, 'latent')}, correlation given the baseline",
    )
    known = {
        (int(latent), name): (float(value), verdict)
        for latent, name, value, verdict in zip(
            *(table[key] for key in ("latent", "map", "partial", "verdict")), strict=True
        )
    }
    for column, name in enumerate(maps):
        canvas.text(20 + NAMES + (column + 0.5) * cell, top - 10, name, colour=MUTED, across="center", width=cell - 8)
    for row, latent in enumerate(latents):
        y = top + row * ROW
        canvas.text(20 + NAMES - 12, y + 20, f"latent {latent}", across="right")
        for column, name in enumerate(maps):
            value, verdict = known.get((latent, name), (np.nan, ""))
            _cell(canvas, Box(20 + NAMES + column * cell, y, cell - 3, ROW - 3), value, verdict)
    keys = [Key("outline", INK, "real: beyond chance and beyond the baseline")]
    legend(canvas, 20 + NAMES, top + ROW * len(latents) + 34, keys, width - 20)
    foot(
        canvas,
        canvas.height - 12,
        "baseline: band contrast, intensity; phase and smooth functions of orientation where indexed",
        heading,
    )
    return canvas.finish()


def _leading(table: dict[str, Any]) -> list[int]:
    """Latents with a real relation first, then by their largest correlation."""
    real = np.asarray([verdict == "real" for verdict in table["verdict"]])
    size = np.nan_to_num(np.abs(table["partial"]), posinf=0.0) + real
    numbers = np.unique(table["latent"])
    largest = np.asarray([size[table["latent"] == number].max() for number in numbers])
    return [int(number) for number in numbers[np.argsort(-largest, kind="stable")][:MOST_LATENTS]]


def _cell(canvas: Canvas, box: Box, value: float, verdict: str) -> None:
    known = np.isfinite(value)
    shade = colourise(np.array([[value]]), (-1.0, 1.0), "coolwarm")[0, 0][:3] if known else np.array(MISSING)
    canvas.fill([box], [tuple(shade / 255)])
    words = f"{value:.2f}" if known else "–"
    canvas.text(box.left + box.width / 2, box.top + 19, words, across="center")
    if verdict == "real":
        canvas.outline(box, INK, 1.6)
