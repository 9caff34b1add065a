"""Fitting Gaussian mixtures: several numbers of components, several starts, several regions at once.

Every start of every candidate of every region is a job of its own, so that the cores are used to the end. A job draws
its random numbers from a stream of its own: neither the other jobs nor the number of threads change what it finds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import mixture_kernels as kernels
from microstructure_assets.methods import spherical_kernels
from microstructure_assets.methods.device import COMPILED, torch_device
from microstructure_assets.methods.kmeans_kernels import kmeans_labels
from microstructure_assets.methods.parallel import map_blocks
from microstructure_assets.methods.settings import MixtureSettings

#: Covariance forms from the richest to the poorest, with the codes of the kernels.
FORMS = {"full": kernels.FULL, "tied": kernels.TIED, "diagonal": kernels.DIAGONAL, "spherical": kernels.SPHERICAL}
_SHORT_ITERATIONS = 5
_LONG_ITERATIONS = 200
_TOLERANCE = 1e-4


Candidate = tuple[int, str]


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


def candidates_of(n: int, d: int, distinct: int, settings: MixtureSettings) -> tuple[list[Candidate], bool]:
    """The candidates (K, form) that the points can carry, and whether that limited what was asked for.

    Parameters
    ----------
    n, d
        Points and dimensions of the scores.
    distinct
        Number of different points.
    settings
        Range of K, criterion, covariance form, points per parameter.
    """
    paper = settings.criterion.startswith("paper")
    wanted = settings.covariance
    if wanted == "automatic":
        wanted = "full" if paper else "spherical"
    least = max(settings.minimum_clusters, 2 if paper else 1)
    most = max(least, settings.maximum_clusters)
    candidates: list[Candidate] = []
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


@dataclass(frozen=True)
class Region:
    """Scores of one region of interest and the candidates to fit to them.

    Attributes
    ----------
    score : (n, d) float64
    candidates : sequence of (K, form)
    least_variance : float
        Added to every variance of every component where it is more than what keeps the covariances regular anyway.
    """

    score: NDArray[np.float64]
    candidates: Sequence[Candidate]
    least_variance: float = 0.0

    @property
    def regularisation(self) -> float:
        """What is added to the variances."""
        d = self.score.shape[1]
        scale = float(self.score.var(axis=0).sum()) / d
        least = 1e-6 * scale + 1e-20 * max(1.0, float(np.abs(self.score).max(initial=0.0)) ** 2)
        return max(least, self.least_variance)


def fit_mixtures(regions: Sequence[Region], starts: int, seed: int, device: str = COMPILED) -> list[list[Fit]]:
    """Fit each candidate of each region: all starts for a few iterations, the most likely of them to the end.

    Parameters
    ----------
    regions
        Independent of each other.
    starts
        k-means++ starts per candidate.
    seed
        Seed of the starts; each (K, start) has a stream of its own, so the candidates do not influence each other.
    device
        Where the iterations of spherical components run, as `torch_device` takes it; the starts and other forms are
        always the compiled kernels'. On another device sums have another order, so that a fit may rarely end in
        another local optimum.

    Returns
    -------
    list of list of Fit
        For each region, in the order of its candidates.

    Raises
    ------
    ValueError
        If there is no device of that name.
    RuntimeError
        If torch does not find it.
    """
    jobs = [
        (place, index, start)
        for place, region in enumerate(regions)
        for index, (k, _) in enumerate(region.candidates)
        for start in range(starts if k > 1 else 1)
    ]

    def cost(job: tuple[int, ...]) -> int:
        return regions[job[0]].candidates[job[1]][0] * len(regions[job[0]].score)

    # The costly fits first, so that no thread is left with them at the end.
    jobs.sort(key=lambda job: (-cost(job), job))
    regularisation = [region.regularisation for region in regions]

    def start(job: tuple[int, int, int]) -> Fit:
        region = regions[job[0]]
        return _start(region.score, region.candidates[job[1]], job[2], seed, regularisation[job[0]])

    trials = [(job[0], fit) for job, fit in zip(jobs, map_blocks(start, jobs), strict=True)]
    trials = _improved(regions, regularisation, trials, 0.0, _SHORT_ITERATIONS, device)
    best: dict[tuple[int, int], Fit] = {}
    for (place, index, _), (_, fit) in zip(jobs, trials, strict=True):
        known = best.get((place, index))
        if known is None or not fit.log_likelihood <= known.log_likelihood:
            best[place, index] = fit
    order = sorted(best, key=lambda job: -cost(job))
    kept = [(job[0], best[job]) for job in order]
    finished = _improved(regions, regularisation, kept, _TOLERANCE, _LONG_ITERATIONS, device)
    fits = {job: _in_order(fit) for job, (_, fit) in zip(order, finished, strict=True)}
    return [[fits[place, index] for index in range(len(region.candidates))] for place, region in enumerate(regions)]


def _start(score: NDArray[np.float64], candidate: Candidate, start: int, seed: int, regularisation: float) -> Fit:
    (clusters, form), d = candidate, score.shape[1]
    uniform = np.random.default_rng([seed, clusters, start]).random((clusters, 2 + int(math.log(clusters))))
    label = kmeans_labels(score, clusters, uniform, 10)
    weight, mean, covariance = np.empty(clusters), np.empty((clusters, d)), np.empty((clusters, d, d))
    kernels.hard_parameters(score, label, FORMS[form], regularisation, weight, mean, covariance)
    return Fit(form, -math.inf, weight, mean, covariance)


def _improved(
    regions: Sequence[Region],
    regularisation: Sequence[float],
    trials: Sequence[tuple[int, Fit]],
    tolerance: float,
    iterations: int,
    device: str,
) -> list[tuple[int, Fit]]:
    """Fits of regions by number after at most so many iterations, in the same order."""
    result = list(trials)
    found = torch_device(device)
    away = [] if found is None else [number for number, (_, fit) in enumerate(trials) if fit.form == "spherical"]
    if found is not None and away:
        from microstructure_assets.methods.mixture_torch import Spherical, improve_spherical

        given = [trials[number] for number in away]
        begun = [Spherical(place, fit.weight, fit.mean, fit.covariance[:, 0, 0]) for place, fit in given]
        scores = [region.score for region in regions]
        ended = improve_spherical(scores, regularisation, begun, tolerance, iterations, found)
        for number, end in zip(away, ended, strict=True):
            covariance = end.variance[:, None, None] * np.eye(end.mean.shape[1])
            result[number] = end.region, Fit("spherical", end.log_likelihood, end.weight, end.mean, covariance)

    def improve(number: int) -> None:
        place, fit = trials[number]
        weight, mean, covariance = fit.weight.copy(), fit.mean.copy(), fit.covariance.copy()
        limits = regularisation[place], tolerance, iterations
        score = regions[place].score
        if fit.form == "spherical":
            variance = covariance[:, 0, 0].copy()
            likelihood = spherical_kernels.expectation_maximisation(score, weight, mean, variance, *limits)
            covariance = variance[:, None, None] * np.eye(mean.shape[1])
        else:
            likelihood = kernels.expectation_maximisation(score, weight, mean, covariance, FORMS[fit.form], *limits)
        result[number] = place, Fit(fit.form, likelihood, weight, mean, covariance)

    map_blocks(improve, sorted(set(range(len(trials))) - set(away)))
    return result


def _in_order(fit: Fit) -> Fit:
    ranking = np.lexsort((*fit.mean.T[::-1], -fit.weight))
    return replace(fit, weight=fit.weight[ranking], mean=fit.mean[ranking], covariance=fit.covariance[ranking])


def single_candidates(n: int, d: int, points_per_parameter: float) -> list[Candidate]:
    """Forms that one cluster may take.

    Any that the points can carry, as there is no second grain that it could swallow; a form that is too rich for it
    would be charged for parameters that two clusters of the form in force do not have.
    """
    forms = [form for form in FORMS if form == "spherical" or parameter_count(1, d, form) * points_per_parameter < n]
    return [(1, form) for form in forms]


def best_single(fits: Sequence[Fit], n: int, d: int) -> Fit:
    """Of fits of one cluster, that with the least BIC."""
    return min(fits, key=lambda fit: math.log(n) * parameter_count(1, d, fit.form) - 2.0 * fit.log_likelihood)


def responsibilities(score: NDArray[np.float64], fit: Fit) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Share of each component at each point, ``(n, K)``, and the component of the largest, ``(n,)``."""
    share = np.empty((len(score), len(fit.weight)))
    label = np.empty(len(score), dtype=np.int64)
    kernels.responsibilities(score, fit.weight, fit.mean, fit.covariance, FORMS[fit.form], share, label)
    return share, label
