"""Grain sizes from correlations against tessellations of known size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from microstructure_assets.methods.correlation_length import grain_size, same_cell_probability
from microstructure_assets.methods.stitching import ArrayPatterns


def voronoi(shape: tuple[int, int], diameter: float, seed: int, stretch: float = 1.0) -> np.ndarray:
    """Cells of a Poisson-Voronoi tessellation whose mean area is that of a circle, longer along x by `stretch`."""
    generator = np.random.default_rng(seed)
    density, margin = 4 / (np.pi * diameter**2), 5 * diameter
    tall, wide = shape[0] * stretch**0.5 + 2 * margin, shape[1] / stretch**0.5 + 2 * margin
    seeds = generator.random((generator.poisson(density * tall * wide), 2)) * (tall, wide) - margin
    y, x = np.mgrid[: shape[0], : shape[1]]
    points = np.stack([y.ravel() * stretch**0.5, x.ravel() / stretch**0.5], axis=1)
    return np.asarray(cKDTree(seeds).query(points)[1].reshape(shape))


def patterns(cell: np.ndarray, seed: int, noise: float = 1.0, pixels: int = 300) -> ArrayPatterns:
    generator = np.random.default_rng(seed)
    signal = generator.normal(size=(cell.max() + 1, pixels)).astype(np.float32)
    own = signal[cell] + noise * generator.normal(size=(*cell.shape, pixels)).astype(np.float32)
    return ArrayPatterns(own - own.mean(axis=2, keepdims=True))


@pytest.mark.parametrize("diameter", [6.0, 12.0, 24.0])
def test_the_diameter_of_voronoi_cells_comes_back(diameter: float) -> None:
    found = grain_size(patterns(voronoi((240, 240), diameter, 1), 2))
    assert found.diameter == pytest.approx(diameter, rel=0.12)
    assert found.diameter_x == pytest.approx(found.diameter_y, rel=0.25)


def test_elongation_shows_along_the_axes() -> None:
    found = grain_size(patterns(voronoi((240, 240), 12.0, 3, stretch=3.0), 4))
    assert found.diameter_x / found.diameter_y == pytest.approx(3.0, rel=0.25)
    assert found.diameter == pytest.approx(12.0, rel=0.15)


def test_noise_does_not_matter_but_alone_has_no_size() -> None:
    cell = voronoi((120, 120), 9.0, 5)
    calm, noisy = (grain_size(patterns(cell, 6, noise)).diameter for noise in (0.0, 3.0))
    assert noisy == pytest.approx(calm, rel=0.03)
    generator = np.random.default_rng(7)
    assert np.isnan(grain_size(ArrayPatterns(generator.normal(size=(60, 60, 300)).astype(np.float32))).diameter)


def test_a_line_of_points_has_the_size_along_it() -> None:
    found = grain_size(patterns(voronoi((1, 2000), 10.0, 8), 9))
    assert np.isnan(found.diameter_y)
    assert found.diameter == found.diameter_x == pytest.approx(10.0, rel=0.25)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3)])
def test_scans_of_a_few_points_have_none_or_a_finite_one(shape: tuple[int, int]) -> None:
    found = grain_size(patterns(np.zeros(shape, int), 10)).diameter
    assert np.isnan(found) or found > 0


def test_probability_of_one_cell_is_that_of_tessellations() -> None:
    distance, known = same_cell_probability()
    assert known[0] == pytest.approx(1, abs=1e-6)
    # Boundary length per area is 2 / sqrt(a), and a random line meets 2 / pi of that per length.
    assert (known[1] - known[0]) / distance[1] == pytest.approx(-4 / np.pi, rel=0.02)
    cell = voronoi((800, 800), 20.0, 11)
    side = 20.0 * np.sqrt(np.pi / 4)
    for lag in (5, 10, 20, 30):
        counted = np.mean(cell[:, lag:] == cell[:, :-lag])
        assert counted == pytest.approx(np.interp(lag / side, distance, known), abs=0.02)
