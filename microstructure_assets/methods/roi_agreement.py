"""How far two clusterings of a region of interest agree: that of its PCA scores and that of its weights.

The whole workflow of a ROI, for many ROIs at once and for several caps on the number of clusters K. Each step runs over
all ROIs before the next begins; mixtures are fitted once for every K, whatever the caps.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization",
   section 3.2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.agreement import (
    adjusted_mutual_information,
    half_shifts,
    normalised_mutual_information,
    toroidal_shift_null,
)
from microstructure_assets.methods.anomalies import pooled_distances
from microstructure_assets.methods.factorization import constrained_weights
from microstructure_assets.methods.knee import choose_components, noise_edge
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
from microstructure_assets.methods.noise import NoiseEstimate
from microstructure_assets.methods.parallel import map_blocks
from microstructure_assets.methods.references import reference_windows
from microstructure_assets.methods.settings import (
    AnomaliesSettings,
    ComponentsSettings,
    FactorizationSettings,
    KneeSettings,
    MixtureSettings,
    ReferencesSettings,
    ScaleSettings,
)
from microstructure_assets.methods.subspace import principal_components

#: K_max of the curves.
CLUSTER_CAPS = (5, 10, 20, 40)
#: Candidates above 20 clusters; neighbours up there differ by less than two starts of one K do.
MANY_CLUSTERS = (22, 24, 26, 29, 32, 36, 40)


@dataclass(frozen=True)
class WorkflowSettings:
    """Settings of the steps of the workflow of one ROI."""

    components: ComponentsSettings = field(default_factory=ComponentsSettings)
    knee: KneeSettings = field(default_factory=KneeSettings)
    mixture: MixtureSettings = field(default_factory=MixtureSettings)
    anomalies: AnomaliesSettings = field(default_factory=AnomaliesSettings)
    references: ReferencesSettings = field(default_factory=ReferencesSettings)
    factorization: FactorizationSettings = field(default_factory=FactorizationSettings)
    scale: ScaleSettings = field(default_factory=ScaleSettings)


@dataclass(frozen=True)
class RoiPatterns:
    """Patterns of a ROI, or their coordinates in a subspace.

    Attributes
    ----------
    value : (rows, columns, d) float32
        [intensity]
    noise : NoiseEstimate
    pixel_count : int
        Pixels of a pattern.
    noise_pixels : float or None
        None for patterns; for coordinates, the pixels that hold as much noise as they do.
    """

    value: NDArray[np.float32]
    noise: NoiseEstimate
    pixel_count: int
    noise_pixels: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.value.shape[0], self.value.shape[1]


@dataclass(frozen=True)
class Agreement:
    """Agreement of the two clusterings of one ROI under one cap on K.

    Attributes
    ----------
    cap : int
        K_max.
    components : int
        Components kept.
    clusters_scores, clusters_weights : int
    nmi, ami, nmi_null : float
        Normalised and adjusted mutual information, and the former after toroidal shifts of the weights' clusters.
    """

    cap: int
    components: int
    clusters_scores: int
    clusters_weights: int
    nmi: float
    ami: float
    nmi_null: float


@dataclass(frozen=True)
class _Task:
    """Points of a ROI to be clustered: coordinates, least variance of a cluster, range of K."""

    score: NDArray[np.float64]
    floor: float
    fewest: int
    most: int


@dataclass(frozen=True)
class _Clusters:
    """Clusters of one ROI under each cap, and the label of every point by number of clusters."""

    count: dict[int, int]
    label: dict[int, NDArray[np.int64]]


def agreements(rois: Sequence[RoiPatterns], settings: WorkflowSettings) -> list[list[Agreement]]:
    """Agreement of each ROI under each cap of `CLUSTER_CAPS`.

    Parameters
    ----------
    rois
        All of them are worked on at once.
    settings
        As the tile lane has them, but for the range of K, the number of starts and the references: those of the ROI's
        own clusters, no cores around it.

    Returns
    -------
    list of list of Agreement
        By ROI, then by cap.

    Notes
    -----
    ``noise_floor`` differs from [1]_: non-negative weights of pure points are exactly 0 or 1, so that a mixture of
    Gaussians shrinks onto points of no extent and splits what lies between. With the variance of the weights' noise
    added to every component the two clusterings are made under the same noise.
    """
    scores = map_blocks(lambda roi: _scores(roi, settings), rois)
    first = _clusters([_Task(score, 0.0, 1, max(CLUSTER_CAPS)) for score in scores], settings)
    jobs = [(place, count) for place, found in enumerate(first) for count in found.label]
    weighted = map_blocks(
        lambda job: _weights(rois[job[0]], scores[job[0]], first[job[0]].label[job[1]], settings), jobs
    )
    by_job = dict(zip(jobs, _clusters(_tasks_of_weights(jobs, weighted, first, settings.scale), settings), strict=True))
    return map_blocks(
        lambda place: [
            _agreement(
                cap, scores[place].shape[1], rois[place].shape, first[place], by_job[place, first[place].count[cap]]
            )
            for cap in CLUSTER_CAPS
        ],
        range(len(rois)),
    )


def _scores(roi: RoiPatterns, settings: WorkflowSettings) -> NDArray[np.float64]:
    points = roi.shape[0] * roi.shape[1]
    limit = settings.components.component_limit
    if settings.knee.method == "noise_edge":
        limit = min(limit, settings.knee.maximum + 1)
    parts = principal_components(roi.value.reshape(points, -1), limit)
    edge = noise_edge(roi.noise.point_variance, points, roi.pixel_count, roi.noise.effective_pixel_count)
    kept = choose_components(parts.explained_variance, settings.knee, edge=edge).count
    return np.ascontiguousarray(parts.score[:, :kept], dtype=np.float64)


def _tasks_of_weights(
    jobs: Sequence[tuple[int, int]],
    weighted: Sequence[tuple[NDArray[np.float64], float]],
    first: Sequence[_Clusters],
    settings: ScaleSettings,
) -> list[_Task]:
    """The weights that follow from each number of clusters of each ROI, up to the largest cap that it stands for."""
    tasks = []
    for (place, count), (weight, noise) in zip(jobs, weighted, strict=True):
        floor = noise if settings.clusters_of_weights == "noise_floor" else 0.0
        most = max(cap for cap, own in first[place].count.items() if own == count)
        fixed = settings.clusters_of_weights == "scores"
        tasks.append(_Task(weight, floor, count if fixed else 1, count if fixed else most))
    return tasks


def _clusters(tasks: Sequence[_Task], settings: WorkflowSettings) -> list[_Clusters]:
    """Clusters of every ROI under every cap."""
    sampled = [_sample(task.score, settings.scale.fitted_points) for task in tasks]
    regions, singles = [], []
    for task, score in zip(tasks, sampled, strict=True):
        n, d = score.shape
        asked = settings.mixture.model_copy(update={"minimum_clusters": task.fewest, "maximum_clusters": task.most})
        candidates = candidates_of(n, d, len(np.unique(score, axis=0)), asked)[0]
        several = [item for item in candidates if 1 < item[0] <= 20 or item[0] in (*MANY_CLUSTERS, task.fewest)]
        regions.append(Region(score, several, task.floor))
        singles.append(Region(score, single_candidates(n, d, settings.mixture.points_per_parameter), task.floor))
    fits = fit_mixtures(regions, settings.scale.starts, settings.mixture.seed)
    lone = fit_mixtures(singles, 1, 0)
    return map_blocks(
        lambda index: _choose(tasks[index], sampled[index], lone[index], fits[index], settings.mixture),
        range(len(tasks)),
    )


def _choose(
    task: _Task,
    sampled: NDArray[np.float64],
    lone: Sequence[Fit],
    several: Sequence[Fit],
    settings: MixtureSettings,
) -> _Clusters:
    n, d = sampled.shape
    single = best_single(lone, n, d)
    one = not several or (task.fewest == 1 and not settings.criterion.startswith("paper"))
    fits = [single, *([single] if one else []), *several]
    shares = [responsibilities(sampled, fit) for fit in fits]
    measured = measure(sampled, fits, shares, settings, silhouette=settings.criterion.startswith("paper"))
    count, label = {}, {}
    for cap in CLUSTER_CAPS:
        chosen = choose(measured, settings, n * d, cap)[0]
        own = len(fits[chosen].weight)
        count[cap] = own
        if own not in label:
            whole = len(task.score) == n
            label[own] = shares[chosen][1] if whole else responsibilities(task.score, fits[chosen])[1]
    return _Clusters(count, label)


def _weights(
    roi: RoiPatterns, score: NDArray[np.float64], label: NDArray[np.int64], settings: WorkflowSettings
) -> tuple[NDArray[np.float64], float]:
    """Coordinates of the weights in the plane of constant sum, ``(n, r - 1)``, and the variance of their noise."""
    points, noise = roi.shape[0] * roi.shape[1], roi.noise.variance
    squared = pooled_distances(score, label, settings.anomalies.core)
    found = reference_windows(
        roi.value, label.reshape(roi.shape), squared.reshape(roi.shape), settings.references, noise, roi.noise_pixels
    )
    patterns = roi.value.reshape(points, -1)
    weights = constrained_weights(
        patterns,
        found.pattern,
        found.noise_variance,
        noise,
        settings.factorization,
        roi.shape,
        roi.noise_pixels,
    )
    used = np.flatnonzero(weights.weight.max(axis=0, initial=0.0) > 0)
    deviation = weights.weight_std[weights.weight_std > 0]
    floor = float(np.median(deviation)) ** 2 if deviation.size else 0.0
    return _in_plane(weights.weight[:, used].astype(np.float64)), floor


def _in_plane(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates in an orthonormal basis of what is orthogonal to (1, ..., 1); at least one column."""
    from scipy.linalg import helmert

    points, references = weight.shape
    if references < 2:
        return np.zeros((points, 1))
    return np.ascontiguousarray(weight @ helmert(references).T)


def _sample(score: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    if len(score) <= most:
        return score
    return np.ascontiguousarray(score[np.arange(most) * len(score) // most])


def _agreement(cap: int, components: int, shape: tuple[int, int], first: _Clusters, second: _Clusters) -> Agreement:
    a, b = first.label[first.count[cap]], second.label[second.count[cap]]
    counts = len(np.unique(a)), len(np.unique(b))
    if min(counts) < 2:
        return Agreement(cap, components, *counts, np.nan, np.nan, np.nan)
    return Agreement(
        cap,
        components,
        *counts,
        normalised_mutual_information(a, b),
        adjusted_mutual_information(a, b),
        toroidal_shift_null(a, b, shape, half_shifts(shape)),
    )
