"""The rule by which a form is called better than the published one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from benchmarks.accuracy.results import Row
from benchmarks.accuracy.sample_verdict import gain_of, lower_bound, table

REGIONS = ("a", "b")


def rows(gain: np.ndarray, form: str = "default, scores", seen: int = 0) -> list[Row]:
    """Rows of gains (twins, regions)."""
    return [
        {"seed": seed, "region": REGIONS[place], "form": form, "seen": seen, "gain_grain": value}
        | {"gain_phase": value, "gain_mapped": value}
        for seed, line in enumerate(gain)
        for place, value in enumerate(line)
    ]


def test_the_bound_is_that_of_a_bootstrap() -> None:
    gain = np.random.default_rng(0).normal(0.1, 0.2, (40, 1))
    expected = bootstrap(
        (gain[:, 0],), np.median, confidence_level=0.9, method="percentile", n_resamples=4000, random_state=1
    )
    assert lower_bound(gain) == pytest.approx(expected.confidence_interval.low, abs=0.02)


def test_regions_of_a_twin_are_no_twins_of_their_own() -> None:
    """Copies of a twin's region tell nothing new."""
    gain = np.random.default_rng(1).normal(0.1, 0.2, (15, 1))
    assert lower_bound(np.repeat(gain, 9, axis=1)) == lower_bound(gain)


@pytest.mark.parametrize(
    ("gain", "is_better"),
    [
        ((0.10, 0.10), True),
        ((0.04, 0.04), False),  # too little
        ((0.30, -0.03), False),  # a region is worse
        ((0.30, -0.01), True),
    ],
)
def test_better_is_a_gain_that_no_region_pays_for(gain: tuple[float, float], is_better: bool) -> None:
    assert gain_of(rows(np.tile(gain, (20, 1))), "grain").is_better is is_better


def test_a_gain_of_few_twins_in_many_is_not_better() -> None:
    spread = np.where(np.arange(20)[:, None] % 2, 0.5, -0.3) + np.zeros((20, 2))
    found = gain_of(rows(spread), "grain")
    assert found.median == pytest.approx(0.1)
    assert found.bound < 0
    assert not found.is_better


def test_twins_that_lack_a_region_are_left_out() -> None:
    some = rows(np.full((5, 2), 0.1))
    assert gain_of(some[:-1], "grain").twins == 4


def test_the_table_keeps_twins_to_develop_on_apart() -> None:
    text = table(
        [*rows(np.full((3, 2), 0.1), seen=1), *rows(np.full((4, 2), 0.2)), *rows(np.zeros((4, 2)), "paper, scores")]
    )
    assert "| default, scores | grains | to develop on | 3 | 0.10 | 0.10 | a: 0.10 | yes |" in text
    assert "| default, scores | grains | unseen | 4 | 0.20 | 0.20 | a: 0.20 | yes |" in text
    assert "paper" not in text
