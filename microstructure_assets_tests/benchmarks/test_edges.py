"""Matching of edges against brute force and flattering maps; positions against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.special import ndtr

from benchmarks.accuracy.edges import (
    Edges,
    crossing_edges,
    f_score,
    half_fraction_positions,
    label_edges,
    matched_edges,
    net_score,
    position_errors,
)
from microstructure_assets.methods.boundaries import weight_crossings
from microstructure_assets.methods.settings import BoundariesSettings


def voronoi(rows: int, columns: int, diameter: float, seed: int) -> np.ndarray:
    """A map of Voronoi grains."""
    generator = np.random.default_rng(seed)
    count = max(2, round(rows * columns / (np.pi / 4 * diameter**2)))
    seeds = generator.uniform(0, 1, (count, 2)) * [rows, columns]
    points = np.stack(np.indices((rows, columns)), axis=-1).reshape(-1, 2)
    return np.asarray(cKDTree(seeds).query(points)[1]).reshape(rows, columns)


def everything(rows: int, columns: int) -> Edges:
    return Edges(np.ones((rows, columns - 1), bool), np.ones((rows - 1, columns), bool))


def centres(edges: Edges) -> np.ndarray:
    x, y = np.argwhere(edges.x) + np.array([0.0, 0.5]), np.argwhere(edges.y) + np.array([0.5, 0.0])
    return np.concatenate([x, y])


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_matching_is_the_largest_there_is(seed: int) -> None:
    generator = np.random.default_rng(seed)
    a, b = (
        Edges(generator.random((5, 6)) < share, generator.random((4, 7)) < share)
        for share in generator.uniform(0.05, 0.6, 2)
    )
    near = np.linalg.norm(centres(a)[:, None] - centres(b)[None], axis=2) <= 1.0 + 1e-9
    row, column = linear_sum_assignment(near, maximize=True)
    assert matched_edges(a, b) == int(near[row, column].sum())
    assert matched_edges(a, b) == matched_edges(b, a)


def test_a_map_matches_itself_and_itself_moved_by_one() -> None:
    label = voronoi(40, 50, 12, 0)
    truth = label_edges(label)
    assert f_score(truth, truth) == 1.0
    assert f_score(label_edges(np.roll(label, 1, axis=1)), truth) > 0.9
    assert f_score(label_edges(np.roll(label, 3, axis=1)), truth) < 0.75


def test_marking_everything_gains_nothing_over_chance() -> None:
    truth = label_edges(voronoi(60, 60, 5, 1))
    marked = everything(60, 60)
    score, net = net_score(marked, truth, 5)
    assert net == pytest.approx(0.0, abs=1e-12)
    assert score == pytest.approx(2 * truth.count() / (truth.count() + marked.count()))


def test_an_unrelated_map_gains_little_and_the_right_one_much() -> None:
    truth = label_edges(voronoi(80, 80, 14, 2))
    unrelated = [net_score(label_edges(voronoi(80, 80, 14, seed)), truth, 14)[1] for seed in range(3, 9)]
    assert abs(np.mean(unrelated)) < 0.05
    assert net_score(truth, truth, 14)[1] > 0.5


def test_nothing_found_scores_nothing() -> None:
    truth = label_edges(voronoi(20, 20, 6, 0))
    nothing = Edges(np.zeros_like(truth.x), np.zeros_like(truth.y))
    assert net_score(nothing, truth, 6) == (0.0, 0.0)
    assert f_score(nothing, nothing) == 1.0


def test_labels_of_checkerboard_and_stripes() -> None:
    board = np.indices((4, 5)).sum(axis=0) % 2
    assert label_edges(board).count() == 4 * 4 + 3 * 5
    stripes = np.arange(5)[None].repeat(4, axis=0)
    assert (label_edges(stripes).x.all(), label_edges(stripes).y.any()) == (True, False)


def stripe_shares(position: np.ndarray, sigma: float, columns: int) -> np.ndarray:
    """Shares of two grains with a boundary at ``position`` of each row, under a Gaussian beam."""
    after = ndtr((np.arange(columns)[None] - position[:, None]) / sigma)
    return np.stack([1 - after, after], axis=2)


@given(sigma=st.floats(0.4, 4.0), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_half_fraction_line_of_a_gaussian_beam_is_exact(sigma: float, seed: int) -> None:
    position = np.random.default_rng(seed).uniform(4.0, 16.0, 6)
    shares = stripe_shares(position, sigma, 21)
    grain = np.argmax(shares, axis=2)
    line, found = half_fraction_positions(shares, grain, "x")
    np.testing.assert_array_equal(line, np.arange(6))
    np.testing.assert_allclose(found, position, atol=1e-6)
    line, found = half_fraction_positions(shares.swapaxes(0, 1), grain.T, "y")
    np.testing.assert_allclose(found, position, atol=1e-6)


def test_crossings_lie_on_the_edges_of_the_labels() -> None:
    label = voronoi(15, 17, 6, 3)
    weight = np.eye(int(label.max()) + 1)[label]
    crossings = weight_crossings(weight, weight * 0, 0.5, 0.25, BoundariesSettings())
    found, truth = crossing_edges(crossings, 0.5, 0.25, label.shape), label_edges(label)
    np.testing.assert_array_equal(found.x, truth.x)
    np.testing.assert_array_equal(found.y, truth.y)


def test_position_errors_are_signed_and_each_crossing_is_used_once() -> None:
    errors = position_errors(
        np.array([0, 0, 1, 2]),
        np.array([3.0, 5.0, 4.0, 7.0]),
        np.array([0, 0, 0, 2, 3]),
        np.array([3.2, 4.8, 11.0, 9.0, 1.0]),
        np.array([0.1, 0.2, 0.3, 0.4, 0.5]),
    )
    np.testing.assert_allclose(errors.error, [0.2, -0.2, np.nan, np.nan], atol=1e-12)
    np.testing.assert_allclose(errors.deviation, [0.1, 0.2, np.nan, np.nan])
    assert errors.extra == 3


def test_the_nearest_pair_goes_first() -> None:
    errors = position_errors(np.zeros(2, int), np.array([3.0, 4.0]), np.zeros(1, int), np.array([3.9]), np.array([0.1]))
    np.testing.assert_allclose(errors.error, [np.nan, -0.1])
