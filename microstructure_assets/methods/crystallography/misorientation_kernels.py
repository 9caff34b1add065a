"""Compiled misorientations of neighbouring points, run without the interpreter lock."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def disorientation(first: np.ndarray, second: np.ndarray, operators: np.ndarray, count: int) -> float:
    """Smallest rotation angle [rad] between two orientations over the symmetries of their phase.

    The misorientation is m = q2 conj(q1); over s1 m s2 the angle is that of (s2 s1) m, so that one of the two
    symmetries is enough. The angle comes from the arctangent, which stays exact where it is small.
    """
    w = second[0] * first[0] + second[1] * first[1] + second[2] * first[2] + second[3] * first[3]
    x = -second[0] * first[1] + second[1] * first[0] - second[2] * first[3] + second[3] * first[2]
    y = -second[0] * first[2] + second[1] * first[3] + second[2] * first[0] - second[3] * first[1]
    z = -second[0] * first[3] - second[1] * first[2] + second[2] * first[1] + second[3] * first[0]
    best, largest = 0, -1.0
    for k in range(count):
        scalar = abs(operators[k, 0] * w - operators[k, 1] * x - operators[k, 2] * y - operators[k, 3] * z)
        if scalar > largest:
            best, largest = k, scalar
    s, a, b, c = operators[best, 0], operators[best, 1], operators[best, 2], operators[best, 3]
    i = s * x + a * w + b * z - c * y
    j = s * y - a * z + b * w + c * x
    k_part = s * z + a * y - b * x + c * w
    return 2 * math.atan2(math.sqrt(i * i + j * j + k_part * k_part), largest)


@njit(cache=True, nogil=True)
def edge_angles(
    quaternion: np.ndarray,
    phase: np.ndarray,
    operators: np.ndarray,
    counts: np.ndarray,
    offsets: np.ndarray,
    start: int,
    stop: int,
    result: np.ndarray,
) -> None:
    """Angle [degrees] of each step of the rows ``start`` to ``stop``; see `edge_misorientations`."""
    rows, columns = phase.shape
    for row in range(start, stop):
        steps = offsets[row % 2]
        for column in range(columns):
            own = phase[row, column]
            for k in range(steps.shape[0]):
                r, c = row + steps[k, 0], column + steps[k, 1]
                angle = np.nan
                if own > 0 and 0 <= r < rows and 0 <= c < columns and phase[r, c] > 0:
                    angle = np.inf
                    if phase[r, c] == own:
                        angle = math.degrees(
                            disorientation(quaternion[row, column], quaternion[r, c], operators[own], counts[own])
                        )
                result[k, row, column] = angle


@njit(cache=True, nogil=True)
def kernel_averages(
    quaternion: np.ndarray,
    phase: np.ndarray,
    group: np.ndarray,
    operators: np.ndarray,
    counts: np.ndarray,
    offsets: np.ndarray,
    limit_rad: float,
    start: int,
    stop: int,
    result: np.ndarray,
) -> None:
    """Mean angle [degrees] of the rows ``start`` to ``stop`` to neighbours of the same phase and group, up to a limit;
    NaN where there is none."""
    rows, columns = phase.shape
    for row in range(start, stop):
        steps = offsets[row % 2]
        for column in range(columns):
            own, total, number = phase[row, column], 0.0, 0
            if own > 0:
                for k in range(steps.shape[0]):
                    r, c = row + steps[k, 0], column + steps[k, 1]
                    if 0 <= r < rows and 0 <= c < columns and phase[r, c] == own and group[r, c] == group[row, column]:
                        angle = disorientation(quaternion[row, column], quaternion[r, c], operators[own], counts[own])
                        if angle <= limit_rad:
                            total += angle
                            number += 1
            result[row, column] = math.degrees(total / number) if number else np.nan
