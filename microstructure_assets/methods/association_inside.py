"""Correlations of latents and maps inside grains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_coefficients import ROUNDING
from microstructure_assets.methods.parallel import single_blas_thread


def inside_products(
    cross: NDArray[np.float64],
    square: NDArray[np.float64],
    fields: NDArray[np.float64],
    count: NDArray[np.int64],
    number: int,
    baseline: Sequence[int],
    fewest_points: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covariance of each latent with one map inside each grain, both freed of the baseline.

    The slopes on the baseline are those of many grains together: a grain of some ten points cannot give its own. Those
    of the latent are, for each grain, of all others, as residuals about slopes of one's own are too small. In sums over
    grains each counts by its covariance, not by its number of points, in the slopes as in what is tested; with other
    weights in one than in the other the baseline would not be taken off in the sum.

    Parameters
    ----------
    cross : ndarray, shape (grains, fields, L)
        Sums of products of the fields and the latents about the grains' own means (``inside_cross``).
    square : ndarray, shape (grains, L)
        Sums of squares of the latents, likewise.
    fields : ndarray, shape (grains, fields, fields)
        Sums of products of the fields, likewise.
    count : ndarray of int, shape (grains,)
        Points inside.
    number : int
        The field that is the map.
    baseline : sequence of int
        The fields of the baseline, the map not among them.
    fewest_points : int
        Points below which a grain takes no part; never below three.

    Returns
    -------
    ndarray of float64, shape (grains, L)
        Nought where a grain takes no part.
    ndarray of float64, shape (L,)
        Correlation over all grains together; NaN where the latent or the map does not vary inside any.
    """
    chosen = list(baseline)
    share = np.where(count >= max(3, fewest_points), 1 / np.maximum(count, 1), 0)
    inner = fields[:, chosen][:, :, chosen] * share[:, None, None]
    latent, own = cross[:, chosen] * share[:, None, None], fields[:, chosen, number] * share[:, None]
    whole, both = inner.sum(axis=0), latent.sum(axis=0)
    with single_blas_thread():
        slope, slopes = _inverse(whole) @ own.sum(axis=0), _inverse(whole) @ both
        others = _inverse(whole - inner) @ (both - latent)  # (grains, baseline, L)
        product = share[:, None] * cross[:, number] - np.einsum("gb,gbl->gl", own, others)
        product -= np.einsum("b,gbl->gl", slope, latent - inner @ others)
        spread = np.sum(share[:, None] * square, axis=0) - np.sum(slopes * both, axis=0)
        left = np.sum(share * fields[:, number, number]) - slope @ own.sum(axis=0)
        together = share @ cross[:, number] - slope @ both
    varies = spread > ROUNDING * np.sum(share[:, None] * square, axis=0)
    varies &= left > ROUNDING * np.sum(share * fields[:, number, number])
    size = np.sqrt(np.where(varies, spread * left, np.nan))
    return np.where(varies, product, 0), np.clip(together / size, -1, 1)


def _inverse(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of symmetric matrices (..., fields, fields) of any units, nought for fields that do not vary."""
    length = np.sqrt(np.maximum(np.einsum("...ii->...i", products), 1e-300))
    size = length[..., :, None] * length[..., None, :]
    return np.asarray(np.linalg.pinv(products / size, rcond=1e-10, hermitian=True) / size)
