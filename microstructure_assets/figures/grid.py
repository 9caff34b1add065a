"""Where the points of a map lie: step and origin in µm, for axes and scale bars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Grid:
    """Position of a map's points.

    Parameters
    ----------
    step_y_um, step_x_um
        Distance of neighbouring points [µm]; None, zero or not finite where it is not known: axes then count points.
    origin_y_um, origin_x_um
        Position of the map's first point [µm, or points where no step is known], for a tile its place in the scan.
    kind
        On a hexagonal grid every other row begins half a step further along x; a picture needs `on_raster`.
    """

    step_y_um: float | None = None
    step_x_um: float | None = None
    origin_y_um: float = 0.0
    origin_x_um: float = 0.0
    kind: Literal["square", "hexagonal"] = "square"

    @property
    def known(self) -> bool:
        """Both steps are positive lengths."""
        return all(step is not None and math.isfinite(step) and step > 0 for step in (self.step_y_um, self.step_x_um))

    @property
    def unit(self) -> str:
        """Unit of the axes."""
        return "µm" if self.known else "points"

    @property
    def step_y(self) -> float:
        """Step along y in the unit of the axes."""
        return float(self.step_y_um) if self.known and self.step_y_um else 1.0

    @property
    def step_x(self) -> float:
        """Step along x in the unit of the axes."""
        return float(self.step_x_um) if self.known and self.step_x_um else 1.0

    @property
    def origin_y(self) -> float:
        """Position of the first row in the unit of the axes."""
        return self.origin_y_um if math.isfinite(self.origin_y_um) else 0.0

    @property
    def origin_x(self) -> float:
        """Position of the first column in the unit of the axes."""
        return self.origin_x_um if math.isfinite(self.origin_x_um) else 0.0

    @property
    def first_row(self) -> int:
        """Row of the map's first point in the scan."""
        return round(self.origin_y / self.step_y)

    @property
    def first_column(self) -> int:
        """Column of the map's first point in the scan."""
        return round(self.origin_x / self.step_x)


def on_raster(arrays: Mapping[str, np.ndarray], grid: Grid) -> tuple[dict[str, np.ndarray], Grid]:
    """Maps of a hexagonal grid as pictures show them, and the grid of these; maps of a square grid as they are.

    Each point has two cells, and the shifted rows begin one cell further.

    Parameters
    ----------
    arrays
        Maps ``(y, x, ...)``; what has less than two dimensions stays as it is.
    """
    if grid.kind == "square":
        return dict(arrays), grid
    shown = {name: _staggered(values) if values.ndim > 1 else values for name, values in arrays.items()}
    step_x = None if grid.step_x_um is None else grid.step_x_um / 2
    return shown, replace(grid, step_x_um=step_x, kind="square")


def _staggered(values: np.ndarray) -> np.ndarray:
    doubled = np.repeat(values, 2, axis=1)
    doubled[1::2, 1:] = doubled[1::2, :-1].copy()
    return doubled


POINTS = Grid()
"""A grid of unknown step: axes count points."""
