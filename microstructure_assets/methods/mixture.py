"""Gaussian mixture over the scores of a region of interest, and the choice of the number of clusters K.

Expectation-maximisation runs for every candidate K from several k-means++ starts; every criterion is kept for every K,
and one of them chooses. The components come out ordered by weight, then by mean.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization", Eqs. 5-7.
.. [2] C. Biernacki, G. Celeux, G. Govaert, IEEE Trans. Pattern Anal. Mach. Intell. 22 (2000) 719 (ICL).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import mixture_kernels as kernels
from microstructure_assets.methods.mixture_criteria import composite_score, silhouettes
from microstructure_assets.methods.parallel import map_blocks
from microstructure_assets.methods.settings import MixtureSettings

#: Covariance forms from the richest to the poorest, with the codes of the kernels.
FORMS = {"full": kernels.FULL, "tied": kernels.TIED, "diagonal": kernels.DIAGONAL, "spherical": kernels.SPHERICAL}
_SHORT_ITERATIONS = 5
_LONG_ITERATIONS = 200
_TOLERANCE = 1e-4
_LEAST_MEMBERS = 2
_RANK_WEIGHTS = (0.2, 0.6, 0.2)


@dataclass(frozen=True)
class Mixture:
    """A fitted mixture of K components over n points in d dimensions.

    Attributes
    ----------
    count : int
        K.
    label : (n,) int32
        Component of largest responsibility.
    responsibility : (n, K) float32
    weight : (K,) float64
    mean : (K, d) float64
    covariance : (K, d, d) float64
    covariance_form : str
        ``full``, ``tied``, ``diagonal`` or ``spherical``.
    limited : bool
        True where the number of points cut the range of K or the covariance form asked for.
    criteria : dict of arrays
        A row per candidate K: ``clusters, covariance_form, log_likelihood, parameters, aic, bic, icl, silhouette,
        silhouette_std, composite, smallest_cluster, permitted, chosen``. ``composite`` is what the criterion in force
        maximises; ``silhouette_std`` is the standard error of a sampled silhouette, 0 for an exact one.
    """

    count: int
    label: NDArray[np.int32]
    responsibility: NDArray[np.float32]
    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    covariance_form: str
    limited: bool
    criteria: dict[str, NDArray]


@dataclass(frozen=True)
class Fit:
    """One candidate: K components of one covariance form at the end of the iterations, components in order."""

    form: str
    log_likelihood: float
    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def parameter_count(clusters: int, dimensions: int, form: str) -> int:
    """Free parameters of a mixture: weights, means and covariances."""
    shape = {
        "full": clusters * dimensions * (dimensions + 1) // 2,
        "tied": dimensions * (dimensions + 1) // 2,
        "diagonal": clusters * dimensions,
        "spherical": clusters,
    }[form]
    return clusters - 1 + clusters * dimensions + shape


def permitted_form(clusters: int, points: int, dimensions: int, form: str, points_per_parameter: float) -> str | None:
    """The covariance form asked for, or the next poorer one that the points can carry; none where no form fits.

    One cluster is always permitted. Two clusters of the poorest form are permitted as long as the points outnumber the
    parameters, because a scan of nine patterns may well hold two grains; such a choice counts as limited.
    """
    forms = list(FORMS)
    for name in forms[forms.index(form) :]:
        if parameter_count(clusters, dimensions, name) * points_per_parameter < points:
            return name
    poorest = forms[-1]
    small = clusters == 2 and parameter_count(clusters, dimensions, poorest) < points
    return poorest if clusters == 1 or small else None


def fit_mixtures(score: NDArray[np.float64], candidates: list[tuple[int, str]], starts: int, seed: int) -> list[Fit]:
    """Fit each candidate (K, form): all starts for a few iterations, the most likely of them to the end.

    Parameters
    ----------
    score : (n, d) float64
    candidates
        Number of clusters and covariance form of each fit.
    starts
        k-means++ starts per candidate.
    seed
        Seed of the starts; each (K, start) has a stream of its own, so the candidates do not influence each other.
    """
    d = score.shape[1]
    scale = float(score.var(axis=0).sum()) / d
    regularisation = 1e-6 * scale + 1e-20 * max(1.0, float(np.abs(score).max(initial=0.0)) ** 2)
    jobs = [(index, start) for index, (k, _) in enumerate(candidates) for start in range(starts if k > 1 else 1)]
    # The costly fits first, so that no thread is left with them at the end.
    jobs.sort(key=lambda job: (-candidates[job[0]][0], job))

    def begin(job: tuple[int, int]) -> Fit:
        clusters, form = candidates[job[0]]
        uniform = np.random.default_rng([seed, clusters, job[1]]).random((clusters, 2 + int(math.log(clusters))))
        label = kernels.kmeans_labels(score, clusters, uniform, 10)
        weight, mean, covariance = np.empty(clusters), np.empty((clusters, d)), np.empty((clusters, d, d))
        kernels.hard_parameters(score, label, FORMS[form], regularisation, weight, mean, covariance)
        likelihood = kernels.expectation_maximisation(
            score, weight, mean, covariance, FORMS[form], regularisation, 0.0, _SHORT_ITERATIONS
        )
        return Fit(form, likelihood, weight, mean, covariance)

    def finish(trial: Fit) -> Fit:
        weight, mean, covariance = trial.weight, trial.mean, trial.covariance
        likelihood = kernels.expectation_maximisation(
            score, weight, mean, covariance, FORMS[trial.form], regularisation, _TOLERANCE, _LONG_ITERATIONS
        )
        ranking = np.lexsort((*mean.T[::-1], -weight))
        return Fit(trial.form, likelihood, weight[ranking], mean[ranking], covariance[ranking])

    best: dict[int, Fit] = {}
    for (index, _), fit in zip(jobs, map_blocks(begin, jobs), strict=True):
        if index not in best or fit.log_likelihood > best[index].log_likelihood:
            best[index] = fit
    order = sorted(best, key=lambda index: -candidates[index][0])
    fits = dict(zip(order, map_blocks(finish, [best[index] for index in order]), strict=True))
    return [fits[index] for index in range(len(candidates))]


def _criterion_weights(settings: MixtureSettings) -> tuple[float, float, float]:
    standard = _RANK_WEIGHTS if settings.criterion == "paper_rank" else (1.0, 1.0, 1.0)
    given = (settings.weight_aic, settings.weight_bic, settings.weight_silhouette)
    weights = [default if value is None else value for value, default in zip(given, standard, strict=True)]
    return weights[0], weights[1], weights[2]


def _candidates(n: int, d: int, distinct: int, settings: MixtureSettings) -> tuple[list[tuple[int, str]], bool]:
    """The candidates (K, form) that the points can carry, and whether that limited what was asked for."""
    paper = settings.criterion.startswith("paper")
    wanted = settings.covariance
    if wanted == "automatic":
        wanted = "full" if paper else "spherical"
    least = max(settings.minimum_clusters, 2 if paper else 1)
    most = max(least, settings.maximum_clusters)
    candidates: list[tuple[int, str]] = []
    limited = False
    for clusters in range(least, most + 1):
        form = permitted_form(clusters, n, d, wanted, settings.points_per_parameter)
        if form is None or clusters > distinct or n < 2 * clusters:
            limited = True
            break
        limited = limited or (clusters > 1 and form != wanted)
        limited = limited or (clusters > 1 and parameter_count(clusters, d, form) * settings.points_per_parameter >= n)
        candidates.append((clusters, form))
    return candidates or [(1, "spherical")], limited


def _single_cluster(score: NDArray[np.float64], points_per_parameter: float) -> Fit:
    """One cluster, of the covariance form with the least BIC among those that the points can carry.

    A single cluster may take any form, as there is no second grain that it could swallow; a form that is too rich for
    it would be charged for parameters that two clusters of the form in force do not have.
    """
    n, d = score.shape
    forms = [form for form in FORMS if form == "spherical" or parameter_count(1, d, form) * points_per_parameter < n]
    fits = fit_mixtures(score, [(1, form) for form in forms], 1, 0)
    return min(fits, key=lambda fit: math.log(n) * parameter_count(1, d, fit.form) - 2.0 * fit.log_likelihood)


def select_mixture(score: NDArray, settings: MixtureSettings) -> Mixture:
    """Fit mixtures for every permitted K and keep the best by the criterion in force.

    Parameters
    ----------
    score : (n, d) float
        Scores, one row per point; d >= 1, n >= 1.
    settings
        Range of K, criterion, covariance form, seed.

    Returns
    -------
    Mixture

    Raises
    ------
    ValueError
        If ``score`` is not a finite two-dimensional array with at least one point and one dimension.

    Notes
    -----
    Differences from [1]_: the default criterion is the integrated completed likelihood (ICL [2]_, the BIC plus twice
    the entropy of the labels) over spherical covariances, and it can answer K = 1. The noise of the scores is the same
    in all directions, whereas a full covariance also fits the line of mixed points between two grains and takes both
    for one cluster. The number of parameters stays below a fifth of the points (``points_per_parameter``); the
    regularisation is relative, 1e-6 of the mean variance; a candidate with a cluster of fewer than two points is
    never chosen.
    """
    score = np.ascontiguousarray(score, dtype=np.float64)
    if score.ndim != 2 or 0 in score.shape or not np.isfinite(score).all():
        raise ValueError(
            f"score: found shape {score.shape}, finite: {bool(np.isfinite(score).all())}; expected finite (points, "
            "components) with at least one of each; drop the components that the ROI does not have before clustering"
        )
    n, d = score.shape
    distinct = len(np.unique(score, axis=0))
    candidates, limited = _candidates(n, d, distinct, settings)
    single = _single_cluster(score, settings.points_per_parameter)
    several = [candidate for candidate in candidates if candidate[0] > 1]
    fits = [single, *([single] if len(several) < len(candidates) else [])]
    fits += fit_mixtures(score, several, settings.starts, settings.seed)
    shares = [_responsibilities(score, fit) for fit in fits]
    criteria = _criteria(score, fits, shares, settings)
    chosen = int(np.flatnonzero(criteria["chosen"])[0])
    fit, (share, label) = fits[chosen], shares[chosen]
    return Mixture(
        count=len(fit.weight),
        label=label.astype(np.int32),
        responsibility=share.astype(np.float32),
        weight=fit.weight,
        mean=fit.mean,
        covariance=fit.covariance,
        covariance_form=fit.form,
        limited=limited,
        criteria={name: column[1:] for name, column in criteria.items()} if chosen else criteria,
    )


def _responsibilities(score: NDArray[np.float64], fit: Fit) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    share = np.empty((len(score), len(fit.weight)))
    label = np.empty(len(score), dtype=np.int64)
    kernels.responsibilities(score, fit.weight, fit.mean, fit.covariance, share, label)
    return share, label


def _criteria(
    score: NDArray[np.float64],
    fits: list[Fit],
    shares: list[tuple[NDArray[np.float64], NDArray[np.int64]]],
    settings: MixtureSettings,
) -> dict[str, NDArray]:
    """The curves over K; row 0 is the one cluster that others are held against, chosen only if nothing else can be."""
    n, d = score.shape
    clusters = np.array([len(fit.weight) for fit in fits])
    parameters = np.array([parameter_count(len(fit.weight), d, fit.form) for fit in fits])
    likelihood = np.array([fit.log_likelihood for fit in fits])
    entropy = np.array([-float(np.sum(share * np.log(np.maximum(share, 1e-300)))) for share, _ in shares])
    aic = 2.0 * parameters - 2.0 * likelihood
    bic = math.log(n) * parameters - 2.0 * likelihood
    icl = bic + 2.0 * entropy
    labels = np.stack([label for _, label in shares])
    silhouette, error = silhouettes(score, labels, settings.silhouette_sample, settings.seed)
    smallest = np.array(
        [int(np.bincount(label, minlength=k).min()) for (_, label), k in zip(shares, clusters, strict=True)]
    )
    permitted = (smallest >= _LEAST_MEMBERS) | (clusters == 1)
    permitted[0] = False
    value = composite_score(
        settings.criterion,
        aic[1:],
        bic[1:],
        icl[1:],
        silhouette[1:],
        _criterion_weights(settings),
        (float(aic[0]), float(bic[0])),
        n * d,
    )
    composite = np.concatenate([[np.nan], value])
    chosen = np.zeros(len(clusters), dtype=bool)
    # The first of equal values, that is, the smaller K; the lone cluster where every candidate has an empty cluster.
    chosen[int(np.argmax(np.where(permitted, composite, -np.inf))) if permitted.any() else 0] = True
    return {
        "clusters": clusters,
        "covariance_form": np.array([fit.form for fit in fits]),
        "log_likelihood": likelihood,
        "parameters": parameters,
        "aic": aic,
        "bic": bic,
        "icl": icl,
        "silhouette": silhouette,
        "silhouette_std": error,
        "composite": composite,
        "smallest_cluster": smallest,
        "permitted": permitted,
        "chosen": chosen,
    }
