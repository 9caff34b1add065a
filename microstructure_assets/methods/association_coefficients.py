"""Coefficients between latents and maps: Pearson, Spearman, Kendall and the F of a regression or of classes.

They describe and decide nothing: points of a grain are no independent trials, so that what F or a coefficient of points
would mean by the textbook is far from true (see :mod:`.association_permutations`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import association_kernels as kernels
from microstructure_assets.methods.parallel import map_blocks, single_blas_thread

# A sum of squares below this share of what it was taken from is rounding.
ROUNDING = 1e-10


def pearson(latents: NDArray[np.floating], maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Pearson's coefficients of all pairs of columns.

    Parameters
    ----------
    latents : ndarray, shape (n, L)
    maps : ndarray, shape (n, T)

    Returns
    -------
    ndarray of float64, shape (L, T)
        NaN where a column is constant.
    """
    x, y = (_standardised(np.asarray(values, np.float64)) for values in (latents, maps))
    with single_blas_thread():
        return np.asarray(np.clip(x.T @ y, -1, 1))


def spearman(latents: NDArray[np.floating], maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Spearman's coefficients of all pairs of columns, ties at their mean rank; shapes as in :func:`pearson`."""
    from scipy.stats import rankdata

    return pearson(rankdata(latents, axis=0), rankdata(maps, axis=0))


def kendall(latents: NDArray[np.floating], maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Kendall's tau-b of all pairs of columns; shapes as in :func:`pearson`."""
    from scipy.stats import rankdata

    if len(latents) < 2:
        return np.full((latents.shape[1], maps.shape[1]), np.nan)
    order = [np.ascontiguousarray(rankdata(values, "dense", axis=0).T) - 1 for values in (latents, maps)]
    first, others = (values.astype(np.int64) for values in order)
    tau = np.empty((len(first), len(others)))

    def work(number: int) -> None:
        kernels.kendall_taus(first[number], others, tau[number])

    map_blocks(work, range(len(first)))
    return tau


def regression_f(coefficient: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """F of the regression on one variable, from Pearson's coefficient over so many values; degrees of freedom 1, n-2.

    Returns
    -------
    ndarray of float64, the shape of `coefficient`
        Infinite at ±1; NaN below three values.
    """
    if count < 3:
        return np.full(np.shape(coefficient), np.nan)
    square = np.square(coefficient)
    with np.errstate(divide="ignore"):
        return np.asarray(square / (1 - square) * (count - 2))


def variance_f(
    count: NDArray[np.floating] | NDArray[np.integer], total: NDArray[np.float64], squares: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int, int]:
    """F of the one-way analysis of variance, from sums over categories.

    Parameters
    ----------
    count : ndarray, shape (K,)
        Values in each category; empty ones do not count.
    total : ndarray of float64, shape (K, L)
        Sums in each category, about any common origin.
    squares : ndarray of float64, shape (L,)
        Sums of squares over all, about the same origin.

    Returns
    -------
    ndarray of float64, shape (L,)
        NaN where there are fewer than two categories, no value more than categories, or the variable is constant.
    int
        Degrees of freedom between categories.
    int
        Degrees of freedom inside categories.
    """
    present = count > 0
    number, size = int(present.sum()), float(count.sum())
    between_freedom, inside_freedom = number - 1, int(size) - number
    if between_freedom < 1 or inside_freedom < 1:
        return np.full(total.shape[1], np.nan), between_freedom, inside_freedom
    common = total.sum(axis=0) ** 2 / size
    between = np.sum(total[present] ** 2 / count[present, None], axis=0) - common
    whole = squares - common
    inside = np.maximum(whole - between, 0)
    known = whole > ROUNDING * squares
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (between / between_freedom) / (inside / inside_freedom)
    return np.where(known, ratio, np.nan), between_freedom, inside_freedom


def f_probability(ratio: NDArray[np.float64], first: int, second: int) -> NDArray[np.float64]:
    """Chance of a larger F by the F distribution, true where all values are independent and normal."""
    from scipy.special import fdtrc

    if first < 1 or second < 1:
        return np.full(np.shape(ratio), np.nan)
    return np.asarray(fdtrc(first, second, ratio))


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns less their mean, of length one; NaN where constant."""
    if not len(values):
        return np.full(values.shape, np.nan)
    centred = values - values.mean(axis=0)
    length = np.sqrt(np.sum(centred**2, axis=0))
    constant = length <= np.sqrt(ROUNDING) * 1e-3 * np.sqrt(np.sum(values**2, axis=0))
    return np.asarray(centred / np.where(constant, np.nan, length))
