"""How many independent grains a pair of variables is worth, where grains resemble their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.parallel import block_bounds, in_waves, single_blas_thread

# Cells of the lattice per mean distance of grains, and variables transformed at a time.
_CELLS, _VARIABLES = 2, 32


def effective_grains(
    centre: NDArray[np.float64], latents: NDArray[np.float64], maps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Number of independent grains with which Pearson's coefficient would vary as it does.

    Where both variables resemble themselves at a distance, coefficients of unrelated variables vary more than between
    independent grains, by their autocovariances in classes of distance [1]_ [2]_. Places are rounded to half a mean
    distance of grains, so that sums over all pairs of grains at a distance come from Fourier transforms.

    Parameters
    ----------
    centre : ndarray, shape (grains, 2)
        Places (y, x) [µm].
    latents : ndarray, shape (grains, L)
        Mean nought, or residuals.
    maps : ndarray, shape (grains, T)
        Likewise.

    Returns
    -------
    ndarray of float64, shape (L, T)
        Between 3 and the number of grains. The estimate may lie above that number by chance, or where neighbours
        repel; that is not made use of, so that the correction only ever takes significance away.

    References
    ----------
    .. [1] P. Clifford, S. Richardson, D. Hémon, Assessing the significance of the correlation between two spatial
       processes, Biometrics 45 (1989) 123.
    .. [2] P. Dutilleul, Modifying the t test for assessing the correlation between two spatial processes, Biometrics 49
       (1993) 305.
    """
    grains = len(centre)
    cell, shape = _lattice(centre)
    pairs = _sums_by_distance(cell, shape, np.ones((grains, 1)))[0]
    known = pairs > 0.5  # counts, but for the rounding of the transform
    own, other = (_sums_by_distance(cell, shape, values)[:, known] / pairs[known] for values in (latents, maps))
    # A grain with itself is a class of its own, of distance nought.
    power = np.outer(*(np.mean(np.square(values), axis=0) for values in (latents, maps)))
    with single_blas_thread():
        variance = grains * power + (own * pairs[known]) @ other.T
    with np.errstate(divide="ignore", invalid="ignore"):
        number = 1 + grains**2 * power / variance
    # No estimate where the variance came out at nought or below: as if all were independent.
    number = np.where((variance > 0) & np.isfinite(number), number, grains)
    return np.asarray(np.clip(number, 3, max(3, grains)))


def _lattice(centre: NDArray[np.float64]) -> tuple[NDArray[np.int64], tuple[int, int]]:
    """Cells that the grains lie in (grains, 2), and how many cells there are along y and x."""
    place = centre - centre.min(axis=0)
    span = np.maximum(place.max(axis=0), 1e-300)
    # The mean distance, as if the grains filled their bounding box; of a single row, the length over their number.
    distance = max(float(np.sqrt(np.prod(span) / len(centre))), float(span.max()) / len(centre))
    cell = (place / distance * _CELLS).astype(np.int64)
    rows, columns = (cell.max(axis=0) + 1).tolist()
    return cell, (rows, columns)


def _sums_by_distance(
    cell: NDArray[np.int64], shape: tuple[int, int], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums of products over all ordered pairs of different grains, by class of distance, (variables, classes)."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    padded = tuple(next_fast_len(2 * length, real=True) for length in shape)
    lags = [np.minimum(np.arange(length), length - np.arange(length)) for length in padded]
    kind = (np.hypot(lags[0][:, None], lags[1][None]) / _CELLS).astype(np.int64).ravel()
    flat = cell[:, 0] * shape[1] + cell[:, 1]

    def sums(bound: tuple[int, int]) -> NDArray[np.float64]:
        chosen = values[:, slice(*bound)].T
        grid = np.stack([np.bincount(flat, own, shape[0] * shape[1]) for own in chosen]).reshape(-1, *shape)
        products = irfft2(np.abs(rfft2(grid, padded)) ** 2, padded).reshape(len(chosen), -1)
        by_class = np.stack([np.bincount(kind, own) for own in products]).astype(np.float64)
        by_class[:, 0] -= np.sum(np.square(chosen), axis=1)
        return by_class

    return np.concatenate(list(in_waves(sums, block_bounds(values.shape[1], _VARIABLES))))
