"""Clusters of many ROIs at once, under several caps on their number K: mixtures are fitted once for every K."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.device import COMPILED
from microstructure_assets.methods.mixture import choose, measure
from microstructure_assets.methods.mixture_fits import (
    Fit,
    Region,
    best_single,
    candidates_of,
    fit_mixtures,
    responsibilities,
    single_candidates,
)
from microstructure_assets.methods.parallel import map_blocks
from microstructure_assets.methods.settings import MixtureSettings

#: Up to here every K is a candidate, above it those below; neighbours up there differ by less than two starts of one K.
EVERY_CLUSTER_NUMBER = 20
MANY_CLUSTERS = (24, 28, 34, 40)


@dataclass(frozen=True)
class ClusterTask:
    """Points of a ROI to be clustered.

    Attributes
    ----------
    score : (n, d) float64
        Coordinates.
    least_variance : float
        Added to every variance of every cluster.
    fewest : int
        K_min.
    caps : tuple of int
        K_max, each of which gets an answer.
    fitted_points : int
        Points that the mixtures are fitted to where there are more.
    """

    score: NDArray[np.float64]
    least_variance: float
    fewest: int
    caps: tuple[int, ...]
    fitted_points: int

    @property
    def places(self) -> NDArray[np.intp] | slice:
        """The points that mixtures are fitted to: a random one of each of so many equal stretches."""
        n, most = len(self.score), self.fitted_points
        if n <= most:
            return slice(None)
        edges = np.arange(most + 1) * n // most  # a fixed distance would follow the columns of the map
        return edges[:-1] + (np.random.default_rng(0).random(most) * np.diff(edges)).astype(np.intp)


@dataclass(frozen=True)
class CappedClusters:
    """Clusters of one ROI.

    Attributes
    ----------
    count : dict of int to int
        K under each cap.
    limited : dict of int to bool
        Whether K is the cap itself, or the most that the number of points permits.
    label : dict of int to (n,) int64
        Cluster of every point, by K.
    """

    count: dict[int, int]
    limited: dict[int, bool]
    label: dict[int, NDArray[np.int64]]


def capped_clusters(
    tasks: Sequence[ClusterTask], settings: MixtureSettings, starts: int, device: str = COMPILED
) -> list[CappedClusters]:
    """Clusters of every ROI under every cap.

    Parameters
    ----------
    tasks
        Worked on together.
    settings
        As the tile lane has them; range of K and number of starts are those given here.
    starts
        k-means++ starts per K.
    device
        Where the mixtures of all ROIs are iterated, as `fit_mixtures` takes it.
    """
    sampled = [np.ascontiguousarray(task.score[task.places]) for task in tasks]
    regions, singles = [], []
    for task, score in zip(tasks, sampled, strict=True):
        n, d = score.shape
        asked = settings.model_copy(update={"minimum_clusters": task.fewest, "maximum_clusters": max(task.caps)})
        candidates = candidates_of(n, d, len(np.unique(score, axis=0)), asked)[0]
        kept = {*range(2, EVERY_CLUSTER_NUMBER + 1), *MANY_CLUSTERS, task.fewest} - {1}
        regions.append(Region(score, [item for item in candidates if item[0] in kept], task.least_variance))
        singles.append(Region(score, single_candidates(n, d, settings.points_per_parameter), task.least_variance))
    fits = fit_mixtures(regions, starts, settings.seed, device)
    lone = fit_mixtures(singles, 1, 0)
    return map_blocks(
        lambda index: _choose(tasks[index], sampled[index], lone[index], fits[index], settings), range(len(tasks))
    )


def _choose(
    task: ClusterTask,
    sampled: NDArray[np.float64],
    lone: Sequence[Fit],
    several: Sequence[Fit],
    settings: MixtureSettings,
) -> CappedClusters:
    n, d = sampled.shape
    single = best_single(lone, n, d)
    one = not several or (task.fewest == 1 and not settings.criterion.startswith("paper"))
    fits = [single, *([single] if one else []), *several]
    shares = [responsibilities(sampled, fit) for fit in fits]
    measured = measure(sampled, fits, shares, settings, silhouette=settings.criterion.startswith("paper"))
    count, limited, label = {}, {}, {}
    most, distinct = max(len(fit.weight) for fit in fits), len(np.unique(sampled, axis=0))
    for cap in task.caps:
        chosen = choose(measured, settings, n * d, cap)[0]
        own = len(fits[chosen].weight)
        count[cap], limited[cap] = own, own == min(cap, most) and own < distinct
        if own not in label:
            whole = len(task.score) == n
            label[own] = shares[chosen][1] if whole else responsibilities(task.score, fits[chosen])[1]
    return CappedClusters(count, limited, label)
