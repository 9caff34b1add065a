"""Reference pattern of each cluster: which points represent it, and their mean.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization",
   section 2.2.2 and Eq. 11.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.products import window_sum
from microstructure_assets.methods.settings import ReferencesSettings

#: How a cluster's reference was found where it has no whole window, in falling order of trust.
FALLBACKS = ("none", "best_window", "central_points", "empty")
#: Which points a reference is the mean of.
SOURCES = ("cluster", "core", "neighbour")

_AVERAGED_POINTS = 256


@dataclass(frozen=True)
class References:
    """A reference pattern for each of K clusters, and for the grains around them that have none.

    Attributes
    ----------
    pattern : (K, p) float32
        0 for an empty cluster.
    row, column : (K,) int32
        Centre of the window, from the ROI's first point; -1 for an empty cluster.
    metric : (K,) float64
        Eq. 11 of [1]_ for that window, over its points in the cluster; NaN for an empty cluster.
    point_count : (K,) int32
        Patterns averaged.
    noise_variance : (K,) float64
        Noise variance per pixel left in the reference.
    fallback : (K,) str
        ``none``: from whole windows inside the cluster. ``best_window``: no window lies inside the cluster; the points
        of the cluster in the window that holds most of them. ``central_points``: that window holds fewer than three;
        the points with the smallest Mahalanobis distances. ``empty``: the cluster has no points.
    source : (K,) str
        ``cluster``: the cluster's own points. ``core``: the core of its grain, which may lie beyond the ROI.
        ``neighbour``: the core of a grain that no cluster stands for; such references come after those of the clusters.
    points : tuple of (point_count,) int
        The points averaged, as row-major numbers in the rectangle of patterns that was given.
    group : (K,) int32
        First of the clusters that share this cluster's reference because they differ by gain and noise only.
    """

    pattern: NDArray[np.float32]
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    metric: NDArray[np.float64]
    point_count: NDArray[np.int32]
    noise_variance: NDArray[np.float64]
    fallback: NDArray[np.str_]
    source: NDArray[np.str_]
    points: tuple[NDArray[np.intp], ...]
    group: NDArray[np.int32]


def window_metric(
    own: NDArray[np.bool_], squared: NDArray, weight_mean: float, weight_variance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eq. 11 of [1]_ for the 3×3 window of every point, over the window's points in the cluster.

    Parameters
    ----------
    own : (rows, columns) bool
        Points of the cluster.
    squared : (rows, columns)
        Squared Mahalanobis distances; Eq. 11 takes the distances themselves.
    weight_mean, weight_variance
        w1 and w2.

    Returns
    -------
    metric : (rows, columns)
        NaN where the window has no point of the cluster.
    count : (rows, columns)
        Points of the cluster in the window; 9 only for a whole window inside the map.
    """
    distance = np.where(own, np.sqrt(np.maximum(squared, 0.0)), 0.0)
    count = window_sum(own)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = window_sum(distance) / count
        variance = np.maximum(window_sum(distance**2) / count - mean**2, 0.0)
        metric = np.where(count > 0, weight_mean * mean + weight_variance * variance, np.nan)
    return metric, count


def _choose_window(
    own: NDArray[np.bool_], squared: NDArray, settings: ReferencesSettings
) -> tuple[int, float, str, NDArray[np.intp]]:
    """Centre (flat index) of the window, its metric, the fallback used, and the points (flat indices) of the window."""
    metric, count = window_metric(own, squared, settings.weight_mean, settings.weight_variance)
    members = np.flatnonzero(own)
    central = members[np.argsort(squared.ravel()[members], kind="stable")]
    whole = central[count.ravel()[central] == 9]
    if settings.method == "paper":
        candidates = [point for point in central[: settings.candidates] if count.ravel()[point] == 9]
        whole = np.asarray(candidates, dtype=np.intp)
    fallback = "none"
    pool = whole
    if len(pool) == 0:
        fallback = "best_window"
        most = count.ravel()[central].max()
        pool = central[count.ravel()[central] == most]
    centre = int(pool[np.argmin(metric.ravel()[pool])])
    row, column = divmod(centre, own.shape[1])
    window = np.zeros_like(own)
    window[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = True
    points = np.flatnonzero(window & own)
    if len(points) < min(3, len(members)):
        fallback = "central_points"
        points = central[: min(settings.candidates, len(central))]
    return centre, float(metric.ravel()[centre]), fallback, points


def _depth(own: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Steps (along rows, columns and diagonals) from each point of the cluster to the nearest point outside it.

    The edge of the map is no boundary: what lies beyond is not known.
    """
    from scipy.ndimage import distance_transform_cdt

    if own.all():
        return np.full(own.shape, max(own.shape), dtype=np.int64)
    return np.asarray(distance_transform_cdt(own, metric="chessboard"), dtype=np.int64)


def _deep_points(own: NDArray[np.bool_], squared: NDArray, wanted: int, quantile: float) -> NDArray[np.intp]:
    """Points (flat indices) that stand for the cluster without mixing with its neighbours.

    Of the points whose 3×3 neighbourhood is of the same cluster, the ``quantile`` with the smallest distances; of these
    the deepest, down to the depth at which there are ``wanted`` of them.
    """
    depth = _depth(own)
    inner = np.flatnonzero(own & (depth >= 2))
    if len(inner) == 0:
        return inner
    value = squared.ravel()[inner]
    keep = inner[value <= np.quantile(value, quantile)]
    levels = np.sort(depth.ravel()[keep])[::-1]
    least = levels[min(wanted, len(levels)) - 1]
    return np.sort(keep[depth.ravel()[keep] >= least])


def mean_pattern(flat: NDArray[np.float32], points: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean of some patterns of (n, p), a few at a time: those of a large detector do not all fit in memory."""
    total = np.zeros(flat.shape[1])
    for start in range(0, len(points), _AVERAGED_POINTS):
        total += flat[points[start : start + _AVERAGED_POINTS]].sum(axis=0, dtype=np.float64)
    return total / max(1, len(points))


def equivalent_clusters(
    flat: NDArray[np.float32],
    label: NDArray[np.integer],
    clusters: int,
    noise_variance: float,
    tolerance: float,
) -> NDArray[np.int32]:
    """First cluster of those whose mean patterns differ by no more than a factor and the noise.

    The gain varies from pattern to pattern, and a mixture may split a grain along it. Two clusters are equivalent when
    1 - ρ² of their mean patterns, with the expected noise taken off, stays below ``tolerance`` plus three standard
    deviations of what the noise makes of it. Different grains have 1 - ρ² near 1; 0.3 degrees make about 0.07 at 60×60
    pixels.

    Parameters
    ----------
    flat : (n, p)
        Patterns.
    label : (n,)
        Clusters, negative for none.
    clusters
        K.
    noise_variance
        Noise variance per pixel of a pattern.
    tolerance
        Of 1 - ρ².

    Returns
    -------
    (K,) int32
    """
    pixels = flat.shape[1]
    size = np.bincount(label[label >= 0], minlength=clusters)
    mean = np.zeros((clusters, flat.shape[1]))
    for k in np.flatnonzero(size):
        mean[k] = mean_pattern(flat, np.flatnonzero(label == k))
    mean -= mean.mean(axis=1, keepdims=True)
    gram = mean @ mean.T
    noise = noise_variance * pixels / np.maximum(size, 1)
    signal = np.diag(gram) - noise
    group = np.arange(clusters, dtype=np.int32)
    for k in np.argsort(-size, kind="stable"):
        for other in np.flatnonzero(group == np.arange(clusters)):
            if other == k or size[other] < size[k] or group[k] != k or min(signal[k], signal[other]) <= 0:
                continue
            if size[other] == size[k] and other > k:
                continue
            difference = 1.0 - gram[k, other] ** 2 / (signal[k] * signal[other])
            scatter = np.sqrt(2.0 / pixels) * (noise[k] / signal[k] + noise[other] / signal[other])
            if gram[k, other] > 0 and difference < tolerance + 3.0 * scatter:
                group[k] = other
    return group


def reference_windows(
    patterns: NDArray[np.float32],
    label: NDArray[np.integer],
    mahalanobis_squared: NDArray,
    settings: ReferencesSettings,
    noise_variance: float,
) -> References:
    """Reference pattern of each cluster of a ROI.

    Parameters
    ----------
    patterns : (rows, columns, p) float32
        Preprocessed patterns.
    label : (rows, columns) int
        Clusters, 0 to K - 1; negative for points without one.
    mahalanobis_squared : (rows, columns) float
        Squared Mahalanobis distance of each point to its cluster.
    settings
        ``paper``: of the most central points of a cluster, those whose whole 3×3 window lies in the cluster; the window
        with the least metric (Eq. 11 of [1]_) is averaged. ``denoised``: as many central points deep inside the cluster
        as there are, where clusters that differ by gain and noise only count as one; the window of least metric is
        still reported.
    noise_variance
        Noise variance per pixel of a single pattern [intensity²].

    Returns
    -------
    References

    Raises
    ------
    ValueError
        If the shapes do not belong together.

    Notes
    -----
    [1]_ does not say what happens to a cluster without a whole window; here it gets a reference from the window that
    holds most of it, or from its most central points, and ``fallback`` records that. A 3×3 mean keeps a ninth of the
    noise power, and points beside a boundary carry their neighbour's pattern: hence the default.
    """
    patterns = np.asarray(patterns)
    label = np.asarray(label)
    squared = np.asarray(mahalanobis_squared, dtype=np.float64)
    if patterns.ndim != 3 or label.shape != patterns.shape[:2] or squared.shape != label.shape:
        raise ValueError(
            f"patterns {patterns.shape}, label {label.shape}, mahalanobis_squared {squared.shape}: "
            "expected (rows, columns, p), (rows, columns) and (rows, columns)"
        )
    clusters = int(label.max(initial=-1)) + 1
    flat = patterns.reshape(-1, patterns.shape[2])
    squared = np.where(np.isfinite(squared), squared, np.inf)
    group = np.arange(clusters, dtype=np.int32)
    if settings.method == "denoised":
        tolerance = settings.equivalence_tolerance
        group = equivalent_clusters(flat, label.ravel(), clusters, noise_variance, tolerance)
    found = References(
        pattern=np.zeros((clusters, flat.shape[1]), dtype=np.float32),
        row=np.full(clusters, -1, dtype=np.int32),
        column=np.full(clusters, -1, dtype=np.int32),
        metric=np.full(clusters, np.nan),
        point_count=np.zeros(clusters, dtype=np.int32),
        noise_variance=np.zeros(clusters),
        fallback=np.full(clusters, "empty", dtype=f"<U{max(map(len, FALLBACKS))}"),
        source=np.full(clusters, SOURCES[0], dtype=f"<U{max(map(len, SOURCES))}"),
        points=(),
        group=group,
    )
    averaged = [np.zeros(0, dtype=np.intp)] * clusters
    common = np.where(label >= 0, group[label], -1) if clusters else label
    for k in np.flatnonzero(np.bincount(label[label >= 0], minlength=clusters)):
        own = common == group[k]
        centre, found.metric[k], found.fallback[k], points = _choose_window(own, squared, settings)
        found.row[k], found.column[k] = divmod(centre, label.shape[1])
        if settings.method == "denoised":
            deep = _deep_points(own, squared, settings.wanted_points, settings.central_share)
            if len(deep) > len(points) or (len(deep) and found.fallback[k] != "none"):
                points = deep
                found.fallback[k] = "none"
        found.pattern[k] = mean_pattern(flat, points)
        found.point_count[k] = len(points)
        found.noise_variance[k] = noise_variance / len(points)
        averaged[k] = points
    return replace(found, points=tuple(averaged))
