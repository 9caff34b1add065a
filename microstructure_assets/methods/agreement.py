"""How far two labellings of the same points agree, and how far two smooth maps agree by chance.

Normalised mutual information is the criterion of Reference [1]_ for the length scale of a scan (Section 3.2.2). It
grows by chance with the number of clusters; the adjusted form [2]_ takes off what labellings with the same cluster
sizes share when points are dealt at random. Neighbouring points share their cluster, so two unrelated *maps* share
more than that: :func:`toroidal_shift_null` says how much.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization.
.. [2] N. X. Vinh, J. Epps, J. Bailey, Information theoretic measures for clusterings comparison, J. Mach. Learn. Res.
   11 (2010) 2837, Eq. 24a.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microstructure_assets.methods import agreement_kernels as kernels

# Labels above this are numbered anew: the contingency table is dense and must stay small.
_LARGEST_DIRECT_LABEL = 255


def normalised_mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Mutual information over the arithmetic mean of both entropies.

    Parameters
    ----------
    a, b : numpy.ndarray of int
        Labels of the same points in the same order (any shape, read row-major); from 0, not necessarily contiguous. At
        most some hundred different ones on each side: the contingency table is dense.

    Returns
    -------
    float
        0 to 1. As in scikit-learn, 1 if both sides are one cluster and 0 if only one is.

    Raises
    ------
    ValueError
        If the numbers of points differ, there is no point, or a label is negative or not an integer.
    """
    return _normalised(_labels(a, "a"), _labels(b, "b"))


def adjusted_mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Mutual information beyond chance, over the most that can be beyond chance (arithmetic mean of both entropies).

    Chance is the hypergeometric model, Eq. 24a of Reference [1]_: points dealt at random to clusters of the given
    sizes. Its sum is followed from the mode outwards until terms vanish in the rounding, not over the whole support.

    Parameters
    ----------
    a, b : numpy.ndarray of int
        Labels of the same points in the same order (any shape, read row-major); from 0, not necessarily contiguous.

    Returns
    -------
    float
        At most 1; about 0, also below, for unrelated labels. As in scikit-learn, 1 if both sides are one cluster and 0
        if only one is. 1 also where each point is its own cluster on both sides, as the labellings are then the same.

    Raises
    ------
    ValueError
        If the numbers of points differ, there is no point, or a label is negative or not an integer.

    References
    ----------
    .. [1] N. X. Vinh, J. Epps, J. Bailey, Information theoretic measures for clusterings comparison, J. Mach. Learn.
       Res. 11 (2010) 2837.
    """
    table, first, second = _contingency(_labels(a, "a"), _labels(b, "b"))
    clusters = int(np.count_nonzero(first)), int(np.count_nonzero(second))
    if min(clusters) == 1:
        return float(max(clusters) == 1)
    if min(clusters) == first.sum():
        return 1.0
    expected = kernels.expected_mutual_information(first, second)
    most = (kernels.entropy(first) + kernels.entropy(second)) / 2
    return min(1.0, (kernels.mutual_information(table, first, second) - expected) / (most - expected))


def half_shifts(shape: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """Shifts [points along y, points along x] by half a map along y, along x, and along both.

    A side of one point cannot be shifted: such a map has one shift, and a single point has none.
    """
    rows, columns = shape
    if rows < 1 or columns < 1:
        raise ValueError(f"shape: found {rows} × {columns} points, expected at least one along each axis")
    half = rows // 2, columns // 2
    shifts = ((half[0], 0), (0, half[1]), half)
    return tuple(dict.fromkeys(shift for shift in shifts if any(shift)))


def toroidal_shift_null(
    a: np.ndarray, b: np.ndarray, shape: tuple[int, int], shifts: Sequence[tuple[int, int]]
) -> float:
    """Mean normalised mutual information between a map and another one that is shifted around its edges.

    The shift keeps the cluster sizes and the smoothness of both maps and takes away what they share in place, so that
    what is left is chance. Two deviations from that: the seam where opposite edges meet lowers it a little, and in a
    map of one or two grains half the map is not far away, so that part of the true agreement stays in and NMI minus
    this null is on the cautious side.

    Parameters
    ----------
    a, b : numpy.ndarray of int
        Labels of the same points, row-major; from 0, not necessarily contiguous.
    shape : tuple of int
        Points along y and along x.
    shifts : sequence of (int, int)
        Points along y and along x that `b` is shifted by; see :func:`half_shifts`.

    Returns
    -------
    float
        0 to 1; NaN without any shift (a single point).

    Raises
    ------
    ValueError
        If a map does not have the points of `shape`, or a label is negative or not an integer.
    """
    first, second = _labels(a, "a"), _labels(b, "b")
    for name, labels in (("a", first), ("b", second)):
        if labels.size != shape[0] * shape[1]:
            raise ValueError(f"{name}: found {labels.size} points, expected {shape[0]} × {shape[1]} as in shape")
    if not shifts:
        return float("nan")
    grid = second.reshape(shape)
    return float(np.mean([_normalised(first, np.roll(grid, shift, axis=(0, 1)).ravel()) for shift in shifts]))


def _normalised(a: np.ndarray, b: np.ndarray) -> float:
    table, first, second = _contingency(a, b)
    most = (kernels.entropy(first) + kernels.entropy(second)) / 2
    if most == 0:
        return 1.0
    return float(min(1.0, max(0.0, kernels.mutual_information(table, first, second) / most)))


def _labels(values: np.ndarray, name: str) -> np.ndarray:
    """Labels as small integers, ``(points,)`` int64."""
    labels = np.asarray(values)
    if not labels.size:
        raise ValueError(f"{name}: found no labels, expected at least one point")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{name}: found labels of type {labels.dtype}, expected integers")
    if labels.min() < 0:
        raise ValueError(f"{name}: found the label {labels.min()}, expected labels of at least 0")
    if labels.max() > _LARGEST_DIRECT_LABEL:
        labels = np.unique(labels, return_inverse=True)[1]
    return labels.astype(np.int64, copy=False).ravel()


def _contingency(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points with each pair of labels ``(labels of a, labels of b)``, and the sums along rows and columns."""
    if a.size != b.size:
        raise ValueError(f"a, b: found {a.size} and {b.size} labels, expected labels of the same points")
    rows, columns = int(a.max()) + 1, int(b.max()) + 1
    table = np.bincount(a * columns + b, minlength=rows * columns).reshape(rows, columns)
    return table, table.sum(axis=1), table.sum(axis=0)
