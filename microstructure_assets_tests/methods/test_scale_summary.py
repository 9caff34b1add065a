"""The scale curve's table against plain means."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from scipy import stats

from microstructure_assets.methods.scale_resampling import RoiAgreements, resample
from microstructure_assets.methods.scale_summary import TilingSummary, tiling_summary

SHAPE = (60, 60)


def random_agreements(
    seed: int, tilings: tuple[int, ...] = (2, 5, 9), caps: tuple[int, ...] = (5, 20)
) -> RoiAgreements:
    rng = np.random.default_rng(seed)
    place = [
        (n, cap, *point) for n in tilings for cap in caps for point in (np.argwhere(np.ones((n, n))) + 0.5) * 60 / n
    ]
    n, cap, row, column = np.array(place).T
    scores, weights = rng.integers(1, 5, (2, len(n)))
    several = (scores > 1) & (weights > 1)
    nmi, ami, null = (np.where(several, rng.random(len(n)), np.nan) for _ in range(3))
    null[rng.random(len(n)) < 0.1] = np.nan
    points = (3600 / n**2).astype(int)
    limited = rng.integers(0, 2, len(n))
    return RoiAgreements(n.astype(int), cap.astype(int), row, column, points, scores, weights, limited, nmi, ami, null)


@pytest.mark.parametrize("seed", range(5))
def test_columns_are_plain_means(seed: int) -> None:
    rows = random_agreements(seed)
    table = tiling_summary(rows, resample(rows, SHAPE, 10, draws=50))
    assert list(zip(table.k_max, table.n, strict=True)) == [(5, 2), (5, 5), (5, 9), (20, 2), (20, 5), (20, 9)]
    for row, (cap, n) in enumerate(zip(table.k_max, table.n, strict=True)):
        here = (rows.n == n) & (rows.k_max == cap)
        scores, weights = rows.clusters_scores[here], rows.clusters_weights[here]
        several = (scores > 1) & (weights > 1)
        nmi, ami, null = rows.nmi[here], rows.ami[here], rows.nmi_null[here]
        expected = {
            "roi_count": n * n,
            "scored_count": several.sum(),
            "nmi_mean": np.nanmean(nmi),
            "nmi_std": np.nanstd(nmi),
            "nmi_max": np.nanmax(nmi),
            "nmi_null": np.nanmean(null),
            "nmi_above_null": np.nanmean(nmi - null),
            "ami_mean": np.nanmean(ami),
            "clusters_mean": scores.mean(),
            "clusters_weights_mean": weights.mean(),
            "single_cluster_fraction": np.mean((scores == 1) | (weights == 1)),
            "single_scores_fraction": np.mean(scores == 1),
            "single_weights_fraction": np.mean(weights == 1),
            "limited_fraction": rows.limited[here].mean(),
            "nmi_mean_scikit": np.mean(np.where(several, nmi, (scores == 1) & (weights == 1))),
            "nmi_mean_zero": np.mean(np.where(several, nmi, 0)),
        }
        for name, value in expected.items():
            assert getattr(table, name)[row] == pytest.approx(value, abs=1e-12), name


def test_order_of_rows_changes_no_bit() -> None:
    rows = random_agreements(9)
    order = np.random.default_rng(0).permutation(len(rows.n))
    mixed = RoiAgreements(*(getattr(rows, field.name)[order] for field in fields(rows)))
    first, second = (tiling_summary(part, resample(part, SHAPE, 10, draws=50)) for part in (rows, mixed))
    for field in fields(TilingSummary):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def test_tiling_of_single_clusters_only() -> None:
    rows = random_agreements(1, tilings=(9,), caps=(5,))
    one = np.ones(81, int)
    values = {field.name: getattr(rows, field.name) for field in fields(rows)}
    values |= {"clusters_scores": one, "clusters_weights": np.where(np.arange(81) < 27, 1, 2)}
    values |= {name: np.full(81, np.nan) for name in ("nmi", "ami", "nmi_null")}
    lone = RoiAgreements(**values)
    table = tiling_summary(lone, resample(lone, SHAPE, 10, draws=20))
    for name in ("nmi_mean", "nmi_std", "nmi_max", "nmi_mean_low", "nmi_mean_high", "nmi_null", "ami_mean"):
        assert np.isnan(getattr(table, name)).all(), name
    assert table.scored_count.tolist() == [0]
    assert table.single_cluster_fraction.tolist() == [1]
    assert table.single_weights_fraction[0] == pytest.approx(1 / 3)
    assert table.nmi_mean_scikit[0] == pytest.approx(1 / 3)
    assert table.nmi_mean_zero[0] == 0


@pytest.mark.parametrize("n", [3, 9, 18])
def test_interval_covers_the_mean(n: int) -> None:
    y, x = (np.mgrid[:n, :n] + 0.5) * 60 / n
    count, runs = n * n, 300
    whole, several = np.full(count, n), np.full(count, 2)
    rng = np.random.default_rng(n)
    hits = 0
    for run in range(runs):
        # what the ROIs of a block share makes half the variance
        shared = rng.normal(0, 0.1, (6, 6))[(y // 10).astype(int), (x // 10).astype(int)]
        nmi = (0.5 + shared + rng.normal(0, 0.1, (n, n))).ravel()
        rows = RoiAgreements(whole, whole, y.ravel(), x.ravel(), whole, several, several, 0 * whole, nmi, nmi, nmi)
        table = tiling_summary(rows, resample(rows, SHAPE, 10, draws=500, seed=run))
        hits += table.nmi_mean_low[0] <= 0.5 <= table.nmi_mean_high[0]
    low, high = stats.binom.ppf((0.001, 0.999), runs, (0.93, 0.97))
    assert low <= hits <= high


def test_draws_of_other_tilings_are_refused() -> None:
    rows, other = random_agreements(0), random_agreements(0, tilings=(2, 5, 8))
    with pytest.raises(ValueError, match="draws: found 6 other tilings"):
        tiling_summary(rows, resample(other, SHAPE, 10, draws=5))
