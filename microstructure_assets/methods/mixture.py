"""Gaussian mixture over the scores of a region of interest, and the choice of the number of clusters K.

Expectation-maximisation runs for every candidate K from several k-means++ starts; every criterion is kept for every K, and
one of them chooses. The components come out ordered by weight, then by mean.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization", Eqs. 5-7.
.. [2] C. Biernacki, G. Celeux, G. Govaert, IEEE Trans. Pattern Anal. Mach. Intell. 22 (2000) 719 (ICL).
.. [3] P. J. Rousseeuw, J. Comput. Appl. Math. 20 (1987) 53 (silhouette).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import mixture_kernels as kernels
from microstructure_assets.methods.parallel import block_bounds, map_blocks
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
    n, d = score.shape
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


def silhouettes(
    score: NDArray[np.float64], labels: NDArray[np.int64], sample: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean silhouette of several labellings, exact up to ``sample`` points and from a stratified sample beyond.

    A stratified sample (at least 50 points of each cluster, weighted back to the cluster's size) keeps small clusters,
    which a simple random sample loses.

    Parameters
    ----------
    score : (n, d)
    labels : (labellings, n)
    sample
        Points above which distances are sampled.
    seed
        Seed of the sample.

    Returns
    -------
    mean : (labellings,)
        NaN for a labelling with one cluster.
    standard_error : (labellings,)
        0 where exact.
    """
    count, n = labels.shape
    mean, error = np.full(count, np.nan), np.zeros(count)
    several = [index for index in range(count) if np.ptp(labels[index]) > 0] if n else []
    if n <= sample:
        if several:
            chosen = labels[several]
            value = _silhouette_values(score, chosen, score, chosen, np.arange(n))
            mean[several] = value.mean(axis=1)
        return mean, error
    for index in several:
        label = labels[index]
        size = np.bincount(label)
        generator = np.random.default_rng([seed, index])
        strata = [np.flatnonzero(label == k) for k in range(len(size))]
        near = [_draw(stratum, max(50, round(sample * len(stratum) / n)), generator) for stratum in strata]
        far = [_draw(stratum, max(200, round(4 * sample * len(stratum) / n)), generator) for stratum in strata]
        points, others = np.concatenate(near), np.concatenate(far)
        row = np.full(n, -1)
        row[others] = np.arange(len(others))
        value = _silhouette_values(score[points], label[points][None], score[others], label[others][None], row[points])[0]
        edges = np.cumsum([0, *map(len, near)])
        total = variance = 0.0
        for k, stratum in enumerate(strata):
            drawn = value[edges[k] : edges[k + 1]]
            if len(drawn) == 0:
                continue
            share = len(stratum) / n
            total += share * float(drawn.mean())
            if len(drawn) > 1:
                variance += share**2 * float(drawn.var(ddof=1)) / len(drawn) * (1 - len(drawn) / len(stratum))
        mean[index], error[index] = total, math.sqrt(variance)
    return mean, error


def _draw(members: NDArray[np.int64], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    return members if len(members) <= count else np.sort(generator.choice(members, count, replace=False))


def _silhouette_values(
    point: NDArray, own: NDArray, other: NDArray, other_label: NDArray, row: NDArray
) -> NDArray[np.float64]:
    clusters = int(other_label.max()) + 1
    size = np.stack([np.bincount(label, minlength=clusters) for label in other_label])
    value = np.empty((len(own), len(point)))
    arrays = tuple(np.ascontiguousarray(array) for array in (point, own, other, other_label, size, row))

    def work(bounds: tuple[int, int]) -> None:
        kernels.silhouette_rows(*arrays, *bounds, value)

    map_blocks(work, block_bounds(len(point), 128))
    return value


def _ranks(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank of each value, the largest has the largest rank, equal values share their mean rank, NaN counts as worst."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(np.where(np.isnan(value), -np.inf, value)), dtype=np.float64)


def composite_score(
    criterion: str,
    aic: NDArray[np.float64],
    bic: NDArray[np.float64],
    icl: NDArray[np.float64],
    silhouette: NDArray[np.float64],
    weights: tuple[float, float, float],
    single: tuple[float, float],
    degrees: int,
) -> NDArray[np.float64]:
    """What the criterion maximises, for each candidate K.

    ``paper`` is Eq. 6 of [1]_ as published, a raw sum. AIC and BIC are sums over the points and the silhouette is a
    number below one, so with equal weights the silhouette has no say. ``paper_rank`` adds ranks, as the code published
    with [1]_ does. ``paper_normalised`` puts AIC and BIC on the silhouette's scale first, as the share of the spread
    explained per point and dimension, 1 - exp((AIC(K) - AIC(1)) / nd), which depends neither on n nor on the range of K.

    Parameters
    ----------
    criterion
        ``icl``, ``bic``, ``paper``, ``paper_rank`` or ``paper_normalised``.
    aic, bic, icl, silhouette : (candidates,)
    weights
        Of AIC, BIC and silhouette.
    single
        AIC and BIC of one cluster.
    degrees
        n d.
    """
    if criterion == "icl":
        return -icl
    if criterion == "bic":
        return -bic
    separation = np.where(np.isnan(silhouette), 0.0, silhouette)
    if criterion == "paper":
        return -weights[0] * aic - weights[1] * bic + weights[2] * separation
    if criterion == "paper_rank":
        return weights[0] * _ranks(-aic) + weights[1] * _ranks(-bic) + weights[2] * _ranks(silhouette)
    gains = [1.0 - np.exp(np.minimum((value - one) / degrees, 50.0)) for value, one in zip((aic, bic), single, strict=True)]
    return weights[0] * gains[0] + weights[1] * gains[1] + weights[2] * separation


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
        # A single cluster may take the richest form: there is no second grain that it could swallow.
        form = permitted_form(clusters, n, d, "full" if clusters == 1 else wanted, settings.points_per_parameter)
        if form is None or clusters > distinct or n < 2 * clusters:
            limited = True
            break
        limited = limited or (clusters > 1 and form != wanted)
        limited = limited or (clusters > 1 and parameter_count(clusters, d, form) * settings.points_per_parameter >= n)
        candidates.append((clusters, form))
    if not candidates:
        candidates = [(1, permitted_form(1, n, d, "full", settings.points_per_parameter) or "spherical")]
    return candidates, limited


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
    single = (1, permitted_form(1, n, d, "full", settings.points_per_parameter) or "spherical")
    fits = fit_mixtures(score, [single, *candidates], settings.starts, settings.seed)
    shares = [_responsibilities(score, fit) for fit in fits]
    criteria = _criteria(score, [single, *candidates], fits, shares, settings)
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
    candidates: list[tuple[int, str]],
    fits: list[Fit],
    shares: list[tuple[NDArray[np.float64], NDArray[np.int64]]],
    settings: MixtureSettings,
) -> dict[str, NDArray]:
    """The curves over K; row 0 is the single cluster that others are held against, chosen only where nothing else can be."""
    n, d = score.shape
    clusters = np.array([k for k, _ in candidates])
    parameters = np.array([parameter_count(k, d, form) for k, form in candidates])
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
        "covariance_form": np.array([form for _, form in candidates]),
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
