"""Picture of how far the lanes agree: a matrix of pairs, and what share of the boundaries each one finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, text_width
from microstructure_assets.figures.colours import (
    INK,
    MISSING,
    MUTED,
    colourise,
    finite_limits,
    label_palette,
    phase_palette,
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
    statement,
    width_px,
)
from microstructure_assets.figures.layout import Key, foot, legend, title
from microstructure_assets.figures.panels import MapPanel, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 74
# Room beside and between panels, and above and below each.
AXIS, BETWEEN, PANEL_ROOM = 60, 30, 140


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

    Below them what the pattern lane marks on the maps of the indexing.

    Parameters
    ----------
    arrays
        `phase`, `kam_degrees`, `anomaly`, `crossing` (y, x), optional.
    tables
        `partitions`: `lane_a`, `lane_b`, `ami`; `boundaries`: `lane`, `boundary`, `found`, `found_by_chance`.

    Notes
    -----
    The panels are Figs. 9 (v, vi) and 10 (iv, v) of [1]_, of the whole scan.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization".
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
    maps = _Overlays.of(arrays, width, grid)
    end = top + cell * len(lanes) + 60 + len(classes) * bars + 40
    canvas = Canvas(width, end + 40 + (maps.height if maps else 0))
    title(canvas, Box(20, top, width - 40, 1), "Agreement of the lanes", "adjusted mutual information inside ROIs")
    _matrix(canvas, lanes, pairs, Box(20 + names, top, cell, cell))
    if found is not None and classes:
        _bars(canvas, lanes, classes, found, Box(20 + names, top + cell * len(lanes) + 100, width - 140 - names, bars))
    if maps:
        maps.draw(canvas, end + 20)
    note = "grey bars: found by chance" if classes else "no boundaries of an indexing to compare with"
    foot(canvas, canvas.height - 12, f"0: as by chance, 1: equal; {note}", heading)
    return canvas.finish()


@dataclass(frozen=True)
class _Overlays:
    """Marked points on maps, two by two."""

    grid: Grid
    phase: np.ndarray
    kam: np.ndarray
    marks: dict[str, np.ndarray]
    panel_width: float
    panel_height: float

    @classmethod
    def of(cls, arrays: Arrays, width: float, grid: Grid) -> _Overlays | None:
        """Nothing where a map is missing or no point is indexed."""
        phase = labels(arrays, "phase")
        kam = array(arrays, "kam_degrees", 2)
        if phase is None or kam is None or not (phase > 0).any():
            return None
        marks = {name: flags(arrays, name, phase.shape) for name in ("anomaly", "crossing")}
        known = {name: own for name, own in marks.items() if own is not None}
        wide = (width - 40 - AXIS - BETWEEN) / 2
        shape = (phase.shape[0], phase.shape[1])
        return cls(grid, phase, kam, known, wide, min(wide * ratio(shape, grid), wide)) if known else None

    @property
    def height(self) -> float:
        """Room for all panels."""
        return len(self.marks) * (self.panel_height + PANEL_ROOM) + 40

    def draw(self, canvas: Canvas, top: float) -> None:
        """Phases on the left, kernel averages on the right, a row per kind of marks."""
        names = {"anomaly": "Anomalies", "crossing": "Crossings of the weights"}
        shape = (self.phase.shape[0], self.phase.shape[1])
        for row, (name, marks) in enumerate(self.marks.items()):
            y = top + 46 + row * (self.panel_height + PANEL_ROOM)
            for column, what in enumerate(("phases", "kernel average misorientation")):
                left = 20 + AXIS + column * (self.panel_width + BETWEEN)
                panel = MapPanel(canvas, Box(left, y, self.panel_width, self.panel_height), shape, self.grid)
                picture = self._phases(panel) if column == 0 else self._kernel_averages(panel)
                pale = ((picture.astype(int) + 255) // 2).astype(np.uint8)  # so that black marks show
                panel.paint(panel.marked(pale, marks))
                title(canvas, panel.box, names[name], f"on {what}", self.panel_width)
                panel.axes(y=column == 0)

    def _phases(self, panel: MapPanel) -> np.ndarray:
        present = np.unique(self.phase)
        return np.asarray(phase_palette(present)[np.searchsorted(present, panel.sample(self.phase))])

    def _kernel_averages(self, panel: MapPanel) -> np.ndarray:
        limits = finite_limits(self.kam) or (0.0, 1.0)
        return panel.colours(self.kam, "viridis", limits)


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
