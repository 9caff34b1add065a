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


def leading_components(
    read_blocks: Callable[[], Iterable[NDArray[np.float32]]],
    pixel_count: int,
    component_count: int,
    seed: int,
    *,
    most_passes: int,
    tolerance: float = 0.0,
) -> Leading:
    """Leading components by block Krylov iteration with full reorthogonalisation.

    A random block of six vectors more than components is multiplied by the covariance, and what is new in the product
    is multiplied again, once per pass over the patterns. The answer is the best in the space of all blocks
    (Rayleigh-Ritz), which converges far sooner than that of the last block alone [1]_.

    Parameters
    ----------
    read_blocks : callable
        Gives the patterns anew with each call, as blocks ``(m, p)`` float32 in the same order.
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

    References
    ----------
    .. [1] C. Musco, C. Musco, Randomized block Krylov methods for stronger and faster approximate singular value
       decomposition, Adv. Neural Inf. Process. Syst. 28 (2015) 1396.
    """
    from scipy.linalg import eigh

    width = min(component_count + OVERSAMPLING, pixel_count)
    newest = np.linalg.qr(np.random.default_rng(seed).standard_normal((pixel_count, width)))[0]
    basis, images = np.empty((pixel_count, 0)), np.empty((pixel_count, 0))
    mean, total, known, done = None, 0.0, np.zeros(0), 0
    while True:
        image, number, offset, energy = _covariance_times(read_blocks(), newest, mean)
        mean, total = (offset, energy) if mean is None else (mean, total)
        done += 1
        basis, images = np.concatenate([basis, newest], axis=1), np.concatenate([images, image], axis=1)
        count = min(component_count, number - 1, basis.shape[1])
        small = basis.T @ images
        value, mixing = eigh((small + small.T) / 2)
        value, mixing = np.maximum(value[::-1][:count], 0.0), mixing[:, ::-1][:, :count]
        if done == most_passes or (len(known) == count and np.all(np.abs(value - known) <= tolerance * value)):
            break
        newest, known = _new_directions(image, basis), value
        if not newest.shape[1]:
            break
    held = int(np.count_nonzero(value > _LEAST_VARIANCE * value.max(initial=0.0)))
    count = min(component_count, number - 1, pixel_count)
    variance, vector = np.zeros(count), np.zeros((pixel_count, count))
    variance[:held], vector[:, :held] = value[:held], basis @ mixing[:, :held]
    return Leading(variance, vector, mean, total, done)


def _covariance_times(
    blocks: Iterable[NDArray[np.float32]], basis: NDArray[np.float64], mean: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], int, NDArray[np.float64], float]:
    """Covariance times `basis`, number of patterns, mean and total variance, in one pass.

    While no mean is known, sums are taken about that of the first block, so that a large common pattern costs no
    digits. Once it is known, mean and variance are not worked out again.
    """
    single = basis.astype(np.float32)
    image, total, energy, number = np.zeros(basis.shape), np.zeros(len(basis)), 0.0, 0
    shift, moments = None if mean is None else mean.astype(np.float32), mean is None
    for block in blocks:
        if shift is None:
            shift = block.mean(axis=0, dtype=np.float64).astype(np.float32)
        product = _Product(block, shift, single, moments)
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
    variance = (energy - number * float(offset @ offset)) / (number - 1)
    return image / (number - 1), number, shift + offset, max(0.0, variance)


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
