"""Correlations of latents and maps inside grains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_coefficients import ROUNDING
from microstructure_assets.methods.parallel import single_blas_thread


def inside_correlations(
    cross: NDArray[np.float64],
    square: NDArray[np.float64],
    fields: NDArray[np.float64],
    count: NDArray[np.int64],
    number: int,
    baseline: Sequence[int],
    fewest_points: int,
) -> NDArray[np.float64]:
    """Correlation of each latent with one map inside each grain, both freed of the baseline.

    The slopes on the baseline are those of all grains together: a grain of some ten points cannot give its own.

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
        Points below which a grain has no correlation; never below three.

    Returns
    -------
    ndarray of float64, shape (grains, L)
        Nought where a grain has none: too few points, or a constant.
    """
    chosen = list(baseline)
    inner = fields[:, chosen][:, :, chosen]
    latent, own = cross[:, chosen], fields[:, chosen, number]
    scale = np.sqrt(np.maximum(np.einsum("gii->i", inner), 1e-300))
    inverse = np.linalg.pinv(inner.sum(axis=0) / np.outer(scale, scale), rcond=1e-10, hermitian=True)
    inverse /= np.outer(scale, scale)
    with single_blas_thread():
        slopes, slope = inverse @ latent.sum(axis=0), inverse @ own.sum(axis=0)
        turned = np.matmul(inner, slopes)  # (grains, baseline, L)
        product = cross[:, number] - own @ slopes - np.einsum("b,gbl->gl", slope, latent - turned)
        spread = square - np.einsum("bl,gbl->gl", slopes, 2 * latent - turned)
        whole = fields[:, number, number]
        left = whole - 2 * own @ slope + np.einsum("b,gbc,c->g", slope, inner, slope)
    known = (count >= max(3, fewest_points)) & (left > ROUNDING * whole)
    both = known[:, None] & (spread > ROUNDING * square)
    size = np.sqrt(np.where(both, spread * np.where(known, left, 1)[:, None], 1))
    return np.asarray(np.clip(np.where(both, product / size, 0), -1, 1))
