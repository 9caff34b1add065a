"""Principal components of the patterns of one ROI, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructure_assets.methods.eigenvectors import leading_eigenvectors, signed, variance_ratio
from microstructure_assets.methods.incremental import incremental_pca
from microstructure_assets.methods.krylov import leading_components, leading_eigenpairs
from microstructure_assets.methods.parallel import block_bounds, in_waves, map_blocks, single_blas_thread
from microstructure_assets.methods.products import column_mean, gram_matrix, gram_times
from microstructure_assets.methods.settings import ComponentsSettings

BLOCK_BYTES = 32 << 20
# Up to here products of all pairs of patterns (or of pixels) are as fast as the iteration for the leading components.
PAIRS_LIMIT = 2048
KRYLOV_PASSES = 12
# Components that stand out change far less from pass to pass; what still changes by this much is noise.
KRYLOV_TOLERANCE = 0.005


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
    route : str
        ``gram``, ``covariance``, ``krylov`` or ``ipca``: how they were computed.
    """

    score: np.ndarray
    explained_variance: np.ndarray
    explained_variance_ratio: np.ndarray
    loading: np.ndarray
    mean: np.ndarray
    total_variance: float
    route: str


def roi_components(patterns: np.ndarray, settings: ComponentsSettings, limit: int | None = None) -> PrincipalComponents:
    """Components of the patterns ``(n, p)`` by the route of the settings; `limit` for fewer than theirs."""
    count = settings.component_limit if limit is None else min(limit, settings.component_limit)
    if settings.route == "ipca":
        return incremental_components(patterns, count, settings.ipca_batch_points)
    return principal_components(patterns, count)


def principal_components(patterns: np.ndarray, component_limit: int, *, seed: int = 0) -> PrincipalComponents:
    """Principal components of patterns in memory, Eq. 1 of Reference [1]_.

    Up to 2,048 patterns take their n × n Gram matrix, up to 2,048 pixels their p × p covariance; both are exact. Larger
    problems take the leading eigenvectors of the smaller of the two from its products with a few vectors
    (:func:`~microstructure_assets.methods.krylov.leading_eigenpairs`), equally exact where components stand out of the
    noise. Products are float32, sums and eigenvectors float64.

    Parameters
    ----------
    patterns : numpy.ndarray
        ``(n, p)`` float32.
    component_limit : int
        Most components computed; the number is ``min(component_limit, n − 1, p)``.
    seed : int
        Of the random start of the iterations for leading eigenvectors.

    Returns
    -------
    PrincipalComponents
        Equal to ``sklearn.decomposition.PCA(svd_solver="full")`` up to the signs; components whose variances agree
        within rounding are arbitrary rotations of each other in both. Beyond 2,048 points and pixels variances inside
        the bulk of the noise may be low by a percent or two.

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
    mean = column_mean(patterns)
    if not np.isfinite(mean).all():
        raise ValueError("patterns: found NaN or infinity, expected finite intensities")
    number, pixels = patterns.shape
    count = min(component_limit, number - 1, pixels)
    large = min(number, pixels) > PAIRS_LIMIT and 8 * count < min(number, pixels)
    with single_blas_thread():
        if number < pixels:
            return _point_route(patterns, mean.astype(np.float32), count, seed, large)
        route = _krylov_route if large else _covariance_route
        return route(patterns, mean.astype(np.float32), count, seed)


def incremental_components(patterns: np.ndarray, component_limit: int, batch_points: int) -> PrincipalComponents:
    """Principal components of patterns in memory by scikit-learn's incremental PCA, as [1]_ has it for large ROIs.

    Parameters
    ----------
    patterns : numpy.ndarray
        ``(n, p)`` float32.
    component_limit : int
        Most components computed; at most as many as a batch has points.
    batch_points : int
        Points in a batch. What a batch leaves out is lost, so that the result depends on it and on the order.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization,
       section 2.2.2.
    """
    blocks = (patterns[slice(*bound)] for bound in block_bounds(len(patterns), batch_points))
    loading, mean, variance, total = incremental_pca(blocks, patterns.shape[1], component_limit, batch_points)
    score, ratio = _scores(patterns, mean, loading), variance_ratio(variance, total)
    return PrincipalComponents(score, variance, ratio, loading, mean, total, "ipca")


def _scores(patterns: np.ndarray, mean: np.ndarray, loading: np.ndarray) -> np.ndarray:
    """Coordinates of the centred patterns, ``(n, k)`` float32."""
    blocks = block_bounds(len(patterns), max(64, min(8192, BLOCK_BYTES // (4 * patterns.shape[1]))))
    return np.concatenate(map_blocks(lambda bound: (patterns[slice(*bound)] - mean) @ loading.T, blocks))


def _point_route(patterns: np.ndarray, mean: np.ndarray, count: int, seed: int, large: bool) -> PrincipalComponents:
    """By products between patterns: all pairs of them, or, of many, those that Krylov iteration asks for."""
    number, pixels = patterns.shape
    blocks = block_bounds(pixels, max(1024, min(8192, BLOCK_BYTES // (4 * number))))

    def centred(bound: tuple[int, int]) -> np.ndarray:
        return np.asarray(patterns[:, slice(*bound)] - mean[slice(*bound)])

    if large:
        total = _energy(patterns, mean) / (number - 1)
        energy, vector, _ = leading_eigenpairs(
            lambda vectors: gram_times(vectors, blocks, centred),
            number,
            count,
            seed,
            most_passes=KRYLOV_PASSES,
            tolerance=KRYLOV_TOLERANCE,
        )
    else:
        gram = gram_matrix(number, blocks, centred)
        total = float(np.trace(gram)) / max(1, number - 1)
        energy, vector = leading_eigenvectors(gram, count, seed)
    length = np.sqrt(energy)
    # Directions without energy have no loading: dividing by their length would blow up rounding errors.
    inverse = np.divide(
        1.0, length, out=np.zeros_like(length), where=energy > 1e-10 * max(energy.max(initial=0.0), 1e-300)
    )
    factor = (vector * inverse).T.astype(np.float32)
    loading, sign = signed(np.concatenate(map_blocks(lambda bound: factor @ centred(bound), blocks), axis=1))
    score = (vector * np.where(inverse > 0, length, 0.0) * sign).astype(np.float32)
    variance, route = energy / max(1, number - 1), "krylov" if large else "gram"
    return PrincipalComponents(score, variance, variance_ratio(variance, total), loading, mean, total, route)


def _energy(patterns: np.ndarray, mean: np.ndarray) -> float:
    """Sum of the squares of the centred patterns."""

    def run(bound: tuple[int, int]) -> float:
        part = patterns[slice(*bound)] - mean
        return float(np.einsum("ij,ij->", part, part, dtype=np.float64))

    return sum(map_blocks(run, block_bounds(len(patterns), max(1, BLOCK_BYTES // (4 * patterns.shape[1])))))


def _krylov_route(patterns: np.ndarray, mean: np.ndarray, count: int, seed: int) -> PrincipalComponents:
    blocks = block_bounds(len(patterns), max(512, BLOCK_BYTES // (4 * patterns.shape[1])))
    found = leading_components(
        lambda: (patterns[slice(*bound)] for bound in blocks),
        patterns.shape[1],
        count,
        seed,
        most_passes=KRYLOV_PASSES,
        tolerance=KRYLOV_TOLERANCE,
    )
    variance, total = found.variance, found.total_variance
    loading = signed(found.vector.T.astype(np.float32))[0]
    score = _scores(patterns, mean, loading)
    return PrincipalComponents(score, variance, variance_ratio(variance, total), loading, mean, total, "krylov")


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
    score = _scores(patterns, mean, loading)
    return PrincipalComponents(score, variance, variance_ratio(variance, total), loading, mean, total, "covariance")
