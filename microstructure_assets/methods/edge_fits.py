"""Which side of a boundary a point lies on, from straight edges under the beam fitted to the shares around it.

A share that crosses a straight boundary under a Gaussian interaction volume follows a normal distribution function.
Fitting that edge to the points around gathers the evidence along the boundary; a filter would also blur across it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

LARGEST_WINDOW = 21
ERROR_FLOOR = 0.02
WIDE = 3.6  # deviation of the window where boundaries are straight [points]
LARGEST_MISFIT = 2.0


@njit(cache=True)
def gather_edge(
    label: np.ndarray,
    share: np.ndarray,
    error: np.ndarray,
    row: int,
    column: int,
    first: int,
    second: int,
    beam_y: float,
    beam_x: float,
    window: float,
    points: np.ndarray,
) -> int:
    """Fill ``points`` (value, y, x, weight, precision): the part of ``first`` against ``second`` near a point."""
    rows, columns, slots = share.shape
    radius_y, radius_x = max(window, 1.5 * beam_y), max(window, 1.5 * beam_x)
    reach_y, reach_x = min(int(2.0 * radius_y), 10), min(int(2.0 * radius_x), 10)
    tolerated = 0.01 + (4.0 * error[row, column]) ** 2
    used = 0
    for dy in range(-reach_y, reach_y + 1):
        for dx in range(-reach_x, reach_x + 1):
            y, x = row + dy, column + dx
            if y < 0 or x < 0 or y >= rows or x >= columns:
                continue
            a, b, other = 0.0, 0.0, 0.0
            for slot in range(slots):
                if label[y, x, slot] == first:
                    a = share[y, x, slot]
                elif label[y, x, slot] == second:
                    b = share[y, x, slot]
                elif label[y, x, slot] >= 0:
                    other = max(other, share[y, x, slot])
            if a + b < 0.5:
                continue
            weight = math.exp(-0.5 * (dy / radius_y) ** 2 - 0.5 * (dx / radius_x) ** 2 - other * other / tolerated)
            if weight < 1e-3:
                continue
            points[used, 0], points[used, 1], points[used, 2] = a / (a + b), dy / beam_y, dx / beam_x
            points[used, 3] = weight
            points[used, 4] = weight / ((error[row, column] / (a + b)) ** 2 + ERROR_FLOOR**2)
            used += 1
    return used


@njit(cache=True)
def fit_edge(points: np.ndarray, used: int, bend: float, result: np.ndarray) -> None:
    """Fit an edge by Gauss-Newton on its distance from the centre, direction and curvature.

    ``bend`` is the prior deviation of the curvature; lengths are beam deviations. Fills ``result``: distance (positive:
    the centre is on the first side), its standard error, misfit (mean squared deviation over that of the noise),
    curvature, its standard error.
    """
    result[:] = 9.0
    result[0] = result[3] = 0.0
    total, mean = 0.0, 0.0
    for i in range(used):
        total += points[i, 4]
        mean += points[i, 4] * points[i, 0]
    if total <= 0.0:
        return
    mean /= total
    along_y, along_x = 0.0, 0.0
    for i in range(used):
        along_y += points[i, 4] * (points[i, 0] - mean) * points[i, 1]
        along_x += points[i, 4] * (points[i, 0] - mean) * points[i, 2]
    if along_y == 0.0 and along_x == 0.0:
        return
    angle = math.atan2(along_y, along_x)
    distance = min(max((mean - 0.5) * 2.5, -1.5), 1.5)
    curvature, misfit = 0.0, 9.0
    matrix, gradient, design = np.empty((3, 3)), np.empty(3), np.empty(3)
    for _ in range(15):
        misfit, total = 0.0, 0.0
        matrix[:] = 0.0
        gradient[:] = 0.0
        cosine, sine = math.cos(angle), math.sin(angle)
        for i in range(used):
            across = cosine * points[i, 2] + sine * points[i, 1]
            along = cosine * points[i, 1] - sine * points[i, 2]
            z = distance + across + 0.5 * curvature * along * along
            slope = 0.3989422804014327 * math.exp(-0.5 * z * z)
            residual = points[i, 0] - 0.5 * math.erfc(-z * 0.7071067811865476)
            misfit += points[i, 4] * residual * residual
            total += points[i, 3]
            design[0], design[1], design[2] = (
                slope,
                slope * (along - curvature * along * across),
                0.5 * slope * along * along,
            )
            for a in range(3):
                gradient[a] += points[i, 4] * design[a] * residual
                for b in range(3):
                    matrix[a, b] += points[i, 4] * design[a] * design[b]
        gradient[2] -= curvature / bend**2
        matrix[2, 2] += 1.0 / bend**2
        for a in range(3):
            matrix[a, a] = 1.01 * matrix[a, a] + 1e-9
        inverse = np.linalg.inv(matrix)
        result[1], result[4] = math.sqrt(inverse[0, 0]), math.sqrt(inverse[2, 2])
        largest = 0.0
        for a in range(3):
            step = 0.0
            for b in range(3):
                step += inverse[a, b] * gradient[b]
            step = min(max(step, -0.5), 0.5)
            largest = max(largest, abs(step))
            if a == 0:
                distance += step
            elif a == 1:
                angle += step
            else:
                curvature += step
        if largest < 1e-3:
            break
    result[0], result[2], result[3] = distance, misfit / total, curvature


@njit(cache=True)
def _side_of_edge(
    label: np.ndarray,
    share: np.ndarray,
    error: np.ndarray,
    row: int,
    column: int,
    first: int,
    second: int,
    beam_y: float,
    beam_x: float,
    bend: float,
    points: np.ndarray,
    result: np.ndarray,
) -> None:
    """Fit the edge in the wide window, or in the narrow one where the wide one holds more than an edge."""
    scaled = bend * 0.5 * (beam_y + beam_x)
    wide = WIDE / (1.0 + 4.0 * bend)
    used = gather_edge(label, share, error, row, column, first, second, beam_y, beam_x, wide, points)
    fit_edge(points, used, scaled, result)
    if result[2] > LARGEST_MISFIT:
        used = gather_edge(label, share, error, row, column, first, second, beam_y, beam_x, 0.55 * wide, points)
        fit_edge(points, used, scaled, result)


@njit(cache=True, parallel=True)
def place_points(
    label: np.ndarray,
    share: np.ndarray,
    error: np.ndarray,
    beam_y: float,
    beam_x: float,
    bend: float,
    least_share: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Region of each point: the one on whose side of every fitted edge the point lies.

    Parameters
    ----------
    label, share : numpy.ndarray, shape (rows, columns, slots)
        Regions near each point and their shares, the largest first; -1 = none.
    error : numpy.ndarray, shape (rows, columns)
        Standard error of the shares.
    beam_y, beam_x : float
        Deviation of the interaction volume [points].
    bend : float
        Prior deviation of the curvature of boundaries [1 / point].
    least_share : float
        Share from which the second and third region are rivals.

    Returns
    -------
    region : numpy.ndarray of int64, shape (rows, columns)
    confidence : numpy.ndarray of float32, shape (rows, columns)
        Probability of the decision, given the noise.
    """
    rows, columns, _ = share.shape
    region = np.empty((rows, columns), np.int64)
    confidence = np.zeros((rows, columns), np.float32)
    for row in prange(rows):
        points = np.empty((LARGEST_WINDOW * LARGEST_WINDOW, 5))
        result = np.empty(5)
        for column in range(columns):
            region[row, column] = label[row, column, 0]
            if label[row, column, 0] < 0:
                continue
            margin = (share[row, column, 0] - max(share[row, column, 1], 0.0)) / (2.0 * error[row, column])
            confidence[row, column] = 0.5 * math.erfc(-margin * 0.7071067811865476)
            if label[row, column, 1] < 0 or share[row, column, 1] < least_share:
                continue
            rivals = 3 if label[row, column, 2] >= 0 and share[row, column, 2] >= least_share else 2
            wins = np.zeros(3)
            sure = np.ones(3)
            for i in range(rivals):
                for j in range(i + 1, rivals):
                    first, second = label[row, column, i], label[row, column, j]
                    _side_of_edge(label, share, error, row, column, first, second, beam_y, beam_x, bend, points, result)
                    distance, deviation = result[0], result[1]
                    if deviation > 0.6:  # no edge to be seen: the shares decide
                        distance, deviation = share[row, column, i] - share[row, column, j], 2.0 * error[row, column]
                    winner = i if distance >= 0.0 else j
                    wins[winner] += 1
                    sure[winner] *= 0.5 * math.erfc(-abs(distance) / deviation * 0.7071067811865476)
            for i in range(rivals):
                if wins[i] == rivals - 1:
                    region[row, column] = label[row, column, i]
                    confidence[row, column] = sure[i]
    return region, confidence
