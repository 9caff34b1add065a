"""Width of the interaction volume and curvature of boundaries, from the shares across clean boundaries."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from microstructure_assets.methods.edge_fits import LARGEST_WINDOW, WIDE, fit_edge, gather_edge

LEAST_BEND, LARGEST_BEND = 0.005, 0.5  # [1 / point]


@njit(cache=True)
def edge_slopes(label: np.ndarray, share: np.ndarray, error: np.ndarray, limit: int) -> np.ndarray:
    """Direction and steepness of clean boundaries: probit slopes along y and x of two regions where no third is near.

    Returns
    -------
    numpy.ndarray, shape (edges, 2)
        At most ``limit``, spread evenly over the scan.
    """
    rows, columns, _ = share.shape
    found = np.empty((limit, 2))
    number = 0
    stride = 1 + rows * columns // (8 * limit)
    points = np.empty((LARGEST_WINDOW * LARGEST_WINDOW, 5))
    parameters = np.empty(3)
    for index in range(0, rows * columns, stride):
        y, x = index // columns, index % columns
        if number == limit:
            break
        if label[y, x, 1] < 0 or share[y, x, 1] < 0.3 or share[y, x, 0] + share[y, x, 1] < 0.95 or error[y, x] > 0.15:
            continue
        used = gather_edge(label, share, error, y, x, label[y, x, 0], label[y, x, 1], 1.0, 1.0, 2.4, points)
        if used < 9:
            continue
        parameters[0], parameters[1], parameters[2] = 0.0, 0.0, 0.0
        for i in range(used):  # a start: the slope of the shares themselves
            parameters[1] += 0.5 * (points[i, 0] - 0.5) * points[i, 1] / used
            parameters[2] += 0.5 * (points[i, 0] - 0.5) * points[i, 2] / used
        settled = False
        for _ in range(25):
            matrix = np.zeros((3, 3))
            gradient = np.zeros(3)
            for i in range(used):
                z = parameters[0] + parameters[1] * points[i, 1] + parameters[2] * points[i, 2]
                slope = 0.3989422804014327 * math.exp(-0.5 * min(z * z, 30.0))
                residual = points[i, 0] - 0.5 * math.erfc(-z * 0.7071067811865476)
                design = (1.0, points[i, 1], points[i, 2])
                for j in range(3):
                    gradient[j] += points[i, 4] * slope * design[j] * residual
                    for k in range(3):
                        matrix[j, k] += points[i, 4] * slope * slope * design[j] * design[k]
            for j in range(3):
                matrix[j, j] = matrix[j, j] * 1.01 + 1e-6
            step = np.linalg.solve(matrix, gradient)
            largest = max(abs(step[0]), abs(step[1]), abs(step[2]))
            parameters += step * min(1.0, 0.5 / max(largest, 1e-12))
            if largest < 1e-3:
                settled = True
                break
        if settled and abs(parameters[0]) < 1.0:
            found[number, 0], found[number, 1] = parameters[1], parameters[2]
            number += 1
    return found[:number]


def estimate_beam(
    label: np.ndarray, share: np.ndarray, error: np.ndarray, fallback: float = 0.7
) -> tuple[float, float]:
    """Deviation of the interaction volume along y and x from the width of clean boundaries.

    Parameters
    ----------
    label, share, error : numpy.ndarray
        As in `place_points`.
    fallback : float
        Deviation where fewer than ten boundaries across an axis are clean [points].

    Returns
    -------
    beam_y, beam_x : float
        Median over boundaries within 30 degrees of the axis; between 0.3 and 6 points.
    """
    slopes = edge_slopes(label, share, error, 4000)
    if len(slopes) == 0:
        return fallback, fallback
    steepness = np.hypot(slopes[:, 0], slopes[:, 1])
    result = []
    for axis in range(2):
        chosen = np.abs(slopes[:, axis]) > 0.87 * steepness
        enough = np.count_nonzero(chosen) >= 10
        result.append(float(np.clip(np.median(1.0 / steepness[chosen]), 0.3, 6.0)) if enough else fallback)
    return result[0], result[1]


@njit(cache=True)
def _curvatures(
    label: np.ndarray, share: np.ndarray, error: np.ndarray, beam_y: float, beam_x: float, limit: int
) -> np.ndarray:
    """Curvature and its standard error at clean boundaries, in beam deviations, shape (edges, 2)."""
    rows, columns, _ = share.shape
    found = np.empty((limit, 2))
    number = 0
    points = np.empty((LARGEST_WINDOW * LARGEST_WINDOW, 5))
    result = np.empty(5)
    for index in range(0, rows * columns, 1 + rows * columns // (8 * limit)):
        y, x = index // columns, index % columns
        if number == limit:
            break
        if label[y, x, 1] < 0 or share[y, x, 1] < 0.3 or share[y, x, 0] + share[y, x, 1] < 0.95:
            continue
        used = gather_edge(label, share, error, y, x, label[y, x, 0], label[y, x, 1], beam_y, beam_x, WIDE, points)
        fit_edge(points, used, 1.0, result)
        if result[1] < 0.6:
            found[number, 0], found[number, 1] = result[3], result[4]
            number += 1
    return found[:number]


def estimate_bend(label: np.ndarray, share: np.ndarray, error: np.ndarray, beam_y: float, beam_x: float) -> float:
    """Deviation of the curvature of the scan's boundaries, the noise of its estimates taken off [1 / point].

    Parameters
    ----------
    label, share, error, beam_y, beam_x
        As in `place_points`.

    Returns
    -------
    float
        Between 0.005 (straight edges) and 0.5; 0.1 where fewer than ten boundaries are clean.
    """
    found = _curvatures(label, share, error, beam_y, beam_x, 4000)
    if len(found) < 10:
        return 0.1
    # medians, because edges near junctions fit badly; 0.455 is the median of a squared standard normal variable
    variance = float(np.median(found[:, 0] ** 2) / 0.455 - np.median(found[:, 1] ** 2))
    scale = 0.5 * (beam_y + beam_x)
    return float(np.clip(np.sqrt(max(variance, 0.0)) / scale, LEAST_BEND, LARGEST_BEND))
