"""The mixture against scikit-learn, its limits, and the criteria that choose K."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.mixture import GaussianMixture

from microstructure_assets.methods.mixture import select_mixture
from microstructure_assets.methods.mixture_fits import Region, fit_mixtures, parameter_count, permitted_form
from microstructure_assets.methods.settings import MixtureSettings

SKLEARN = {"full": "full", "tied": "tied", "diagonal": "diag", "spherical": "spherical"}


def blobs(seed: int, clusters: int, points: int = 120, d: int = 4, distance: float = 12.0):
    """Separated Gaussian clusters and their truth."""
    generator = np.random.default_rng(seed)
    centre = generator.normal(size=(clusters, d))
    centre *= distance / np.linalg.norm(centre, axis=1, keepdims=True)
    truth = np.repeat(np.arange(clusters), points)
    return centre[truth] + generator.normal(size=(len(truth), d)), truth


@pytest.mark.parametrize("form", list(SKLEARN))
@pytest.mark.parametrize("clusters", [1, 3, 5])
def test_log_likelihood_is_no_worse_than_scikit_learns(form: str, clusters: int) -> None:
    for seed in (0, 1, 2):
        score, _ = blobs(seed, clusters)
        fit = fit_mixtures([Region(score, [(clusters, form)])], 3, 0)[0][0]
        regularisation = 1e-6 * float(score.var(axis=0).mean())
        peer = GaussianMixture(
            clusters, covariance_type=SKLEARN[form], reg_covar=regularisation, n_init=3, random_state=seed
        ).fit(score)
        assert fit.log_likelihood / len(score) >= peer.score(score) - 1e-4
        peer.weights_, peer.means_ = fit.weight, fit.mean
        peer.precisions_cholesky_ = np.stack([np.linalg.inv(np.linalg.cholesky(c)).T for c in fit.covariance])
        peer.covariance_type = "full"
        assert peer.score(score) == pytest.approx(fit.log_likelihood / len(score), abs=1e-9)


@pytest.mark.parametrize("form", list(SKLEARN))
def test_parameters_are_counted_as_scikit_learn_counts_them(form: str) -> None:
    score, _ = blobs(0, 3)
    peer = GaussianMixture(3, covariance_type=SKLEARN[form], random_state=0).fit(score)
    assert parameter_count(3, 4, form) == peer._n_parameters()


@pytest.mark.parametrize("criterion", ["icl", "bic", "paper", "paper_rank", "paper_normalised"])
def test_separated_clusters_are_found_by_every_criterion(criterion: str) -> None:
    score, truth = blobs(3, 5, distance=20.0)
    found = select_mixture(score, MixtureSettings(criterion=criterion, maximum_clusters=8))
    assert found.count == 5
    assert adjusted_rand_score(truth, found.label) == 1.0
    assert found.criteria["chosen"].sum() == 1
    assert found.criteria["clusters"][found.criteria["chosen"]] == 5
    first = 2 if criterion.startswith("paper") else 1
    assert found.criteria["clusters"].tolist() == list(range(first, 9))


@pytest.mark.parametrize("d", [1, 2, 5])
def test_one_grain_is_one_cluster(d: int) -> None:
    generator = np.random.default_rng(d)
    split = [select_mixture(generator.normal(size=(300, d)), MixtureSettings()).count for _ in range(10)]
    assert split == [1] * 10


def test_curves_agree_with_scikit_learns_definitions() -> None:
    score, _ = blobs(1, 3)
    found = select_mixture(score, MixtureSettings(maximum_clusters=4, covariance="full"))
    row = int(np.flatnonzero(found.criteria["chosen"])[0])
    peer = GaussianMixture(3, random_state=0, tol=1e-6).fit(score)
    assert found.criteria["bic"][row] == pytest.approx(peer.bic(score), rel=1e-4)
    assert found.criteria["aic"][row] == pytest.approx(peer.aic(score), rel=1e-4)
    share = found.responsibility.astype(float)
    entropy = -np.sum(share * np.log(np.maximum(share, 1e-300)))
    assert found.criteria["icl"][row] == pytest.approx(found.criteria["bic"][row] + 2 * entropy, rel=1e-4)
    assert found.criteria["silhouette"][row] == pytest.approx(silhouette_score(score, found.label), abs=1e-12)
    assert found.criteria["silhouette_std"][row] == 0.0
    assert np.isnan(found.criteria["silhouette"][found.criteria["clusters"] == 1]).all()


def test_components_are_ordered_and_shares_sum_to_one() -> None:
    score, _ = blobs(5, 4)
    score = score[: 3 * 120 + 40]
    found = select_mixture(score, MixtureSettings())
    assert np.all(np.diff(found.weight) <= 0)
    assert found.weight.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found.responsibility.sum(axis=1), 1.0, atol=1e-6)
    assert np.array_equal(found.label, found.responsibility.argmax(axis=1))
    assert found.label.dtype == np.int32
    assert found.responsibility.dtype == np.float32


def test_result_does_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    score, _ = blobs(7, 4, distance=5.0)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        results.append(select_mixture(score, MixtureSettings(maximum_clusters=6)))
    for other in results[1:]:
        assert other.mean.tobytes() == results[0].mean.tobytes()
        assert other.covariance.tobytes() == results[0].covariance.tobytes()
        for name, column in other.criteria.items():
            assert column.tobytes() == results[0].criteria[name].tobytes()


def test_points_limit_clusters_and_form() -> None:
    score, _ = blobs(2, 4, points=30, d=6)
    found = select_mixture(score, MixtureSettings(maximum_clusters=16))
    assert found.limited
    assert found.criteria["parameters"].max() < len(score) / 5
    full = select_mixture(score, MixtureSettings(maximum_clusters=16, covariance="full", criterion="bic"))
    assert full.limited
    assert set(full.criteria["covariance_form"][1:]) <= {"tied", "diagonal", "spherical"}
    free = select_mixture(blobs(2, 2, points=3000, d=2)[0], MixtureSettings(maximum_clusters=3))
    assert not free.limited


def test_poorer_forms_follow_richer_ones() -> None:
    assert permitted_form(3, 10_000, 4, "full", 5) == "full"
    assert parameter_count(3, 4, "full") == 44
    assert permitted_form(3, 44 * 5, 4, "full", 5) == "tied"
    assert permitted_form(3, 44 * 5 + 1, 4, "full", 5) == "full"
    assert permitted_form(9, 100, 4, "full", 5) is None
    assert permitted_form(1, 1, 4, "full", 5) == "spherical"


@pytest.mark.parametrize(("n", "d"), [(1, 1), (1, 3), (2, 1), (2, 2), (3, 2), (9, 1), (9, 2)])
def test_smallest_regions_work(n: int, d: int) -> None:
    score = np.random.default_rng(0).normal(size=(n, d))
    found = select_mixture(score, MixtureSettings())
    assert found.label.shape == (n,)
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.covariance).all()
    if n <= 2:
        assert found.count == 1


def test_nine_points_of_two_grains_are_two_clusters() -> None:
    score = np.array([0, 1, 1, 0, 1, 1, 0, 1, 1.0])[:, None] * 200 + np.random.default_rng(1).normal(size=(9, 2)) * 10
    found = select_mixture(score, MixtureSettings())
    assert found.count == 2
    assert found.limited
    assert len(set(found.label[::3])) == 1
    assert len(set(np.delete(found.label, [0, 3, 6]))) == 1


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_identical_points_make_as_many_clusters_as_there_are(groups: int) -> None:
    score = np.repeat(np.arange(groups, dtype=float)[:, None] * [1.0, 2.0], 60, axis=0)
    found = select_mixture(score, MixtureSettings())
    assert found.count == groups
    assert np.isfinite(found.covariance).all()
    assert all(np.linalg.eigvalsh(c).min() > 0 for c in found.covariance)


@given(shift=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e3))
@settings(max_examples=15, deadline=None)
def test_scale_and_shift_of_the_scores_change_nothing(shift: float, scale: float) -> None:
    score, _ = blobs(4, 3, points=60, d=2)
    base = select_mixture(score, MixtureSettings(maximum_clusters=5))
    moved = select_mixture(score * scale + shift, MixtureSettings(maximum_clusters=5))
    assert moved.count == base.count
    assert adjusted_rand_score(base.label, moved.label) == 1.0


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="score: found shape"):
        select_mixture(np.zeros((4, 0)), MixtureSettings())
    with pytest.raises(ValueError, match="finite: False"):
        select_mixture(np.array([[np.nan], [1.0]]), MixtureSettings())
