"""Exact solver against scipy and its optimality conditions; weights on mixtures that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from microstructure_assets.methods.factorization import (
    constrained_weights,
    denoised_gram,
    nearby_references,
    nonnegative_least_squares,
    redundant_references,
)
from microstructure_assets.methods.settings import FactorizationSettings

PAPER = FactorizationSettings(form="paper")
CORRECTED = FactorizationSettings()


def problem(seed: int, n: int = 200, r: int = 6, p: int = 60, common: float = 0.0):
    generator = np.random.default_rng(seed)
    reference = np.abs(generator.normal(size=(r, p))) + common
    weight = generator.uniform(-0.5, 1.0, size=(n, r)).clip(0)
    return reference, weight @ reference + 0.3 * generator.normal(size=(n, p))


def optimality(gram: np.ndarray, projection: np.ndarray, weight: np.ndarray) -> float:
    """Largest violation of the Karush-Kuhn-Tucker conditions over the largest projection."""
    return float(np.abs(np.minimum(weight, weight @ gram - projection)).max() / np.abs(projection).max())


@pytest.mark.parametrize(("r", "common"), [(1, 0.0), (2, 0.0), (6, 0.0), (12, 2.0), (30, 0.5)])
def test_solution_is_scipys_and_meets_the_optimality_conditions(r: int, common: float) -> None:
    reference, patterns = problem(r, r=r, p=80, common=common)
    gram, projection = reference @ reference.T, patterns @ reference.T
    weight = nonnegative_least_squares(gram, projection)
    peer = np.stack([nnls(reference.T, row)[0] for row in patterns])
    np.testing.assert_allclose(weight, peer, atol=1e-6)
    scaled = gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    right = projection / np.sqrt(np.diag(gram))
    assert optimality(scaled, right, weight * np.sqrt(np.diag(gram))) < 1e-10
    assert weight.min() >= 0


def test_paper_weights_equal_scipys_nnls_on_the_patterns() -> None:
    generator = np.random.default_rng(0)
    reference = generator.uniform(0, 1, size=(5, 400)).astype(np.float32)
    patterns = (generator.dirichlet(np.ones(5), 1000) @ reference + 0.1 * generator.normal(size=(1000, 400))).astype(
        np.float32
    )
    found = constrained_weights(patterns, reference, np.full(5, 0.01 / 9), 0.01, PAPER)
    peer = np.stack([nnls(reference.T.astype(float), row)[0] for row in patterns.astype(float)])
    # Projections are summed in single precision; the solver itself is held to 1e-6 above.
    np.testing.assert_allclose(found.weight, peer, atol=2e-5)
    gram = reference.astype(float) @ reference.T
    exact = nonnegative_least_squares(gram, patterns.astype(float) @ reference.T)
    np.testing.assert_allclose(exact, peer, atol=1e-6)
    np.testing.assert_allclose(found.gain, peer.sum(axis=1), atol=1e-4)
    assert found.active.all()
    assert found.condition == pytest.approx(
        np.linalg.cond(gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))), rel=1e-6
    )


@given(
    seed=st.integers(0, 10_000),
    exponents=st.lists(st.floats(-3, 3), min_size=4, max_size=4),
    factor=st.floats(1e-3, 1e3),
)
@settings(max_examples=40, deadline=None)
def test_scaling_of_references_and_patterns_carries_over(seed: int, exponents: list[float], factor: float) -> None:
    reference, patterns = problem(seed, n=20, r=4)
    scale = 10.0 ** np.array(exponents)
    plain = nonnegative_least_squares(reference @ reference.T, patterns @ reference.T)
    scaled = reference * scale[:, None]
    other = nonnegative_least_squares(scaled @ scaled.T, factor * patterns @ scaled.T)
    np.testing.assert_allclose(other * scale / factor, plain, atol=1e-9)


@given(seed=st.integers(0, 10_000), order=st.permutations(range(6)))
@settings(max_examples=40, deadline=None)
def test_order_of_the_references_does_not_matter(seed: int, order: list[int]) -> None:
    reference, patterns = problem(seed, n=20)
    plain = nonnegative_least_squares(reference @ reference.T, patterns @ reference.T)
    shuffled = reference[order]
    np.testing.assert_allclose(
        nonnegative_least_squares(shuffled @ shuffled.T, patterns @ shuffled.T), plain[:, order], atol=1e-9
    )


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_duplicates_and_dependent_references_do_no_harm(seed: int) -> None:
    reference, patterns = problem(seed, n=20, r=4)
    dependent = np.concatenate([reference, reference[:1], reference[1:2] + reference[2:3], np.zeros((1, 60))])
    gram, projection = dependent @ dependent.T, patterns @ dependent.T
    weight = nonnegative_least_squares(gram, projection)
    assert np.isfinite(weight).all()
    assert weight.min() >= 0
    left = np.linalg.norm(patterns - weight @ dependent, axis=1)
    peer = np.array([nnls(reference.T, row)[1] for row in patterns])
    np.testing.assert_allclose(left, peer, rtol=1e-7)
    assert np.all(weight[:, 6] == 0)


def test_nothing_fits_gives_nought() -> None:
    assert np.all(nonnegative_least_squares(np.eye(3), -np.ones((2, 3))) == 0)
    assert nonnegative_least_squares(np.zeros((0, 0)), np.zeros((4, 0))).shape == (4, 0)
    assert np.all(nonnegative_least_squares(np.zeros((2, 2)), np.ones((3, 2))) == 0)


def grains(
    nu: float, count: int = 4, columns: int = 40, rows: int = 24, pixels: int = 3600, averaged: int = 25, seed: int = 0
):
    """Strips of grains under a Gaussian beam: patterns, references, truth."""
    from scipy.special import erf

    generator = np.random.default_rng(seed)
    base = generator.normal(size=(count, pixels))
    base -= base.mean(axis=1, keepdims=True)
    edge = np.arange(count + 1) * columns / count - 0.5
    edge[0], edge[-1] = -99, 999
    cumulative = 0.5 * (1 + erf((edge[None] - np.arange(columns)[:, None]) / (np.sqrt(2) * 0.9)))
    truth = np.tile(np.diff(cumulative, axis=1), (rows, 1))
    patterns = truth @ base + nu * generator.normal(size=(rows * columns, pixels))
    gain = generator.normal(1, 0.03, size=(len(patterns), 1))
    reference = base + nu / np.sqrt(averaged) * generator.normal(size=base.shape)
    noise = np.full(count, nu**2 / averaged)
    return (patterns * gain).astype(np.float32), reference.astype(np.float32), noise, truth, (rows, columns)


@pytest.mark.parametrize(("nu", "goal"), [(0.2, 0.01), (1.4, 0.03), (3.0, 0.08)])
def test_shares_of_mixed_points_are_found_with_honest_intervals(nu: float, goal: float) -> None:
    patterns, reference, noise, truth, shape = grains(nu, count=8)
    found = constrained_weights(patterns, reference, noise, nu**2, CORRECTED, shape=shape)
    own = truth.argmax(axis=1)
    rows = np.arange(len(truth))
    mixed = truth.max(axis=1) < 0.9
    error = np.abs(found.weight[rows, own] - truth[rows, own])[mixed]
    assert mixed.sum() > 100
    assert error.mean() < goal
    absent = (found.weight * (truth < 1e-3)).sum(axis=1)[mixed]
    assert absent.mean() < 0.05
    covered = (error <= 1.96 * found.weight_std[rows, own][mixed]).mean()
    assert 0.90 <= covered <= 0.99
    np.testing.assert_allclose(found.weight.sum(axis=1), 1.0, atol=1e-5)
    assert found.residual.mean() == pytest.approx(1.0, abs=0.05)
    assert found.gain.mean() == pytest.approx(1.0, abs=0.05)


def test_noise_of_the_references_pulls_uncorrected_weights_down() -> None:
    patterns, reference, noise, _, shape = grains(3.0, averaged=9)
    plain = constrained_weights(patterns, reference, noise, 9.0, PAPER)
    corrected = constrained_weights(patterns, reference, noise, 9.0, CORRECTED, shape=shape)
    assert plain.gain.mean() < 0.8
    assert corrected.gain.mean() == pytest.approx(1.0, abs=0.05)


def test_mean_of_patterns_and_references_has_no_say_in_the_default() -> None:
    patterns, reference, noise, _, shape = grains(1.4)
    plain = constrained_weights(patterns, reference, noise, 1.96, CORRECTED, shape=shape)
    lifted = constrained_weights(
        patterns + np.float32(2.0), reference - np.float32(5.0), noise, 1.96, CORRECTED, shape=shape
    )
    np.testing.assert_allclose(lifted.weight, plain.weight, atol=2e-3)
    np.testing.assert_allclose(lifted.residual, plain.residual, atol=1e-3)


def test_reach_keeps_noise_off_far_references() -> None:
    patterns, reference, noise, truth, shape = grains(3.0, count=8)
    near = constrained_weights(patterns, reference, noise, 9.0, CORRECTED, shape=shape)
    everywhere = constrained_weights(patterns, reference, noise, 9.0, CORRECTED)
    absent = truth < 1e-6
    assert (near.weight * absent).sum(axis=1).mean() < 0.2 * (everywhere.weight * absent).sum(axis=1).mean()


def test_mixed_and_equal_references_take_no_part() -> None:
    patterns, reference, noise, _, shape = grains(1.4)
    generator = np.random.default_rng(5)
    mixture = 0.6 * reference[0] + 0.4 * reference[1] + 0.5 * generator.normal(size=3600)
    equal = reference[2] * 1.05 + 0.5 * generator.normal(size=3600)
    more = np.concatenate([reference, mixture[None], equal[None]]).astype(np.float32)
    noises = np.append(noise, [0.25 + noise[0], 0.25 + noise[0]])
    found = constrained_weights(patterns, more, noises, 1.96, CORRECTED, shape=shape)
    assert found.active.tolist() == [True] * 4 + [False] * 2
    plain = constrained_weights(patterns, reference, noise, 1.96, CORRECTED, shape=shape)
    np.testing.assert_allclose(found.weight[:, :4], plain.weight, atol=1e-5)
    assert np.all(found.weight[:, 4:] == 0)
    kept = constrained_weights(
        patterns, more, noises, 1.96, FactorizationSettings(mixed_tolerance=0, equivalence_tolerance=0), shape=shape
    )
    assert kept.active.all()


def test_pure_patterns_are_never_called_mixtures() -> None:
    generator = np.random.default_rng(0)
    base = generator.normal(size=(6, 2000))
    blends = np.concatenate(
        [base, 0.5 * base[:-1] + 0.5 * base[1:], 0.3 * base[:1] + 0.3 * base[1:2] + 0.4 * base[2:3]]
    )
    redundant = redundant_references(blends @ blends.T, np.zeros(len(blends)), 2000, 0.005, 0.2)
    assert redundant.tolist() == [False] * 6 + [True] * 6


def test_a_third_orientation_close_by_is_no_mixture() -> None:
    generator = np.random.default_rng(0)
    parent = generator.normal(size=2000)
    # Squared correlations near 0.85, as between patterns half a degree apart.
    turned = parent + 0.3 * generator.normal(size=(3, 2000))
    between = 0.5 * turned[0] + 0.5 * turned[1]
    family = np.concatenate([turned, between[None]])
    redundant = redundant_references(family @ family.T, np.zeros(4), 2000, 0.005, 0.2)
    assert redundant.tolist() == [False, False, False, True]


def test_indefinite_corrected_gram_is_made_definite() -> None:
    base = np.random.default_rng(1).normal(size=(1, 500))
    reference = base + 0.5 * np.random.default_rng(2).normal(size=(4, 500))
    raw = reference @ reference.T
    energy = np.full(4, 500 * 0.25 * 1.3)
    assert np.linalg.eigvalsh(raw - np.diag(energy)).min() < 0
    corrected = denoised_gram(raw, energy)
    assert np.linalg.eigvalsh(corrected).min() > 0
    definite = denoised_gram(np.diag([4.0, 9.0]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(definite, np.diag([3.0, 8.0]))
    silent = denoised_gram(np.diag([4.0, 2.0]), np.array([1.0, 9.0]))
    assert silent[1, 1] == pytest.approx(0.002)


def test_nearby_means_a_square_window() -> None:
    dominant = np.full((7, 9), 0)
    dominant[3, 4] = 1
    allowed = nearby_references(dominant, 3, 2).reshape(7, 9, 3)
    assert allowed[..., 0].all()
    assert allowed[..., 1].sum() == 25
    assert allowed[1, 2, 1]
    assert not allowed[..., 2].any()


def test_results_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    patterns, reference, noise, _, _ = grains(1.4, rows=80)
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found = constrained_weights(patterns, reference, noise, 1.96, CORRECTED, shape=(80, 40))
        results.append(b"".join(a.tobytes() for a in (found.weight, found.weight_std, found.residual)))
    assert results[0] == results[1]


@pytest.mark.parametrize("settings", [PAPER, CORRECTED])
def test_degenerate_regions_work(settings: FactorizationSettings) -> None:
    pattern = np.random.default_rng(0).normal(size=(1, 64)).astype(np.float32)
    single = constrained_weights(pattern, pattern, np.array([0.01]), 0.01, settings, shape=(1, 1))
    assert single.weight[0, 0] == pytest.approx(1.0, abs=0.02)
    none = constrained_weights(pattern, np.zeros((1, 64), np.float32), np.array([0.0]), 0.0, settings, shape=(1, 1))
    assert none.weight[0, 0] == 0
    assert none.residual[0] == pytest.approx(1.0)
    flat = constrained_weights(np.zeros((4, 64), np.float32), pattern, np.array([0.01]), 0.01, settings, shape=(2, 2))
    assert np.all(flat.weight == 0)
    empty = constrained_weights(pattern, np.zeros((0, 64), np.float32), np.zeros(0), 0.01, settings, shape=(1, 1))
    assert empty.weight.shape == (1, 0)


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="gram"):
        nonnegative_least_squares(np.zeros((2, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="reference_noise_variance"):
        constrained_weights(np.zeros((4, 9), np.float32), np.zeros((2, 9), np.float32), np.zeros(3), 1.0, PAPER)
    with pytest.raises(ValueError, match="shape: found"):
        constrained_weights(
            np.zeros((4, 9), np.float32), np.zeros((2, 9), np.float32), np.zeros(2), 1.0, PAPER, shape=(3, 2)
        )


def test_of_equal_references_the_first_stays() -> None:
    base = np.random.default_rng(8).normal(size=(2, 500))
    gram = base[[0, 1, 0]] @ base[[0, 1, 0]].T
    assert redundant_references(gram, np.full(3, 1.0), 500, 0.005, 0.2).tolist() == [False, False, True]
