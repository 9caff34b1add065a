"""The recommended tiling on synthetic curves whose peak, plateau or flatness is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter

from microstructure_assets.methods.scale_peak import (
    CAP_SENTENCE,
    Recommendation,
    RoiAgreements,
    recommend,
    resample,
    tiling_summary,
)

SHAPE = (120, 160)
SIDE = 20.0
TILINGS = range(2, 15)
Curve = Callable[[int, int], float]


def scene(
    curve: Curve, seed: int = 0, *, scatter: float = 0.1, tilings: range = TILINGS, caps: tuple[int, ...] = (10,)
) -> RoiAgreements:
    """ROIs scatter around the curve, each by itself and, as much again, with those near it; one in ten is single."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal(SHAPE), 3, mode="wrap")
    field *= scatter / field.std()
    parts = []
    for n in tilings:
        y, x = ((np.indices((n, n)).reshape(2, -1) + 0.5) * np.array(SHAPE)[:, None]) / n
        own = field[y.astype(int), x.astype(int)] + rng.normal(0, scatter, n * n)
        single = np.where(rng.random(n * n) < 0.1, 1, 3)
        for cap in caps:
            nmi = np.where(single > 1, curve(n, cap) + own, np.nan)
            whole = np.full((3, n * n), [[n], [cap], [SHAPE[0] * SHAPE[1] // n**2]])
            parts.append(
                (whole[0], whole[1], y, x, whole[2], single, np.full(n * n, 3), 0 * single, nmi, nmi - 0.1, nmi - 0.2)
            )
    return RoiAgreements(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def recommended(rows: RoiAgreements, k_max: int = 10, *, side: float = SIDE, draws: int = 400) -> Recommendation:
    drawn = resample(rows, SHAPE, side, draws=draws)
    return recommend(tiling_summary(rows, drawn), drawn, k_max)


def peak_at(place: float, width: float = 0.3, height: float = 0.7) -> Curve:
    return lambda n, cap: height - width * np.log(n / place) ** 2


def single_clusters(rows: RoiAgreements, where: np.ndarray) -> RoiAgreements:
    return replace(rows, clusters_weights=np.where(where, 1, rows.clusters_weights))


def test_interval_covers_a_known_peak() -> None:
    runs = 150
    found = [recommended(scene(peak_at(7), seed)) for seed in range(runs)]
    assert {one.kind for one in found} <= {"peak", "plateau", "edge"}
    hits = sum(one.n_low <= 7 <= one.n_high for one in found if one.n_low and one.n_high)
    assert hits >= stats.binom.ppf(0.001, runs, 0.95)
    assert np.mean([7 in one.alike for one in found]) >= 0.95
    assert np.mean([one.n_high - one.n_low < len(TILINGS) - 3 for one in found if one.n_low and one.n_high]) > 0.9
    assert all(one.n in one.alike and one.n_low <= one.n <= one.n_high for one in found if one.n and one.n_low)


def test_flat_curve_is_called_flat() -> None:
    runs = 200
    found = [recommended(scene(lambda n, cap: 0.5, seed, scatter=0.07, caps=(5, 10))) for seed in range(runs)]
    flat = [one for one in found if one.kind == "flat"]
    assert len(flat) >= stats.binom.ppf(0.001, runs, 0.95)
    for one in flat:
        assert one.n is None
        assert not one.set_by_cap
        assert one.alike in (tuple(range(3, 15)), tuple(range(4, 15)))  # of the nine ROIs at n = 3 some are single
        assert one.reason.startswith("the curve is flat")


def test_sharp_peak() -> None:
    one = recommended(scene(lambda n, cap: 0.8 - 0.1 * abs(n - 7), scatter=0.02))
    assert (one.n, one.n_low, one.n_high, one.kind, one.alike) == (7, 7, 7, "peak", (7,))
    assert one.reason.startswith("peak at n = 7, with mean NMI 0.")
    assert "its neighbours are lower" in one.reason
    assert (one.cap_shift, one.set_by_cap) == ({10: 7}, False)


@pytest.mark.parametrize(("fall", "kind"), [(11, "peak"), (99, "plateau")])
def test_broad_top_is_given_with_its_range(fall: int, kind: str) -> None:
    one = recommended(scene(lambda n, cap: 0.7 - 0.1 * max(0, 6 - n, n - fall), scatter=0.02))
    assert one.kind == kind
    assert set(one.alike) <= set(range(6, min(fall, 14) + 1))
    assert len(one.alike) > 3
    assert one.n in one.alike
    assert f"n = {one.alike[0]} to {one.alike[-1]} cannot be told from it" in one.reason


def test_two_peaks_far_apart_are_both_named() -> None:
    one = recommended(scene(lambda n, cap: 0.7 if n in (5, 11) else 0.4, scatter=0.02))
    assert one.kind == "peak"
    assert one.alike == (5, 11)
    assert f"its neighbours are lower, but n = {16 - (one.n or 0)} cannot be told from it;" in one.reason


def test_uncertain_differences_are_no_flat_curve() -> None:
    rows = scene(peak_at(7), scatter=0.2, tilings=range(3, 5))
    wide = replace(rows, nmi=rows.nmi + np.where(rows.n == 4, 0.2, 0))
    one = recommended(replace(wide, nmi=np.where(rows.n == 4, wide.nmi, 3 * wide.nmi - 1)))
    assert one.alike == (3, 4)
    assert one.kind == "plateau"


def test_rising_curve_is_said_to_end_at_the_edge() -> None:
    one = recommended(scene(lambda n, cap: 0.9 - 0.05 * n, scatter=0.02))
    assert (one.n, one.kind) == (3, "edge")
    assert "largest mean at n = 3, the first eligible tiling, so that the curve may rise beyond" in one.reason


def test_peak_that_follows_the_cap() -> None:
    moving = {5: 11, 10: 7, 20: 4}
    one = recommended(scene(lambda n, cap: 0.7 - 0.1 * abs(n - moving[cap]), scatter=0.02, caps=(5, 10, 20)))
    assert one.n == 7
    assert one.cap_shift == moving
    assert one.set_by_cap
    assert one.caps_apart == (5, 20)
    assert one.reason.endswith(f": {CAP_SENTENCE}")
    assert "n = 11 for K_max 5, n = 7 for K_max 10, n = 4 for K_max 20" in one.reason


def test_a_cap_that_is_too_small_is_said_to_be_it() -> None:
    moving = {5: 11, 10: 7, 20: 7}
    one = recommended(scene(lambda n, cap: 0.7 - 0.1 * abs(n - moving[cap]), scatter=0.02, caps=(5, 10, 20)))
    assert one.caps_apart == (5,)
    assert not one.set_by_cap
    assert one.reason.endswith(f"for K_max 5 it is {CAP_SENTENCE}, for K_max 10 it is not")


def test_a_larger_cap_that_cannot_act_is_no_witness() -> None:
    moving = {5: 11, 10: 7, 20: 7}
    rows = scene(lambda n, cap: 0.7 - 0.1 * abs(n - moving[cap]), scatter=0.02, caps=(5, 10, 20))
    one = recommended(replace(rows, limited=np.ones(len(rows.n), bool)))
    assert one.caps_apart == (5,)
    assert one.set_by_limits
    assert one.set_by_cap


def test_plateaus_of_one_truth_are_not_the_caps() -> None:
    def run(seed: int) -> Recommendation:
        broad = scene(lambda n, cap: 0.7 - 0.1 * max(0, 5 - n, n - 12), seed, scatter=0.05, caps=(10,))
        other = scene(lambda n, cap: 0.7 - 0.1 * max(0, 5 - n, n - 12), seed + 100, scatter=0.05, caps=(20,))
        rows = RoiAgreements(
            *(np.concatenate([getattr(broad, field.name), getattr(other, field.name)]) for field in fields(broad))
        )
        return recommended(rows)

    found = [run(seed) for seed in range(40)]
    assert any(abs((one.cap_shift[10] or 0) - (one.cap_shift[20] or 0)) > 1 for one in found)
    assert sum(one.set_by_cap for one in found) <= stats.binom.ppf(0.999, 40, 0.05)


@pytest.mark.parametrize("shift", [0, 1])
def test_peak_that_stays_within_a_step_is_not_the_caps(shift: int) -> None:
    one = recommended(
        scene(lambda n, cap: 0.7 - 0.1 * abs(n - 7 - shift * (cap == 20)), scatter=0.02, caps=(5, 10, 20))
    )
    assert one.cap_shift == {5: 7, 10: 7, 20: 7 + shift}
    assert not one.set_by_cap
    assert CAP_SENTENCE not in one.reason


def test_steps_are_those_of_the_tilings_asked_for() -> None:
    moving = {5: 6, 10: 10}
    curve: Curve = lambda n, cap: 0.7 - 0.05 * abs(n - moving[cap])  # noqa: E731
    assert not recommended(scene(curve, scatter=0.02, caps=(5, 10), tilings=range(2, 15, 4))).set_by_cap
    assert recommended(scene(curve, scatter=0.02, caps=(5, 10), tilings=range(2, 15, 2))).set_by_cap


def test_each_cap_has_its_own_eligible_tilings() -> None:
    rows = scene(peak_at(7), scatter=0.02, caps=(5, 10))
    one = recommended(single_clusters(rows, rows.k_max == 5))
    assert one.cap_shift[5] is None
    assert one.kind in ("peak", "plateau")
    assert not one.set_by_cap
    lone = recommended(single_clusters(rows, (rows.k_max == 5) & (rows.n != 12)))
    assert lone.cap_shift[5] == 12
    assert not lone.set_by_cap


def test_tilings_with_few_rois_are_not_eligible() -> None:
    assert recommended(scene(lambda n, cap: 1.0 - 0.1 * n, scatter=0.01)).n == 3
    rows = scene(lambda n, cap: 1.0 - 0.1 * n, scatter=0.01)
    third = np.flatnonzero(rows.n == 3)
    several = np.zeros(len(rows.n), bool)
    several[third[:7]] = True
    assert recommended(single_clusters(rows, (rows.n == 3) & ~several)).n == 4


def test_nothing_is_eligible() -> None:
    rows = scene(peak_at(7))
    gone = replace(single_clusters(rows, rows.n > 0), nmi=np.full(len(rows.n), np.nan))
    for part in (gone, scene(peak_at(7), tilings=range(2, 3))):
        one = recommended(part)
        assert (one.n, one.n_low, one.n_high, one.kind, one.alike) == (None, None, None, "none", ())
        assert (one.cap_shift, one.set_by_cap) == ({10: None}, False)
        assert "no tiling is eligible at K_max 10" in one.reason


def test_one_tiling_is_no_curve() -> None:
    one = recommended(scene(peak_at(7), tilings=range(7, 8)))
    assert (one.n, one.n_low, one.n_high, one.kind, one.alike) == (None, 7, 7, "flat", (7,))
    assert "only n = 7 is eligible" in one.reason
    assert "there is no curve" in one.reason


def test_one_block_tells_nothing_apart() -> None:
    rows = scene(peak_at(7, width=0.5), scatter=0.01)
    one = recommended(rows, side=200.0)
    assert (one.n, one.n_low, one.n_high, one.kind) == (7, None, None, "untested")
    assert one.alike == tuple(range(3, 15))
    assert (
        "too small to say how sure that is: 1 block of three grain diameters with ROIs, and 8 are needed" in one.reason
    )
    assert recommended(scene(lambda n, cap: 0.5, scatter=0.01), side=200.0).kind == "flat"


def test_constant_agreement_is_flat() -> None:
    rows = scene(lambda n, cap: 0.7, scatter=0.0, caps=(5, 10))
    one = recommended(rows)
    assert one.kind == "flat"
    assert not one.set_by_cap


def test_order_of_rows_changes_nothing() -> None:
    rows = scene(peak_at(6), 3, caps=(5, 10))
    order = np.random.default_rng(0).permutation(len(rows.n))
    mixed = RoiAgreements(*(getattr(rows, field.name)[order] for field in fields(rows)))
    assert recommended(mixed) == recommended(rows)


def test_wrong_cap_and_draws_are_named() -> None:
    rows = scene(peak_at(7))
    drawn = resample(rows, SHAPE, SIDE, draws=10)
    summary = tiling_summary(rows, drawn)
    with pytest.raises(ValueError, match=r"k_max: found 11, expected one of the caps in the table, \[10\]"):
        recommend(summary, drawn, 11)
    with pytest.raises(ValueError, match="draws: found 13 other tilings"):
        recommend(summary, replace(drawn, n=drawn.n + 1), 10)
