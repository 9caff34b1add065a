"""Panels on a sheet: maps with µm axes, scale bar and colour bar, and plots with straight or logarithmic axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from microstructure_assets.figures import raster
from microstructure_assets.figures.canvas import (
    Box,
    Canvas,
    number,
    round_ticks,
    text_width,
    words_in_box,
)
from microstructure_assets.figures.colours import BLACK, INK, MUTED, colour_table, colourise, finite_limits
from microstructure_assets.figures.grid import Grid

TICK = 7


def ratio(shape: tuple[int, int], grid: Grid) -> float:
    """Height over width of a map in the unit of its axes."""
    return (shape[0] * grid.step_y) / (shape[1] * grid.step_x)


class MapPanel:
    """A map with equal scales along x and y, as large as `box` allows.

    Very long and narrow maps keep a width of 40 pixels, and the panel says that they are not to scale.
    """

    def __init__(self, canvas: Canvas, box: Box, shape: tuple[int, int], grid: Grid, *, middle: bool = False) -> None:
        self.canvas, self.shape, self.grid = canvas, shape, grid
        aspect = ratio(shape, grid)
        width = min(box.width, box.height / aspect)
        wanted = width * aspect
        width, height = max(40, round(width)), max(40, round(wanted))
        self.to_scale = abs(height / width - aspect) < 0.1 * aspect
        left = box.left + (round((box.width - width) / 2) if middle else 0)
        self.box = Box(
            round(left), round(box.top), min(width, round(box.width)), min(height, round(max(box.height, 40)))
        )

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.box.height), int(self.box.width)

    @property
    def point_size(self) -> tuple[float, float]:
        """Height and width of one point in pixels."""
        return self.box.height / self.shape[0], self.box.width / self.shape[1]

    def sample(self, values: np.ndarray) -> np.ndarray:
        """Nearest point of each pixel."""
        return raster.stretch(values, *self.pixels)

    def colours(self, values: np.ndarray, name: str, limits: tuple[float, float]) -> np.ndarray:
        """Pixels of a continuous map; more points than pixels are averaged."""
        return self.sample(colourise(raster.shrink_mean(values, *self.pixels), limits, name))

    def borders(self, picture: np.ndarray, label: np.ndarray, colour: tuple[int, int, int] = BLACK) -> np.ndarray:
        """Lines between different labels; left out where they would cover the map."""
        line = raster.outlines(self.sample(label), 2 if min(self.point_size) >= 4 else 1)
        return picture if line.mean() > 0.35 else raster.blend(picture, line, colour, 0.85)

    def marked(self, picture: np.ndarray, flag: np.ndarray) -> np.ndarray:
        """Black boxes around flagged points; where points are smaller than pixels, black by their share."""
        if min(self.point_size) >= 1:
            return raster.blend(picture, raster.boxes(flag, *self.pixels), BLACK, 0.9)
        opacity = raster.share(flag, *self.pixels)[..., None]
        return (picture * (1 - opacity) + np.array(BLACK) * opacity).astype(np.uint8)

    def rois(self, picture: np.ndarray, roi: np.ndarray | None) -> np.ndarray:
        """Thin white lines with a dark core between ROIs, where there are several."""
        if roi is None:
            return picture
        sampled = self.sample(roi)
        return raster.blend(
            raster.blend(picture, raster.outlines(sampled, 2), (255, 255, 255), 0.9),
            raster.outlines(sampled, 1),
            BLACK,
            0.75,
        )

    def paint(self, picture: np.ndarray) -> None:
        """Put the pixels on the sheet and frame them."""
        self.canvas.image(picture, self.box)
        self.canvas.outline(self.box, INK, 0.6)

    def missing(self, text: str) -> None:
        """Say what is missing in place of the map."""
        words_in_box(self.canvas, self.box, text)

    def place(self, y: Any, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of positions given in points (0 = centre of the first point): x and y."""
        height, width = self.point_size
        return (
            self.box.left + (np.asarray(x, float) + 0.5) * width,
            self.box.top + (np.asarray(y, float) + 0.5) * height,
        )

    def axes(self, *, x: bool = True, y: bool = True) -> None:
        """Ticks and words of the axes in the unit of the grid."""
        grid, box = self.grid, self.box
        if x:
            low = grid.origin_x - grid.step_x / 2
            high = low + self.shape[1] * grid.step_x
            ticks = round_ticks(low, high, max(2, int(box.width // 95)))
            while (
                len(ticks) > 1 and (ticks[1][0] - ticks[0][0]) / (high - low) * box.width < text_width(ticks[-1][1]) + 8
            ):
                ticks = ticks[::2]
            for value, text in ticks:
                place = box.left + (value - low) / (high - low) * box.width
                self.canvas.segments([[(place, box.bottom), (place, box.bottom + TICK)]], MUTED, 0.6)
                half = text_width(text) / 2  # words stay near their map: a neighbour's begin 18 pixels further
                words = min(max(place, box.left - 6 + half), max(box.right + 6 - half, box.left + half))
                self.canvas.text(words, box.bottom + 26, text, colour=MUTED, across="center")
            middle = box.left + box.width / 2
            self.canvas.text(middle, box.bottom + 51, f"x ({grid.unit})", across="center")
        if y:
            low = grid.origin_y - grid.step_y / 2
            high = low + self.shape[0] * grid.step_y
            widest = 0.0
            for value, text in round_ticks(low, high, max(2, int(box.height // 70))):
                place = box.top + (value - low) / (high - low) * box.height
                self.canvas.segments([[(box.left - TICK, place), (box.left, place)]], MUTED, 0.6)
                self.canvas.text(box.left - TICK - 4, place, text, colour=MUTED, across="right", down="center")
                widest = max(widest, text_width(text))
            turn_x = box.left - TICK - 4 - widest - 10
            self.canvas.text(turn_x, box.top + box.height / 2, f"y ({grid.unit})", across="center", turn=True)

    def scale_bar(self) -> None:
        """A bar of a round length in the lower left corner; none where the step is not known."""
        if not self.grid.known or self.box.width < 120 or self.box.height < 60 or not self.to_scale:
            return
        extent = self.shape[1] * self.grid.step_x
        power = 10.0 ** np.floor(np.log10(extent * 0.3))
        length = next(factor * power for factor in (5, 2, 1) if factor * power <= extent * 0.3)
        pixels = length / extent * self.box.width
        text = f"{length:g} µm" if length >= 0.1 else f"{length * 1000:g} nm"
        plate_width = max(pixels, text_width(text)) + 20
        plate = Box(self.box.left + 8, self.box.bottom - 46, plate_width, 38)
        self.canvas.fill([plate], [(1, 1, 1, 0.82)], order=3)
        middle = plate.left + plate.width / 2
        self.canvas.segments(
            [[(middle - pixels / 2, plate.bottom - 9), (middle + pixels / 2, plate.bottom - 9)]], INK, 2.4
        )
        self.canvas.text(middle, plate.top + 18, text, across="center")

    def colour_bar(self, name: str, limits: tuple[float, float], unit: str = "") -> None:
        """The colours and their values at the right of the map."""
        low, high = limits
        bar = Box(self.box.right + 12, self.box.top, 15, self.box.height)
        self.canvas.image(np.repeat(colour_table(name)[::-1][:, None], 2, axis=1), bar)
        self.canvas.outline(bar, MUTED, 0.5)
        if bar.height < 60:
            self.canvas.text(bar.right + 9, bar.bottom, f"{number(low, 2)}–{number(high, 2)}", colour=MUTED, width=74)
            return
        largest = max(abs(low), abs(high))
        power = int(np.floor(np.log10(largest))) if largest > 0 else 0
        if not -3 <= power < 5:  # long numbers do not fit beside the bar
            low, high = low / 10.0**power, high / 10.0**power
            unit = f"×{number(10.0**power, 1).removeprefix('1·')} {unit}".strip()
        ticks = round_ticks(low, high, max(3, int(bar.height // 60)))
        for value, text in ticks or [(low, number(low)), (high, number(high))]:
            y = bar.bottom - (value - low) / (high - low) * bar.height
            self.canvas.segments([[(bar.right, y), (bar.right + 5, y)]], MUTED, 0.6)
            self.canvas.text(bar.right + 9, y, text, colour=MUTED, down="center")
        if unit:
            self.canvas.text(bar.left, self.box.top - 12, unit, colour=MUTED)

    def values(self, values: np.ndarray, name: str, *, bar: bool = True, unit: str = "", what: str = "value") -> bool:
        """A continuous map with its colour bar; False, and words instead, where no point has a value."""
        limits = finite_limits(values)
        if limits is None:
            self.missing(f"No point has a {what}.")
            return False
        self.paint(self.colours(values, name, limits))
        if bar:
            self.colour_bar(name, limits, unit)
        return True

    def point_boxes(self, y: Any, x: Any, reach: int, colour: str, *, width: float = 1.5) -> None:
        """Outlined boxes around points with a dark rim, so that they show on every colour; at least 9 pixels large."""
        height, across = self.point_size
        columns, rows = self.place(y, x)
        inside = (
            np.isfinite(columns)
            & np.isfinite(rows)
            & (columns >= self.box.left)
            & (columns <= self.box.right)
            & (rows >= self.box.top)
            & (rows <= self.box.bottom)
        )
        for column, row in zip(columns[inside][:400], rows[inside][:400], strict=True):
            half_x, half_y = max(across * (reach + 0.5), 4.5), max(height * (reach + 0.5), 4.5)
            left, top = max(column - half_x, self.box.left), max(row - half_y, self.box.top)
            right, bottom = min(column + half_x, self.box.right), min(row + half_y, self.box.bottom)
            box = Box(left, top, right - left, bottom - top)
            self.canvas.outline(box, INK, width + 1.6, order=4.5)
            self.canvas.outline(box, colour, width, order=4.6)


class Plot:
    """A panel with an x and a y axis.

    Parameters
    ----------
    canvas, box
        Where.
    x, y
        Limits.
    log_y
        Decades along y; both limits positive.
    """

    def __init__(
        self, canvas: Canvas, box: Box, x: tuple[float, float], y: tuple[float, float], *, log_y: bool = False
    ) -> None:
        self.canvas, self.box, self.x, self.log_y = canvas, box, x, log_y
        self.y = (float(np.log10(y[0])), float(np.log10(y[1]))) if log_y else y
        canvas.fill([box], "#f7f8f9", order=0.5)
        bottom_left, bottom_right = (box.left, box.bottom), (box.right, box.bottom)
        canvas.segments([[(box.left, box.top), bottom_left, bottom_right]], INK, 0.6)

    def place(self, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of data."""
        ordinate = np.asarray(y, float)
        if self.log_y:
            ordinate = np.log10(np.maximum(ordinate, 10.0 ** (self.y[0] - 1)))
        return (
            self.box.left + (np.asarray(x, float) - self.x[0]) / (self.x[1] - self.x[0]) * self.box.width,
            self.box.bottom - (ordinate - self.y[0]) / (self.y[1] - self.y[0]) * self.box.height,
        )

    def axes(
        self, x: str, y: str, *, x_ticks: bool = True, x_count: int = 4, y_count: int = 4, x_whole: bool = False
    ) -> None:
        """Ticks, light lines across and the words of the axes; along x at integers only if `x_whole`."""
        box = self.box
        if x_ticks:
            for value, text in round_ticks(*self.x, x_count, whole=x_whole):
                place = float(self.place(value, 1)[0])
                self.canvas.segments([[(place, box.bottom), (place, box.bottom + TICK)]], MUTED, 0.6)
                self.canvas.text(place, box.bottom + 26, text, colour=MUTED, across="center")
            self.canvas.text(box.left + box.width / 2, box.bottom + 51, x, across="center", width=box.width + 60)
        widest = 0.0
        for value, text in self._y_ticks(y_count):
            row = box.bottom - (value - self.y[0]) / (self.y[1] - self.y[0]) * box.height
            self.canvas.segments([[(box.left, row), (box.right, row)]], "#e3e6ea", 0.6, order=0.8)
            self.canvas.segments([[(box.left - TICK, row), (box.left, row)]], MUTED, 0.6)
            self.canvas.text(box.left - TICK - 4, row, text, colour=MUTED, across="right", down="center")
            widest = max(widest, text_width(text))
        turn_x = box.left - TICK - 14 - widest
        self.canvas.text(turn_x, box.top + box.height / 2, y, across="center", turn=True, width=box.height + 40)

    def _y_ticks(self, count: int) -> list[tuple[float, str]]:
        if not self.log_y:
            return round_ticks(*self.y, count)
        first, last = int(np.ceil(self.y[0] - 1e-9)), int(np.floor(self.y[1] + 1e-9))
        stride = max(1, -(-(last - first + 1) // (count + 1)))
        ticks = [(float(power), number(10.0**power, 1)) for power in range(first, last + 1, stride)]
        return ticks if len(ticks) > 1 else [(value, number(10.0**value, 2)) for value in self.y]

    def curve(self, x: Any, y: Any, colour: Any, width: float = 1.4, order: float = 4) -> None:
        """A line through the finite values, kept inside the panel."""
        columns, rows = self.place(x, y)
        known = np.isfinite(columns) & np.isfinite(rows)
        if known.sum() > 1:
            rows = np.clip(rows[known], self.box.top, self.box.bottom)
            columns = np.clip(columns[known], self.box.left, self.box.right)
            self.canvas.segments([np.stack([columns, rows], axis=1)], colour, width, order)

    def dots(self, x: Any, y: Any, colour: str, size: float = 5.0, edge: str = "white") -> None:
        """Markers at the finite values inside the panel."""
        columns, rows = self.place(np.atleast_1d(x), np.atleast_1d(y))
        inside = (columns >= self.box.left - 1) & (columns <= self.box.right + 1) & np.isfinite(rows)
        inside &= (rows >= self.box.top - 1) & (rows <= self.box.bottom + 1)
        if inside.any():
            self.canvas.dots(columns[inside], rows[inside], colour, size, edge)

    def bars(self, edges: np.ndarray, heights: np.ndarray, colour: str) -> None:
        """Bars between `edges`, from the lower end of the panel."""
        left, top = self.place(edges[:-1], heights)
        right, _ = self.place(edges[1:], heights)
        boxes = [
            Box(float(start), float(high), float(stop - start), self.box.bottom - float(high))
            for start, stop, high in zip(left, right, top, strict=True)
            if self.box.bottom - high > 0
        ]
        self.canvas.fill(boxes, colour, edge="white", width=0.4)

    def upright(self, x: float, colour: str, width: float = 1.0) -> None:
        """A vertical line over the whole panel."""
        place = float(self.place(x, 1)[0])
        if self.box.left <= place <= self.box.right:
            self.canvas.segments([[(place, self.box.top), (place, self.box.bottom)]], colour, width, order=3)
