"""How many independent grains a pair of variables is worth, where grains resemble their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.parallel import block_bounds, in_waves, single_blas_thread

# Cells of the lattice per mean distance of grains, and variables transformed at a time.
_CELLS, _VARIABLES = 2, 16
# Classes of distance [mean distances of grains] end here and then at √2 times the last; close by, where covariances
# change, they are narrow.
_NARROW = (1, 2, 3, 4, 6, 8, 11)


def effective_grains(
    centre: NDArray[np.float64], latents: NDArray[np.float64], maps: NDArray[np.float64], basis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Number of independent grains with which a partial correlation would vary as it does.

    Where both variables resemble themselves at a distance, coefficients of unrelated variables vary more than between
    independent grains, by their autocovariances in classes of distance [1]_ [2]_. Residuals resemble themselves less
    than the variables did, since the nuisance has taken the smoothest part; so their sums of products S in the classes
    are held against what each class would give after the nuisance was taken off: with A the pairs of a class as a
    matrix, M the projection and B the traces of A M A' M, the variance of the product of two residuals is estimated
    without bias by S B⁺ S'. Without a nuisance that is the formula of Reference [1]_. Places are rounded to half a mean
    distance of grains, so that sums over all pairs of grains at a distance come from Fourier transforms.

    Parameters
    ----------
    centre : ndarray, shape (grains, 2)
        Places (y, x) [µm].
    latents : ndarray, shape (grains, L)
        Residuals.
    maps : ndarray, shape (grains, T)
        Likewise.
    basis : ndarray, shape (grains, functions)
        Orthonormal functions that they are freed of.

    Returns
    -------
    ndarray of float64, shape (L, T)
        Between two more than the functions and the number of grains. The estimate may lie above that number by chance,
        or where neighbours repel; that is not made use of, so that the correction only ever takes significance away.

    References
    ----------
    .. [1] P. Clifford, S. Richardson, D. Hémon, Assessing the significance of the correlation between two spatial
       processes, Biometrics 45 (1989) 123.
    .. [2] P. Dutilleul, Modifying the t test for assessing the correlation between two spatial processes, Biometrics 49
       (1993) 305.
    """
    lattice = _Lattice(centre)
    functions, grains = basis.shape[1], len(centre)
    with single_blas_thread():
        sums = [lattice.sums(values) for values in (latents, maps)]
        inverse = np.linalg.pinv(lattice.traces(basis), rcond=1e-9, hermitian=True)
        variance = sums[0] @ inverse @ sums[1].T
    power = np.outer(sums[0][:, 0], sums[1][:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        number = functions + power / variance
    # No estimate where the variance came out at nought or below: as if all were independent.
    number = np.where((variance > 0) & np.isfinite(number), number, grains)
    return np.asarray(np.clip(number, functions + 2, max(functions + 2, grains)))


class _Lattice:
    """Grains on a lattice, and the classes of the distances between its cells.

    The first class is a grain with itself; the second, pairs of different grains up to a mean distance apart.
    """

    def __init__(self, centre: NDArray[np.float64]) -> None:
        from scipy.fft import next_fast_len

        place = centre - centre.min(axis=0)
        span = np.maximum(place.max(axis=0), 1e-300)
        # As if the grains filled their bounding box; of a single row, the length over their number.
        distance = max(float(np.sqrt(np.prod(span) / len(centre))), float(span.max()) / len(centre))
        self.cell = (place / distance * _CELLS).astype(np.int64)
        self.shape = tuple((self.cell.max(axis=0) + 1).tolist())
        self.padded = tuple(next_fast_len(2 * length, real=True) for length in self.shape)
        lags = [np.minimum(np.arange(length), length - np.arange(length)) for length in self.padded]
        apart = np.hypot(lags[0][:, None], lags[1][None]) / _CELLS
        ends = list(_NARROW)
        while ends[-1] < apart.max():
            ends.append(ends[-1] * np.sqrt(2))
        self.kind = np.digitize(apart, ends)
        self.classes = 2 + int(self.kind.max())

    def _grids(self, values: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Transforms of the sums in the cells, (variables, ...)."""
        from scipy.fft import rfft2

        flat, size = self.cell[:, 0] * self.shape[1] + self.cell[:, 1], self.shape[0] * self.shape[1]
        grid = np.stack([np.bincount(flat, own, size) for own in values.T])
        return np.asarray(rfft2(grid.reshape(-1, *self.shape), self.padded))

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of products over the ordered pairs of each class, (variables, classes)."""
        from scipy.fft import irfft2

        def part(bound: tuple[int, int]) -> NDArray[np.float64]:
            own = values[:, slice(*bound)]
            products = irfft2(np.abs(self._grids(own)) ** 2, self.padded)
            found = np.zeros((own.shape[1], self.classes))
            for row, product in zip(found, products, strict=True):
                row[1:] = np.bincount(self.kind.ravel(), product.ravel())
            found[:, 0] = np.sum(np.square(own), axis=0)
            found[:, 1] -= found[:, 0]
            return found

        return np.concatenate(list(in_waves(part, block_bounds(values.shape[1], _VARIABLES))))

    def traces(self, basis: NDArray[np.float64]) -> NDArray[np.float64]:
        """Traces of A M A' M over all pairs of classes, M = I - Q Qᵀ with Q the basis, (classes, classes)."""
        from scipy.fft import irfft2, rfft2

        # Counts of pairs, but for the rounding of the transform.
        counts = np.round(self.sums(np.ones((len(basis), 1)))[0])
        kernels = [rfft2((self.kind == number).astype(np.float64)) for number in range(self.classes - 1)]

        def part(bound: tuple[int, int]) -> NDArray[np.float64]:
            own = basis[:, slice(*bound)]
            grids = self._grids(own)
            turned = np.empty((self.classes, *own.shape))
            turned[0] = own
            for number, kernel in enumerate(kernels, 1):
                sums = irfft2(grids * kernel, self.padded)
                turned[number] = sums[:, self.cell[:, 0], self.cell[:, 1]].T
            turned[1] -= own
            return turned

        parts = list(in_waves(part, block_bounds(basis.shape[1], _VARIABLES)))
        turned = np.concatenate(parts, axis=2)  # A Q, (classes, grains, functions)
        flat = turned.reshape(self.classes, -1)
        inner = (basis.T @ turned).reshape(self.classes, -1)  # Qᵀ A Q, symmetric
        return np.asarray(np.diag(counts) - 2 * flat @ flat.T + inner @ inner.T)
