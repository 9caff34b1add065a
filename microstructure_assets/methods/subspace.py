"""Principal components of patterns: of one ROI in memory, of a whole scan in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.methods.block_iteration import block_iteration
from microstructure_assets.methods.eigenvectors import leading_eigenvectors, signed, variance_ratio
from microstructure_assets.methods.parallel import block_bounds, in_waves, map_blocks, single_blas_thread
from microstructure_assets.methods.products import gram_matrix
from microstructure_assets.methods.scatter import ScatterMatrix

if TYPE_CHECKING:
    from microstructure_assets.methods.settings import SubspaceSettings

BLOCK_BYTES = 32 << 20
# Up to here the p x p scatter matrix (134 MB in float64) is streamed exactly.
SCATTER_PIXEL_LIMIT = 4096
# A scan of fewer points than this is held in memory and takes the Gram route.
SMALL_SCAN_POINTS = 1500
SMALL_SCAN_BYTES = 256 << 20
# Patterns projected at a time: enough to use the loadings more than once, few enough to copy.
PROJECTED_POINTS = 128


@dataclass(frozen=True)
class PrincipalComponents:
    """Principal components, strongest first.

    Attributes
    ----------
    score : numpy.ndarray
        ``(n, k)`` float32, coordinates of the centred patterns [intensity].
    explained_variance : numpy.ndarray
        ``(k,)`` float64, variance along each component, normalised by n − 1 [intensity²].
    explained_variance_ratio : numpy.ndarray
        ``(k,)`` float64, relative to the total variance, whatever the number of components computed.
    loading : numpy.ndarray
        ``(k, p)`` float32, orthonormal rows; of each, the entry of largest absolute value is positive. Rows without
        variance (fewer independent patterns than components) are zero.
    mean : numpy.ndarray
        ``(p,)`` float32.
    total_variance : float
        Sum of the variances of all pixels [intensity²].
    """

    score: np.ndarray
    explained_variance: np.ndarray
    explained_variance_ratio: np.ndarray
    loading: np.ndarray
    mean: np.ndarray
    total_variance: float


@dataclass(frozen=True)
class ScanSubspace:
    """Subspace of a whole scan.

    Attributes
    ----------
    loading : numpy.ndarray
        ``(k, p)`` float32, orthonormal rows; of each, the entry of largest absolute value is positive.
    mean : numpy.ndarray
        ``(p,)`` float32.
    explained_variance : numpy.ndarray
        ``(k,)`` float64 [intensity²].
    explained_variance_ratio : numpy.ndarray
        ``(k,)`` float64, relative to the total variance, which is streamed by itself.
    total_variance : float
    route : str
        ``gram``, ``scatter``, ``block`` or ``ipca``: how it was computed.
    """

    loading: np.ndarray
    mean: np.ndarray
    explained_variance: np.ndarray
    explained_variance_ratio: np.ndarray
    total_variance: float
    route: str

    def project(self, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of patterns and what the subspace does not hold of them.

        Parameters
        ----------
        block : numpy.ndarray
            ``(m, p)`` float32.

        Returns
        -------
        score : numpy.ndarray
            ``(m, k)`` float32.
        residual_energy : numpy.ndarray
            ``(m,)`` float32, mean square per pixel of the pattern less its projection [intensity²]; for noise alone
            it is the noise variance, less the share k / p of it that the subspace takes.
        """

        def run(bound: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
            centred = block[bound[0] : bound[1]] - self.mean
            score = centred @ self.loading.T
            energy = np.einsum("ij,ij->i", centred, centred, dtype=np.float64)
            left = energy - np.einsum("ij,ij->i", score, score, dtype=np.float64)
            return score, (np.maximum(left, 0) / max(1, block.shape[1])).astype(np.float32)

        with single_blas_thread():
            parts = map_blocks(run, block_bounds(len(block), PROJECTED_POINTS))
        if not parts:
            return np.empty((0, len(self.loading)), np.float32), np.empty(0, np.float32)
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def principal_components(patterns: np.ndarray, component_limit: int, *, seed: int = 0) -> PrincipalComponents:
    """Principal components of patterns in memory, Eq. 1 of Reference [1]_.

    Fewer patterns than pixels take the n × n Gram matrix, else the p × p covariance; both are exact. Products are
    float32 over centred blocks, sums and eigenvectors float64.

    Parameters
    ----------
    patterns : numpy.ndarray
        ``(n, p)`` float32.
    component_limit : int
        Most components computed; the number is ``min(component_limit, n − 1, p)``.
    seed : int
        Of the start vector of the Lanczos iteration that finds the leading eigenvectors of large matrices.

    Returns
    -------
    PrincipalComponents
        Equal to ``sklearn.decomposition.PCA(svd_solver="full")`` up to the signs; components whose variances agree
        within rounding are arbitrary rotations of each other in both.

    Raises
    ------
    ValueError
        If the shape is wrong, the limit is below one or a value is not finite.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization.
    """
    if patterns.ndim != 2 or 0 in patterns.shape:
        raise ValueError(f"patterns: found shape {patterns.shape}, expected (points, pixels), none of them 0")
    if component_limit < 1:
        raise ValueError(f"component_limit: found {component_limit}, expected at least 1")
    mean = patterns.mean(axis=0, dtype=np.float64)
    if not np.isfinite(mean).all():
        raise ValueError("patterns: found NaN or infinity, expected finite intensities")
    count = min(component_limit, len(patterns) - 1, patterns.shape[1])
    with single_blas_thread():
        route = _gram_route if len(patterns) < patterns.shape[1] else _covariance_route
        return route(patterns, mean.astype(np.float32), count, seed)


def scan_subspace(
    read_blocks: Callable[[], Iterable[np.ndarray]], pixel_count: int, settings: SubspaceSettings
) -> ScanSubspace:
    """Leading subspace of a scan that does not fit in memory.

    Parameters
    ----------
    read_blocks : callable
        Gives the scan's patterns anew with each call, as blocks ``(m, p)`` float32 in the same order.
    pixel_count : int
        Number of pixels p of a pattern.
    settings : SubspaceSettings
        ``route="exact"``: one pass; the scatter matrix up to 4,096 pixels, the Gram matrix for scans of fewer than
        1,500 points. Above that, or with ``route="block"``: three passes of block subspace iteration with ten more
        vectors than components, closed by a Nyström approximation; variances come out too small rather than too
        large. ``route="ipca"``: scikit-learn's incremental PCA, as the paper has it; it depends on the order of the
        points and drops part of the variance with each batch.

    Returns
    -------
    ScanSubspace
        ``min(component_count, n − 1, p)`` components.

    Raises
    ------
    ValueError
        If a block has another number of pixels, holds NaN or infinity, or there are fewer than two patterns.
    """
    if settings.route == "ipca":
        return _incremental(read_blocks, pixel_count, settings)
    start, rest, ended = _head(_checked(read_blocks(), pixel_count), pixel_count)
    if ended:
        parts = principal_components(np.concatenate(start), settings.component_count, seed=settings.seed)
        return ScanSubspace(
            parts.loading,
            parts.mean,
            parts.explained_variance,
            parts.explained_variance_ratio,
            parts.total_variance,
            "gram",
        )
    if settings.route == "block" or pixel_count > SCATTER_PIXEL_LIMIT:
        del start, rest
        variance, vector, mean, total = block_iteration(
            lambda: _checked(read_blocks(), pixel_count), pixel_count, settings.component_count, settings.seed
        )
        loading, _ = signed(vector.T.astype(np.float32))
        ratio = variance_ratio(variance, total)
        return ScanSubspace(loading, mean.astype(np.float32), variance, ratio, total, "block")
    scatter = ScatterMatrix(pixel_count)
    for block in chain(start, rest):
        scatter.add(block)
    covariance = scatter.covariance()
    total = float(np.trace(covariance))
    with single_blas_thread():
        count = min(settings.component_count, scatter.count - 1, pixel_count)
        variance, vector = leading_eigenvectors(covariance, count, settings.seed)
    loading = signed(vector.T.astype(np.float32))[0]
    return ScanSubspace(
        loading, scatter.mean.astype(np.float32), variance, variance_ratio(variance, total), total, "scatter"
    )


def _gram_route(patterns: np.ndarray, mean: np.ndarray, count: int, seed: int) -> PrincipalComponents:
    number, pixels = patterns.shape
    blocks = block_bounds(pixels, max(1024, min(8192, BLOCK_BYTES // (4 * number))))
    gram = gram_matrix(number, blocks, lambda bound: patterns[:, slice(*bound)] - mean[slice(*bound)])
    total = float(np.trace(gram)) / max(1, number - 1)
    energy, vector = leading_eigenvectors(gram, count, seed)
    length = np.sqrt(energy)
    # Directions without energy have no loading: dividing by their length would blow up rounding errors.
    inverse = np.divide(
        1.0, length, out=np.zeros_like(length), where=energy > 1e-10 * max(energy.max(initial=0.0), 1e-300)
    )
    factor = (vector * inverse).T.astype(np.float32)

    def load(bound: tuple[int, int]) -> np.ndarray:
        return factor @ (patterns[:, bound[0] : bound[1]] - mean[bound[0] : bound[1]])

    loading, sign = signed(np.concatenate(map_blocks(load, blocks), axis=1))
    score = (vector * np.where(inverse > 0, length, 0.0) * sign).astype(np.float32)
    variance = energy / max(1, number - 1)
    return PrincipalComponents(score, variance, variance_ratio(variance, total), loading, mean, total)


def _covariance_route(patterns: np.ndarray, mean: np.ndarray, count: int, seed: int) -> PrincipalComponents:
    number, pixels = patterns.shape

    def product(bound: tuple[int, int]) -> np.ndarray:
        centred = patterns[bound[0] : bound[1]] - mean
        return centred.T @ centred

    blocks = block_bounds(number, max(1024, min(8192, BLOCK_BYTES // (4 * pixels))))
    covariance = np.zeros((pixels, pixels))
    for part in in_waves(product, blocks):
        covariance += part
    covariance /= max(1, number - 1)
    total = float(np.trace(covariance))
    variance, vector = leading_eigenvectors(covariance, count, seed)
    loading, _ = signed(vector.T.astype(np.float32))
    score = np.concatenate(map_blocks(lambda bound: (patterns[bound[0] : bound[1]] - mean) @ loading.T, blocks))
    return PrincipalComponents(score, variance, variance_ratio(variance, total), loading, mean, total)


def _incremental(
    read_blocks: Callable[[], Iterable[np.ndarray]], pixels: int, settings: SubspaceSettings
) -> ScanSubspace:
    from sklearn.decomposition import IncrementalPCA

    batch = max(settings.ipca_batch_points, 2)
    waiting = np.empty((0, pixels), np.float32)
    model = None
    with single_blas_thread():
        for block in _checked(read_blocks(), pixels):
            waiting = np.concatenate((waiting, block))
            # The last batch must not be smaller than the number of components, so one batch is always held back.
            while len(waiting) >= 2 * batch:
                model = model or IncrementalPCA(min(settings.component_count, batch - 1, pixels))
                model.partial_fit(waiting[:batch])
                waiting = waiting[batch:]
        if len(waiting) < 2:
            raise ValueError(f"read_blocks: found {len(waiting)} patterns, expected at least 2")
        model = model or IncrementalPCA(min(settings.component_count, len(waiting) - 1, pixels))
        model.partial_fit(waiting)
    total = float(np.sum(model.var_) * model.n_samples_seen_ / (model.n_samples_seen_ - 1))
    loading = signed(model.components_.astype(np.float32))[0]
    variance = np.asarray(model.explained_variance_, np.float64)
    return ScanSubspace(
        loading, model.mean_.astype(np.float32), variance, variance_ratio(variance, total), total, "ipca"
    )


def _checked(blocks: Iterable[np.ndarray], pixels: int) -> Iterator[np.ndarray]:
    for block in blocks:
        if block.ndim != 2 or block.shape[1] != pixels:
            raise ValueError(f"read_blocks: found a block of shape {block.shape}, expected (m, {pixels})")
        if not np.isfinite(block.sum(dtype=np.float64)):
            raise ValueError("read_blocks: found NaN or infinity, expected finite intensities")
        yield block


def _head(blocks: Iterator[np.ndarray], pixels: int) -> tuple[list[np.ndarray], Iterator[np.ndarray], bool]:
    """The first blocks, as many as a small scan has; the rest; whether the scan ended there."""
    limit = min(SMALL_SCAN_POINTS, SMALL_SCAN_BYTES // (4 * pixels))
    start: list[np.ndarray] = []
    points = 0
    for block in blocks:
        start.append(block)
        points += len(block)
        if points > limit:
            return start, blocks, False
    if points < 2:
        raise ValueError(f"read_blocks: found {points} patterns, expected at least 2")
    return start, iter(()), True
