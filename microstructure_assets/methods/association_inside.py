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

    The slopes on the baseline are those of all grains together: a grain of some ten points cannot give its own. In
    sums over grains each counts by its covariance, not by its number of points, in the slopes as in what is tested;
    with other weights in one than in the other the baseline would not be taken off in the sum.

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
    scale = np.sqrt(np.maximum(np.einsum("gii->i", inner), 1e-300))
    inverse = np.linalg.pinv(inner.sum(axis=0) / np.outer(scale, scale), rcond=1e-10, hermitian=True)
    inverse /= np.outer(scale, scale)
    with single_blas_thread():
        slopes, slope = inverse @ latent.sum(axis=0), inverse @ own.sum(axis=0)
        turned = np.matmul(inner, slopes)  # (grains, baseline, L)
        product = share[:, None] * cross[:, number] - own @ slopes - np.einsum("b,gbl->gl", slope, latent - turned)
        spread = np.sum(share[:, None] * square - np.einsum("bl,gbl->gl", slopes, 2 * latent - turned), axis=0)
        whole = float(np.sum(share * fields[:, number, number]))
        left = whole - float(slope @ own.sum(axis=0))
    varies = (spread > ROUNDING * np.sum(share[:, None] * square, axis=0)) & (left > ROUNDING * whole)
    size = np.sqrt(np.where(varies, spread * left, np.nan))
    return np.where(varies, product, 0), np.clip(product.sum(axis=0) / size, -1, 1)
