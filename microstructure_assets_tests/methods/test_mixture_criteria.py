"""Silhouettes against scikit-learn, and the composite scores in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

from microstructure_assets.methods.mixture_criteria import composite_score, silhouettes


def blobs(seed: int, clusters: int, points: int, distance: float):
    """Gaussian clusters in four dimensions and their truth."""
    generator = np.random.default_rng(seed)
    centre = generator.normal(size=(clusters, 4))
    centre *= distance / np.linalg.norm(centre, axis=1, keepdims=True)
    truth = np.repeat(np.arange(clusters), points)
    return centre[truth] + generator.normal(size=(len(truth), 4)), truth


def test_sampled_silhouette_lies_within_its_error() -> None:
    score, truth = blobs(9, 4, 1500, 4.0)
    score = np.concatenate([score, score[:30] * 0 + 9.0 + np.random.default_rng(0).normal(size=(30, 4))])
    truth = np.concatenate([truth, np.full(30, 4)])
    exact = silhouette_samples(score, truth).mean()
    labels = np.stack([truth, np.zeros_like(truth)])
    mean, error = silhouettes(score, labels, 600, 0)
    assert np.isnan(mean[1])
    assert 0 < error[0] < 0.02
    assert abs(mean[0] - exact) < 4 * error[0]
    whole, none = silhouettes(score, labels, len(score), 0)
    assert whole[0] == pytest.approx(exact, abs=1e-12)
    assert none[0] == 0.0


def test_paper_composite_is_the_raw_sum_and_silhouette_has_no_say_in_it() -> None:
    aic, bic, icl = np.array([1000.0, 900.0, 905.0]), np.array([1010.0, 950.0, 990.0]), np.zeros(3)
    silhouette = np.array([0.9, 0.1, 0.2])
    raw = composite_score("paper", aic, bic, icl, silhouette, (1.0, 1.0, 1.0), (1100.0, 1100.0), 100)
    np.testing.assert_allclose(raw, -aic - bic + silhouette)
    assert raw.argmax() == 1
    ranked = composite_score("paper_rank", aic, bic, icl, silhouette, (0.2, 0.6, 0.2), (1100.0, 1100.0), 100)
    np.testing.assert_allclose(
        ranked, [0.2 * 1 + 0.6 * 1 + 0.2 * 3, 0.2 * 3 + 0.6 * 3 + 0.2 * 1, 0.2 * 2 + 0.6 * 2 + 0.2 * 2]
    )


@given(scale=st.floats(0.01, 100.0), repeats=st.integers(1, 50))
@settings(max_examples=30, deadline=None)
def test_normalised_composite_does_not_depend_on_the_number_of_points(scale: float, repeats: int) -> None:
    aic, bic = np.array([900.0, 700.0]) * scale, np.array([950.0, 720.0]) * scale
    silhouette = np.array([0.5, 0.6])
    arguments = ("paper_normalised", aic, bic, bic, silhouette, (1.0, 1.0, 1.0), (1000.0 * scale, 1000.0 * scale), 100)
    once = composite_score(*arguments)
    more = composite_score(
        "paper_normalised",
        aic * repeats,
        bic * repeats,
        bic,
        silhouette,
        (1.0, 1.0, 1.0),
        (1000.0 * scale * repeats, 1000.0 * scale * repeats),
        100 * repeats,
    )
    np.testing.assert_allclose(once, more, rtol=1e-9)
    assert np.all(once <= 3.0)
