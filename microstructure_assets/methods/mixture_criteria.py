"""Silhouettes and the composite scores that choose the number of clusters K of a mixture.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization", Eqs. 6-7.
.. [2] P. J. Rousseeuw, J. Comput. Appl. Math. 20 (1987) 53 (silhouette).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import silhouette_kernels as kernels
from microstructure_assets.methods.parallel import block_bounds, map_blocks


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
        value = _silhouette_values(score[points], label[points][None], score[others], label[others][None], row[points])[
            0
        ]
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
    point, own, other, other_label, size, row = (
        np.ascontiguousarray(array) for array in (point, own, other, other_label, size, row)
    )

    def work(bounds: tuple[int, int]) -> None:
        kernels.silhouette_rows(point, own, other, other_label, size, row, bounds[0], bounds[1], value)

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
    explained per point and dimension, 1 - exp((AIC(K) - AIC(1)) / nd), which depends neither on n nor on the range of
    K.

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
    gains = [
        1.0 - np.exp(np.minimum((value - one) / degrees, 50.0)) for value, one in zip((aic, bic), single, strict=True)
    ]
    return weights[0] * gains[0] + weights[1] * gains[1] + weights[2] * separation
