"""Clusters of points by k-means, with their number chosen by the silhouette: of latents, of element counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.parallel import single_thread
from microstructure_assets.methods.rows import Rows

FITTED_POINTS = 20_000
SILHOUETTE_POINTS = 4000
STARTS = 5


@dataclass(frozen=True)
class SilhouetteClusters:
    """Clusters of points.

    Attributes
    ----------
    cluster : (n,) int32
        From 1, largest cluster first; 0 for points left out.
    count : int
    silhouette : (k,) float64
        Mean over the sample, of `numbers` clusters each.
    silhouette_error : (k,) float64
        Standard error of the mean.
    inertia : (k,) float64
        Sum of the squared distances to the centres over the points fitted.
    numbers : (k,) int64
    """

    cluster: NDArray[np.int32]
    count: int
    silhouette: NDArray[np.float64]
    silhouette_error: NDArray[np.float64]
    inertia: NDArray[np.float64]
    numbers: NDArray[np.int64]


def clusters_by_silhouette(
    values: Rows,
    used: NDArray[np.bool_],
    *,
    count: int | None = None,
    maximum: int = 10,
    least: float = 0.1,
    seed: int = 0,
) -> SilhouetteClusters:
    """Cluster points by k-means.

    Parameters
    ----------
    values : Rows
        ``(n, features)``; distances between them count as they are.
    used : (n,) bool
        False for points to leave out.
    count : int, optional
        Number of clusters; if not given, that of the greatest mean silhouette from 2 to `maximum`.
    maximum : int
    least : float
        Mean silhouette below which all is one cluster.
    seed : int

    Returns
    -------
    SilhouetteClusters
        k-means is fitted to at most 20,000 points and the silhouette taken over at most 4,000 of them. Its standard
        error takes points for independent, which neighbours in a grain are not: it is too small.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_samples

    place = np.flatnonzero(used)
    random = np.random.default_rng(seed)
    fitted = values.take(np.sort(random.choice(place, min(FITTED_POINTS, len(place)), replace=False)))
    most = min(maximum, max(1, len(fitted) - 1))
    numbers = np.arange(2, most + 1) if count is None else np.array([count])
    numbers = numbers[numbers <= max(1, len(np.unique(fitted, axis=0)) - 1)]
    sampled = random.choice(len(fitted), min(SILHOUETTE_POINTS, len(fitted)), replace=False)
    models, rows = [], []
    with single_thread():
        for number in numbers.tolist():
            model = KMeans(number, n_init=STARTS, random_state=seed).fit(fitted)
            own = model.labels_[sampled]
            several = len(np.unique(own)) > 1
            score = silhouette_samples(fitted[sampled], own) if several else np.zeros(len(sampled))
            rows.append((score.mean(), score.std() / np.sqrt(len(score)), model.inertia_))
            models.append(model)
        table = np.asarray(rows, float).reshape(-1, 3)
        best = int(table[:, 0].argmax()) if len(table) else 0
        several = len(table) > 0 and (table[best, 0] >= least if count is None else count > 1)
        cluster = used.astype(np.int32)
        if several:
            for numbered, block in values.blocks():
                own = used[numbered]
                cluster[numbered][own] = models[best].predict(block[own]) if own.any() else 0
            cluster[place] = _by_size(cluster[place])
    return SilhouetteClusters(cluster, int(cluster.max(initial=0)), table[:, 0], table[:, 1], table[:, 2], numbers)


def _by_size(label: NDArray[np.int32]) -> NDArray[np.int32]:
    """Labels from 1, the most frequent first."""
    count = np.bincount(label)
    rank = np.empty(len(count), dtype=np.int32)
    rank[np.argsort(-count, kind="stable")] = np.arange(1, len(count) + 1)
    return rank[label]
