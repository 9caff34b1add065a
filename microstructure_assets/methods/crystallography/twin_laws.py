"""Twin laws: rotations about crystal axes that relate a twin to its parent."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.errors import InputError
from microstructure_assets.methods.crystallography.symmetry import proper_operators

LAW = re.compile(
    r"(?P<group>\S+)\s+(?P<angle>\d+(?:\.\d+)?)\s*<\s*(?P<axis>-?\d+(?:\s+-?\d+){2,3})\s*>(?:\s+c/a\s+(?P<ratio>\d+(?:\.\d+)?))?"
)


class TwinLawMalformed(InputError, ValueError):
    """A twin law that cannot be read."""


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


def twin_laws(text: str) -> tuple[TwinLaw, ...]:
    """The laws of a text, between semicolons; none of an empty one.

    Raises
    ------
    TwinLawMalformed
    """
    return tuple(TwinLaw.parse(law) for law in text.split(";") if law.strip())


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
