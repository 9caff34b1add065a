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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.mixture_criteria import composite_score, silhouettes
from microstructure_assets.methods.mixture_fits import (
    Fit,
    Region,
    best_single,
    candidates_of,
    fit_mixtures,
    parameter_count,
    responsibilities,
    single_candidates,
)
from microstructure_assets.methods.settings import MixtureSettings

_LEAST_MEMBERS = 2
_CRITERIA = (
    *("clusters", "covariance_form", "log_likelihood", "parameters", "aic", "bic", "icl"),
    *("silhouette", "silhouette_std", "composite", "smallest_cluster", "permitted", "chosen"),
)
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


def _criterion_weights(settings: MixtureSettings) -> tuple[float, float, float]:
    standard = _RANK_WEIGHTS if settings.criterion == "paper_rank" else (1.0, 1.0, 1.0)
    given = (settings.weight_aic, settings.weight_bic, settings.weight_silhouette)
    weights = [default if value is None else value for value, default in zip(given, standard, strict=True)]
    return weights[0], weights[1], weights[2]


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
    candidates, limited = candidates_of(n, d, distinct, settings)
    several = [candidate for candidate in candidates if candidate[0] > 1]
    lone = Region(score, single_candidates(n, d, settings.points_per_parameter))
    single = best_single(fit_mixtures([lone], 1, 0)[0], n, d)
    fits = [single, *([single] if len(several) < len(candidates) else [])]
    fits += fit_mixtures([Region(score, several)], settings.starts, settings.seed)[0]
    shares = [responsibilities(score, fit) for fit in fits]
    measured = measure(score, fits, shares, settings)
    chosen, composite = choose(measured, settings, n * d)
    fit, (share, label) = fits[chosen], shares[chosen]
    curves = {**measured, "composite": composite, "chosen": np.arange(len(fits)) == chosen}
    criteria = {name: curves[name] for name in _CRITERIA}
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


def measure(
    score: NDArray[np.float64],
    fits: Sequence[Fit],
    shares: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]],
    settings: MixtureSettings,
    *,
    silhouette: bool = True,
) -> dict[str, NDArray]:
    """The curves over K that a choice is made by.

    Parameters
    ----------
    score : (n, d) float64
    fits
        The first is the one cluster that others are held against, the others are the candidates.
    shares
        Responsibilities and labels of each fit.
    settings
        Sample of the silhouette, its seed.
    silhouette
        Whether it is worked out; NaN where not.

    Returns
    -------
    dict of arrays
        As `Mixture.criteria`, a row per fit, without ``composite`` and ``chosen``.
    """
    n, d = score.shape
    clusters = np.array([len(fit.weight) for fit in fits])
    parameters = np.array([parameter_count(len(fit.weight), d, fit.form) for fit in fits])
    likelihood = np.array([fit.log_likelihood for fit in fits])
    entropy = np.array([-float(np.sum(share * np.log(np.maximum(share, 1e-300)))) for share, _ in shares])
    bic = math.log(n) * parameters - 2.0 * likelihood
    separation, error = np.full(len(fits), np.nan), np.full(len(fits), np.nan)
    if silhouette:
        labels = np.stack([label for _, label in shares])
        separation, error = silhouettes(score, labels, settings.silhouette_sample, settings.seed)
    smallest = np.array(
        [int(np.bincount(label, minlength=k).min()) for (_, label), k in zip(shares, clusters, strict=True)]
    )
    permitted = (smallest >= _LEAST_MEMBERS) | (clusters == 1)
    permitted[0] = False
    return {
        "clusters": clusters,
        "covariance_form": np.array([fit.form for fit in fits]),
        "log_likelihood": likelihood,
        "parameters": parameters,
        "aic": 2.0 * parameters - 2.0 * likelihood,
        "bic": bic,
        "icl": bic + 2.0 * entropy,
        "silhouette": separation,
        "silhouette_std": error,
        "smallest_cluster": smallest,
        "permitted": permitted,
    }


def choose(
    measured: dict[str, NDArray], settings: MixtureSettings, degrees: int, most_clusters: int | None = None
) -> tuple[int, NDArray[np.float64]]:
    """The fit that the criterion in force prefers.

    Parameters
    ----------
    measured
        From `measure`.
    settings
        Criterion and its weights.
    degrees
        n d.
    most_clusters
        Candidates of more clusters are left out.

    Returns
    -------
    chosen : int
        Its row: the first of equal values, that is, the smaller K; row 0, the lone cluster, where every candidate has
        an empty cluster.
    composite : (rows,) float64
        What the criterion maximises; NaN for row 0 and for what was left out.
    """
    rows = np.flatnonzero(measured["clusters"] <= (most_clusters or measured["clusters"].max()))
    rows = rows[rows > 0]
    curves = [measured[name][rows] for name in ("aic", "bic", "icl", "silhouette")]
    single = float(measured["aic"][0]), float(measured["bic"][0])
    composite = np.full(len(measured["clusters"]), np.nan)
    composite[rows] = composite_score(
        settings.criterion, curves[0], curves[1], curves[2], curves[3], _criterion_weights(settings), single, degrees
    )
    allowed = rows[measured["permitted"][rows]]
    return (int(allowed[np.argmax(composite[allowed])]) if len(allowed) else 0), composite
