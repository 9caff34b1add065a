"""Points that lie far from their cluster: squared Mahalanobis distance and the chi-squared threshold.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization", Eqs. 8-9.
.. [2] Y. Chen, A. Wiesel, Y. C. Eldar, A. O. Hero, IEEE Trans. Signal Process. 58 (2010) 5016 (OAS shrinkage).
.. [3] P. J. Rousseeuw, K. Van Driessen, Technometrics 41 (1999) 212 (concentration steps, consistency factor).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.settings import AnomaliesSettings

_CONCENTRATION_STEPS = 10
_SMALL_CLUSTER = 10


@dataclass(frozen=True)
class Anomalies:
    """Distances of n points to their clusters.

    Attributes
    ----------
    squared : (n,) float32
        Squared Mahalanobis distance, Eq. 8 of [1]_.
    anomaly : (n,) bool
        Beyond the threshold, Eq. 9.
    threshold : float
        Chi-squared quantile for d degrees of freedom.
    excess : float
        Share of points flagged minus the share expected of Gaussian clusters (0.05 at the 0.95 quantile).
    cluster_size, cluster_anomalies : (K,) int64
        Points per cluster, and how many of them are flagged.
    mean : (K, d), covariance : (K, d, d) float64
        What the distances were taken with.
    """

    squared: NDArray[np.float32]
    anomaly: NDArray[np.bool_]
    threshold: float
    excess: float
    cluster_size: NDArray[np.int64]
    cluster_anomalies: NDArray[np.int64]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def shrunk_covariance(deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance of deviations (n, d) from a known mean, shrunk towards a multiple of the identity.

    The oracle approximating shrinkage of [2]_ in the form of scikit-learn, without the terms 2/d.
    """
    n, d = deviation.shape
    sample = deviation.T @ deviation / n
    trace, square = float(np.trace(sample)), float(np.sum(sample * sample))
    spread = square - trace * trace / d
    if spread <= 0.0:
        return np.eye(d) * trace / d
    shrinkage = min(1.0, (square + trace * trace) / ((n + 1.0) * spread))
    return (1.0 - shrinkage) * sample + shrinkage * np.eye(d) * trace / d


def _positive_definite(covariance: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Covariance with a ridge of 1e-9 of its mean variance, and of ``floor`` where it has none."""
    d = len(covariance)
    return covariance + np.eye(d) * max(1e-9 * float(np.trace(covariance)) / d, floor)


def _squared_distance(deviation: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.linalg import solve_triangular

    lower = np.linalg.cholesky(covariance)
    return np.sum(solve_triangular(lower, deviation.T, lower=True) ** 2, axis=0)


def pooled_core(
    score: NDArray[np.float64], label: NDArray[np.integer], clusters: int, core: float, floor: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cluster centres (medians) and the one covariance of the core of all clusters.

    The covariance starts from the ``core`` share of points nearest to their centre and is concentrated [3]_: the share
    with the smallest distances makes the next covariance. It is then scaled so that the ``core`` quantile of the
    squared distances is the chi-squared one.

    Returns
    -------
    centre : (clusters, d)
    covariance : (d, d)
    """
    from scipy.stats import chi2

    n, d = score.shape
    centre = np.zeros((clusters, d))
    size = np.bincount(label, minlength=clusters)
    for k in range(clusters):
        if size[k]:
            centre[k] = np.median(score[label == k], axis=0)
    # A centre made of few points lies too near to each of them.
    spread = np.sqrt(size / np.maximum(size - 1, 1))
    deviation = (score - centre[label]) * spread[label, None]
    squared = np.sum(deviation**2, axis=1)
    kept = max(1, int(np.ceil(core * n)))
    members: NDArray[np.intp] | None = None
    covariance = np.eye(d) * floor
    for _ in range(_CONCENTRATION_STEPS):
        chosen = np.sort(np.argsort(squared, kind="stable")[:kept])
        if members is not None and np.array_equal(chosen, members):
            break
        members = chosen
        covariance = _positive_definite(shrunk_covariance(deviation[members]), floor)
        squared = _squared_distance(deviation, covariance)
    scale = float(np.quantile(squared, core)) / float(chi2.ppf(core, d))
    return centre, covariance * scale if scale > 0 else covariance


def pooled_distances(score: NDArray[np.float64], label: NDArray[np.integer], core: float) -> NDArray[np.float64]:
    """Squared Mahalanobis distance of each point to its cluster under the pooled covariance of `pooled_core`, (n,)."""
    floor = _floor(score)
    centre, covariance = pooled_core(score, label, int(label.max(initial=0)) + 1, core, floor)
    return _squared_distance(score - centre[label], _positive_definite(covariance, floor))


def _floor(score: NDArray[np.float64]) -> float:
    """Variance that a direction without any is given."""
    return 1e-12 * max(float(score.var(axis=0).mean()), 1e-12)


def mahalanobis_anomalies(
    score: NDArray, label: NDArray[np.integer], mean: NDArray, covariance: NDArray, settings: AnomaliesSettings
) -> Anomalies:
    """Squared Mahalanobis distance of each point to its cluster, and the points beyond the chi-squared quantile.

    Parameters
    ----------
    score : (n, d) float
    label : (n,) int
        Cluster of each point, 0 to K - 1.
    mean : (K, d) float
        Means of the mixture's components.
    covariance : (K, d, d) float
        Their covariances.
    settings
        Quantile, and the covariance that distances are measured with.

    Returns
    -------
    Anomalies

    Raises
    ------
    ValueError
        If the shapes do not belong together or a label has no component.

    Notes
    -----
    ``paper`` takes each component's own mean and covariance as [1]_ does; a cluster with fewer points than ten times
    the dimensions takes the shrunk covariance of its members. The default ``pooled`` measures all clusters with one
    covariance, that of the core of all clusters. The reason: components that sit on mixed points between two grains
    have wide covariances, in which no point looks remote, so that the paper's form misses most boundary points (area
    under the ROC curve about 0.65 against 0.93 on simulated scans).
    """
    from scipy.stats import chi2

    score = np.asarray(score, dtype=np.float64)
    label = np.asarray(label)
    clusters = len(mean)
    if score.ndim != 2 or label.shape != score.shape[:1] or np.shape(mean) != (clusters, score.shape[1]):
        raise ValueError(
            f"score {score.shape}, label {label.shape}, mean {np.shape(mean)}: expected (n, d), (n,) and (K, d)"
        )
    if np.shape(covariance) != (clusters, score.shape[1], score.shape[1]):
        raise ValueError(f"covariance: found shape {np.shape(covariance)}, expected (K, d, d) with K = {clusters}")
    if len(label) and (label.min() < 0 or label.max() >= clusters):
        raise ValueError(
            f"label: found {label.min()} to {label.max()}, expected 0 to {clusters - 1}, one per component"
        )
    d = score.shape[1]
    floor = _floor(score)
    size = np.bincount(label, minlength=clusters)
    centre = np.array(mean, dtype=np.float64)
    shape = np.array(covariance, dtype=np.float64)
    if settings.covariance == "pooled":
        centre, pooled = pooled_core(score, label, clusters, settings.core, floor)
        shape = np.repeat(pooled[None], clusters, axis=0)
    squared = np.zeros(len(score))
    for k in np.flatnonzero(size):
        deviation = score[label == k] - centre[k]
        if settings.covariance == "paper" and size[k] < _SMALL_CLUSTER * d:
            shape[k] = shrunk_covariance(deviation)
        shape[k] = _positive_definite(shape[k], floor)
        squared[label == k] = _squared_distance(deviation, shape[k])
    threshold = float(chi2.ppf(settings.probability, d))
    anomaly = squared > threshold
    return Anomalies(
        squared=squared.astype(np.float32),
        anomaly=anomaly,
        threshold=threshold,
        excess=float(anomaly.mean()) - (1.0 - settings.probability),
        cluster_size=size,
        cluster_anomalies=np.bincount(label[anomaly], minlength=clusters),
        mean=centre,
        covariance=shape,
    )
