"""Sides between grains: how long, how misoriented, and whether they obey a twin law."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.errors import InputError
from microstructure_assets.methods.crystallography import statistics_kernels as kernels
from microstructure_assets.methods.crystallography.geometry import MapGeometry
from microstructure_assets.methods.crystallography.symmetry import proper_operators

LAW = re.compile(
    r"(?P<group>\S+)\s+(?P<angle>\d+(?:\.\d+)?)\s*<\s*(?P<axis>-?\d+(?:\s+-?\d+){2,3})\s*>(?:\s+c/a\s+(?P<ratio>\d+(?:\.\d+)?))?"
)


class TwinLawMalformed(InputError):
    """A twin law that cannot be read."""


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
) -> GrainSides:
    """Sides between different grains, and inside grains those of a misorientation from `subgrain_deg` on.

    Parameters
    ----------
    grain : ndarray of int, shape (rows, columns)
        0 = none; such points have no sides here.
    edge_angle_deg : ndarray, shape (forward steps, rows, columns)
        As `edge_misorientations` gives it.
    geometry : MapGeometry
    subgrain_deg : float
        [degrees]
    """
    rows, columns = grain.shape
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
            wanted = (flat[first] > 0) & (flat[second] > 0) & (~inside | (angle >= subgrain_deg))
            first, second, angle = first[wanted], second[wanted], angle[wanted]
            found.append(GrainSides(first, second, angle, np.full(len(first), lengths[parity, k])))
    order = np.argsort(np.concatenate([part.first for part in found]), kind="stable")
    return GrainSides(
        *(
            np.concatenate([getattr(part, name) for part in found])[order]
            for name in ("first", "second", "angle_deg", "length_um")
        )
    )


@dataclass(frozen=True)
class TwinLaw:
    """A rotation about a crystal axis that relates a twin to its parent.

    Attributes
    ----------
    point_group : str
        International symbol of the phases that it is for; compared by Laue group.
    angle_deg : float
    axis : tuple of float
        Direction in the crystal's Cartesian frame (orix's: x along a, z along c*), of length one.
    text : str
        As it was given.
    """

    point_group: str
    angle_deg: float
    axis: tuple[float, float, float]
    text: str

    @classmethod
    def parse(cls, text: str) -> TwinLaw:
        """A law from its text: Laue group, angle [degrees] and direction, ``m-3m 60 <1 1 1>``.

        Directions with a component along c and others need the ratio of the axes, ``6/mmm 35 <1 0 -1 1> c/a 1.624``.

        Raises
        ------
        TwinLawMalformed
        """
        match = LAW.fullmatch(text.strip())
        if match is None:
            raise TwinLawMalformed(
                f"twin law {text!r}: expected Laue group, angle in degrees and direction, as 'm-3m 60 <1 1 1>' or "
                "'6/mmm 86.3 <1 1 -2 0>'"
            )
        indices = [int(part) for part in match["axis"].split()]
        axis = _direction(text, match["group"], indices, float(match["ratio"] or 0))
        return cls(match["group"], float(match["angle"]), axis, text.strip())

    def variants(self) -> NDArray[np.float64]:
        """Every rotation s1 t s2 with the twin rotation t or its inverse, and symmetries s1 and s2, (variants, 4)."""
        operators = proper_operators(self.point_group)
        half = math.radians(self.angle_deg) / 2
        twin = np.array([math.cos(half), *(math.sin(half) * part for part in self.axis)])
        every = np.concatenate(
            [
                product(product(operators[:, None], rotation), operators[None]).reshape(-1, 4)
                for rotation in (twin, twin * [1, -1, -1, -1])
            ]
        )
        sign = np.sign(every[np.arange(len(every)), np.argmax(np.abs(every) > 1e-6, axis=1)])
        return np.ascontiguousarray(np.unique(np.round(every * sign[:, None], 12) + 0.0, axis=0))


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


def product(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Product of quaternions (..., 4), scalar part first."""
    a, b = np.broadcast_arrays(first, second)
    scalar = a[..., :1] * b[..., :1] - np.sum(a[..., 1:] * b[..., 1:], axis=-1, keepdims=True)
    vector = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + np.cross(a[..., 1:], b[..., 1:])
    return np.concatenate([scalar, vector], axis=-1)


def _direction(text: str, point_group: str, indices: list[int], ratio: float) -> tuple[float, float, float]:
    """A direction in the crystal's Cartesian frame, of length one."""
    hexagonal = point_group in ("6/mmm", "6/m", "-3m", "-3")
    if (len(indices) == 4) != hexagonal:
        raise TwinLawMalformed(f"twin law {text!r}: found {len(indices)} indices, expected {4 if hexagonal else 3}")
    if point_group not in ("m-3m", "m-3") and not ratio and indices[-1] and any(indices[:-1]):
        raise TwinLawMalformed(f"twin law {text!r}: the direction depends on the axes; add 'c/a' and their ratio")
    if hexagonal:
        u, v, t, w = indices
        if u + v + t:
            raise TwinLawMalformed(f"twin law {text!r}: the first three indices must add to zero")
        vector = np.array([1.5 * u, math.sqrt(3) * (v + u / 2), w * (ratio or 1.0)])
    else:
        vector = np.array([*indices[:2], indices[2] * (ratio or 1.0)], dtype=float)
    size = float(np.linalg.norm(vector))
    if size == 0:
        raise TwinLawMalformed(f"twin law {text!r}: the direction has no length")
    x, y, z = (float(part) for part in vector / size)
    return x, y, z
