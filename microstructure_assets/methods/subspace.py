"""Subspace of a whole scan, from patterns that arrive in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from microstructure_assets.methods.components import principal_components
from microstructure_assets.methods.eigenvectors import leading_eigenvectors, signed, variance_ratio
from microstructure_assets.methods.incremental import incremental_pca
from microstructure_assets.methods.krylov import leading_components
from microstructure_assets.methods.parallel import block_bounds, map_blocks, single_blas_thread
from microstructure_assets.methods.scatter import ScatterMatrix
from microstructure_assets.methods.settings import SubspaceSettings

# Up to here the p x p scatter matrix (134 MB in float64) is streamed exactly.
SCATTER_PIXEL_LIMIT = 4096
# A scan of fewer points than this is held in memory and takes the Gram route.
SMALL_SCAN_POINTS = 1500
SMALL_SCAN_BYTES = 256 << 20
# Each pass reads the whole scan.
SCAN_PASSES = 4
# Patterns projected at a time: enough to use the loadings more than once, few enough to copy.
PROJECTED_POINTS = 128


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
        1,500 points. Above that, or with ``route="block"``: four passes of block Krylov iteration; variances come out
        too small rather than too large. ``route="ipca"``: scikit-learn's incremental PCA, as the paper has it; it
        depends on the order of the points and drops part of the variance with each batch.

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
        blocks, count = _checked(read_blocks(), pixel_count), settings.component_count
        loading, mean, variance, total = incremental_pca(blocks, pixel_count, count, settings.ipca_batch_points)
        return ScanSubspace(loading, mean, variance, variance_ratio(variance, total), total, "ipca")
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
        with single_blas_thread():
            found = leading_components(
                lambda: _checked(read_blocks(), pixel_count),
                pixel_count,
                settings.component_count,
                settings.seed,
                most_passes=SCAN_PASSES,
            )
        loading, _ = signed(found.vector.T.astype(np.float32))
        ratio = variance_ratio(found.variance, found.total_variance)
        return ScanSubspace(
            loading, found.mean.astype(np.float32), found.variance, ratio, found.total_variance, "block"
        )
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
