"""Cells of generated microstructures: Voronoi, Laguerre with a wanted size distribution, and parallel stripes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from microstructure_assets.simulation.settings import TwinSettings

Float64 = NDArray[np.float64]


def tessellate(settings: TwinSettings, y: Float64, x: Float64, generator: np.random.Generator) -> NDArray[np.int32]:
    """Label of the cell at each sample, int32, shape (len(y), len(x)); cells without a sample leave gaps in them.

    Cells are made in the frame of the microstructure, turned by ``microstructure_rotation_deg`` and shrunk along its
    x by the root of the elongation (stretched along y), where they are equiaxed and of the same area.
    """
    angle = np.deg2rad(settings.microstructure_rotation_deg)
    stretch = np.sqrt(settings.elongation)
    along = (x[None, :] * np.cos(angle) + y[:, None] * np.sin(angle)).ravel() / stretch
    across = (y[:, None] * np.cos(angle) - x[None, :] * np.sin(angle)).ravel() * stretch
    samples = np.stack([across, along], axis=1)
    shape = (len(y), len(x))
    diameter = settings.mean_grain_diameter_points
    if settings.microstructure == "stripes":
        offset = generator.uniform(0, diameter)
        return np.floor((across / stretch + offset) / diameter).astype(np.int64).reshape(shape).astype(np.int32)
    low, high = samples.min(axis=0), samples.max(axis=0)
    count = max(1, round(float(np.prod(high - low)) / (np.pi / 4 * diameter**2)))
    seeds = generator.uniform(low, high, size=(count, 2))
    if settings.microstructure == "voronoi":
        return _nearest(seeds, samples).reshape(shape)
    sizes = generator.lognormal(0.0, settings.grain_size_sigma, count) ** 2
    if settings.large_grain_fraction > 0:
        large = generator.random(count) < settings.large_grain_fraction
        sizes = np.where(large, settings.large_grain_ratio**2, 1.0) * sizes
    return _laguerre(seeds, sizes / sizes.sum() * float(np.prod(high - low)), samples, low, high).reshape(shape)


def _nearest(seeds: Float64, samples: Float64) -> NDArray[np.int32]:
    from scipy.spatial import cKDTree

    return cKDTree(seeds).query(samples, workers=-1)[1].astype(np.int32)


def _power_nearest(seeds: Float64, weights: Float64, samples: Float64) -> NDArray[np.int32]:
    """The seed of least |x − c|² − w, by lifting each seed to the height √(max w − w) above the plane."""
    height = np.sqrt(weights.max() - weights)
    lifted = np.concatenate([samples, np.zeros((len(samples), 1))], axis=1)
    return _nearest(np.column_stack([seeds, height]), lifted)


def _laguerre(
    seeds: Float64, areas: Float64, samples: Float64, low: Float64, high: Float64, rounds: int = 40
) -> NDArray[np.int32]:
    """Laguerre cells of wanted areas: weights follow the missing area, seeds move to the centroids.

    The step is a damped diagonal Newton step; the slope of a cell's area with its weight is Σ length/(2·distance)
    over its neighbours, 1.7 for hexagons.

    References
    ----------
    .. [1] D. P. Bourne, P. J. J. Kok, S. M. Roper, W. D. T. Spanjer, "Laguerre tessellations and polycrystalline
       microstructures: a fast algorithm for generating grains of given volumes", Philosophical Magazine 100 (2020)
       2677.
    """
    side = np.sqrt(np.median(areas)) / 8
    grid_y, grid_x = (np.arange(low[axis] + side / 2, high[axis], side) for axis in (0, 1))
    grid = np.stack(np.meshgrid(grid_y, grid_x, indexing="ij"), axis=-1).reshape(-1, 2)
    cell = float(np.prod(high - low)) / len(grid)
    weights = areas / np.pi
    count = len(seeds)
    for turn in range(rounds):
        labels = _power_nearest(seeds, weights, grid)
        number = np.bincount(labels, minlength=count)
        if turn < rounds // 2:
            sums = np.stack([np.bincount(labels, weights=grid[:, axis], minlength=count) for axis in (0, 1)], axis=1)
            seeds = np.where(number[:, None] > 0, sums / np.maximum(number, 1)[:, None], seeds)
        weights = weights + 0.6 * (areas - number * cell) / 1.7
        weights -= weights.min()
    return _power_nearest(seeds, weights, samples)
