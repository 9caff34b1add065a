"""Compiled sums over the points and the edges of grains, run without the interpreter lock."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from microstructure_assets.methods.crystallography.misorientation_kernels import disorientation


@njit(cache=True, nogil=True)
def equivalent_nearest(
    orientation: np.ndarray, reference: np.ndarray, operators: np.ndarray, count: int, result: np.ndarray
) -> None:
    """Of all symmetry equivalents s q and -s q of an orientation the one that is nearest to the reference."""
    largest = -1.0
    for k in range(count):
        s, a, b, c = operators[k, 0], operators[k, 1], operators[k, 2], operators[k, 3]
        w, x, y, z = orientation[0], orientation[1], orientation[2], orientation[3]
        first = s * w - a * x - b * y - c * z
        second = s * x + a * w + b * z - c * y
        third = s * y - a * z + b * w + c * x
        fourth = s * z + a * y - b * x + c * w
        scalar = first * reference[0] + second * reference[1] + third * reference[2] + fourth * reference[3]
        if abs(scalar) > largest:
            largest = abs(scalar)
            sign = 1.0 if scalar >= 0 else -1.0
            result[0], result[1], result[2], result[3] = sign * first, sign * second, sign * third, sign * fourth


@njit(cache=True, nogil=True)
def orientation_moments(
    quaternion: np.ndarray,
    phase: np.ndarray,
    grain: np.ndarray,
    operators: np.ndarray,
    counts: np.ndarray,
    reference: np.ndarray,
    known: np.ndarray,
    moments: np.ndarray,
) -> None:
    """Sums of q qᵀ over each grain's points, each brought near to the grain's reference, or to its first point."""
    equivalent = np.empty(4)
    for i in range(grain.size):
        own = grain[i]
        if own == 0:
            continue
        if not known[own]:
            reference[own] = quaternion[i]
            known[own] = True
        equivalent_nearest(quaternion[i], reference[own], operators[phase[i]], counts[phase[i]], equivalent)
        for a in range(4):
            for b in range(4):
                moments[own, a, b] += equivalent[a] * equivalent[b]


@njit(cache=True, nogil=True)
def orientation_spreads(
    quaternion: np.ndarray,
    phase: np.ndarray,
    grain: np.ndarray,
    operators: np.ndarray,
    counts: np.ndarray,
    mean: np.ndarray,
    total: np.ndarray,
) -> None:
    """Sums of the angles [degrees] between the points of each grain and its mean orientation."""
    for i in range(grain.size):
        own = grain[i]
        if own:
            angle = disorientation(mean[own], quaternion[i], operators[phase[i]], counts[phase[i]])
            total[own] += math.degrees(angle)


@njit(cache=True, nogil=True)
def variant_angles(first: np.ndarray, second: np.ndarray, variants: np.ndarray, result: np.ndarray) -> None:
    """Angle [degrees] between the misorientation of each pair and the nearest of some rotations."""
    for i in range(first.shape[0]):
        p, q = first[i], second[i]
        w = q[0] * p[0] + q[1] * p[1] + q[2] * p[2] + q[3] * p[3]
        x = -q[0] * p[1] + q[1] * p[0] - q[2] * p[3] + q[3] * p[2]
        y = -q[0] * p[2] + q[1] * p[3] + q[2] * p[0] - q[3] * p[1]
        z = -q[0] * p[3] - q[1] * p[2] + q[2] * p[1] + q[3] * p[0]
        largest = 0.0
        for k in range(variants.shape[0]):
            scalar = abs(variants[k, 0] * w + variants[k, 1] * x + variants[k, 2] * y + variants[k, 3] * z)
            if scalar > largest:
                largest = scalar
        result[i] = math.degrees(2 * math.acos(min(1.0, largest)))
