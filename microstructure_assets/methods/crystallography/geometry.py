"""Sizes on a grid: cells, the sides that they share, and where points lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.crystallography.neighbours import GridKind, Neighbourhood


@dataclass(frozen=True)
class MapGeometry:
    """What a map's grid looks like.

    Attributes
    ----------
    kind : {"square", "hexagonal"}
        Square includes rectangular cells.
    step_y_um, step_x_um : float
        Distances of rows and of points in a row [µm]; of a regular hexagonal grid the first is √3/2 of the second.
    """

    kind: GridKind
    step_y_um: float
    step_x_um: float

    @property
    def neighbourhood(self) -> Neighbourhood:
        """Points that share a side of their cells."""
        return Neighbourhood.of(self.kind)

    @property
    def cell_area_um2(self) -> float:
        """[µm²]"""
        return self.step_y_um * self.step_x_um

    @property
    def cell_moments_um2(self) -> tuple[float, float]:
        """Second moments of a cell about its centre along y and x, over its area [µm²].

        Of a rectangle of side w, w²/12; of a regular hexagon 5/72 of the squared distance of its parallel sides.
        """
        if self.kind == "hexagonal":
            return 5 / 54 * self.step_y_um**2, 5 / 72 * self.step_x_um**2
        return self.step_y_um**2 / 12, self.step_x_um**2 / 12

    def side_lengths_um(self) -> NDArray[np.float64]:
        """Length of the side that each forward step of the neighbourhood crosses [µm], as (2, steps), by parity."""
        steps = self.neighbourhood.forward().offsets
        if self.kind == "hexagonal":
            return np.full(steps.shape[:2], self.step_x_um / math.sqrt(3))
        return np.where(steps[:, :, 0] == 0, self.step_y_um, self.step_x_um)

    def positions_um(self, row: NDArray[np.integer], column: NDArray[np.integer]) -> tuple[NDArray[np.float64], ...]:
        """Coordinates (y, x) of points [µm]."""
        shift = 0.5 * (row % 2) if self.kind == "hexagonal" else 0.0
        return np.asarray(row * self.step_y_um, np.float64), np.asarray((column + shift) * self.step_x_um, np.float64)
