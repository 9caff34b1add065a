"""Quaternions of crystal orientations: random ones, products, small rotations and symmetry-reduced angles.

Quaternions are scalar first; a rotation takes sample vectors to crystal vectors and symmetry acts from the left, as
in orix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def random_quaternions(count: int, generator: np.random.Generator) -> Float64:
    """Unit quaternions of uniformly distributed rotations, (count, 4), by normalising Gaussian vectors."""
    quaternions = generator.standard_normal((count, 4))
    return quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)


def random_directions(count: int, generator: np.random.Generator) -> Float64:
    """Unit vectors uniformly distributed on the sphere, (count, 3)."""
    vectors = generator.standard_normal((count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rotation_about(axes: Float64, angles_deg: Float64) -> Float64:
    """Quaternions of rotations about unit ``axes`` (n, 3) by ``angles_deg`` (n,), shape (n, 4)."""
    half = np.deg2rad(np.asarray(angles_deg, dtype=np.float64)) / 2
    return np.concatenate([np.cos(half)[..., None], np.sin(half)[..., None] * axes], axis=-1)


def multiply(left: Float64, right: Float64) -> Float64:
    """Hamilton product of quaternions, shapes broadcast over all axes but the last."""
    a, b, c, d = np.moveaxis(left, -1, 0)
    e, f, g, h = np.moveaxis(right, -1, 0)
    return np.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ],
        axis=-1,
    )


def conjugate(quaternions: Float64) -> Float64:
    """The inverse of unit quaternions."""
    return quaternions * np.array([1.0, -1.0, -1.0, -1.0])


def disorientation_deg(first: Float64, second: Float64, symmetry: Float64) -> Float64:
    """Smallest rotation angle between orientations of one phase over all its symmetrically equal descriptions.

    Parameters
    ----------
    first, second
        Unit quaternions, shape (n, 4).
    symmetry
        Proper rotations of the crystal's point group, shape (m, 4).

    Returns
    -------
    angles
        Degrees, shape (n,). One-sided reduction is enough: s₁·Δ·s₂ has the angle of Δ·s₂·s₁.

    Notes
    -----
    The angle is 2·atan2(|v|, |w|), because acos is blind near zero.
    """
    difference = multiply(first, conjugate(second))
    best = np.full(len(difference), np.inf)
    for operation in symmetry:
        product = multiply(operation, difference)
        angle = 2 * np.arctan2(np.linalg.norm(product[:, 1:], axis=1), np.abs(product[:, 0]))
        np.minimum(best, angle, out=best)
    return np.rad2deg(best)


def nearest_equivalent(quaternions: Float64, reference: Float64, symmetry: Float64) -> Float64:
    """The symmetrically equal description of each quaternion nearest to ``reference`` (n, 4 or 4), of the same sign."""
    best = quaternions.copy()
    best_dot = np.abs(np.sum(quaternions * reference, axis=-1))
    for operation in symmetry:
        candidate = multiply(operation, quaternions)
        dot = np.abs(np.sum(candidate * reference, axis=-1))
        better = dot > best_dot
        best[better], best_dot[better] = candidate[better], dot[better]
    sign = np.where(np.sum(best * reference, axis=-1) < 0, -1.0, 1.0)
    return best * sign[:, None]
