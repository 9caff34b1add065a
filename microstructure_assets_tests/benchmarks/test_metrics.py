"""Metrics of regions and weights against scikit-learn, closed forms and maps that try to flatter themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import norm

from benchmarks.accuracy.metrics import (
    NORMAL_95,
    grain_counts,
    grain_of_references,
    rand_index,
    ranking,
    recall_at_false_rate,
    weight_errors,
)
from microstructure_assets.methods.references import reference_windows
from microstructure_assets.methods.settings import ReferencesSettings


def blocks(rows: int = 24, columns: int = 30, side: int = 6) -> np.ndarray:
    """Square grains of ``side`` points."""
    y, x = np.indices((rows, columns)) // side
    return y * (columns // side) + x


def test_rand_index_is_one_for_other_names_and_low_for_a_moved_map() -> None:
    truth = blocks()
    assert rand_index(truth, 1000 - truth) == 1.0
    assert rand_index(truth, np.zeros_like(truth)) == 0.0
    assert rand_index(truth, np.arange(truth.size).reshape(truth.shape)) == 0.0
    assert rand_index(truth, np.roll(truth, 1, axis=1)) < 0.8


def test_rand_index_of_chosen_points_forgets_the_others() -> None:
    truth, found = blocks(), blocks()
    found[0] = 999
    chosen = np.ones(truth.shape, bool)
    assert rand_index(truth, found, chosen) < 1.0
    chosen[0] = False
    assert rand_index(truth, found, chosen) == 1.0


def test_a_grain_cut_in_two_is_split_and_two_grains_in_one_are_merged() -> None:
    truth = blocks()
    found = truth.copy()
    found[:3, :6] = 100  # half of the first grain
    found[found == 2] = 1  # the third goes to the second
    counts = grain_counts(truth, found)
    assert (counts.true, counts.found, counts.split, counts.merged) == (20, 20, 1, 2)


def test_a_map_of_one_region_merges_every_grain_and_one_of_points_splits_none() -> None:
    truth = blocks()
    assert grain_counts(truth, np.zeros_like(truth)).merged == 20
    every_point = np.arange(truth.size).reshape(truth.shape)
    assert grain_counts(truth, every_point).split == 0  # specks are not grains
    assert grain_counts(truth, every_point, smallest_points=1).split == 20
    assert grain_counts(truth, every_point).merged == 0


def test_a_boundary_moved_by_one_point_neither_splits_nor_merges() -> None:
    counts = grain_counts(blocks(), np.roll(blocks(), 1, axis=1)[:, :])
    assert (counts.split, counts.merged) == (0, 0)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_counts_swap_when_the_maps_swap(seed: int) -> None:
    """A grain that is split one way holds regions that are merged the other way."""
    generator = np.random.default_rng(seed)
    coarse = blocks(12, 12, 6)
    fine = coarse * 2 + (generator.random(coarse.shape) < 0.0)
    chosen = generator.integers(0, 4)
    rows, columns = np.nonzero(coarse == chosen)
    fine[rows[: len(rows) // 2], columns[: len(rows) // 2]] += 1
    assert grain_counts(coarse, fine).split == 1
    assert grain_counts(fine, coarse).merged == 2
    assert grain_counts(coarse, fine).merged == grain_counts(fine, coarse).split == 0


def mixtures(n: int = 2000, seed: int = 0) -> tuple[csr_array, np.ndarray]:
    """Points of three grains out of four in all, the own one the first stored."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet([4, 2, 1], n)
    shares = np.concatenate([shares, np.zeros((n, 1))], axis=1)
    return csr_array(shares), np.argmax(shares, axis=1)


def test_true_weights_have_no_error_and_hard_labels_miss_what_is_mixed() -> None:
    shares, own = mixtures()
    dense, grain, active = shares.toarray(), np.arange(4), np.ones(4, bool)
    right = weight_errors(dense, np.zeros_like(dense), grain, active, shares, own)
    assert np.abs(right.own).max() < 1e-12
    assert right.absent.max() == 0.0
    assert right.represented.all()
    hard = weight_errors(np.eye(4)[own], np.zeros_like(dense), grain, active, shares, own)
    np.testing.assert_allclose(hard.own, 1 - dense[np.arange(len(own)), own])
    assert np.nanmean(hard.covered) == 0.0


def test_weight_on_a_grain_without_a_share_is_absent_weight() -> None:
    shares, own = mixtures(50)
    moved = 0.75 * shares.toarray() + 0.25 * np.eye(4)[3]
    errors = weight_errors(moved, np.zeros_like(moved), np.arange(4), np.ones(4, bool), shares, own)
    np.testing.assert_allclose(errors.absent, 0.25)


def test_two_references_of_one_grain_add_up_and_claim_no_interval() -> None:
    shares, own = mixtures(50)
    dense = shares.toarray()
    weight = np.concatenate([dense[:, :1] / 2, dense[:, :1] / 2, dense[:, 1:]], axis=1)
    errors = weight_errors(weight, weight * 0, np.array([0, 0, 1, 2, 3]), np.ones(5, bool), shares, own)
    assert np.abs(errors.own).max() < 1e-12
    assert np.isnan(errors.covered[own == 0]).all()
    assert np.isfinite(errors.covered[own != 0]).all()


def test_a_grain_without_reference_is_not_represented() -> None:
    shares, own = mixtures(200)
    dense = shares.toarray()
    errors = weight_errors(dense[:, 1:], dense[:, 1:] * 0, np.array([1, 2, 3]), np.ones(3, bool), shares, own)
    np.testing.assert_array_equal(errors.represented, own != 0)
    inactive = weight_errors(dense, dense * 0, np.arange(4), np.array([False, True, True, True]), shares, own)
    np.testing.assert_array_equal(inactive.represented, own != 0)


def test_intervals_of_the_right_width_hold_95_percent() -> None:
    shares, own = mixtures(20_000)
    generator = np.random.default_rng(1)
    dense = shares.toarray()
    for factor in (1.0, 0.5):
        noisy = dense + generator.normal(0, 0.05, dense.shape)
        errors = weight_errors(noisy, np.full_like(dense, 0.05 * factor), np.arange(4), np.ones(4, bool), shares, own)
        expected = 2 * norm.cdf(NORMAL_95 * factor) - 1
        assert np.nanmean(errors.covered) == pytest.approx(expected, abs=0.01)


def test_a_reference_stands_for_the_grain_of_its_points() -> None:
    generator = np.random.default_rng(0)
    label = np.repeat([0, 1], 8)[None].repeat(10, axis=0)
    grains = np.where(label == 0, 5, 2)
    base = generator.normal(size=(6, 40)).astype(np.float32)
    patterns = base[grains] + 0.1 * generator.normal(size=(10, 16, 40)).astype(np.float32)
    references = reference_windows(patterns, label, np.zeros(label.shape), ReferencesSettings(), 0.01)
    # The ROI is the right half of a scan of 32 columns.
    index = (np.arange(10)[:, None] * 32 + np.arange(16, 32)).ravel()
    shares = np.zeros((320, 6))
    shares[:, 0] = 1
    shares[index] = np.eye(6)[grains.ravel()]
    np.testing.assert_array_equal(grain_of_references(references, csr_array(shares), index), [5, 2])


def test_ranking_is_that_of_ranks_and_knows_the_base_rate() -> None:
    generator = np.random.default_rng(0)
    positive = generator.random(4000) < 0.2
    roc, precision_recall = ranking(positive, generator.random(4000))
    assert roc == pytest.approx(0.5, abs=0.04)
    assert precision_recall == pytest.approx(0.2, abs=0.04)
    assert ranking(positive, positive.astype(float)) == (1.0, 1.0)
    shift = 1.0
    roc, _ = ranking(positive, generator.normal(size=4000) + shift * positive)
    assert roc == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=0.03)
    assert all(np.isnan(ranking(np.zeros(5, bool), np.arange(5.0))))


def test_recall_at_a_false_rate_is_that_of_two_normal_laws() -> None:
    generator = np.random.default_rng(0)
    negative, positive = generator.normal(size=200_000), generator.normal(2.0, 1.0, 50_000)
    recall, threshold = recall_at_false_rate(positive, negative, 0.01)
    assert threshold == pytest.approx(norm.ppf(0.99), abs=0.02)
    assert recall == pytest.approx(norm.sf(norm.ppf(0.99) - 2.0), abs=0.01)
    assert np.mean(negative > threshold) <= 0.01


def test_a_score_that_marks_everything_recalls_nothing() -> None:
    assert recall_at_false_rate(np.ones(10), np.ones(1000), 0.01)[0] == 0.0
    assert recall_at_false_rate(np.ones(10), np.r_[np.zeros(995), np.ones(5)], 0.01)[0] == 1.0
    assert np.isnan(recall_at_false_rate(np.ones(0), np.ones(5), 0.01)[0])
