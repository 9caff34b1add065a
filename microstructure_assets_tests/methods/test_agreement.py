"""Agreement of labellings against scikit-learn, all permutations, and maps whose overlap is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

from microstructure_assets.methods.agreement import (
    adjusted_mutual_information,
    half_shifts,
    normalised_mutual_information,
    toroidal_shift_null,
)

MEASURES = (normalised_mutual_information, adjusted_mutual_information)
PEERS = (normalized_mutual_info_score, adjusted_mutual_info_score)


@st.composite
def labellings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    points = draw(st.integers(1, 80))
    sides = [draw(st.lists(st.integers(0, draw(st.integers(0, 9))), min_size=points, max_size=points)) for _ in "ab"]
    return np.array(sides[0]), np.array(sides[1])


@settings(max_examples=300, deadline=None)
@given(labellings())
def test_equal_to_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    for own, peer in zip(MEASURES, PEERS, strict=True):
        assert own(*pair) == pytest.approx(peer(*pair), abs=1e-10)


@pytest.mark.parametrize(("points", "clusters"), [(100, 10), (594, 5), (594, 60), (4000, 40), (40000, 2), (40000, 60)])
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_equal_to_scikit_learn_at_the_sizes_of_rois(points: int, clusters: int, share: float) -> None:
    rng = np.random.default_rng(points + clusters)
    a = rng.choice(clusters, points, p=rng.dirichlet(np.ones(clusters)))
    b = np.where(rng.random(points) < share, a, rng.integers(0, max(2, clusters // 2), points))
    for own, peer in zip(MEASURES, PEERS, strict=True):
        assert own(a, b) == pytest.approx(peer(a, b), abs=1e-10)


@settings(max_examples=200, deadline=None)
@given(labellings(), st.randoms(use_true_random=False))
def test_symmetry_names_order_and_bounds(pair: tuple[np.ndarray, np.ndarray], random: object) -> None:
    a, b = pair
    rng = np.random.default_rng(random.randrange(2**32))  # type: ignore[attr-defined]
    names = rng.permutation(1000)[:10]
    order = rng.permutation(len(a))
    for measure in MEASURES:
        value = measure(a, b)
        assert measure(b, a) == pytest.approx(value, abs=1e-12)
        assert measure(a, names[b]) == pytest.approx(value, abs=1e-12)
        assert measure(a[order], b[order]) == value
        assert measure(a, names[a]) == pytest.approx(1, abs=1e-12)
        assert value <= 1
    assert normalised_mutual_information(a, b) >= 0


@pytest.mark.parametrize(
    ("a", "b"), [([0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 2, 2]), ([0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 1, 1, 2, 3])]
)
def test_adjusted_averages_to_nought_over_all_permutations(a: list[int], b: list[int]) -> None:
    values = [adjusted_mutual_information(np.array(a), np.array(order)) for order in itertools.permutations(b)]
    assert np.mean(values) == pytest.approx(0, abs=1e-12)
    assert np.ptp(values) > 0.1


def test_one_cluster_on_one_side_or_both() -> None:
    one, two, each = np.zeros(6, int), np.array([0, 0, 0, 1, 1, 1]), np.arange(6)
    for measure in MEASURES:
        assert measure(one, one + 7) == 1
        assert measure(one, two) == measure(two, one) == measure(one, each) == 0
        assert measure(each, each[::-1]) == 1
        assert measure(one[:1], one[:1]) == 1


def test_any_integers_and_large_labels() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, 60), rng.integers(0, 5, 60)
    for measure in MEASURES:
        expected = measure(a, b)
        assert measure(a.astype(np.uint8) * 60, b.astype(np.int16).reshape(6, 10)) == pytest.approx(expected, abs=1e-12)
        assert measure(a * 10**12, b.astype(np.uint64) + np.uint64(2**63)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_wrong_labels_are_named(measure: object) -> None:
    good = np.array([0, 1, 1])
    for a, b, message in (
        (good, good[:2], "a, b: found 3 and 2 labels"),
        (good[:0], good[:0], "a: found no labels"),
        (good, good - 1, "b: found the label -1"),
        (good / 2, good, "a: found labels of type float64"),
    ):
        with pytest.raises(ValueError, match=message):
            measure(a, b)  # type: ignore[operator]


def test_half_shifts() -> None:
    assert half_shifts((6, 9)) == ((3, 0), (0, 4), (3, 4))
    assert half_shifts((2, 2)) == ((1, 0), (0, 1), (1, 1))
    assert half_shifts((1, 8)) == ((0, 4),)
    assert half_shifts((8, 1)) == ((4, 0),)
    assert half_shifts((1, 1)) == ()
    with pytest.raises(ValueError, match="shape: found 0 × 3"):
        half_shifts((0, 3))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_null_is_the_mean_over_indices_counted_around_the_edges(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, (2, rows, columns))
    y, x = np.mgrid[:rows, :columns]
    shifts = ((1, 0), (-2, 3), (rows // 2, columns // 2))
    expected = [
        normalized_mutual_info_score(a.ravel(), b[(y - v) % rows, (x - u) % columns].ravel()) for v, u in shifts
    ]
    found = toroidal_shift_null(a.ravel(), b.ravel(), (rows, columns), shifts)
    assert found == pytest.approx(np.mean(expected), abs=1e-10)


def test_null_of_halves_and_stripes() -> None:
    y, x = np.mgrid[:8, :8]
    halves, fine = x // 4, x % 2
    assert toroidal_shift_null(halves, halves, (8, 8), [(3, 0)]) == 1  # the shift runs along the stripes
    assert toroidal_shift_null(halves, halves, (8, 8), [(0, 2)]) == 0
    assert toroidal_shift_null(halves, fine, (8, 8), half_shifts((8, 8))) == 0
    assert toroidal_shift_null(y // 4, y // 4, (8, 8), [(2, 0), (0, 0)]) == 0.5
    assert np.isnan(toroidal_shift_null(np.zeros(1, int), np.zeros(1, int), (1, 1), half_shifts((1, 1))))


def test_smooth_maps_agree_by_chance_more_than_scattered_points() -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(1)
    smooth = [np.digitize(gaussian_filter(rng.random((40, 40)), 5, mode="wrap"), [0.49, 0.5, 0.51]) for _ in range(2)]
    scattered = [rng.permutation(labels.ravel()) for labels in smooth]
    shifts = half_shifts((40, 40))
    null = toroidal_shift_null(*smooth, (40, 40), shifts)
    assert null > 5 * toroidal_shift_null(*scattered, (40, 40), shifts)
    assert null > 0.03


def test_null_refuses_maps_of_another_shape() -> None:
    labels = np.zeros(6, int)
    with pytest.raises(ValueError, match="b: found 5 points, expected 2 × 3"):
        toroidal_shift_null(labels, labels[:5], (2, 3), [(1, 0)])
