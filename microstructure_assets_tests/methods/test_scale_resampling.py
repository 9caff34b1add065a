"""Draws of spatial blocks against closed forms and Student's test on block means."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import stats

from microstructure_assets.methods.scale_resampling import (
    FEWEST_BLOCKS,
    RoiAgreements,
    interval_levels,
    like_the_best,
    resample,
)

SHAPE = (60, 80)
SIDE = 10.0
BLOCKS = 48


def agreements(nmi: np.ndarray, *, n: int = 2, k_max: int = 10, per_side: tuple[int, int] = (6, 8)) -> RoiAgreements:
    """One row per place of an even grid of ROI centres; with the default there is one in each block."""
    y, x = np.mgrid[: per_side[0], : per_side[1]] + 0.5
    count = y.size
    values = np.resize(nmi, count)
    return RoiAgreements(
        n=np.full(count, n),
        k_max=np.full(count, k_max),
        row=y.ravel() * SHAPE[0] / per_side[0],
        column=x.ravel() * SHAPE[1] / per_side[1],
        points=np.full(count, 100),
        clusters_scores=np.full(count, 3),
        clusters_weights=np.full(count, 4),
        limited=np.zeros(count, int),
        nmi=values,
        ami=values - 0.1,
        nmi_null=np.full(count, 0.1),
    )


def together(*parts: RoiAgreements) -> RoiAgreements:
    return RoiAgreements(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(RoiAgreements)))


def test_deviation_of_the_draws_is_the_standard_error() -> None:
    nmi = np.random.default_rng(0).beta(4, 3, BLOCKS)
    drawn = resample(agreements(nmi), SHAPE, SIDE, draws=40_000).nmi_mean[0]
    assert drawn.std() == pytest.approx(nmi.std(ddof=1) / np.sqrt(BLOCKS), rel=0.02)
    assert drawn.mean() == pytest.approx(nmi.mean(), abs=4 * drawn.std() / 200)


def test_rois_of_one_block_are_not_independent() -> None:
    y, x = np.mgrid[:24, :32]
    of_block = np.random.default_rng(1).beta(4, 3, BLOCKS)[y // 4 * 8 + x // 4]
    drawn = resample(agreements(of_block.ravel(), per_side=(24, 32)), SHAPE, SIDE, draws=40_000).nmi_mean[0]
    assert drawn.std() == pytest.approx(of_block[::4, ::4].std(ddof=1) / np.sqrt(BLOCKS), rel=0.02)


def test_all_tilings_and_caps_share_a_draw() -> None:
    rng = np.random.default_rng(2)
    nmi = rng.random(BLOCKS) / 2
    first = agreements(nmi)
    draws = resample(together(first, agreements(nmi + 0.25, n=3), agreements(nmi, k_max=5)), SHAPE, SIDE, draws=200)
    assert draws.n.tolist() == [2, 2, 3]
    assert draws.k_max.tolist() == [5, 10, 10]
    np.testing.assert_array_equal(draws.nmi_mean[0], draws.nmi_mean[1])
    np.testing.assert_allclose(draws.nmi_mean[2] - draws.nmi_mean[1], 0.25, atol=1e-12)
    alone, other = (resample(first, SHAPE, SIDE, draws=200, seed=seed).nmi_mean[0] for seed in (0, 1))
    np.testing.assert_allclose(alone, draws.nmi_mean[1], atol=1e-12)
    assert (np.abs(other - alone) > 1e-12).mean() > 0.9


def test_order_of_rows_changes_no_bit() -> None:
    rng = np.random.default_rng(3)
    rows = together(agreements(rng.random(BLOCKS)), agreements(rng.random(192), n=3, per_side=(12, 16)))
    order = rng.permutation(len(rows.n))
    mixed = RoiAgreements(*(getattr(rows, field.name)[order] for field in fields(rows)))
    first, second = resample(rows, SHAPE, SIDE, draws=50), resample(mixed, SHAPE, SIDE, draws=50)
    np.testing.assert_array_equal(first.nmi_mean, second.nmi_mean)


def test_blocks_are_at_least_as_wide_as_asked() -> None:
    rows = agreements(np.ones(60 * 80), per_side=(60, 80))
    for side, expected in ((10.0, 48), (10.1, 35), (30, 4), (59, 1), (500, 1)):
        assert resample(rows, SHAPE, side, draws=1).block_count.tolist() == [expected]


def test_draws_without_a_roi_are_left_out() -> None:
    few = np.linspace(0.2, 0.9, 9)
    draws = resample(agreements(few, per_side=(3, 3)), SHAPE, SIDE, draws=200_000)
    assert draws.block_count.tolist() == [9]
    empty = np.isnan(draws.nmi_mean[0])
    assert empty.mean() == pytest.approx((1 - 9 / BLOCKS) ** (BLOCKS - 1), abs=6e-5)
    assert draws.nmi_mean[0][~empty].min() >= few.min() - 1e-12
    assert draws.nmi_mean[0][~empty].max() <= few.max() + 1e-12


def test_too_few_blocks_are_not_resampled() -> None:
    rows = agreements(np.linspace(0.2, 0.9, BLOCKS))
    assert np.isnan(resample(rows, SHAPE, 60, draws=20).nmi_mean).all()
    single = np.ones(BLOCKS, int)
    single[: FEWEST_BLOCKS - 1] = 3
    assert np.isnan(resample(replace(rows, clusters_scores=single), SHAPE, SIDE, draws=20).nmi_mean).all()
    single[FEWEST_BLOCKS - 1] = 3
    assert np.isfinite(resample(replace(rows, clusters_scores=single), SHAPE, SIDE, draws=20).nmi_mean).any()


def test_levels_are_those_of_student() -> None:
    for blocks in (2, 8, 30):
        low, high = interval_levels(blocks)
        assert low == pytest.approx(stats.norm.cdf(stats.t.ppf(0.025, blocks - 1)))
        assert high == pytest.approx(1 - low)
    assert interval_levels(10**6)[0] == pytest.approx(0.025, abs=1e-6)


@pytest.mark.parametrize("count", [9, 48])
def test_two_tilings_are_told_apart_as_by_students_paired_test(count: int) -> None:
    rng = np.random.default_rng(count)
    per_side = {9: (3, 3), 48: (6, 8)}[count]
    told = []
    for _ in range(60):
        first, second = rng.normal(0.5, 0.1, (2, count))
        second += 0.9 * (first - second) + rng.normal(0, 0.02)
        chance = stats.ttest_rel(first, second).pvalue
        if not 0.035 < chance < 0.07:  # the draws do not tell these from 0.05
            draws = resample(
                together(agreements(first, per_side=per_side), agreements(second, n=3, per_side=per_side)),
                SHAPE,
                SIDE if count == BLOCKS else 20.0,
                draws=4000,
            )
            mean = np.array([first.mean(), second.mean()])
            told.append(like_the_best(mean, draws.nmi_mean, draws.block_count).all() == (chance > 0.05))
    assert len(told) > 40
    assert np.mean(told) > 0.95


def test_many_equal_tilings_are_rarely_told_apart() -> None:
    rng = np.random.default_rng(7)
    runs, tilings = 300, 15
    whole = 0
    for _ in range(runs):
        nmi = rng.normal(0.5, 0.1, (tilings, BLOCKS))
        weight = rng.multinomial(BLOCKS - 1, np.full(BLOCKS, 1 / BLOCKS), size=400) / (BLOCKS - 1)
        whole += like_the_best(nmi.mean(axis=1), nmi @ weight.T, np.full(tilings, BLOCKS)).all()
    assert whole >= stats.binom.ppf(0.001, runs, 0.95)


def test_like_the_best_without_noise_or_draws() -> None:
    mean, blocks = np.array([0.5, 0.7, 0.7, 0.6]), np.full(4, 20)
    still = np.repeat(mean[:, None], 30, axis=1)
    assert like_the_best(mean, still, blocks).tolist() == [False, True, True, False]
    assert like_the_best(mean + 1e-15 * np.arange(4), still, blocks).tolist() == [False, True, True, False]
    still[3] = np.nan
    assert like_the_best(mean, still, blocks).tolist() == [False, True, True, True]
    still[1] = np.nan
    assert like_the_best(mean, still, blocks).all()


def test_wrong_agreements_are_named() -> None:
    rows = agreements(np.full(BLOCKS, 0.5))
    for name, value, message in (
        ("row", rows.row[:-1], "row: found shape"),
        ("ami", rows.ami[:, None], "ami: found shape"),
        ("clusters_weights", np.zeros(BLOCKS, int), "clusters_weights: found 0 clusters"),
        ("nmi", np.full(BLOCKS, np.nan), "nmi: found 48 values that are not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(rows, **{name: value})
    with pytest.raises(ValueError, match="n: found shape"):
        RoiAgreements(*(getattr(rows, field.name)[:0] for field in fields(rows)))


def test_wrong_draws_are_named() -> None:
    rows = agreements(np.full(BLOCKS, 0.5))
    with pytest.raises(ValueError, match="draws: found 0"):
        resample(rows, SHAPE, SIDE, draws=0)
    for side in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="block_side: found"):
            resample(rows, SHAPE, side, draws=10)
    with pytest.raises(ValueError, match="column: found a centre at 55"):
        resample(rows, (60, 50), SIDE, draws=10)
