"""The compiled iterations of spherical mixtures against scikit-learn's, whatever part of a block the points fill."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from microstructure_assets.methods.point_blocks import BLOCK_POINTS
from microstructure_assets.methods.spherical_kernels import expectation_maximisation


def scores(n: int, d: int, clusters: int) -> np.ndarray:
    """Overlapping clusters."""
    random = np.random.default_rng([n, d, clusters])
    return random.normal(size=(clusters, d))[random.integers(0, clusters, n)] * 2 + random.normal(size=(n, d))


@pytest.mark.parametrize("n", [5, BLOCK_POINTS - 1, BLOCK_POINTS, BLOCK_POINTS + 1, 500])
@pytest.mark.parametrize(("d", "clusters"), [(1, 2), (3, 4), (10, 3)])
def test_each_iteration_is_scikit_learns(n: int, d: int, clusters: int) -> None:
    score = scores(n, d, clusters)
    weight, mean = np.full(clusters, 1 / clusters), score[:clusters].copy()
    variance = np.full(clusters, 0.8)
    peer = GaussianMixture(
        clusters,
        covariance_type="spherical",
        tol=0,
        max_iter=7,
        reg_covar=1e-3,
        weights_init=weight,
        means_init=mean,
        precisions_init=1 / variance,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer.fit(score)
    likelihood = expectation_maximisation(score, weight, mean, variance, 1e-3, -np.inf, 7)
    np.testing.assert_allclose(weight, peer.weights_, atol=1e-8)
    np.testing.assert_allclose(mean, peer.means_, atol=1e-8)
    np.testing.assert_allclose(variance, peer.covariances_, rtol=1e-8)
    assert likelihood == pytest.approx(peer.score(score) * n, rel=1e-9)


def test_components_far_from_every_point_of_a_block_are_no_part_of_it() -> None:
    random = np.random.default_rng(0)
    score = np.concatenate([random.normal(size=(200, 4)), random.normal(size=(150, 4)) + 1e3])
    weight, mean, variance = np.full(2, 0.5), np.stack([score[0], score[-1]]), np.ones(2)
    expectation_maximisation(score, weight, mean, variance, 0.0, 1e-9, 100)
    np.testing.assert_allclose(weight, [200 / 350, 150 / 350], rtol=1e-12)
    np.testing.assert_allclose(mean, [score[:200].mean(axis=0), score[200:].mean(axis=0)], rtol=1e-12)
    np.testing.assert_allclose(variance, [score[:200].var(axis=0).mean(), score[200:].var(axis=0).mean()], rtol=1e-9)
