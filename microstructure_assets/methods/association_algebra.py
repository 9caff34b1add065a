"""Linear algebra and tails that the tests of latents share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_coefficients import ROUNDING

# A tail below this is taken for this: no permutation comes near it.
_LEAST_TAIL = 1e-290


def orthonormal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal basis of the span of columns."""
    length = np.sqrt(np.sum(columns**2, axis=0))
    left, size, _ = np.linalg.svd(columns / np.where(length > 0, length, 1), full_matrices=False)
    return np.asarray(left[:, size > 1e-7 * size[0]])


def independent_functions(nuisance: NDArray[np.float64]) -> int:
    """How many columns of a nuisance do not depend on each other."""
    return int(orthonormal(nuisance).shape[1]) if len(nuisance) else 0


def centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns less their mean, nought where that is rounding; every nuisance has a constant, so nothing is lost."""
    left = values - values.mean(axis=0)
    largest = np.abs(values).max(axis=0, initial=0)
    return np.asarray(np.where(np.abs(left).max(axis=0, initial=0) > ROUNDING * largest, left, 0))


def varied(maps: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """Whether any column of each map varies over the grains."""
    return np.array([bool(centred(own).any()) for own in maps], dtype=bool)


def residual(values: NDArray[np.float64], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the basis leaves of columns; nought where that is rounding."""
    left = values - basis @ (basis.T @ values)
    left -= basis @ (basis.T @ left)
    return np.asarray(np.where(np.sum(left**2, axis=0) > ROUNDING * np.sum(values**2, axis=0), left, 0))


def unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns of length one; NaN where there is nothing."""
    length = np.sqrt(np.sum(values**2, axis=0))
    return np.asarray(values / np.where(length > 0, length, np.nan))


def column_rank(columns: NDArray[np.float64]) -> int:
    """How many columns of a map do not depend on each other."""
    return int(np.linalg.matrix_rank(columns, tol=1e-6 * np.sqrt(np.sum(columns**2)))) if columns.any() else 0


def tails(squares: NDArray[np.float64], ranks: Sequence[int], freedom: int) -> NDArray[np.float64]:
    """Less the logarithm of the upper tail of squared correlations (..., T), of so many columns per map."""
    from scipy.special import betaincc

    found = np.full(squares.shape, np.nan)
    for number, rank in enumerate(ranks):
        if rank and freedom > rank:
            tail = betaincc(rank / 2, (freedom - rank) / 2, squares[..., number])
            found[..., number] = -np.log(np.maximum(tail, _LEAST_TAIL))
    return found


def shrunk_squares(
    squares: NDArray[np.float64], effective: NDArray[np.float64], ranks: Sequence[int], freedom: int
) -> NDArray[np.float64]:
    """Squared correlations (L, T) with the tail among `freedom` that these have among fewer."""
    from scipy.special import betaincc, betaincinv

    found = squares.copy()
    for number, rank in enumerate(ranks):
        fewer = np.maximum(effective[:, number], rank + 1)
        less = (fewer < freedom * (1 - ROUNDING)) & np.isfinite(squares[:, number])
        if rank and less.any():
            tail = betaincc(rank / 2, (fewer[less] - rank) / 2, squares[less, number])
            found[less, number] = 1 - betaincinv((freedom - rank) / 2, rank / 2, tail)
    return np.minimum(found, squares)
