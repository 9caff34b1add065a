"""Reference patterns of clusters on maps whose best window is known."""

from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.methods.references import equivalent_clusters, reference_windows, window_metric
from microstructure_assets.methods.settings import ReferencesSettings

PAPER = ReferencesSettings(method="paper")
DENOISED = ReferencesSettings()


def two_grains(noise: float = 0.0, rows: int = 12, columns: int = 16, pixels: int = 400, seed: int = 0):
    """Two grains side by side, mixed in the two columns at the boundary."""
    generator = np.random.default_rng(seed)
    base = generator.normal(size=(2, pixels))
    base -= base.mean(axis=1, keepdims=True)
    share = np.clip((np.arange(columns) - columns / 2 + 1.5) / 3, 0, 1)
    mixed = (1 - share)[:, None] * base[0] + share[:, None] * base[1]
    patterns = np.repeat(mixed[None], rows, axis=0) + noise * generator.normal(size=(rows, columns, pixels))
    label = np.repeat((share > 0.5)[None].astype(int), rows, axis=0)
    return patterns.astype(np.float32), label, base


def test_metric_is_mean_plus_variance_of_the_distances_in_the_window() -> None:
    squared = np.random.default_rng(0).uniform(1, 9, size=(6, 7))
    own = np.ones((6, 7), dtype=bool)
    metric, count = window_metric(own, squared, 2.0, 3.0)
    window = np.sqrt(squared[2:5, 3:6])
    assert metric[3, 4] == pytest.approx(2 * window.mean() + 3 * window.var())
    assert count[3, 4] == 9
    assert count[0, 0] == 4
    own[3, 4] = False
    metric, count = window_metric(own, squared, 1.0, 0.0)
    assert count[3, 4] == 8
    assert metric[3, 4] == pytest.approx((np.sqrt(squared[2:5, 3:6]).sum() - np.sqrt(squared[3, 4])) / 8)


def test_paper_averages_the_best_of_the_ten_most_central_whole_windows() -> None:
    patterns, label, _ = two_grains(noise=0.5)
    squared = np.random.default_rng(1).uniform(1, 9, size=label.shape)
    found = reference_windows(patterns, label, squared, PAPER, 0.25)
    for k in range(2):
        metric, count = window_metric(label == k, squared, 1.0, 1.0)
        order = [i for i in np.argsort(np.where(label == k, squared, np.inf).ravel())[:10] if count.ravel()[i] == 9]
        best = min(order, key=lambda i: metric.ravel()[i])
        assert (found.row[k], found.column[k]) == divmod(best, label.shape[1])
        row, column = found.row[k], found.column[k]
        window = patterns[row - 1 : row + 2, column - 1 : column + 2].reshape(9, -1)
        np.testing.assert_allclose(found.pattern[k], window.mean(axis=0), atol=1e-5)
        assert found.metric[k] == pytest.approx(metric.ravel()[best])
    assert found.point_count.tolist() == [9, 9]
    assert found.fallback.tolist() == ["none", "none"]
    np.testing.assert_allclose(found.noise_variance, 0.25 / 9)


def test_denoised_keeps_away_from_the_boundary_and_averages_more() -> None:
    patterns, label, base = two_grains(noise=1.0)
    squared = np.ones(label.shape)
    found = reference_windows(patterns, label, squared, DENOISED, 1.0)
    paper = reference_windows(patterns, label, squared, PAPER, 1.0)
    assert np.all(found.point_count > 20)
    for k in range(2):
        assert np.sum((found.pattern[k] - base[k]) ** 2) < 0.5 * np.sum((paper.pattern[k] - base[k]) ** 2)
        columns = found.points[k] % label.shape[1]
        assert len(columns) == found.point_count[k]
        assert np.all(np.abs(columns - 7.5) > 2)
    np.testing.assert_allclose(found.noise_variance, 1.0 / found.point_count)


def test_noise_left_in_the_reference_is_what_is_said() -> None:
    patterns, label, base = two_grains(noise=2.0, pixels=20_000)
    found = reference_windows(patterns, label, np.ones(label.shape), DENOISED, 4.0)
    for k in range(2):
        assert np.mean((found.pattern[k] - base[k]) ** 2) == pytest.approx(found.noise_variance[k], rel=0.05)


@pytest.mark.parametrize("settings", [PAPER, DENOISED])
def test_fallbacks_are_taken_in_order_and_recorded(settings: ReferencesSettings) -> None:
    patterns = np.random.default_rng(0).normal(size=(8, 8, 50)).astype(np.float32)
    label = np.zeros((8, 8), dtype=int)
    label[:, 5:7] = 1  # two columns: no whole window
    label[0, 0] = label[7, 0] = label[0, 3] = 2  # scattered points
    label[4, 3] = 4  # one point; cluster 3 is empty
    squared = np.ones((8, 8))
    squared[2:6, 1] = 0.5
    found = reference_windows(patterns, label, squared, settings, 1.0)
    assert found.fallback.tolist() == ["none", "best_window", "central_points", "empty", "best_window"]
    assert found.point_count.tolist()[1:] == [6, 3, 0, 1]
    np.testing.assert_allclose(found.pattern[4], patterns[4, 3], rtol=1e-6)
    assert found.row[3] == found.column[3] == -1
    assert np.isnan(found.metric[3])
    assert np.all(found.pattern[3] == 0)


def test_nine_points_in_two_columns_work() -> None:
    patterns = np.random.default_rng(0).normal(size=(3, 3, 64)).astype(np.float32)
    label = np.array([[1, 0, 0]] * 3)
    for settings in (PAPER, DENOISED):
        found = reference_windows(patterns, label, np.ones((3, 3)), settings, 0.1)
        assert np.all(found.point_count > 0)
        assert np.isfinite(found.pattern).all()
    one = reference_windows(patterns[:1, :1], label[:1, :1] * 0, np.ones((1, 1)), DENOISED, 0.1)
    np.testing.assert_allclose(one.pattern[0], patterns[0, 0])


def test_clusters_that_differ_by_gain_only_share_a_reference() -> None:
    generator = np.random.default_rng(3)
    base = generator.normal(size=(2, 500))
    gain = generator.uniform(0.8, 1.2, size=(10, 10))
    patterns = gain[..., None] * base[0] + 0.3 * generator.normal(size=(10, 10, 500))
    label = (gain > 1.0).astype(int)
    patterns[:, 7:] = base[1] + 0.3 * generator.normal(size=(10, 3, 500))
    label[:, 7:] = 2
    found = reference_windows(patterns.astype(np.float32), label, np.ones((10, 10)), DENOISED, 0.09)
    assert found.group[0] == found.group[1]
    assert found.group[2] == 2
    assert found.fallback.tolist() == ["none"] * 3
    np.testing.assert_array_equal(found.pattern[0], found.pattern[1])
    paper = reference_windows(patterns.astype(np.float32), label, np.ones((10, 10)), PAPER, 0.09)
    assert paper.group.tolist() == [0, 1, 2]


def test_equivalence_tells_a_turned_pattern_from_a_noisy_one() -> None:
    generator = np.random.default_rng(4)
    base = generator.normal(size=3600)
    other = np.sqrt(0.95) * base + np.sqrt(0.05) * generator.normal(size=3600)
    flat = np.concatenate([np.tile(base, (80, 1)), np.tile(other, (40, 1))]) + 1.4 * generator.normal(size=(120, 3600))
    same = np.repeat([0, 1, 2], 40)
    group = equivalent_clusters(flat.astype(np.float32), same, 3, 1.96, 0.005)
    assert group[0] == group[1]
    assert group[2] == 2


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="expected \\(rows, columns, p\\)"):
        reference_windows(np.zeros((4, 5), np.float32), np.zeros((4, 5), int), np.zeros((4, 5)), PAPER, 1.0)
