"""Rivals from libraries, on the scan's own principal components; where a truth is needed to set them, they get it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.lane import Preprocessed
from microstructure_assets.methods.settings import SubspaceSettings
from microstructure_assets.methods.subspace import scan_subspace

KMEANS_STARTS = 3
SILHOUETTE_SAMPLE = 3000


def scan_scores(patterns: Preprocessed, component_count: int) -> NDArray[np.float32]:
    """Scores of the whole scan, (rows, columns, components), as ``pattern_subspace`` has them."""
    rows, columns, pixels = patterns.array.shape
    flat = patterns.array.reshape(rows * columns, pixels)
    subspace = scan_subspace(lambda: [flat], pixels, SubspaceSettings(component_count=component_count))
    score, _ = subspace.project(flat)
    return score.reshape(rows, columns, -1)


def kmeans(scores: NDArray[np.float32], clusters: int, seed: int) -> NDArray[np.int32]:
    """scikit-learn's k-means with a given number of clusters."""
    from sklearn.cluster import KMeans

    rows, columns, count = scores.shape
    model = KMeans(clusters, n_init=KMEANS_STARTS, random_state=seed)
    return model.fit_predict(scores.reshape(-1, count)).reshape(rows, columns).astype(np.int32)


def kmeans_chosen(scores: NDArray[np.float32], candidates: Sequence[int], seed: int) -> NDArray[np.int32]:
    """k-means with the number of clusters of the largest silhouette."""
    from sklearn.metrics import silhouette_score

    flat = scores.reshape(-1, scores.shape[2])
    best, kept = -np.inf, np.zeros(scores.shape[:2], np.int32)
    for clusters in candidates:
        label = kmeans(scores, clusters, seed)
        sample = min(SILHOUETTE_SAMPLE, len(flat))
        value = float(silhouette_score(flat, label.ravel(), sample_size=sample, random_state=seed))
        if value > best:
            best, kept = value, label
    return kept


def constrained_ward(scores: NDArray[np.float32], regions: int) -> NDArray[np.int32]:
    """scikit-learn's Ward clustering in which only touching points and clusters merge, down to a number of regions."""
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.feature_extraction.image import grid_to_graph

    rows, columns, count = scores.shape
    model = AgglomerativeClustering(regions, connectivity=grid_to_graph(rows, columns), linkage="ward")
    return model.fit_predict(scores.reshape(-1, count)).reshape(rows, columns).astype(np.int32)


def superpixels(scores: NDArray[np.float32], regions: int, points_each: float = 12.0) -> NDArray[np.int32]:
    """scikit-image's SLIC superpixels, merged over their adjacency graph, nearest means first, to a number of regions.

    The merging is scikit-learn's average linkage on the graph that scikit-image builds (its own threshold cut wants a
    threshold, which no number of regions gives).
    """
    from skimage.graph import RAG
    from skimage.segmentation import slic
    from sklearn.cluster import AgglomerativeClustering

    rows, columns, count = scores.shape
    scaled = (scores / max(float(scores.std()), 1e-12)).astype(np.float64)
    start = slic(
        scaled,
        n_segments=max(regions + 1, round(rows * columns / points_each)),
        compactness=0.5,
        channel_axis=-1,
        convert2lab=False,
        start_label=0,
    )
    number = int(start.max()) + 1
    if number <= regions:
        return start.astype(np.int32)
    sums = np.zeros((number, count))
    np.add.at(sums, start.ravel(), scores.reshape(-1, count))
    means = sums / np.bincount(start.ravel(), minlength=number)[:, None]
    graph = RAG(start, connectivity=1)
    from networkx import to_scipy_sparse_array

    touching = to_scipy_sparse_array(graph, nodelist=range(number), weight=None)
    model = AgglomerativeClustering(regions, connectivity=touching, linkage="ward")
    return model.fit_predict(means)[start].astype(np.int32)
