"""Correlations of latents and maps inside grains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_coefficients import ROUNDING
from microstructure_assets.methods.parallel import single_blas_thread


@dataclass(frozen=True)
class InsideProducts:
    """Products of latents with a map inside grains, in the unit of the latent times that of the map.

    Attributes
    ----------
    product : ndarray of float64, shape (grains, L)
        Nought where a grain takes no part.
    total : ndarray of float64, shape (L,)
        What is tested; not quite their sum, see :func:`inside_products`.
    correlation : ndarray of float64, shape (L,)
        Over all grains together; NaN where the latent or the map does not vary inside any.
    """

    product: NDArray[np.float64]
    total: NDArray[np.float64]
    correlation: NDArray[np.float64]


def inside_products(
    cross: NDArray[np.float64],
    square: NDArray[np.float64],
    fields: NDArray[np.float64],
    count: NDArray[np.int64],
    number: int,
    baseline: Sequence[int],
    fewest_points: int,
) -> InsideProducts:
    """Products of each latent with one map inside each grain, both freed of the baseline.

    The slopes on the baseline are those of many grains together: a grain of some ten points cannot give its own.
    Products about common slopes are too small in each grain, as the grain has had a say in its own slopes; those about
    the slopes of all other grains have the size that products of unrelated variables have. So the sum is of the first
    kind, and the signs that tell how large it becomes by chance are flipped on the second, with the latent's slopes
    taken from the other grains.

    Sums of products of a grain grow with the square of its number of points n where fields are smooth and with the root
    of n where they are noise. Weights in between, one over n to the power 1.5, keep a few large or many small grains
    from deciding alone; they are the same in the slopes and in what is tested, since otherwise the baseline would not
    be taken off in the sum.

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
    """
    chosen = list(baseline)
    share = np.where(count >= max(3, fewest_points), 1 / np.maximum(count, 1) ** 1.5, 0)
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
    return InsideProducts(np.where(varies, product, 0), np.where(varies, together, 0), np.clip(together / size, -1, 1))


def _inverse(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of symmetric matrices (..., fields, fields) of any units, nought for fields that do not vary."""
    length = np.sqrt(np.maximum(np.einsum("...ii->...i", products), 1e-300))
    size = length[..., :, None] * length[..., None, :]
    return np.asarray(np.linalg.pinv(products / size, rcond=1e-10, hermitian=True) / size)
