"""Leading eigenvectors of a covariance that is too large to form, from a few passes over the patterns."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from microstructure_assets.methods.parallel import block_bounds, map_blocks, single_blas_thread

OVERSAMPLING = 10
PASSES = 3
CHUNK_PIXELS = 2048


def block_iteration(
    read_blocks: Callable[[], Iterable[np.ndarray]], pixel_count: int, component_count: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Leading components by block subspace iteration, closed by a Nyström approximation.

    A random block of ten vectors more than components is multiplied by the covariance three times, once per pass over
    the patterns, with orthonormalisation between; the last product then serves as a Nyström sketch, which is worth
    half a pass more [1]_.

    Parameters
    ----------
    read_blocks : callable
        Gives the patterns anew with each call, as blocks ``(m, p)`` float32.
    pixel_count : int
    component_count : int
        At most this many components; fewer if there are fewer patterns.
    seed : int
        Of the random block.

    Returns
    -------
    variance : numpy.ndarray
        ``(k,)`` float64; too small rather than too large.
    vector : numpy.ndarray
        ``(p, k)`` float64, orthonormal columns.
    mean : numpy.ndarray
        ``(p,)`` float64.
    total_variance : float
        Streamed by itself.

    Raises
    ------
    ValueError
        If there are fewer than two patterns.

    References
    ----------
    .. [1] J. A. Tropp, A. Yurtsever, M. Udell, V. Cevher, Fixed-rank approximation of a positive-semidefinite matrix
    from
       streaming data, NIPS 2017.
    """
    width = min(component_count + OVERSAMPLING, pixel_count)
    basis = np.random.default_rng(seed).standard_normal((pixel_count, width)).astype(np.float32)
    with single_blas_thread():
        image, number, mean, total = _apply_covariance(read_blocks(), basis, None)
        for _ in range(PASSES - 1):
            basis = np.linalg.qr(image)[0].astype(np.float32)
            image, number, mean, total = _apply_covariance(read_blocks(), basis, mean)
        variance, vector = _nystrom(basis.astype(np.float64), image)
    count = min(component_count, number - 1, pixel_count)
    return variance[:count], vector[:, :count], mean, total


def _apply_covariance(
    blocks: Iterable[np.ndarray], basis: np.ndarray, mean: np.ndarray | None
) -> tuple[np.ndarray, int, np.ndarray, float]:
    """Covariance times `basis`, number of patterns, mean and total variance, in one pass.

    Threads take ranges of pixels, so each entry of the product is summed by one of them in the order of the patterns.
    """
    image, total, energy, number = np.zeros(basis.shape), np.zeros(len(basis)), 0.0, 0
    shift = None if mean is None else mean.astype(np.float32)
    chunks = [slice(*bound) for bound in block_bounds(len(basis), CHUNK_PIXELS)]
    for block in blocks:
        if shift is None:
            shift = block.mean(axis=0, dtype=np.float64).astype(np.float32)
        parts = map_blocks(_Coordinates(block, shift, basis), chunks)
        coordinates = np.sum([part[0] for part in parts], axis=0)
        energy += sum(part[1] for part in parts)
        map_blocks(_Accumulate(block, shift, coordinates, image, total), chunks)
        number += len(block)
    if shift is None or number < 2:
        raise ValueError(f"read_blocks: found {number} patterns, expected at least 2")
    offset = total / number
    image -= np.outer(total, offset @ basis)
    variance = (energy - number * float(offset @ offset)) / (number - 1)
    return image / (number - 1), number, shift + offset, variance


class _Coordinates:
    """Share of some pixels in the coordinates of the patterns of a block, and their energy."""

    def __init__(self, block: np.ndarray, shift: np.ndarray, basis: np.ndarray) -> None:
        self._block, self._shift, self._basis = block, shift, basis

    def __call__(self, pixels: slice) -> tuple[np.ndarray, float]:
        centred = self._block[:, pixels] - self._shift[pixels]
        energy = float(np.einsum("ij,ij->", centred, centred, dtype=np.float64))
        return centred @ self._basis[pixels], energy


class _Accumulate:
    """Adds the patterns of a block, weighted by their coordinates, to some pixels of the product."""

    def __init__(
        self, block: np.ndarray, shift: np.ndarray, coordinates: np.ndarray, image: np.ndarray, total: np.ndarray
    ) -> None:
        self._block, self._shift, self._coordinates = block, shift, coordinates
        self._image, self._total = image, total

    def __call__(self, pixels: slice) -> None:
        centred = self._block[:, pixels] - self._shift[pixels]
        self._image[pixels] += centred.T @ self._coordinates
        self._total[pixels] += centred.sum(axis=0, dtype=np.float64)


def _nystrom(basis: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and vectors of ``image (basisᵀ image)⁻¹ imageᵀ``, strongest first."""
    shift = 1e-9 * np.linalg.norm(image)
    image = image + shift * basis
    core = basis.T @ image
    value, vector = np.linalg.eigh((core + core.T) / 2)
    # Directions at the level of the float32 products carry nothing but rounding.
    inverse = np.where(value > 1e-7 * value[-1], 1 / np.sqrt(np.maximum(value, 1e-300)), 0.0)
    left, length, _ = np.linalg.svd(image @ (vector * inverse), full_matrices=False)
    return np.maximum(length**2 - shift, 0), left
