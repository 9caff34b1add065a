"""The workflow of one ROI as one would write it with scikit-learn, and what many ROIs cost by a model of its own.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization",
   sections 2.2 and 3.2.2.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.benchmark import Arrays
from benchmarks.speed.measurement import Measurement, measured
from microstructure_assets.methods.components import PAIRS_LIMIT
from microstructure_assets.methods.parallel import worker_count

#: p and K_max of [1]_.
COMPONENTS, CAP = 30, 20
#: Points that a silhouette is taken of where there are more, as the settings of the lane have it.
SILHOUETTE_POINTS = 2000


@dataclass(frozen=True)
class MeasuredRoi:
    """A ROI that the peer worked on.

    Attributes
    ----------
    points : int
    workflow, silhouettes : Measurement
        The latter of the silhouettes of all K of both clusterings, on which its choice of K does not wait.
    result : dict
        Of `workflow`.
    """

    points: int
    workflow: Measurement
    silhouettes: Measurement
    result: Arrays


def workflow(data: Arrays) -> Arrays:
    """Agreement of the clusters of scores and of weights in one ROI.

    Parameters
    ----------
    data
        ``patterns`` (rows, columns, p) float32, each between 0 and 1.

    Returns
    -------
    dict
        ``nmi``; ``variance`` of all components; ``score`` of those kept; ``reference``; ``weight``;
        ``log_likelihood`` (K_max,) of the scores' mixtures; ``label_scores`` and ``label_weights`` (K_max, n).
    """
    from sklearn.decomposition import PCA, non_negative_factorization
    from sklearn.metrics import normalized_mutual_info_score

    flat = data["patterns"].reshape(-1, data["patterns"].shape[2])
    model = PCA(min(COMPONENTS, len(flat) - 1), svd_solver="randomized", random_state=0)
    score = model.fit_transform(flat)[:, : _knee(model.explained_variance_ratio_)]
    labels, likelihood, chosen = _mixtures(score)
    reference = _references(data["patterns"], score, labels[chosen])
    weight, _, _ = non_negative_factorization(flat, H=reference, n_components=len(reference), update_H=False)
    labels_of_weights, _, chosen_of_weights = _mixtures(weight)
    return {
        "nmi": np.array(normalized_mutual_info_score(labels[chosen], labels_of_weights[chosen_of_weights])),
        "variance": model.explained_variance_,
        "score": score,
        "reference": reference,
        "weight": weight,
        "log_likelihood": likelihood,
        "label_scores": labels,
        "label_weights": labels_of_weights,
    }


def _knee(ratio: NDArray[np.floating]) -> int:
    """Components up to where their cumulative share of the variance lies farthest above the chord of its curve."""
    cumulative = np.cumsum(ratio)
    return max(2, int(np.argmax(cumulative - np.linspace(cumulative[0], cumulative[-1], len(ratio)))) + 1)


def _mixtures(points: NDArray[np.floating]) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Labels (K_max, n) and log-likelihoods of the mixtures of 1 to K_max spheres, and which has the least BIC."""
    from sklearn.mixture import GaussianMixture

    labels, likelihood, criterion = [], [], []
    for clusters in range(1, CAP + 1):
        model = GaussianMixture(clusters, covariance_type="spherical", random_state=0).fit(points)
        labels.append(model.predict(points))
        likelihood.append(model.score(points) * len(points))
        criterion.append(model.bic(points))
    return np.stack(labels), np.array(likelihood), int(np.argmin(criterion))


def _references(
    patterns: NDArray[np.float32], score: NDArray[np.floating], label: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Of each cluster the mean pattern of the 3×3 points that lie nearest to its centre on average."""
    from scipy.ndimage import uniform_filter

    rows, columns, _ = patterns.shape
    found = []
    for own in np.unique(label):
        distance = np.linalg.norm(score - score[label == own].mean(axis=0), axis=1).reshape(rows, columns)
        # The window must lie in the ROI.
        inner = uniform_filter(distance, 3)[1:-1, 1:-1]
        row, column = np.unravel_index(np.argmin(inner), inner.shape)
        found.append(patterns[row : row + 3, column : column + 3].mean(axis=(0, 1)))
    return np.stack(found)


def _silhouettes(data: Arrays) -> Arrays:
    """Silhouettes of all K of both clusterings, as one would weigh them in beside the BIC."""
    from sklearn.metrics import silhouette_score

    found = [
        silhouette_score(data[points], label, sample_size=min(SILHOUETTE_POINTS, len(label)), random_state=0)
        for points, labels in (("score", "label_scores"), ("weight", "label_weights"))
        for label in data[labels]
        if 1 < len(np.unique(label)) < len(label)
    ]
    return {"silhouette": np.array(found)}


def measured_roi(codes: NDArray[np.uint8]) -> MeasuredRoi:
    """Measure one ROI of codes (rows, columns, height, width), which are the patterns rescaled to 0 to 255."""
    import scipy.ndimage  # noqa: F401  loading is not measured
    import sklearn.decomposition
    import sklearn.metrics
    import sklearn.mixture  # noqa: F401

    rows, columns = codes.shape[:2]
    patterns = codes.reshape(rows, columns, -1) / np.float32(255)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mixtures and weights that do not converge, fewer distinct points than K
        spent, result = measured(workflow, {"patterns": patterns})
        more, _ = measured(_silhouettes, result)
    return MeasuredRoi(rows * columns, spent, more, result)


def measured_rois(rois: Iterable[NDArray[np.uint8]]) -> list[MeasuredRoi]:
    """Measure ROIs side by side, a process with one thread for each core."""
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", inner_max_num_threads=1):
        return list(Parallel(n_jobs=worker_count())(delayed(measured_roi)(codes) for codes in rois))


def extrapolated(found: Sequence[MeasuredRoi], tilings: Sequence[int], points: int) -> Arrays:
    """What all ROIs of these tilings of a scan take, as a measurement and with its cost model.

    Returns
    -------
    dict
        ``wall_s``, ``cpu_s``, ``peak_bytes``; ``silhouettes_s`` on top of the wall time; ``per_roi_s`` and
        ``per_point_s`` of one core; ``misfit``, the largest relative distance of the model from a mean that it was
        fitted to. The cores share the work without loss, which is in the peer's favour.
    """
    size = np.array([one.points for one in found])
    seconds = np.array([[one.workflow.wall_s, one.workflow.cpu_s, one.silhouettes.wall_s] for one in found])
    models, misfits = zip(*(cost_model(size, column) for column in seconds.T), strict=True)
    wall, cpu, silhouettes = (of_tilings(model, tilings, points) for model in models)
    cores = worker_count()
    return {
        "wall_s": np.array(wall / cores),
        "cpu_s": np.array(cpu),
        "peak_bytes": np.array(cores * max(one.workflow.peak_bytes for one in found)),
        "silhouettes_s": np.array(silhouettes / cores),
        "per_roi_s": models[0][0],
        "per_point_s": models[0][1],
        "misfit": np.array(misfits[0]),
    }


def cost_model(
    points: NDArray[np.integer], seconds: NDArray[np.float64], *, pairs: bool = False
) -> tuple[NDArray[np.float64], float]:
    """Fit seconds of a ROI = a + b · points + c · pairs with a, b, c ≥ 0 to the means over ROIs of about the same size.

    Parameters
    ----------
    points, seconds : (m,)
        Of each ROI. Sizes that differ by less than a tenth are taken together; each mean counts by its relative misfit.
    pairs : bool
        Whether pairs of points count; beyond `PAIRS_LIMIT` points components no longer need all of them. c is 0 if not.

    Returns
    -------
    model : (3,) float64
        a, b and c.
    misfit : float
        Largest relative distance from a mean.
    """
    from scipy.optimize import nnls

    order = np.argsort(points)
    groups = np.split(order, np.flatnonzero(np.diff(np.log(points[order])) > np.log(1.1)) + 1)
    size, mean = (np.array([values[group].mean() for group in groups]) for values in (points, seconds))
    terms = _terms(size) * [1, 1, pairs]
    model, _ = nnls(terms / mean[:, None], np.ones(len(size)))
    return model, float(np.abs(terms @ model / mean - 1).max())


def of_tilings(model: NDArray[np.float64], tilings: Sequence[int], points: int) -> float:
    """Seconds of all ROIs of n × n tilings of so many points by a cost model."""
    count = np.asarray(tilings) ** 2
    return float(count @ _terms(points / count) @ model)


def _terms(size: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.stack([np.ones(len(size)), size, size * np.minimum(size, PAIRS_LIMIT)], axis=1)


def quality_figures(found: Sequence[tuple[NDArray[np.uint8], Arrays]]) -> dict[str, float]:
    """Ours on what the peer was given in each ROI: its codes and its results.

    Returns
    -------
    dict
        ``variance``: captured, ours over the peer's, the least; ``likelihood``: per point, ours less the peer's, mean
        over ROIs and those K ≥ 2 that the points permit; ``objective``: of the weights, ours over the peer's, the
        largest.
    """
    compared = np.array([_compared(codes, result) for codes, result in found])
    return {
        "variance": float(compared[:, 0].min()),
        "likelihood": float(np.average(compared[:, 1], weights=compared[:, 2])),
        "objective": float(compared[:, 3].max()),
    }


def _compared(codes: NDArray[np.uint8], peer: Arrays) -> tuple[float, float, int, float]:
    """Ratio of variances; mean difference of likelihoods and number of K in it; ratio of objectives."""
    from benchmarks.speed.weights import objective, products
    from microstructure_assets.methods.components import principal_components
    from microstructure_assets.methods.least_squares import nonnegative_least_squares
    from microstructure_assets.methods.mixture import select_mixture
    from microstructure_assets.methods.settings import MixtureSettings

    flat = codes.reshape(codes.shape[0] * codes.shape[1], -1) / np.float32(255)
    variance = principal_components(flat, len(peer["variance"])).explained_variance.sum() / peer["variance"].sum()
    criteria = select_mixture(peer["score"], MixtureSettings(maximum_clusters=CAP, starts=1)).criteria
    several = criteria["clusters"] > 1
    clusters = criteria["clusters"][several].astype(int)
    difference = (criteria["log_likelihood"][several] - peer["log_likelihood"][clusters - 1]) / len(flat)
    gram, projection, energy = products({"patterns": flat, "reference": peer["reference"]})
    own, other = (
        objective(weight, gram, projection, energy)
        for weight in (nonnegative_least_squares(gram, projection), peer["weight"].astype(np.float64))
    )
    return float(variance), float(difference.mean()) if several.any() else 0.0, int(several.sum()), own / other
