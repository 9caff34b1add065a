"""Permutations and signs against all of them, textbook tests and simulated fields."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from microstructure_assets.methods.association_neighbours import effective_grains
from microstructure_assets.methods.association_permutations import (
    Comparison,
    _permutations,
    family_probability,
    permutation_test,
)
from microstructure_assets.methods.association_signs import sign_flip_test


def compared(seed: int, grains: int, latents: int = 3, maps: int = 2, related: float = 0.6) -> Comparison:
    """Grains of one stratum; the first latent and the first map are related."""
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(grains, latents)), generator.normal(size=(grains, maps))
    y[:, 0] += related * x[:, 0]
    ones = np.ones((grains, 1))
    return Comparison(x, [y[:, [k]] for k in range(maps)], ones, np.zeros(grains, int), ones[:, 0])


def test_p_is_that_of_all_permutations() -> None:
    given = compared(1, 7, 1, 1, 0.3)
    x, y = given.latents[:, 0], given.maps[0][:, 0]
    own = abs(np.corrcoef(x, y)[0, 1])
    every = [abs(np.corrcoef(x, y[list(order)])[0, 1]) for order in itertools.permutations(range(7))]
    exact = np.mean(np.array(every) >= own - 1e-9)
    found = permutation_test(given, 9999, [0])
    assert found.probability[0, 0] == pytest.approx(exact, abs=4 * np.sqrt(exact / 9999) + 1e-4)
    assert found.coefficient[0, 0] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert 0.01 < exact < 0.9


def test_statistic_is_the_textbook_tail() -> None:
    given = compared(2, 60)
    label = np.random.default_rng(0).integers(0, 3, 60)
    found = permutation_test(replace(given, maps=[*given.maps, np.eye(3)[label]]), 99, [0])
    for k in range(3):
        for j in range(2):
            tail = stats.pearsonr(given.latents[:, k], given.maps[j][:, 0]).pvalue
            assert found.statistic[k, j] == pytest.approx(-np.log(tail))
        tail = stats.f_oneway(*(given.latents[label == kind, k] for kind in range(3))).pvalue
        assert found.statistic[k, 2] == pytest.approx(-np.log(tail))


def test_partial_correlation_and_every_permutation_as_least_squares_have_them() -> None:
    generator = np.random.default_rng(3)
    given = compared(3, 50)
    strata, weight = generator.integers(0, 2, 50), generator.uniform(0.3, 1, 50)
    smooth = generator.normal(size=(50, 2))
    nuisance = np.column_stack([strata == 0, strata == 1, smooth, smooth[:, 0] * 2])
    label = np.eye(3)[generator.integers(0, 3, 50)]
    given = replace(
        given,
        maps=[given.maps[0] + smooth[:, :1], label],
        latents=given.latents + smooth[:, 1:],
        nuisance=nuisance,
        strata=strata,
        weight=weight,
    )
    found = permutation_test(given, 99, [5])
    root = np.sqrt(weight)[:, None]

    def left(values: np.ndarray) -> np.ndarray:
        return values - root * nuisance @ np.linalg.lstsq(root * nuisance, values, rcond=None)[0]

    x, y = left(root * given.latents), [left(root * own) for own in given.maps]
    one = y[0][:, 0] / np.linalg.norm(y[0])
    assert found.coefficient[:, 0] == pytest.approx(one @ x / np.linalg.norm(x, axis=0))
    largest = []
    for order in _permutations(strata, 99, [5]):
        tails = []
        for own in y:
            turned = left(own[order])
            basis = np.linalg.svd(turned, full_matrices=False)[0][:, : max(1, own.shape[1] - 1)]
            square = np.sum((basis.T @ x) ** 2, axis=0) / np.sum(x**2, axis=0)
            rank = basis.shape[1]
            tails.append(-np.log(stats.beta.sf(square, rank / 2, (50 - 4 - rank) / 2)))
        largest.append(np.max(tails))
    assert found.largest == pytest.approx(largest, rel=1e-3)
    assert found.functions == 4


def test_permutations_stay_inside_strata_and_reach_all_places() -> None:
    strata = np.array([0, 1, 0, 1, 1, 0, 2])
    order = _permutations(strata, 200, [0])
    assert (strata[order] == strata).all()
    assert (np.sort(order, axis=1) == np.arange(7)).all()
    assert set(order[:, 0].tolist()) == {0, 2, 5}
    assert np.array_equal(order, _permutations(strata, 200, [0]))
    assert not np.array_equal(order, _permutations(strata, 200, [1]))


def test_family_is_stricter_than_the_pair_and_counts_all_tests() -> None:
    tests = [permutation_test(compared(seed, 40, related=0.8), 499, [seed]) for seed in (1, 2)]
    together, alone = family_probability(tests), family_probability(tests[:1])
    assert (together[0] >= alone[0] - 1e-12).all()
    assert (alone[0] >= tests[0].probability - 0.05).all()
    assert alone[0][0, 0] <= 0.01
    assert (together[0] > alone[0]).any()
    assert tests[0].probability.min() == pytest.approx(1 / 500)


def test_what_is_explained_is_nought_and_what_is_constant_is_nan() -> None:
    given = compared(4, 40)
    latents = np.column_stack([given.latents[:, 0], np.full(40, 7.3), given.latents[:, 1]])
    nuisance = np.column_stack([np.ones(40), given.latents[:, 0]])
    found = permutation_test(replace(given, latents=latents, nuisance=nuisance), 99, [0])
    assert found.coefficient[0].tolist() == [0, 0]
    assert found.probability[0].tolist() == [1, 1]
    assert np.isnan(found.coefficient[1]).all()
    assert np.isnan(found.probability[1]).all()
    assert np.isnan(family_probability([found])[0][1]).all()
    assert np.isfinite(found.probability[2]).all()


def test_large_origins_cost_nothing() -> None:
    given = compared(5, 40)
    moved = replace(given, latents=given.latents + 1e6, maps=[own - 1e5 for own in given.maps])
    one, other = permutation_test(given, 199, [0]), permutation_test(moved, 199, [0])
    assert other.coefficient == pytest.approx(one.coefficient, abs=1e-6)
    assert other.probability == pytest.approx(one.probability, abs=0.011)


def test_signs_are_those_of_all_flips() -> None:
    cross = np.random.default_rng(6).uniform(-0.6, 1, (10, 1, 1))
    own = abs(cross.sum())
    every = [abs(np.dot(signs, cross[:, 0, 0])) for signs in itertools.product((-1, 1), repeat=10)]
    exact = np.mean(np.array(every) >= own - 1e-9)
    found = sign_flip_test(cross, cross.sum(axis=0), np.ones((1, 1)), 9999, [0])
    assert found.probability[0, 0] == pytest.approx(exact, abs=4 * np.sqrt(exact / 9999) + 1e-4)
    assert found.effective[0, 0] == 10
    assert 0.01 < exact < 0.9


def test_signs_of_pairs_that_no_grain_has_are_unknown() -> None:
    cross = np.random.default_rng(7).uniform(-1, 1, (20, 2, 2))
    cross[:, 1, 0] = 0
    found = sign_flip_test(cross, cross.sum(axis=0), np.ones((2, 2)), 99, [0])
    assert np.isnan(found.probability[1, 0])
    assert np.isnan(family_probability([found])[0][1, 0])
    assert np.isfinite(np.delete(found.probability.ravel(), 2)).all()


def smooth_fields(seed: int, places: np.ndarray, reach: float, count: int) -> np.ndarray:
    square = np.sum((places[:, None] - places[None]) ** 2, axis=-1)
    covariance = np.exp(-square / (2 * reach**2)) + 1e-6 * np.eye(len(places))
    return np.linalg.cholesky(covariance) @ np.random.default_rng(seed).normal(size=(len(places), count))


def spread(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    return values - basis @ (basis.T @ values)


@pytest.mark.parametrize("degree", [0, 2])
def test_effective_grains_foretell_how_coefficients_of_residuals_vary(degree: int) -> None:
    places = np.random.default_rng(8).random((200, 2)) * 100
    y, x = places.T / 100
    powers = [y**i * x**j for i in range(degree + 1) for j in range(degree + 1 - i)]
    basis = np.linalg.qr(np.stack(powers, axis=1))[0]
    fields = spread(smooth_fields(9, places, 12, 400), basis)
    unit = fields / np.linalg.norm(fields, axis=0)
    truth = basis.shape[1] + 1 / np.mean((unit[:, :200].T @ unit[:, 200:]) ** 2)
    found = np.median(effective_grains(places, fields[:, :200], fields[:, 200:], basis))
    assert found == pytest.approx(truth, rel=0.25)
    assert truth < 60


def test_effective_grains_of_independent_ones_are_nearly_all() -> None:
    places = np.random.default_rng(10).random((300, 2)) * 100
    basis = np.linalg.qr(np.random.default_rng(12).normal(size=(300, 30)))[0]
    values = spread(np.random.default_rng(11).normal(size=(300, 20)), basis)
    found = effective_grains(places, values[:, :10], values[:, 10:], basis)
    assert np.median(found) > 270
    assert found.max() <= 300


def test_effective_grains_by_all_pairs_as_matrices() -> None:
    places = np.random.default_rng(13).random((40, 2)) * (30, 40)
    basis = np.linalg.qr(np.column_stack([np.ones(40), places]))[0]
    values = spread(smooth_fields(12, places, 8, 2), basis)
    place = places - places.min(axis=0)
    cell = (place / np.sqrt(np.prod(place.max(axis=0)) / 40) * 2).astype(int)
    apart = np.hypot(*(cell[:, None] - cell[None]).transpose(2, 0, 1)) / 2
    kind = np.where(np.eye(40, dtype=bool), 0, 1 + np.digitize(apart, [1, 2, 3, 4, 6, 8, 11]))
    pairs = [(kind == own).astype(float) for own in np.unique(kind)]
    left = np.eye(40) - basis @ basis.T
    traces = np.array([[np.trace(a @ left @ b @ left) for b in pairs] for a in pairs])
    sums = np.array([[v @ own @ v for own in pairs] for v in values.T])
    variance = sums[0] @ np.linalg.pinv(traces, rcond=1e-9, hermitian=True) @ sums[1]
    expected = 3 + sums[0, 0] * sums[1, 0] / variance
    assert effective_grains(places, values[:, :1], values[:, 1:], basis)[0, 0] == pytest.approx(expected)
    assert 5 < expected < 40
