"""Rectangles of points of a scan: ROIs, tiles, named regions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rectangle:
    """A rectangle of points of the scan, the stops excluded."""

    row_start: int
    row_stop: int
    column_start: int
    column_stop: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.row_stop - self.row_start, self.column_stop - self.column_start

    @property
    def points(self) -> int:
        """Number of points."""
        return self.shape[0] * self.shape[1]

    def with_margin(self, points: int, shape: tuple[int, int]) -> Rectangle:
        """This rectangle with so many points more on each side, as far as a scan of this shape goes."""
        return Rectangle(
            max(0, self.row_start - points),
            min(shape[0], self.row_stop + points),
            max(0, self.column_start - points),
            min(shape[1], self.column_stop + points),
        )

    def inside(self, outer: Rectangle) -> tuple[slice, slice]:
        """Slices of this rectangle in an array over `outer`."""
        rows = slice(self.row_start - outer.row_start, self.row_stop - outer.row_start)
        return rows, slice(self.column_start - outer.column_start, self.column_stop - outer.column_start)
