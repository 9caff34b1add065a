"""Leading eigenvectors of a covariance that is too large to form, from a few passes over the patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.parallel import block_bounds, in_waves

#: Directions more than components: what a spectrum with close neighbours needs.
OVERSAMPLING = 6
#: Points of a product; sums over them are taken in their order, whatever the number of threads.
_PRODUCT_POINTS, _PRODUCT_BYTES = 512, 64 << 20
# Products are float32: what is left of a unit vector below this is rounding, not a direction.
_LEAST_LENGTH = 1e-5
_LEAST_VARIANCE = 1e-10


@dataclass(frozen=True)
class Leading:
    """Leading eigenvectors of a covariance.

    Attributes
    ----------
    variance : (k,) float64
        Strongest first, normalised by n − 1 [intensity²].
    vector : (p, k) float64
        Orthonormal columns; zero where there is no variance, as the patterns span fewer directions.
    mean : (p,) float64
    total_variance : float
        Trace of the covariance.
    passes : int
        Over the patterns.
    """

    variance: NDArray[np.float64]
    vector: NDArray[np.float64]
    mean: NDArray[np.float64]
    total_variance: float
    passes: int


def leading_eigenpairs(
    times: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    size: int,
    count: int,
    seed: int,
    *,
    most_passes: int,
    tolerance: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Largest eigenvalues of a symmetric matrix, known by its products, by block Krylov iteration.

    A random block of six vectors more than wanted is multiplied by the matrix, and what is new in the product is
    multiplied again, with full reorthogonalisation. The answer is the best in the space of all blocks (Rayleigh-Ritz),
    which converges far sooner than that of the last block alone [1]_.

    Parameters
    ----------
    times : callable
        The matrix times ``(size, m)`` vectors; called once per pass.
    size : int
        Rows of the matrix.
    count : int
        Eigenvalues wanted, at most ``size``.
    seed : int
        Of the random block.
    most_passes : int
    tolerance : float
        Relative change of every eigenvalue from one pass to the next at which the iteration ends before that.

    Returns
    -------
    value : (count,) float64
        Strongest first; too small rather than too large.
    vector : (size, count) float64
        Orthonormal columns; zero, as their values, where the matrix has fewer directions.
    passes : int

    References
    ----------
    .. [1] C. Musco, C. Musco, Randomized block Krylov methods for stronger and faster approximate singular value
       decomposition, Adv. Neural Inf. Process. Syst. 28 (2015) 1396.
    """
    from scipy.linalg import eigh

    width = min(count + OVERSAMPLING, size)
    newest = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, width)))[0]
    basis, images = np.empty((size, 0)), np.empty((size, 0))
    known, passes = np.zeros(0), 0
    while passes < most_passes:
        image = times(newest)
        passes += 1
        basis, images = np.concatenate([basis, newest], axis=1), np.concatenate([images, image], axis=1)
        small = basis.T @ images
        value, mixing = eigh((small + small.T) / 2)
        value, mixing = value[::-1][:count], mixing[:, ::-1][:, :count]
        value = np.where(value > _LEAST_VARIANCE * value.max(initial=0.0), value, 0.0)
        if len(known) == len(value) and np.all(np.abs(value - known) <= tolerance * value):
            break
        newest, known = _new_directions(image, basis), value
        if not newest.shape[1]:
            break
    held = int(np.count_nonzero(value))
    values, vectors = np.zeros(count), np.zeros((size, count))
    values[:held], vectors[:, :held] = value[:held], basis @ mixing[:, :held]
    return values, vectors, passes


def leading_components(
    read_blocks: Callable[[], Iterable[NDArray[np.float32]]],
    pixel_count: int,
    component_count: int,
    seed: int,
    *,
    most_passes: int,
    tolerance: float = 0.0,
) -> Leading:
    """Leading components of patterns that arrive in blocks, by :func:`leading_eigenpairs` of their covariance.

    Parameters
    ----------
    read_blocks : callable
        Gives the patterns anew with each call, as blocks ``(m, p)`` float32 in the same order; called once per pass.
    pixel_count : int
    component_count : int
        The number is ``min(component_count, n − 1, p)``.
    seed : int
        Of the random block.
    most_passes : int
    tolerance : float
        Relative change of every variance from one pass to the next at which the iteration ends before that.

    Returns
    -------
    Leading
        Variances are too small rather than too large. Components that stand out are exact to rounding after a few
        passes; inside a bulk of noise, where neighbours differ by less than a percent, they are not told apart. As
        products are float32, components of less than a millionth of the largest variance may be missed.

    Raises
    ------
    ValueError
        If there are fewer than two patterns.
    """
    covariance = _Covariance(read_blocks)
    limit = min(component_count, pixel_count)
    variance, vector, passes = leading_eigenpairs(
        covariance.times, pixel_count, limit, seed, most_passes=most_passes, tolerance=tolerance
    )
    count = min(limit, covariance.number - 1)
    return Leading(variance[:count], vector[:, :count], covariance.mean, covariance.total_variance, passes)


class _Covariance:
    """Covariance of patterns in blocks; number, mean and total variance are known after the first product."""

    mean: NDArray[np.float64]
    total_variance: float

    def __init__(self, read_blocks: Callable[[], Iterable[NDArray[np.float32]]]) -> None:
        self._read_blocks, self.number = read_blocks, 0

    def times(self, basis: NDArray[np.float64]) -> NDArray[np.float64]:
        """Covariance times vectors ``(p, m)``, in one pass over the patterns.

        While no mean is known, sums are taken about that of the first block, so that a large common pattern costs no
        digits. Once it is known, mean and variance are not worked out again.
        """
        first = self.number == 0
        single = basis.astype(np.float32)
        image, total, energy, number = np.zeros(basis.shape), np.zeros(len(basis)), 0.0, 0
        shift = None if first else self.mean.astype(np.float32)
        for block in self._read_blocks():
            if shift is None:
                shift = block.mean(axis=0, dtype=np.float64).astype(np.float32)
            product = _Product(block, shift, single, first)
            step = max(16, min(_PRODUCT_POINTS, _PRODUCT_BYTES // (4 * block.shape[1])))
            for part, sums, own in in_waves(product, block_bounds(len(block), step)):
                image += part
                total += sums
                energy += own
            number += len(block)
        if shift is None or number < 2:
            raise ValueError(f"read_blocks: found {number} patterns, expected at least 2")
        offset = total / number
        image -= np.outer(total, offset @ basis)
        if first:
            self.number, self.mean = number, shift + offset
            self.total_variance = max(0.0, (energy - number * float(offset @ offset)) / (number - 1))
        return image / (number - 1)


class _Product:
    """Some patterns of a block: their part of the product and, where asked for, their sum and energy."""

    def __init__(
        self, block: NDArray[np.float32], shift: NDArray[np.float32], basis: NDArray[np.float32], moments: bool
    ) -> None:
        self._block, self._shift, self._basis, self._moments = block, shift, basis, moments

    def __call__(self, bound: tuple[int, int]) -> tuple[NDArray, NDArray | float, float]:
        centred = self._block[slice(*bound)] - self._shift
        product = np.asarray(centred.T @ (centred @ self._basis))
        if not self._moments:
            return product, 0.0, 0.0
        energy = np.einsum("ij,ij->", centred, centred, dtype=np.float64)
        return product, np.asarray(centred.sum(axis=0)), float(energy)


def _new_directions(vectors: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal columns for what the vectors hold beyond the known ones; none where that is rounding."""
    from scipy.linalg import qr

    length = np.linalg.norm(vectors, axis=0)
    left = vectors[:, length > 0] / length[length > 0]
    for _ in range(2):
        left = left - known @ (known.T @ left)
    if not left.shape[1]:
        return left
    orthonormal, triangle, _ = qr(left, mode="economic", pivoting=True)
    kept = orthonormal[:, np.abs(np.diag(triangle)) > _LEAST_LENGTH]
    kept = kept - known @ (known.T @ kept)
    return np.asarray(np.linalg.qr(kept)[0])
