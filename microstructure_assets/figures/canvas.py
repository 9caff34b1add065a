"""A sheet with pixel coordinates on which panels, lines and words are placed: a matplotlib figure without axes.

A matplotlib axes with ticks and locators costs 10 to 20 ms and a text 1 ms, and the picture of a tile has up to nine
axes and fifty texts. Here panels map their data to the pixels of the sheet, y downwards, and put images, lines and the
outlines of letters into the figure, a few artists in all. Nothing global is changed, so threads may draw at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from microstructure_assets.figures.colours import INK, MUTED, PAPER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS_PER_INCH = 150
LABEL_SIZE = 9.0
TITLE_SIZE = 10.5


class Box(NamedTuple):
    """A rectangle of the sheet, in pixels from its top left corner."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height


@lru_cache(maxsize=2)
def _font_file(bold: bool) -> str:
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return f"{matplotlib.get_data_path()}/fonts/ttf/{name}"


@lru_cache(maxsize=2)
def _known_characters(bold: bool) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(_font_file(bold)).get_charmap())


class _Glyph(NamedTuple):
    """Outline of a letter and the way to the next one, in units of the font's size."""

    corners: np.ndarray
    codes: np.ndarray
    advance: float


@lru_cache(maxsize=4096)
def _glyph(letter: str, bold: bool) -> _Glyph:
    from matplotlib.ft2font import FT2Font, LoadFlags

    font = FT2Font(_font_file(bold))  # one per letter: a shared one would carry state between threads
    font.set_size(100.0, 72.0)
    advance = float(font.load_char(ord(letter), flags=LoadFlags.NO_HINTING).linearHoriAdvance) / 65536 / 100
    corners, codes = font.get_path()
    return _Glyph(np.asarray(corners, float).reshape(-1, 2) / 100, np.asarray(codes, np.uint8), advance)


def printable(text: object, bold: bool = False) -> str:
    """One line of text with what the font lacks, and control characters, replaced by a box."""
    known = _known_characters(bold)
    words = " ".join(str(text).split())
    return "".join(letter if ord(letter) in known and letter.isprintable() else "□" for letter in words)


def text_width(text: str, size: float = LABEL_SIZE, bold: bool = False) -> float:
    """Width of a line in pixels of the sheet."""
    return sum(_glyph(letter, bold).advance for letter in text) * size * PIXELS_PER_INCH / 72


def shortened(text: object, width: float, size: float = LABEL_SIZE, bold: bool = False) -> str:
    """The text, cut with an ellipsis so that it is no wider than `width` pixels."""
    line = printable(text, bold)[:400]
    if text_width(line, size, bold) <= width:
        return line
    while line and text_width(line + "…", size, bold) > width:
        line = line[:-1]
    return line.rstrip() + "…"


def wrapped(text: object, width: float, size: float = LABEL_SIZE) -> list[str]:
    """The text in lines no wider than `width` pixels, broken between words; a longer word has a line of its own."""
    lines = [""]
    for word in printable(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def number(value: float, digits: int = 3) -> str:
    """A number as a reader writes it: `digits` significant digits, thin spaces between thousands."""
    if not np.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}".replace(",", "\u2009").replace("-", "−")
    size = abs(value)
    if 1e-3 <= size < 1e5:
        decimals = max(0, digits - 1 - int(np.floor(np.log10(size))))
        return f"{value:,.{decimals}f}".replace(",", "\u2009").replace("-", "−")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{power}".replace("-", "−")


def counted(amount: float, singular: str, plural: str | None = None) -> str:
    """`1 point`, `12 points`."""
    return f"{number(amount)} {singular if amount == 1 else plural or singular + 's'}"


def round_ticks(low: float, high: float, count: int = 4, *, whole: bool = False) -> list[tuple[float, str]]:
    """At most about `count` round values inside [low, high] with their words; only integers if `whole`."""
    span = high - low
    if not np.isfinite(span) or span <= 0 or count < 1:
        return []
    rough = max(span / count, 1.0) if whole else span / count
    power = 10.0 ** np.floor(np.log10(rough))
    factors = (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10)
    step = next(factor * power for factor in factors if factor * power >= rough * 0.999)
    first, last = int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9))
    if last - first > 50:
        return []
    if last - first < 1 and count < 8:
        return round_ticks(low, high, count + 2, whole=whole)
    values = [index * step for index in range(first, last + 1)]
    largest = max(abs(low), abs(high))
    if step < 1e-4 or largest >= 1e7:
        digits = min(12, 2 + int(np.ceil(np.log10(largest / step))))  # as many as neighbours need to differ
        return [(value, number(value, digits)) for value in values]
    decimals = next((places for places in range(7) if abs(step - round(step, places)) < step * 1e-6), 6)
    return [(value, f"{value:.{decimals}f}".replace("-", "−")) for value in values]


class Canvas:
    """The sheet.

    Parameters
    ----------
    width, height
        Pixels at 150 per inch.
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.transforms import Affine2D

        self.width, self.height = round(width), round(height)
        self.figure: Figure = Figure(
            figsize=(self.width / PIXELS_PER_INCH, self.height / PIXELS_PER_INCH), dpi=PIXELS_PER_INCH, facecolor=PAPER
        )
        FigureCanvasAgg(self.figure)
        inches = Affine2D().scale(1 / PIXELS_PER_INCH, -1 / PIXELS_PER_INCH).translate(0, self.height / PIXELS_PER_INCH)
        self._transform: Any = inches + self.figure.dpi_scale_trans
        self._lines: dict[tuple[Any, float, float], list[np.ndarray]] = defaultdict(list)
        self._letters: dict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)

    def _add(self, artist: Any, order: float) -> None:
        artist.set_transform(self._transform)
        artist.set_zorder(order)
        self.figure.add_artist(artist)

    def text(
        self,
        x: float,
        y: float,
        text: object,
        *,
        size: float = LABEL_SIZE,
        colour: str = INK,
        bold: bool = False,
        across: str = "left",
        down: str = "baseline",
        turn: bool = False,
        width: float | None = None,
    ) -> None:
        """Words at a place, as outlines: all words of a colour are drawn in one stroke.

        Parameters
        ----------
        x, y
            Place on the sheet.
        text
            One line.
        size
            Font size in points.
        colour, bold
            Look.
        across, down
            "left", "center", "right"; "baseline" or "center": which part of the words lies at the place.
        turn
            Upright, read from below.
        width
            Pixels that the words may take; more is cut with an ellipsis.
        """
        line = printable(text, bold) if width is None else shortened(text, width, size, bold)
        scale = size * PIXELS_PER_INCH / 72
        glyphs = [_glyph(letter, bold) for letter in line]
        starts = np.concatenate([[0.0], np.cumsum([glyph.advance for glyph in glyphs])]) * scale
        along = -starts[-1] * {"left": 0.0, "center": 0.5, "right": 1.0}[across]
        drop = 0.36 * scale if down == "center" else 0.0  # half the height of a capital
        for start, glyph in zip(starts, glyphs, strict=False):
            if len(glyph.corners):
                right, up = glyph.corners[:, 0] * scale + start + along, glyph.corners[:, 1] * scale - drop
                placed = (x - up, y - right) if turn else (x + right, y - up)
                self._letters[colour].append((np.stack(placed, axis=1), glyph.codes))

    def image(self, picture: np.ndarray, box: Box) -> None:
        """An (y, x, 3) uint8 picture over a box."""
        from matplotlib.image import BboxImage
        from matplotlib.transforms import Bbox, TransformedBbox

        place = TransformedBbox(Bbox([[box.left, box.bottom], [box.right, box.top]]), self._transform)
        smooth = "nearest" if picture.shape[0] < box.height else "auto"
        image = BboxImage(place, origin="lower", interpolation=smooth)  # the sheet's y points down
        image.set_data(np.ascontiguousarray(picture))
        image.set_zorder(1)
        self.figure.add_artist(image)

    def segments(self, ends: Iterable[Any], colour: Any = INK, width: float = 0.7, order: float = 4) -> None:
        """Straight lines, (lines, 2 ends, x and y) or polylines of unequal length, drawn together with their like."""
        self._lines[colour, width, order].extend(np.asarray(end, float) for end in ends)

    def outline(self, box: Box, colour: str = INK, width: float = 0.7, order: float = 4) -> None:
        """The outline of a box."""
        left, top, right, bottom = box.left, box.top, box.right, box.bottom
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        self.segments([corners], colour, width, order)

    def fill(
        self, boxes: Sequence[Box], colours: Any, edge: str = "none", width: float = 0.0, order: float = 2
    ) -> None:
        """Filled rectangles."""
        from matplotlib.collections import PolyCollection

        corners = [
            [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
            for box in boxes
        ]
        if corners:
            self._add(PolyCollection(corners, facecolors=colours, edgecolors=edge, linewidths=width), order)

    def polygon(self, corners: np.ndarray, colour: str, opacity: float = 1.0, order: float = 2) -> None:
        """A filled polygon."""
        from matplotlib.collections import PolyCollection

        self._add(PolyCollection([corners], facecolors=colour, alpha=opacity, linewidths=0), order)

    def dots(self, x: Any, y: Any, colour: str, size: float = 4.0, edge: str = "none", order: float = 5) -> None:
        """Round markers, diameter in points."""
        from matplotlib.lines import Line2D

        markers = Line2D(
            np.atleast_1d(x),
            np.atleast_1d(y),
            linestyle="none",
            marker="o",
            markersize=size,
            markerfacecolor=colour,
            markeredgecolor=edge,
            markeredgewidth=0.8,
        )
        self._add(markers, order)

    def finish(self) -> Figure:
        """Draw the collected lines and words and hand out the figure."""
        from matplotlib.collections import LineCollection
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        for (colour, width, order), lines in self._lines.items():
            self._add(LineCollection(lines, colors=colour, linewidths=width, capstyle="projecting"), order)
        for ink, letters in self._letters.items():
            outline = Path(
                np.concatenate([corners for corners, _ in letters]), np.concatenate([codes for _, codes in letters])
            )
            self._add(PathPatch(outline, facecolor=ink, edgecolor="none", linewidth=0), 6)
        self._lines.clear()
        self._letters.clear()
        return self.figure


def words_in_box(canvas: Canvas, box: Box, text: str) -> None:
    """A pale box that says what is missing."""
    canvas.fill([box], "#f1f3f5", order=1)
    canvas.outline(box, "#d5dadf")
    shown = wrapped(text, box.width - 24)[: max(1, int(box.height // 26))]
    for place, line in enumerate(shown):
        y = box.top + box.height / 2 + (place - (len(shown) - 1) / 2) * 25
        middle = box.left + box.width / 2
        canvas.text(middle, y, line, colour=MUTED, across="center", down="center", width=max(box.width - 12, 40))
