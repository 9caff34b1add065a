"""The interaction volume: which share of each point's signal comes from which domain."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
SIGMA_PER_FWHM = 1.0 / math.sqrt(8.0 * math.log(2.0))
TRUNCATION = 4.0
SMALLEST_SHARE = 5e-4


def margin_points(fwhm_points: float) -> int:
    """Points around the scan that the interaction volume reaches."""
    return math.ceil(TRUNCATION * SIGMA_PER_FWHM * fwhm_points)


def kernel(fwhm_points: float, sub_points: int) -> Float64:
    """Weight of the samples around a point, summing to one: the Gaussian's integral over each sample's cell.

    Shape ((2·margin + 1)·sub_points,); for a width below a thousandth the sample at the point's own position.
    """
    from scipy.special import erf

    margin = margin_points(fwhm_points)
    samples = (2 * margin + 1) * sub_points
    if fwhm_points < 1e-3:
        weights = np.zeros(samples)
        weights[samples // 2] = 1.0
        return weights
    edges = np.arange(samples + 1) / sub_points - 0.5 - margin
    weights = np.diff(erf(edges / (math.sqrt(2.0) * SIGMA_PER_FWHM * fwhm_points)))
    return weights / weights.sum()


def _band(
    first_point: int, last_point: int, first_sample: int, last_sample: int, weights: Float64, sub_points: int
) -> Float64:
    """A part of the banded matrix points × samples; the samples of point r start at r·sub_points, margin included."""
    index = np.arange(first_sample, last_sample)[None, :] - np.arange(first_point, last_point)[:, None] * sub_points
    inside = (index >= 0) & (index < len(weights))
    return np.where(inside, weights[np.clip(index, 0, len(weights) - 1)], 0.0)


def domain_shares(
    labels: NDArray[np.int32], rows: int, columns: int, sub_points: int, fwhm_y_points: float, fwhm_x_points: float
) -> tuple[NDArray[np.int64], NDArray[np.int32], Float64]:
    """Volume share of each domain in the interaction volume of each point.

    Parameters
    ----------
    labels
        Domains on the grid of samples, margins as `margin_points` says, labels from 0.
    rows, columns, sub_points
        Of the scan, and samples along each side of a point.
    fwhm_y_points, fwhm_x_points
        Full widths at half maximum of the Gaussian [points].

    Returns
    -------
    indptr, domains, shares
        Compressed rows, one for each point in row-major order: int64 (points + 1,), int32, float64. Shares below
        0.0005 are dropped and the rest scaled to the sum one, so that what is simulated is exactly what is stated.
    """
    from scipy import ndimage

    kernel_y, kernel_x = kernel(fwhm_y_points, sub_points), kernel(fwhm_x_points, sub_points)
    points, domains, shares = [], [], []
    for label, box in enumerate(ndimage.find_objects(labels + 1)):
        if box is None:
            continue
        (y0, y1), (x0, x1) = ((part.start, part.stop) for part in box)
        r0, r1 = max(0, (y0 - len(kernel_y)) // sub_points + 1), min(rows, (y1 - 1) // sub_points + 1)
        c0, c1 = max(0, (x0 - len(kernel_x)) // sub_points + 1), min(columns, (x1 - 1) // sub_points + 1)
        if r0 >= r1 or c0 >= c1:
            continue
        inside = (labels[box] == label).astype(np.float64)
        share = _band(r0, r1, y0, y1, kernel_y, sub_points) @ inside @ _band(c0, c1, x0, x1, kernel_x, sub_points).T
        found_rows, found_columns = np.nonzero(share > SMALLEST_SHARE)
        points.append((found_rows + r0).astype(np.int64) * columns + found_columns + c0)
        domains.append(np.full(len(found_rows), label, dtype=np.int32))
        shares.append(share[found_rows, found_columns])
    point, domain, share = np.concatenate(points), np.concatenate(domains), np.concatenate(shares)
    order = np.argsort(point, kind="stable")
    point, domain, share = point[order], domain[order], share[order]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(point, minlength=rows * columns))]).astype(np.int64)
    total = np.add.reduceat(share, indptr[:-1])
    return indptr, domain, share / np.repeat(total, np.diff(indptr))
