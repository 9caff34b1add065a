"""Patterns on disk: what every reader of patterns offers, and what readers share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class PatternSource(Protocol):
    """Patterns on disk.

    Every source of this package may be read from several threads at once, and holds no more memory than twice what a
    call returns (an image folder: plus one file per thread).
    """

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(rows, columns, height, width)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored intensities."""
        ...

    def read_points(self, points: NDArray[np.int64]) -> NDArray[Any]:
        """Patterns of some points, of which nothing else is read.

        Parameters
        ----------
        points : (n,) ndarray of int64
            ``row * columns + column`` of each point, in any order.

        Returns
        -------
        (n, height, width) ndarray
            New, in the order of `points`.
        """
        ...

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns of the grid's rows start to stop - 1: a new array (stop - start, columns, height, width)."""
        ...


def rows_of(source: PatternSource, start: int, stop: int) -> NDArray[Any]:
    """`read_rows` by way of `read_points`.

    Raises
    ------
    IndexError
        Unless 0 <= start < stop <= rows.
    """
    rows, columns, height, width = source.shape
    if not 0 <= start < stop <= rows:
        raise IndexError(f"rows {start}:{stop} asked for, the scan has rows 0:{rows}")
    points = np.arange(start * columns, stop * columns, dtype=np.int64)
    return source.read_points(points).reshape(stop - start, columns, height, width)


def checked_points(shape: tuple[int, int, int, int], points: NDArray[np.int64]) -> NDArray[np.int64]:
    """The points, of which there is one at least and each lies in the grid.

    Raises
    ------
    IndexError
    """
    wanted = np.asarray(points, dtype=np.int64)
    if wanted.ndim != 1 or wanted.size == 0:
        raise IndexError(f"points of shape {wanted.shape} asked for, expected (n,) with n > 0")
    if wanted.min() < 0 or wanted.max() >= shape[0] * shape[1]:
        raise IndexError(
            f"points {wanted.min()} to {wanted.max()} asked for, the scan has points 0 to {shape[0] * shape[1] - 1}"
        )
    return wanted


def runs(positions: NDArray[np.int64], step: int = 1) -> Iterator[tuple[NDArray[np.intp], int, int]]:
    """Stretches of positions that follow one another by `step`, so that each is read in one go.

    Yields
    ------
    into : (m,) ndarray of intp
        Places in `positions` of the stretch's entries.
    first, last : int
        Its first and its last position.
    """
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]
    ends = np.append(np.flatnonzero(np.diff(ordered) != step) + 1, ordered.size)
    begin = 0
    for end in map(int, ends):
        yield order[begin:end], int(ordered[begin]), int(ordered[end - 1])
        begin = end
