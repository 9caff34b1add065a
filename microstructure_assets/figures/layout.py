"""Places and words around the panels of a sheet: titles, legends, the foot, and a map with plots beside or below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from microstructure_assets.figures.canvas import TITLE_SIZE, Box, Canvas, text_width
from microstructure_assets.figures.colours import INK, MUTED

LEFT_MARGIN = 84
BAR_MARGIN = 92
TITLE_HEIGHT = 64
FOOT_HEIGHT = 62


def title(canvas: Canvas, box: Box, name: str, facts: str = "", width: float | None = None) -> None:
    """Name and one line of facts above a panel."""
    room = box.width if width is None else width
    canvas.text(box.left, box.top - (38 if facts else 12), name, size=TITLE_SIZE, bold=True, width=room)
    canvas.text(box.left, box.top - 12, facts, colour=MUTED, width=room)


class Key(NamedTuple):
    """One entry of a legend: a filled square, an outlined square, a line or a dot of a colour."""

    kind: str
    colour: Any
    text: str


def legend(canvas: Canvas, left: float, y: float, keys: Sequence[Key], right: float) -> None:
    """Entries in one row from `left`; what would pass `right` is only counted."""
    x = left
    for place, key in enumerate(keys):
        length = text_width(key.text)
        more = f"+ {len(keys) - place}"
        last = place == len(keys) - 1
        if x + 22 + length + (0 if last else 20 + text_width(more)) > right + 2:
            canvas.text(x, y, more, colour=MUTED)
            return
        square = Box(x, y - 14, 15, 15)
        if key.kind == "fill":
            canvas.fill([square], key.colour, edge=INK, width=0.4)
        elif key.kind == "hatch":
            canvas.fill([square], "#cfd4d9", edge=INK, width=0.4)
            canvas.segments([[(x, y - 6), (x + 8, y - 14)], [(x + 3, y + 1), (x + 15, y - 11)]], INK, 0.7)
        elif key.kind == "outline":
            canvas.fill([square], "#e9ecef", order=1.5)
            canvas.outline(Box(x + 1, y - 13, 13, 13), key.colour, 1.4)
        elif key.kind == "line":
            canvas.segments([[(x, y - 6), (x + 16, y - 6)]], key.colour, 1.6)
        else:
            canvas.dots(x + 8, y - 6, key.colour, size=5)
        canvas.text(x + 22, y, key.text, colour=MUTED)
        x += 22 + length + 20


class Sheet(NamedTuple):
    """A sheet with a large map and smaller panels beside or below it."""

    canvas: Canvas
    map_box: Box
    sides: list[Box]
    foot: float

    @property
    def room(self) -> float:
        """Width for the words above the map."""
        if self.sides and self.sides[0].left > self.map_box.right:
            return self.sides[0].left - 24 - self.map_box.left
        return self.canvas.width - 20 - self.map_box.left


def map_with_sides(
    width: int, aspect: float, sides: int, *, bar: bool, side_gap: int = 134, keys: bool = False
) -> Sheet:
    """Lay out one map and `sides` plots: side by side, or one below the other for a map that is wide.

    Parameters
    ----------
    width
        Pixels of the sheet.
    aspect
        Height over width of the map.
    sides
        Number of plots.
    bar
        Leave room for a colour bar.
    side_gap
        Pixels between two plots above each other.
    keys
        Leave room for a legend below the map.
    """
    margin = 20
    right_of_map: float = BAR_MARGIN if bar else 0
    below = FOOT_HEIGHT + (30 if keys else 0)
    beside = width - 2 * margin - LEFT_MARGIN - right_of_map
    if aspect < 0.6 and sides:
        map_width = beside
        map_height = max(60, min(map_width * aspect, width * 0.6))
        top = TITLE_HEIGHT + map_height + below + TITLE_HEIGHT + 10
        side_width = (width - 2 * margin - sides * LEFT_MARGIN - 20 * (sides - 1)) / sides
        boxes = [
            Box(margin + LEFT_MARGIN + place * (side_width + LEFT_MARGIN + 20), top, side_width, 170)
            for place in range(sides)
        ]
        height = top + 170 + FOOT_HEIGHT + 34
        map_box = Box(margin + LEFT_MARGIN, TITLE_HEIGHT, map_width, map_height)
        return Sheet(Canvas(width, height), map_box, boxes, height - 12)
    gap: float = LEFT_MARGIN + 36 if sides else 0
    side_width = 0.36 * (beside - gap) if sides else 0.0
    map_width = beside - gap - side_width
    map_height = max(min(map_width * aspect, width * 0.62), 40)
    unused = max(0.0, map_width - map_height / aspect) if sides else 0.0
    map_width, side_width = map_width - 0.6 * unused, side_width + 0.6 * unused  # a tall map leaves room to the plots
    least = 300 if sides < 2 else sides * 92 + (sides - 1) * side_gap
    panel_height = max(map_height, least)
    left = width - margin - side_width
    each = (panel_height - (sides - 1) * side_gap) / max(sides, 1)
    boxes = [Box(left, TITLE_HEIGHT + place * (each + side_gap), side_width, each) for place in range(sides)]
    height = TITLE_HEIGHT + panel_height + below + 34
    map_box = Box(margin + LEFT_MARGIN, TITLE_HEIGHT, map_width, panel_height)
    return Sheet(Canvas(width, height), map_box, boxes, height - 12)


def foot(canvas: Canvas, y: float, left_text: str, heading: str) -> None:
    """Remarks at the lower left, the name of what is shown at the lower right."""
    right = text_width(heading, 8)
    room = canvas.width - 40
    canvas.text(canvas.width - 20, y, heading, size=8, colour=MUTED, across="right", width=min(right + 2, room / 2))
    canvas.text(20, y, left_text, size=8, colour=MUTED, width=room - min(right, room / 2) - 20)
