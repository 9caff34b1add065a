"""Kernels of the stitching against scipy, closed forms and Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, optimize, special

from microstructure_assets.methods import beam_estimates, edge_fits, stitching_kernels, unmixing_kernels


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 9), columns=st.integers(1, 9))
def test_components_are_those_of_scipy(seed: int, rows: int, columns: int) -> None:
    labels = np.random.default_rng(seed).integers(-1, 3, (rows, columns))
    found, count = stitching_kernels.connected_components(labels)
    expected = sum(ndimage.label(labels == value)[1] for value in range(3))
    assert count == expected
    assert ((found < 0) == (labels < 0)).all()
    for name in range(count):
        member = found == name
        assert len(np.unique(labels[member])) == 1
        assert ndimage.label(member)[1] == 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_touching_pairs_by_brute_force(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(-1, 5, (6, 7))
    expected: dict[tuple[int, int], int] = {}
    for (y, x), a in np.ndenumerate(labels):
        for near in ((y, x + 1), (y + 1, x)):
            if near[0] < 6 and near[1] < 7 and a >= 0 and labels[near] >= 0 and labels[near] != a:
                key = (min(a, labels[near]), max(a, labels[near]))
                expected[key] = expected.get(key, 0) + 1
    found = stitching_kernels.touching_pairs(labels, 5)
    assert {(int(a), int(b)): int(n) for a, b, n in found} == expected
    near = stitching_kernels.near_pairs(labels, 5, 2)
    assert set(expected) <= {(int(a), int(b)) for a, b, _ in near}


def test_similarity_is_unbiased_and_knows_its_error() -> None:
    generator = np.random.default_rng(0)
    pixels, count_a, count_b, noise = 900, 4, 60, 2.0
    a = generator.normal(size=pixels)
    b = 0.6 * a + 0.8 * generator.normal(size=pixels)
    truth = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    values, errors = [], []
    for _ in range(400):
        mean_a = a + generator.normal(size=pixels) * np.sqrt(noise / count_a)
        mean_b = b + generator.normal(size=pixels) * np.sqrt(noise / count_b)
        value, error = stitching_kernels.similarity(
            mean_a @ mean_b, mean_a @ mean_a, mean_b @ mean_b, count_a, count_b, noise, pixels, 9.0, 1.4
        )
        values.append(value)
        errors.append(error)
    assert np.mean(values) == pytest.approx(truth, abs=0.01)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.3)


def test_agglomeration_joins_like_pieces_and_keeps_their_sums() -> None:
    generator = np.random.default_rng(1)
    pixels, noise = 300, 0.5
    patterns = generator.normal(size=(3, pixels))
    kind = np.array([0, 0, 1, 1, 2, 0])
    counts = np.array([3.0, 5.0, 2.0, 9.0, 4.0, 6.0])
    sums = np.stack(
        [
            n * patterns[k] + np.sqrt(n * noise) * generator.normal(size=pixels)
            for k, n in zip(kind, counts, strict=True)
        ]
    ).astype(np.float32)
    pairs = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]])  # the last piece of kind 0 touches none of its kind
    joint, total = sums.copy(), counts.copy()
    parent, log = stitching_kernels.agglomerate(joint, total, pairs, noise, 9.0, 0.8, 1.4, 1.0)
    groups = [set(np.flatnonzero(parent == root)) for root in np.unique(parent)]
    assert sorted(map(sorted, groups)) == [[0, 1], [2, 3], [4], [5]]
    assert len(log) == 2
    for root in np.unique(parent):
        member = parent == root
        assert total[root] == counts[member].sum()
        np.testing.assert_allclose(joint[root], sums[member].sum(0), rtol=1e-5, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 6))
def test_nonnegative_weights_are_those_of_scipy(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    references = generator.normal(size=(40, size))
    pattern = references @ generator.uniform(-0.3, 1, size) + 0.1 * generator.normal(size=40)
    expected, _ = optimize.nnls(references, pattern)
    weights = np.zeros(size)
    unmixing_kernels.nonnegative_weights(references.T @ references, references.T @ pattern, weights)
    np.testing.assert_allclose(weights, expected, atol=2e-3)


def straight_edge(angle: float, offset: float, beam: float, noise: float, seed: int):
    """Labels, shares and errors of two regions parted by a line through the middle of 31 x 31 points."""
    y, x = np.indices((31, 31)) - 15.0
    distance = np.cos(angle) * x + np.sin(angle) * y - offset
    share = special.ndtr(distance / beam) + noise * np.random.default_rng(seed).normal(size=distance.shape)
    first = share >= 0.5
    label = np.where(first[..., None], [0, 1, -1], [1, 0, -1])
    ordered = np.stack([np.where(first, share, 1 - share), np.where(first, 1 - share, share), 0 * share], -1)
    return distance, label, ordered.astype(np.float32), np.full(distance.shape, noise, np.float32)


@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 4, 1.3, np.pi / 2])
def test_a_fitted_edge_places_points_better_than_their_shares(angle: float) -> None:
    wrong_fit = wrong_share = 0
    for seed in range(12):
        distance, label, share, error = straight_edge(angle, 0.3, 0.7, 0.1, seed)
        inside = np.hypot(*(np.indices(distance.shape) - 15.0)) < 12
        region, confidence = edge_fits.place_points(label, share, error, 0.7, 0.7, 0.05, 0.05)
        truth = np.where(distance >= 0, 0, 1)
        wrong_fit += np.count_nonzero((region != truth)[inside])
        wrong_share += np.count_nonzero((label[..., 0] != truth)[inside])
        assert ((confidence > 0) & (confidence <= 1)).all()
    assert wrong_share == 0 or wrong_fit < 0.75 * wrong_share


def test_without_noise_every_point_is_on_its_side() -> None:
    distance, label, share, error = straight_edge(0.6, 0.2, 0.9, 1e-3, 0)
    region, _ = edge_fits.place_points(label, share, error, 0.9, 0.9, 0.05, 0.05)
    clear = np.abs(distance) > 0.02
    np.testing.assert_array_equal(region[clear], np.where(distance >= 0, 0, 1)[clear])


@pytest.mark.parametrize("beam", [0.5, 1.1, 2.5])
def test_the_beam_is_read_from_clean_boundaries(beam: float) -> None:
    for angle, axis in ((0.1, 1), (1.5, 0)):
        _, label, share, error = straight_edge(angle, 0.1, beam, 0.02, 1)
        estimate = beam_estimates.estimate_beam(label, share, error, fallback=9.0)
        assert estimate[axis] == pytest.approx(beam, rel=0.12)
        assert estimate[1 - axis] == 9.0
