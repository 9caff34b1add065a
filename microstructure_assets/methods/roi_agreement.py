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
from microstructure_assets.methods.components import roi_components
from microstructure_assets.methods.device import COMPILED
from microstructure_assets.methods.factorization import constrained_weights, pattern_energy
from microstructure_assets.methods.knee import choose_components, noise_edge
from microstructure_assets.methods.noise import NoiseEstimate
from microstructure_assets.methods.parallel import map_blocks
from microstructure_assets.methods.references import reference_windows
from microstructure_assets.methods.roi_clusters import CappedClusters, ClusterTask, capped_clusters
from microstructure_assets.methods.settings import (
    CLUSTER_CAPS,
    AnomaliesSettings,
    ComponentsSettings,
    FactorizationSettings,
    KneeSettings,
    MixtureSettings,
    ReferencesSettings,
    ScaleSettings,
)


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
    """Patterns of a ROI.

    Attributes
    ----------
    value : (rows, columns, p) float32
        [intensity]
    noise : NoiseEstimate
    """

    value: NDArray[np.float32]
    noise: NoiseEstimate

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.value.shape[0], self.value.shape[1]

    @property
    def flat(self) -> NDArray[np.float32]:
        """Patterns point by point, ``(n, p)``."""
        return self.value.reshape(-1, self.value.shape[2])


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
    limited : bool
        Whether the scores have as many clusters as they may, by the cap or by the number of points, or there are more
        components above the noise than are kept (``knee.maximum``).
    nmi, ami, nmi_null : float
        Normalised and adjusted mutual information, and the former after toroidal shifts of the weights' clusters; NaN
        where either side is one cluster.
    clusters_fixed_points, nmi_fixed_points : float
        The same workflow with as many points clustered in every ROI (``scale.control_points``); NaN for the caps not in
        force and for smaller ROIs.
    """

    cap: int
    components: int
    clusters_scores: int
    clusters_weights: int
    limited: bool
    nmi: float
    ami: float
    nmi_null: float
    clusters_fixed_points: float
    nmi_fixed_points: float


@dataclass(frozen=True)
class _Scored:
    """A ROI, the scores of its points ``(n, k)``, whether k is limited, and the energies of their patterns ``(n,)``."""

    roi: RoiPatterns
    score: NDArray[np.float64]
    limited: bool
    energy: NDArray[np.float64]


@dataclass(frozen=True)
class _Sides:
    """Clusters of the scores and of the weights of one ROI under each cap, and the points they were fitted to.

    Under each cap also whether the number of clusters of the scores is limited.
    """

    label: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]
    limited: dict[int, bool]
    places: NDArray[np.intp] | slice


def agreements(
    rois: Sequence[RoiPatterns], settings: WorkflowSettings, device: str = COMPILED, *, only_in_force: bool = False
) -> list[list[Agreement]]:
    """Agreement of each ROI under each cap of `CLUSTER_CAPS`, or under the one in force without the control.

    Parameters
    ----------
    rois
        All of them are worked on at once.
    settings
        As the tile lane has them, but for the range of K, the number of starts and the references: those of the ROI's
        own clusters, no cores around it.
    device
        Where mixtures are iterated and weights are solved, as `torch_device` takes it.
    only_in_force
        Leave the other caps and the control of equally many points out.

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
    scored = map_blocks(lambda roi: _scored(roi, settings), rois)
    in_force, most = settings.scale.cluster_cap, settings.scale.control_points
    caps = (in_force,) if only_in_force else CLUSTER_CAPS
    sides = _both_sides(scored, settings, caps, settings.scale.fitted_points, device)
    large = [place for place, one in enumerate(scored) if len(one.score) >= most and not only_in_force]
    controls = _both_sides([scored[place] for place in large], settings, (in_force,), most, device)
    control = dict(zip(large, controls, strict=True))
    return map_blocks(
        lambda place: [
            _agreement(cap, scored[place], sides[place], control.get(place) if cap == in_force else None)
            for cap in caps
        ],
        range(len(rois)),
    )


def _scored(roi: RoiPatterns, settings: WorkflowSettings) -> _Scored:
    score, limited = _scores(roi, settings)
    return _Scored(roi, score, limited, pattern_energy(roi.flat, settings.factorization))


def _both_sides(
    rois: Sequence[_Scored], settings: WorkflowSettings, caps: tuple[int, ...], fitted_points: int, device: str
) -> list[_Sides]:
    """Clusters of the scores of each ROI, and of the weights that follow from each of their numbers."""
    tasks = [ClusterTask(roi.score, 0.0, 1, caps, fitted_points) for roi in rois]
    first = capped_clusters(tasks, settings.mixture, settings.scale.starts, device)
    jobs = [(place, count) for place, found in enumerate(first) for count in found.label]
    weighted = map_blocks(lambda job: _weights(rois[job[0]], first[job[0]].label[job[1]], settings, device), jobs)
    follow = [
        _task_of_weights(weight, noise, count, first[place], settings.scale, fitted_points)
        for (place, count), (weight, noise) in zip(jobs, weighted, strict=True)
    ]
    second = dict(zip(jobs, capped_clusters(follow, settings.mixture, settings.scale.starts, device), strict=True))
    return [
        _Sides(
            {cap: _pair(found, second[place, count], cap) for cap, count in found.count.items()},
            found.limited,
            tasks[place].places,
        )
        for place, found in enumerate(first)
    ]


def _task_of_weights(
    weight: NDArray[np.float64],
    noise: float,
    count: int,
    first: CappedClusters,
    settings: ScaleSettings,
    fitted_points: int,
) -> ClusterTask:
    """Weights to be clustered under the caps that gave the scores this number of clusters, or into as many."""
    floor = noise if settings.clusters_of_weights == "noise_floor" else 0.0
    caps = tuple(cap for cap, own in first.count.items() if own == count)
    if settings.clusters_of_weights == "scores":
        return ClusterTask(weight, floor, count, (count,), fitted_points)
    return ClusterTask(weight, floor, 1, caps, fitted_points)


def _pair(first: CappedClusters, second: CappedClusters, cap: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    count = first.count[cap]
    own = second.count[cap] if cap in second.count else second.count[count]
    return first.label[count], second.label[own]


def _scores(roi: RoiPatterns, settings: WorkflowSettings) -> tuple[NDArray[np.float64], bool]:
    points, pixels = roi.shape[0] * roi.shape[1], roi.value.shape[2]
    # One more than are kept tells whether the maximum cut them off; the paper's knee depends on their number.
    limit = settings.knee.maximum + 1 if settings.knee.method == "noise_edge" else None
    parts = roi_components(roi.flat, settings.components, limit)
    edge = noise_edge(roi.noise.point_variance, points, pixels, roi.noise.effective_pixel_count)
    knee = choose_components(parts.explained_variance, settings.knee, edge=edge)
    return np.ascontiguousarray(parts.score[:, : knee.count], dtype=np.float64), knee.limited


def _weights(
    scored: _Scored, label: NDArray[np.int64], settings: WorkflowSettings, device: str
) -> tuple[NDArray[np.float64], float]:
    """Weights as coordinates to be clustered, ``(n, r - 1)`` where their sum is constant, and their noise variance."""
    roi, noise = scored.roi, scored.roi.noise.variance
    squared = pooled_distances(scored.score, label, settings.anomalies.core)
    found = reference_windows(
        roi.value, label.reshape(roi.shape), squared.reshape(roi.shape), settings.references, noise
    )
    weights = constrained_weights(
        roi.flat,
        found.pattern,
        found.noise_variance,
        noise,
        settings.factorization,
        roi.shape,
        scored.energy,
        device,
    )
    used = np.flatnonzero(weights.weight.max(axis=0, initial=0.0) > 0)
    deviation = weights.weight_std[weights.weight_std > 0]
    floor = float(np.median(deviation)) ** 2 if deviation.size else 0.0
    weight = np.ascontiguousarray(weights.weight[:, used], dtype=np.float64)
    free_sum = settings.factorization.form == "paper" and len(used) > 0
    return weight if free_sum else _in_plane(weight), floor


def _in_plane(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates in an orthonormal basis of what is orthogonal to (1, ..., 1); at least one column."""
    from scipy.linalg import helmert

    points, references = weight.shape
    if references < 2:
        return np.zeros((points, 1))
    return np.ascontiguousarray(weight @ helmert(references).T)


def _agreement(cap: int, scored: _Scored, sides: _Sides, control: _Sides | None) -> Agreement:
    first, second = sides.label[cap]
    shape = scored.roi.shape
    counts = _count(first), _count(second)
    several = min(counts) > 1
    fixed = (np.nan, np.nan)
    if control is not None:
        a, b = (side[control.places] for side in control.label[cap])
        fixed = (float(_count(a)), normalised_mutual_information(a, b) if min(_count(a), _count(b)) > 1 else np.nan)
    return Agreement(
        cap,
        scored.score.shape[1],
        *counts,
        limited=scored.limited or sides.limited[cap],
        nmi=normalised_mutual_information(first, second) if several else np.nan,
        ami=adjusted_mutual_information(first, second) if several else np.nan,
        nmi_null=toroidal_shift_null(first, second, shape, half_shifts(shape)) if several else np.nan,
        clusters_fixed_points=fixed[0],
        nmi_fixed_points=fixed[1],
    )


def _count(label: NDArray[np.int64]) -> int:
    return len(np.unique(label))
