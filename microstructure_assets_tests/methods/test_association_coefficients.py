"""Coefficients against SciPy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.feature_selection import f_classif, f_regression

from microstructure_assets.methods.association_coefficients import (
    f_probability,
    kendall,
    pearson,
    regression_f,
    spearman,
    variance_f,
)


def samples(seed: int, count: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Three latents and two maps with something in common, the second map and latent of a few values only."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, 3))
    y = np.stack([x[:, 0] + generator.normal(size=count), generator.integers(0, levels, count)], axis=1)
    x[:, 1] = np.round(x[:, 1] * 2)
    return x, y


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 200), st.integers(1, 12))
def test_equal_to_scipy_with_and_without_ties(seed: int, count: int, levels: int) -> None:
    x, y = samples(seed, count, levels)
    for own, peer in ((pearson, stats.pearsonr), (spearman, stats.spearmanr), (kendall, stats.kendalltau)):
        found = own(x, y)
        assert found.shape == (3, 2)
        for i in range(3):
            for j in range(2):
                if np.ptp(x[:, i]) == 0 or np.ptp(y[:, j]) == 0:
                    assert np.isnan(found[i, j])
                else:
                    assert found[i, j] == pytest.approx(peer(x[:, i], y[:, j]).statistic, abs=1e-10)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([np.exp, np.cbrt, np.arctan]))
def test_ranks_do_not_see_rising_transformations(seed: int, rising: object) -> None:
    x, y = samples(seed, 60, 5)
    for own in (spearman, kendall):
        assert np.array_equal(own(rising(x), y), own(x, y))  # type: ignore[operator]
        assert own(-x, rising(y)) == pytest.approx(-own(x, y), abs=1e-12)  # type: ignore[operator]
    assert np.abs(pearson(np.exp(3 * x), y) - pearson(x, y)).max() > 1e-3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_pearson_does_not_see_scale_and_origin(seed: int, scale: float, origin: float) -> None:
    x, y = samples(seed, 60, 5)
    assert pearson(x * scale + origin, y) == pytest.approx(pearson(x, y), abs=1e-6, nan_ok=True)
    assert pearson(-x, y) == pytest.approx(-pearson(x, y), abs=1e-12, nan_ok=True)


def test_f_is_that_of_scikit_learn_and_scipy() -> None:
    x, y = samples(3, 150, 4)
    ratio, probability = f_regression(x, y[:, 0])
    own = regression_f(pearson(x, y[:, :1]), 150)[:, 0]
    assert own == pytest.approx(ratio)
    assert f_probability(own, 1, 148) == pytest.approx(probability)
    label = y[:, 1].astype(int)
    ratio, probability = f_classif(x, label)
    onehot = np.eye(6)[label]  # two classes that no point has
    own, first, second = variance_f(onehot.sum(axis=0), onehot.T @ x, np.sum(x**2, axis=0))
    assert own == pytest.approx(ratio)
    assert f_probability(own, first, second) == pytest.approx(probability)
    assert own[0] == pytest.approx(stats.f_oneway(*(x[label == k, 0] for k in range(4))).statistic)


def test_what_cannot_be_computed_is_nan() -> None:
    assert np.isnan(regression_f(np.array([0.5]), 2)).all()
    one = np.array([[3.0, 4.0]])
    assert np.isnan(variance_f(np.array([2]), one, np.array([5.0, 9.0]))[0]).all()
    assert np.isnan(kendall(one, one)).all()
    assert np.isnan(pearson(np.ones((5, 1)) * 0.1, np.arange(5.0)[:, None])).all()
    constant = np.ones((4, 1))
    onehot = np.eye(2)[[0, 0, 1, 1]]
    assert np.isnan(variance_f(onehot.sum(axis=0), onehot.T @ constant, np.sum(constant**2, axis=0))[0]).all()
