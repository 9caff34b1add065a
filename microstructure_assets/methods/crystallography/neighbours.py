"""Which points of a grid are neighbours: square grids by edges or by edges and corners, hexagonal ones by edges.

A hexagonal grid is kept as rows and columns, every odd row (counted from 0) shifted by half a step to the right; so the
columns of a point's neighbours depend on whether its row is even or odd.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

GridKind = Literal["square", "hexagonal"]

_SQUARE_EDGES = ((0, 1), (1, 0), (0, -1), (-1, 0))
_SQUARE_CORNERS = ((1, 1), (1, -1), (-1, -1), (-1, 1))
_HEXAGONAL = {
    0: ((0, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0)),
    1: ((0, 1), (1, 1), (1, 0), (0, -1), (-1, 0), (-1, 1)),
}


@dataclass(frozen=True)
class Neighbourhood:
    """Steps from a point to its neighbours.

    Attributes
    ----------
    offsets : ndarray of int64, shape (2, neighbours, 2)
        Steps (rows, columns) from a point in an even row, and from one in an odd row.
    """

    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, kind: GridKind, *, corners: bool = False, order: int = 1, perimeter: bool = False) -> Neighbourhood:
        """Neighbours that are so many steps away.

        Parameters
        ----------
        kind : {"square", "hexagonal"}
        corners : bool
            Whether points that share a corner are neighbours; on hexagonal grids none share only that.
        order : int
            Steps, at least 1.
        perimeter : bool
            Only the points that are exactly `order` steps away, not those nearer.
        """
        reached = [_reached(kind, corners, order, parity) for parity in (0, 1)]
        nearer = [_reached(kind, corners, order - 1, parity) if perimeter else {(0, 0)} for parity in (0, 1)]
        return cls(np.array([sorted(far - near) for far, near in zip(reached, nearer, strict=True)], dtype=np.int64))

    def forward(self) -> Neighbourhood:
        """Half of the steps, those on to later points, so that every pair of neighbours is met once."""
        return Neighbourhood(np.array([[step for step in own.tolist() if step > [0, 0]] for own in self.offsets]))


def _reached(kind: GridKind, corners: bool, order: int, parity: int) -> set[tuple[int, int]]:
    points = {(0, 0)}
    for _ in range(order):
        points |= {
            (row + down, column + right)
            for row, column in points
            for down, right in _steps(kind, corners, (parity + row) % 2)
        }
    return points


def _steps(kind: GridKind, corners: bool, parity: int) -> tuple[tuple[int, int], ...]:
    if kind == "hexagonal":
        return _HEXAGONAL[parity]
    return _SQUARE_EDGES + (_SQUARE_CORNERS if corners else ())
