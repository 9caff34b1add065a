from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from microstructure_assets.methods.static_background import (
    estimate_static_background,
    noise_points,
    sample_points,
    sample_size,
)

HEIGHT, WIDTH = 40, 50


def scan(kinds: int, counts: list[int], noise: float, seed: int = 0) -> tuple[NDArray, NDArray, NDArray]:
    """Raw and corrected patterns: a fixed pattern five times as strong as the bands, random bands, noise."""
    draw = np.random.default_rng(seed)
    fixed = 5 * draw.standard_normal((HEIGHT, WIDTH))
    bands = draw.standard_normal((kinds, HEIGHT, WIDTH))
    label = np.repeat(np.arange(kinds), counts)
    raw = 100 + fixed + bands[label] + noise * draw.standard_normal((len(label), HEIGHT, WIDTH))
    corrected = raw.reshape(len(raw), -1)
    corrected = (corrected - corrected.mean(axis=1, keepdims=True)).astype(np.float32)
    return raw.astype(np.float32), corrected, fixed


@pytest.mark.parametrize("noise", [0.2, 1.4, 3.0])
def test_the_fixed_pattern_comes_out_to_the_scatter_of_the_kinds(noise: float) -> None:
    raw, corrected, fixed = scan(40, [5] * 40, noise)
    found = estimate_static_background(raw, corrected, noise**2)
    assert found.pattern is not None
    error = found.pattern - 100 - fixed
    expected = np.sqrt((1 + noise**2 / 5) / 40)
    assert np.std(error) == pytest.approx(expected, rel=0.2)


def test_a_grain_that_covers_most_of_the_scan_counts_once() -> None:
    raw, corrected, _ = scan(10, [180, *[3] * 9], 0.5)
    found = estimate_static_background(raw, corrected, 0.25)
    assert found.pattern is not None
    left = raw - found.pattern
    left = left.reshape(len(left), -1) - left.reshape(len(left), -1).mean(axis=1, keepdims=True)
    energy = (left**2).mean(axis=1) - 0.25
    assert energy[:180].mean() == pytest.approx(energy[180:].mean(), rel=0.25)
    plain = corrected - corrected.mean(axis=0)
    assert (plain[:180] ** 2).mean() - 0.25 < 0.1 * energy[:180].mean()


def test_one_kind_of_pattern_gives_no_estimate() -> None:
    raw, corrected, _ = scan(1, [100], 1.0)
    found = estimate_static_background(raw, corrected, 1.0)
    assert found.pattern is None
    assert "differ" in found.reason


def test_two_kinds_become_opposite() -> None:
    raw, corrected, fixed = scan(2, [3, 6], 0.3)
    smooth = 40 * gaussian_filter(fixed, 4)
    raw = raw - fixed.astype(np.float32) + smooth.astype(np.float32)
    corrected = raw.reshape(9, -1) - raw.reshape(9, -1).mean(axis=1, keepdims=True)
    assert np.corrcoef(corrected).min() > 0.9
    found = estimate_static_background(raw, corrected, 0.09)
    assert found.pattern is not None
    left = (raw - found.pattern).reshape(9, -1)
    correlation = np.corrcoef(left)
    assert correlation[:3, 3:].max() < 0.3
    assert correlation[:3, :3].min() > 0.7
    assert found.kinds == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("rows", "columns", "wanted"),
    [(420, 8, 400), (8, 420, 400), (266, 495, 195), (195, 195, 195), (1000, 400, 400), (4000, 2, 400), (64, 64, 400)],
)
def test_the_sample_lies_evenly_over_both_axes(rows: int, columns: int, wanted: int) -> None:
    points = sample_points(rows, columns, wanted)
    assert len(points) == wanted
    assert np.all(np.diff(points) > 0)
    row, column = np.divmod(points, columns)
    for position, count in ((row, rows), (column, columns)):
        cells = min(count, 10)
        share = np.bincount(position * cells // count, minlength=cells) / wanted
        widths = np.bincount(np.arange(count) * cells // count) / count
        assert np.all(np.abs(share - widths) < 0.4 * widths)
    sides = min(rows, 5), min(columns, 5)
    cell = row * sides[0] // rows * sides[1] + column * sides[1] // columns
    assert np.bincount(cell, minlength=sides[0] * sides[1]).min() > 0.4 * wanted / (sides[0] * sides[1])


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 50), (50, 1), (1, 600), (600, 1), (3, 3), (20, 21)])
def test_the_sample_of_a_small_or_narrow_grid(rows: int, columns: int) -> None:
    points = sample_points(rows, columns, 400)
    assert points.dtype == np.int64
    assert np.all(np.diff(points) > 0)
    assert points[0] >= 0
    assert points[-1] < rows * columns
    assert min(rows * columns, 400) * 0.95 <= len(points) <= 400


def test_the_sample_takes_a_bounded_number_of_bytes() -> None:
    assert sample_size(60, 60) == 400
    assert sample_size(512, 672) == 195
    assert sample_size(20_000, 20_000) == 2


def test_noise_is_measured_on_neighbours() -> None:
    assert noise_points(5, 4).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert noise_points(1, 1).tolist() == [[0]]
    assert noise_points(9, 500).shape == (3, 40)
