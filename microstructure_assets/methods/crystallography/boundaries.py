"""Sides between grains: how long, how misoriented, and how far from a twin law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.crystallography import statistics_kernels as kernels
from microstructure_assets.methods.crystallography.geometry import MapGeometry
from microstructure_assets.methods.crystallography.twin_laws import TwinLaw


@dataclass(frozen=True)
class GrainSides:
    """Pairs of neighbouring points across which something changes, one side each.

    Attributes
    ----------
    first, second : ndarray of int64, shape (sides,)
        Flat numbers of the two points.
    angle_deg : ndarray of float32, shape (sides,)
        Misorientation; infinite between phases.
    length_um : ndarray of float64, shape (sides,)
        [µm] As the grid draws it: a slanted boundary on a square grid is up to √2 too long, 4/π on average.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    angle_deg: NDArray[np.float32]
    length_um: NDArray[np.float64]

    def take(self, index: NDArray[np.bool_]) -> GrainSides:
        """Some of the sides."""
        return GrainSides(self.first[index], self.second[index], self.angle_deg[index], self.length_um[index])


def grain_sides(
    grain: NDArray[np.integer],
    edge_angle_deg: NDArray[np.floating],
    geometry: MapGeometry,
    *,
    subgrain_deg: float = math.inf,
    measured: NDArray[np.bool_] | None = None,
) -> GrainSides:
    """Sides between different grains, and inside grains those of a misorientation from `subgrain_deg` on.

    Parameters
    ----------
    grain : ndarray of int, shape (rows, columns)
        0 = none; such points have no sides here.
    edge_angle_deg : ndarray, shape (forward steps, rows, columns)
        As `edge_misorientations` gives it for orientations in which every point of a grain has one
        (:func:`~microstructure_assets.methods.crystallography.grain_statistics.filled_orientations`).
    geometry : MapGeometry
    subgrain_deg : float
        [degrees]
    measured : ndarray of bool, shape (rows, columns), optional
        Where orientations were measured; sides inside a grain are between two such points. Everywhere if not given.

    Raises
    ------
    ValueError
        If a side between points of grains has no misorientation.
    """
    rows, columns = grain.shape
    own = (np.ones(grain.shape, bool) if measured is None else measured).ravel()
    offsets, lengths = geometry.neighbourhood.forward().offsets, geometry.side_lengths_um()
    flat, found = grain.ravel(), []
    for parity in (0, 1):
        for k, (down, right) in enumerate(offsets[parity].tolist()):
            row = np.arange(parity, rows - down, 2)
            column = np.arange(max(0, -right), columns - max(0, right))
            first = (row[:, None] * columns + column).ravel()
            second = first + down * columns + right
            angle = edge_angle_deg[k].ravel()[first]
            inside = flat[first] == flat[second]
            within = inside & (angle >= subgrain_deg) & own[first] & own[second]
            wanted = (flat[first] > 0) & (flat[second] > 0) & (~inside | within)
            first, second, angle = first[wanted], second[wanted], angle[wanted]
            if np.isnan(angle).any():
                place = int(first[np.isnan(angle)][0])
                raise ValueError(
                    f"edge_angle_deg: found NaN beside point {divmod(place, columns)}, expected a misorientation of "
                    "all neighbours that belong to grains"
                )
            found.append(GrainSides(first, second, angle, np.full(len(first), lengths[parity, k])))
    order = np.argsort(np.concatenate([part.first for part in found]), kind="stable")
    return GrainSides(
        *(
            np.concatenate([getattr(part, name) for part in found])[order]
            for name in ("first", "second", "angle_deg", "length_um")
        )
    )


def twin_deviations(first: NDArray[np.float64], second: NDArray[np.float64], law: TwinLaw) -> NDArray[np.float64]:
    """How far the misorientation of each pair of orientations is from a twin law.

    Parameters
    ----------
    first, second : ndarray of float64, shape (pairs, 4)
    law : TwinLaw

    Returns
    -------
    ndarray of float64, shape (pairs,)
        Angle of the rotation between the two, over all symmetries [degrees].
    """
    deviation = np.empty(len(first))
    kernels.variant_angles(np.ascontiguousarray(first), np.ascontiguousarray(second), law.variants(), deviation)
    return deviation
