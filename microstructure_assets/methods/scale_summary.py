"""The scale curve as a table: agreement of both clusterings over tilings and caps, Section 3.2.2 of Reference [1]_.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructure_assets.methods.scale_resampling import RoiAgreements, TilingDraws, interval_levels


@dataclass(frozen=True)
class TilingSummary:
    """The scale curve, one row per tiling and cap, by cap and then tiling; all arrays ``(rows,)``.

    A ROI is *scored* where both sides found several clusters; the others leave the means unless said otherwise. Means
    over nothing are NaN.

    Attributes
    ----------
    n, k_max : numpy.ndarray of int
        ROIs along each axis, and the cap on the number of clusters.
    roi_count, scored_count : numpy.ndarray of int
    nmi_mean, nmi_std, nmi_max : numpy.ndarray of float
        Over scored ROIs; the standard deviation is that of these ROIs (divided by their number), not of the mean.
    nmi_mean_low, nmi_mean_high : numpy.ndarray of float
        95 % interval of the mean over draws of spatial blocks.
    nmi_null, nmi_above_null : numpy.ndarray of float
        Mean agreement after toroidal shifts, and mean agreement beyond it, over scored ROIs whose null is known.
    ami_mean : numpy.ndarray of float
        Adjusted mutual information over scored ROIs.
    clusters_mean, clusters_weights_mean : numpy.ndarray of float
        Clusters on the PCA scores and on the weights, over all ROIs.
    single_cluster_fraction, single_scores_fraction, single_weights_fraction : numpy.ndarray of float
        Share of all ROIs with one cluster on either side, on the scores, on the weights.
    limited_fraction : numpy.ndarray of float
        Share of all ROIs whose scores have as many clusters, or as many components, as they may.
    nmi_mean_scikit, nmi_mean_zero : numpy.ndarray of float
        Over all ROIs: one cluster on both sides counts 1 and on one side 0, as in scikit-learn; or 0 in both cases.
    """

    n: np.ndarray
    k_max: np.ndarray
    roi_count: np.ndarray
    scored_count: np.ndarray
    nmi_mean: np.ndarray
    nmi_std: np.ndarray
    nmi_max: np.ndarray
    nmi_mean_low: np.ndarray
    nmi_mean_high: np.ndarray
    nmi_null: np.ndarray
    nmi_above_null: np.ndarray
    ami_mean: np.ndarray
    clusters_mean: np.ndarray
    clusters_weights_mean: np.ndarray
    single_cluster_fraction: np.ndarray
    single_scores_fraction: np.ndarray
    single_weights_fraction: np.ndarray
    limited_fraction: np.ndarray
    nmi_mean_scikit: np.ndarray
    nmi_mean_zero: np.ndarray


def tiling_summary(agreements: RoiAgreements, draws: TilingDraws) -> TilingSummary:
    """Table of the scale curve.

    Parameters
    ----------
    agreements : RoiAgreements
    draws : TilingDraws
        From :func:`resample` with the same agreements.

    Returns
    -------
    TilingSummary

    Raises
    ------
    ValueError
        If `draws` are of other tilings or caps.
    """
    rows = agreements.ordered()
    n, k_max, group = rows.groups()
    check_same_tilings(n, k_max, draws)
    everything, scored = np.ones(len(group), dtype=bool), rows.scored
    one_scores, one_weights = rows.clusters_scores == 1, rows.clusters_weights == 1

    def mean(values: np.ndarray, among: np.ndarray = everything) -> np.ndarray:
        return _group_means(values, among, group, len(n))

    nmi = np.where(scored, rows.nmi, 0.0)
    nmi_mean = mean(nmi, scored)
    with_null = scored & np.isfinite(rows.nmi_null)
    low, high = _intervals(draws)
    starts = np.searchsorted(group, np.arange(len(n)))
    largest = np.maximum.reduceat(np.where(scored, rows.nmi, -np.inf), starts)
    return TilingSummary(
        n=n,
        k_max=k_max,
        roi_count=np.bincount(group, minlength=len(n)),
        scored_count=np.bincount(group[scored], minlength=len(n)),
        nmi_mean=nmi_mean,
        nmi_std=np.sqrt(mean((nmi - nmi_mean[group]) ** 2, scored)),
        nmi_max=np.where(np.isfinite(largest), largest, np.nan),
        nmi_mean_low=low,
        nmi_mean_high=high,
        nmi_null=mean(rows.nmi_null, with_null),
        nmi_above_null=mean(nmi - rows.nmi_null, with_null),
        ami_mean=mean(rows.ami, scored),
        clusters_mean=mean(rows.clusters_scores),
        clusters_weights_mean=mean(rows.clusters_weights),
        single_cluster_fraction=mean(~scored),
        single_scores_fraction=mean(one_scores),
        single_weights_fraction=mean(one_weights),
        limited_fraction=mean(rows.limited),
        nmi_mean_scikit=mean(np.where(one_scores & one_weights, 1.0, nmi)),
        nmi_mean_zero=mean(nmi),
    )


def check_same_tilings(n: np.ndarray, k_max: np.ndarray, draws: TilingDraws) -> None:
    """Refuse draws of other tilings or caps than these."""
    if not (np.array_equal(n, draws.n) and np.array_equal(k_max, draws.k_max)):
        raise ValueError(f"draws: found {len(draws.n)} other tilings and caps, expected those of the table ({len(n)})")


def _group_means(values: np.ndarray, among: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Mean of `values` per group over the rows `among`; NaN over nothing."""
    number = np.bincount(group[among], minlength=count)
    total = np.bincount(group[among], weights=values[among], minlength=count)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _intervals(draws: TilingDraws) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the mean of each tiling; NaN where it could not be resampled."""
    ends = np.full((len(draws.n), 2), np.nan)
    for row in np.flatnonzero(np.isfinite(draws.nmi_mean).any(axis=1)):
        ends[row] = np.nanquantile(draws.nmi_mean[row], interval_levels(int(draws.block_count[row])))
    return ends[:, 0], ends[:, 1]
