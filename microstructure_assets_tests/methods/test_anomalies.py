"""Mahalanobis distances against scipy and scikit-learn, and what the pooled covariance is for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from scipy.stats import chi2
from sklearn.covariance import oas
from sklearn.metrics import roc_auc_score

from microstructure_assets.methods.anomalies import mahalanobis_anomalies, pooled_core, shrunk_covariance
from microstructure_assets.methods.settings import AnomaliesSettings

PAPER = AnomaliesSettings(covariance="paper")


def two_clusters(points: int = 2000, d: int = 3, seed: int = 0):
    generator = np.random.default_rng(seed)
    shape = generator.normal(size=(2, d, d))
    covariance = shape @ shape.transpose(0, 2, 1) + np.eye(d)
    mean = np.stack([np.zeros(d), np.full(d, 30.0)])
    label = np.repeat([0, 1], points)
    score = np.concatenate([generator.multivariate_normal(mean[k], covariance[k], points) for k in range(2)])
    return score, label, mean, covariance


def test_paper_form_is_the_textbook_distance() -> None:
    score, label, mean, covariance = two_clusters()
    found = mahalanobis_anomalies(score, label, mean, covariance, PAPER)
    for i in (0, 17, 2500, 3999):
        expected = mahalanobis(score[i], mean[label[i]], np.linalg.inv(covariance[label[i]])) ** 2
        assert found.squared[i] == pytest.approx(expected, rel=1e-5)
    assert found.threshold == pytest.approx(chi2.ppf(0.95, 3))
    assert np.array_equal(found.anomaly, found.squared > np.float32(found.threshold))


def test_gaussian_clusters_have_no_excess() -> None:
    score, label, mean, covariance = two_clusters(points=20_000)
    found = mahalanobis_anomalies(score, label, mean, covariance, PAPER)
    assert abs(found.excess) < 0.005
    same = np.repeat(covariance[:1], 2, axis=0)
    lower = np.linalg.cholesky(covariance)
    score = np.concatenate([score[:20_000], (score[20_000:] - 30) @ np.linalg.inv(lower[1]).T @ lower[0].T + 30])
    pooled = mahalanobis_anomalies(score, label, mean, same, AnomaliesSettings())
    assert abs(pooled.excess) < 0.01
    np.testing.assert_allclose(pooled.covariance[0], covariance[0], rtol=0.1, atol=0.1)
    assert pooled.cluster_size.tolist() == [20_000, 20_000]
    assert pooled.cluster_anomalies.sum() == pooled.anomaly.sum()


@pytest.mark.parametrize("n", [2, 5, 40, 1000])
def test_shrinkage_is_scikit_learns_oas(n: int) -> None:
    deviation = np.random.default_rng(n).normal(size=(n, 4)) * [1, 2, 3, 4]
    np.testing.assert_allclose(shrunk_covariance(deviation), oas(deviation, assume_centered=True)[0], rtol=1e-10)


def test_small_clusters_take_the_shrunk_covariance_of_their_members() -> None:
    generator = np.random.default_rng(0)
    score = generator.normal(size=(12, 4))
    found = mahalanobis_anomalies(score, np.zeros(12, int), score.mean(0)[None], np.eye(4)[None] * 1e-6, PAPER)
    expected = oas(score - score.mean(0), assume_centered=True)[0]
    np.testing.assert_allclose(found.covariance[0], expected, rtol=1e-6)
    assert found.squared.max() < 50


def test_pooled_core_ignores_a_wide_cluster_of_mixed_points() -> None:
    generator = np.random.default_rng(1)
    grains = [generator.normal(size=(300, 3)) + centre for centre in ([0, 0, 0], [40, 0, 0])]
    share = generator.uniform(0.1, 0.9, size=(100, 1))
    mixed = share * [40.0, 0, 0] + generator.normal(size=(100, 3))
    score = np.concatenate([*grains, mixed])
    label = np.repeat([0, 1, 2], [300, 300, 100])
    mean = np.stack([score[label == k].mean(0) for k in range(3)])
    covariance = np.stack([np.cov(score[label == k].T) for k in range(3)])
    boundary = label == 2
    paper = mahalanobis_anomalies(score, label, mean, covariance, PAPER)
    pooled = mahalanobis_anomalies(score, label, mean, covariance, AnomaliesSettings())
    assert roc_auc_score(boundary, paper.squared) < 0.6
    assert roc_auc_score(boundary, pooled.squared) > 0.9
    assert pooled.anomaly[~boundary].mean() < 0.15
    np.testing.assert_allclose(np.diag(pooled.covariance[0]), 1.0, atol=0.35)


@pytest.mark.parametrize("settings", [PAPER, AnomaliesSettings()])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_degenerate_clusters_are_finite(n: int, settings: AnomaliesSettings) -> None:
    score = np.ones((n, 2))
    found = mahalanobis_anomalies(score, np.zeros(n, int), score[:1], np.zeros((1, 2, 2)), settings)
    assert np.all(found.squared == 0)
    assert not found.anomaly.any()


def test_distances_follow_linear_maps_of_the_scores() -> None:
    score, label, mean, covariance = two_clusters(points=400)
    transform = np.array([[2.0, 0.3, 0], [0, 1.0, -0.4], [0.1, 0, 3.0]])
    plain = mahalanobis_anomalies(score, label, mean, covariance, PAPER).squared
    mapped = mahalanobis_anomalies(
        score @ transform.T, label, mean @ transform.T, transform @ covariance @ transform.T, PAPER
    ).squared
    np.testing.assert_allclose(mapped, plain, rtol=1e-4)


def test_centre_of_the_core_is_the_median() -> None:
    score = np.array([[0.0], [1.0], [2.0], [100.0]])
    centre, covariance = pooled_core(score, np.zeros(4, int), 1, 0.5, 1e-12)
    assert centre[0, 0] == 1.5
    assert 0 < covariance[0, 0] < 100


def test_wrong_input_is_named() -> None:
    score = np.zeros((4, 2))
    with pytest.raises(ValueError, match="label: found 0 to 3"):
        mahalanobis_anomalies(score, np.arange(4), np.zeros((2, 2)), np.zeros((2, 2, 2)), PAPER)
    with pytest.raises(ValueError, match=r"expected \(n, d\)"):
        mahalanobis_anomalies(score, np.zeros(3, int), np.zeros((1, 2)), np.zeros((1, 2, 2)), PAPER)
    with pytest.raises(ValueError, match="covariance: found shape"):
        mahalanobis_anomalies(score, np.zeros(4, int), np.zeros((1, 2)), np.zeros((1, 3, 3)), PAPER)
