"""Spherical mixtures in torch against scikit-learn from the same start, and against the compiled kernels."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from microstructure_assets.methods import mixture_torch
from microstructure_assets.methods.device import TORCH_ON_PROCESSOR
from microstructure_assets.methods.mixture_fits import Fit, Region, fit_mixtures
from microstructure_assets.methods.mixture_torch import Spherical, improve_spherical
from microstructure_assets_tests.methods.test_mixture import blobs

PROCESSOR = torch.device("cpu")
# Regions of unlike numbers of points and dimensions.
SHAPES = ((3, 40, 2), (5, 25, 6), (2, 111, 1), (4, 60, 4))


def regions_of(distance: float) -> list[np.ndarray]:
    return [
        blobs(seed, clusters, points, d, distance)[0] + 100.0 * seed
        for seed, (clusters, points, d) in enumerate(SHAPES)
    ]


def starts_of(scores: list[np.ndarray], most: int = 6) -> list[Spherical]:
    """Every K of every region, from means at points that are drawn."""
    generator = np.random.default_rng(0)
    starts = []
    for region, score in enumerate(scores):
        for k in range(1, most + 1):
            mean = score[generator.choice(len(score), k, replace=False)]
            starts.append(Spherical(region, np.full(k, 1 / k), mean, np.full(k, score.var(axis=0).mean())))
    return starts


def scikit_learns(start: Spherical, score: np.ndarray, regularisation: float, iterations: int) -> GaussianMixture:
    model = GaussianMixture(
        len(start.weight),
        covariance_type="spherical",
        weights_init=start.weight,
        means_init=start.mean,
        precisions_init=1 / start.variance,
        reg_covar=regularisation,
        tol=0.0,
        max_iter=iterations,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a number of iterations is asked for, not an end
        return model.fit(score)


def by_place(fit: Fit) -> Fit:
    """Components ordered by their mean: among equal weights rounding decides the order of a fit."""
    order = np.argsort(fit.mean[:, 0])
    return replace(fit, weight=fit.weight[order], mean=fit.mean[order], covariance=fit.covariance[order])


@pytest.mark.parametrize("iterations", [1, 5, 40])
def test_parameters_are_scikit_learns_from_the_same_start(iterations: int) -> None:
    scores = regions_of(4.0)
    regularisation = [1e-6 * float(score.var(axis=0).mean()) for score in scores]
    starts = starts_of(scores)
    found = improve_spherical(scores, regularisation, starts, -np.inf, iterations, PROCESSOR)
    for start, own in zip(starts, found, strict=True):
        score = scores[start.region]
        peer = scikit_learns(start, score, regularisation[start.region], iterations)
        if peer.n_iter_ < iterations:  # not one digit was gained
            continue
        np.testing.assert_allclose(own.weight, peer.weights_, rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(own.mean, peer.means_, rtol=1e-8)
        np.testing.assert_allclose(own.variance, peer.covariances_, rtol=1e-6)
        np.testing.assert_allclose(own.log_likelihood, peer.score(score) * len(score), rtol=1e-9)


@pytest.mark.parametrize("distance", [3.0, 12.0])
def test_fits_are_the_compiled_kernels(distance: float) -> None:
    scores = regions_of(distance)
    regions = [Region(score, [(k, "spherical") for k in range(1, 7)], 0.0) for score in scores]
    compiled = fit_mixtures(regions, 3, 0)
    for own, other in zip(fit_mixtures(regions, 3, 0, TORCH_ON_PROCESSOR), compiled, strict=True):
        for one, two in zip(map(by_place, own), map(by_place, other), strict=True):
            np.testing.assert_allclose(one.log_likelihood, two.log_likelihood, rtol=1e-9)
            np.testing.assert_allclose(one.weight, two.weight, atol=1e-7)
            np.testing.assert_allclose(one.mean, two.mean, atol=1e-6)
            np.testing.assert_allclose(one.covariance, two.covariance, rtol=1e-6, atol=1e-12)


def test_other_forms_stay_with_the_kernels() -> None:
    score = blobs(0, 3)[0]
    region = Region(score, [(2, "full"), (3, "spherical"), (3, "diagonal")])
    compiled, own = fit_mixtures([region], 2, 0)[0], fit_mixtures([region], 2, 0, TORCH_ON_PROCESSOR)[0]
    assert [fit.form for fit in own] == ["full", "spherical", "diagonal"]
    for index in (0, 2):
        np.testing.assert_array_equal(own[index].covariance, compiled[index].covariance)
    one, two = by_place(own[1]), by_place(compiled[1])
    np.testing.assert_allclose(one.covariance, two.covariance, rtol=1e-6, atol=1e-12)


def test_company_does_not_change_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = regions_of(4.0)
    starts = starts_of(scores)
    together = improve_spherical(scores, [1e-6] * len(scores), starts, 1e-6, 50, PROCESSOR)
    monkeypatch.setattr(mixture_torch, "BATCH_NUMBERS", 1)
    alone = improve_spherical(scores, [1e-6] * len(scores), starts, 1e-6, 50, PROCESSOR)
    for one, two in zip(together, alone, strict=True):
        assert one.region == two.region
        np.testing.assert_allclose(one.mean, two.mean, rtol=1e-9)
        np.testing.assert_allclose(one.log_likelihood, two.log_likelihood, rtol=1e-10)


def test_likelihood_rises_and_belongs_to_the_parameters() -> None:
    scores = regions_of(4.0)
    starts = starts_of(scores)
    regularisation = [1e-9] * len(scores)
    last = np.full(len(starts), -np.inf)
    for iterations in (0, 1, 2, 7, 8, 9, 30):
        found = improve_spherical(scores, regularisation, starts, -np.inf, iterations, PROCESSOR)
        again = improve_spherical(scores, regularisation, found, -np.inf, 0, PROCESSOR)
        likelihood = np.array([fit.log_likelihood for fit in found])
        assert (likelihood >= last - 1e-6 * np.abs(likelihood)).all()
        np.testing.assert_allclose([fit.log_likelihood for fit in again], likelihood, rtol=1e-12)
        last = likelihood


def test_points_that_coincide_keep_finite_variances() -> None:
    score = np.repeat([[0.0, 0.0], [1e3, 1.0], [5.0, 7.0]], 20, axis=0)
    starts = [Spherical(0, np.full(3, 1 / 3), score[[0, 20, 40]] + 0.1, np.ones(3))]
    found = improve_spherical([score], [1e-4], starts, 1e-9, 100, PROCESSOR)[0]
    np.testing.assert_allclose(found.mean, score[[0, 20, 40]], atol=1e-6)
    np.testing.assert_allclose(found.variance, 1e-4, rtol=1e-3)
    np.testing.assert_allclose(found.weight, 1 / 3, atol=1e-9)


def test_nothing_to_do_is_done() -> None:
    assert improve_spherical([], [], [], 1e-4, 10, PROCESSOR) == []
    assert fit_mixtures([], 3, 0, TORCH_ON_PROCESSOR) == []
