"""Colours of orientations by the inverse pole figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.crystallography.symmetry import laue_symmetry, to_orix_setting
from microstructure_assets.methods.parallel import block_bounds, map_blocks

DIRECTIONS = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
BLOCK_POINTS = 100_000


def inverse_pole_figure_colours(
    quaternion: NDArray[np.floating],
    phase: NDArray[np.integer],
    point_groups: Sequence[str],
    direction: Literal["x", "y", "z"],
) -> NDArray[np.uint8]:
    """Colour of each point by where a sample direction lies in its crystal (Zhang et al., Fig. 7a).

    The colours are those of orix's key ``IPFColorKeyTSL``.

    Parameters
    ----------
    quaternion : ndarray, shape (rows, columns, 4)
    phase : ndarray of int, shape (rows, columns)
        From 1; 0 where not indexed.
    point_groups : sequence of str
        Of the phases, by number from 1.
    direction : {"x", "y", "z"}
        Of the sample.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
        Red, green, blue; black where not indexed.
    """
    from orix.plot import IPFColorKeyTSL
    from orix.quaternion import Orientation, Rotation
    from orix.vector import Vector3d

    rgb = np.zeros((*phase.shape, 3), np.uint8)
    for number, group in enumerate(point_groups, 1):
        own = phase == number
        points = quaternion[own]
        if not len(points):
            continue
        symmetry, setting = laue_symmetry(group), Rotation(to_orix_setting(group))
        key = IPFColorKeyTSL(symmetry, direction=Vector3d(DIRECTIONS[direction]))

        def colours(bounds: tuple[int, int]) -> NDArray[np.uint8]:
            turned = setting * Rotation(points[slice(*bounds)])  # noqa: B023
            found = key.orientation2color(Orientation(turned, symmetry=symmetry))  # noqa: B023
            return np.round(255 * found).astype(np.uint8)

        rgb[own] = np.concatenate(map_blocks(colours, block_bounds(len(points), BLOCK_POINTS)))
    return rgb


def colour_key(point_group: str, size_px: int = 160) -> NDArray[np.uint8]:
    """The key to the colours: crystal directions of the fundamental sector in stereographic projection.

    Parameters
    ----------
    point_group : str
    size_px : int
        Longer side of the picture [pixels].

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        White outside of the sector.
    """
    from orix.plot import IPFColorKeyTSL
    from orix.vector import Vector3d

    symmetry = laue_symmetry(point_group)
    x, y = np.meshgrid(np.linspace(-1, 1, 201), np.linspace(1, -1, 201))
    inside = _directions(x, y) <= symmetry.fundamental_sector
    inside &= (x**2 + y**2 <= 1 + 1e-9).ravel()
    left, right = x.ravel()[inside].min(), x.ravel()[inside].max()
    bottom, top = y.ravel()[inside].min(), y.ravel()[inside].max()
    scale = size_px / max(right - left, top - bottom)
    x, y = np.meshgrid(
        np.linspace(left, right, max(2, round(scale * (right - left)))),
        np.linspace(top, bottom, max(2, round(scale * (top - bottom)))),
    )
    directions = _directions(x, y)
    inside = (directions <= symmetry.fundamental_sector) & (x**2 + y**2 <= 1 + 1e-9).ravel()
    key = np.full((x.size, 3), 255, np.uint8)
    colours = IPFColorKeyTSL(symmetry).direction_color_key.direction2color(Vector3d(directions.data[inside]))
    key[inside] = np.round(255 * colours).astype(np.uint8)
    return key.reshape(*x.shape, 3)


def _directions(x: NDArray[np.float64], y: NDArray[np.float64]) -> Any:
    """Unit vectors of points of the stereographic projection of the upper half sphere."""
    from orix.vector import Vector3d

    square = (x**2 + y**2).ravel()
    return Vector3d(np.stack([2 * x.ravel(), 2 * y.ravel(), 1 - square], axis=1) / (1 + square)[:, None])
