"""Size of the grains from how far patterns stay alike: no clusters, no boundaries, no indexing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.binning import PatternBlocks
from microstructure_assets.methods.parallel import block_bounds, map_blocks

#: Rows of a band; pairs of points lie in one band.
BAND_ROWS = 64
#: Longest distance of a pair [points]; larger grains are found by the slope up to there.
LONGEST_LAG = 32
#: The beam mixes nearer points.
SHORTEST_LAG = 2
#: Of larger scans only some bands are read.
MOST_VALUES = 4e9
READ_VALUES = 16e6
#: Pixels of a pattern that are looked at: their noise averages out over the pairs of points.
MOST_PIXELS = 512
#: Share of the correlation at the shortest distance below which larger distances are not looked at.
LEAST_SHARE = 0.25
#: Standard errors by which neighbouring patterns must be alike.
LEAST_SIGNIFICANCE = 4.0


@dataclass(frozen=True)
class GrainSize:
    """How large the grains are along each axis.

    Attributes
    ----------
    diameter_y, diameter_x : float
        Diameter of the circle of the mean cell's area, of an equiaxed tessellation in which patterns are alike as far
        along y and along x as here [points]; NaN where neighbouring patterns are not alike beyond their noise.
    """

    diameter_y: float
    diameter_x: float

    @property
    def diameter(self) -> float:
        """Geometric mean of the two, or the one that is known [points]."""
        known = [own for own in (self.diameter_y, self.diameter_x) if np.isfinite(own)]
        return float(np.exp(np.mean(np.log(known)))) if known else float("nan")


def grain_size(patterns: PatternBlocks) -> GrainSize:
    """Grain size from the correlation of patterns over the distance of their points.

    Patterns of different grains are nearly orthogonal, and noise is independent from point to point; so the mean
    product of two patterns, less that of the mean pattern with itself, is proportional to the probability p(r) that the
    two points lie in one grain. For a Poisson-Voronoi tessellation p is known (`same_cell_probability`); size and
    factor are fitted by least squares.

    Notes
    -----
    The slope of p at small distances is that of boundary length over area, so that large grains count more: on twins
    the result lies between the mean diameters by number and by area for Voronoi grains, and within a fifth of the mean
    weighted by area for lognormal and bimodal ones. A sub-grain counts as part of its grain.

    Parameters
    ----------
    patterns : PatternBlocks
        With zero mean, or all with about the same.
    """
    rows, columns, pixels = patterns.shape
    bands = [band for band in block_bounds(rows, BAND_ROWS) if band[1] - band[0] >= min(rows, BAND_ROWS // 2)]
    wanted = max(1, int(MOST_VALUES // (BAND_ROWS * columns * pixels)))
    chosen = [bands[k] for k in np.unique(np.linspace(0, len(bands) - 1, min(wanted, len(bands))).round().astype(int))]
    lags = {
        axis: np.unique(np.geomspace(1, max(1, min(LONGEST_LAG, length // 4)), 14).round().astype(int))
        for axis, length in ((0, min(rows, BAND_ROWS * 2)), (1, columns))
    }
    sums = {axis: np.zeros((len(own), 3)) for axis, own in lags.items()}
    total, points = np.zeros(len(range(0, pixels, _stride(pixels)))), 0
    for start, stop in chosen:
        band = _read(patterns, start, stop)
        total += band.sum(axis=(0, 1), dtype=np.float64)
        points += band.shape[0] * band.shape[1]
        for axis, own in lags.items():
            sums[axis] += np.array(map_blocks(lambda lag: _products(band, int(lag), axis), list(own)))  # noqa: B023
    common = float(np.sum((total / points) ** 2))
    return GrainSize(*(_fitted(lags[axis], sums[axis], common) for axis in (0, 1)))


def _stride(pixels: int) -> int:
    return -(-pixels // MOST_PIXELS)


def _read(patterns: PatternBlocks, start: int, stop: int) -> NDArray[np.float32]:
    """Some pixels of the patterns of a band of rows, read in small pieces."""
    _, columns, pixels = patterns.shape
    stride = _stride(pixels)
    band = np.empty((stop - start, columns, len(range(0, pixels, stride))), np.float32)
    wide = max(1, int(READ_VALUES // pixels))
    tall = max(1, wide // columns)
    for first, last in block_bounds(stop - start, tall):
        for left, right in block_bounds(columns, wide):
            band[first:last, left:right] = patterns.read(start + first, start + last, left, right)[..., ::stride]
    return band


def _products(band: NDArray[np.float32], lag: int, axis: int) -> tuple[float, float, float]:
    """Sum of the products of all pairs of patterns, of their squares, and their number."""
    first, second = (band[:-lag], band[lag:]) if axis == 0 else (band[:, :-lag], band[:, lag:])
    product = np.einsum("yxp,yxp->yx", first, second).astype(np.float64)
    return float(product.sum()), float(np.sum(product**2)), float(product.size)


def _fitted(lag: NDArray[np.int64], sums: NDArray[np.float64], common: float) -> float:
    """Diameter from sums of products per distance."""
    total, square, number = sums.T
    if not number[0]:
        return float("nan")
    correlation = total / np.maximum(number, 1) - common
    error = np.sqrt(np.maximum(square / np.maximum(number, 1) - (total / np.maximum(number, 1)) ** 2, 0) / number)
    if correlation[0] <= LEAST_SIGNIFICANCE * error[0]:
        return float("nan")
    far = np.flatnonzero(correlation < LEAST_SHARE * correlation[0])
    last = int(far[0]) if len(far) else len(lag)
    kept = slice(int(np.searchsorted(lag, SHORTEST_LAG)), max(last, int(np.searchsorted(lag, SHORTEST_LAG)) + 2))
    distance, wanted = lag[kept].astype(float), correlation[kept]
    if len(distance) < 2:
        return float("nan")
    sides = np.geomspace(0.5, 20 * LONGEST_LAG, 1500)  # square roots of mean areas
    place, known = same_cell_probability()
    model = np.interp(distance / sides[:, None], place, known)
    factor = (model @ wanted) / np.maximum((model**2).sum(axis=1), 1e-300)
    misfit = np.sum((wanted - factor[:, None] * model) ** 2, axis=1)
    return float(sides[np.argmin(misfit)] * np.sqrt(4 / np.pi))


@lru_cache(maxsize=1)
def same_cell_probability() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probability that two points lie in one cell of a Poisson-Voronoi tessellation, over their distance.

    They share the cell of a seed at x if no other seed lies in the two discs about the points through x; the
    probability is the integral over x of exp(-area of the union of the discs) [1]_.

    Returns
    -------
    distance : ndarray, shape (61,)
        In square roots of the mean area of a cell.
    probability : ndarray, shape (61,)

    References
    ----------
    .. [1] E. N. Gilbert, "Random subdivisions of space into crystals", Ann. Math. Stat. 33 (1962) 958.
    """
    distance = np.linspace(0, 3, 61)
    grid, step = np.linspace(-4, 4, 401, retstep=True)
    x, y = np.meshgrid(grid, grid)
    first = np.hypot(x, y)
    probability = []
    for r in distance:
        second = np.hypot(x - r, y)
        near = np.maximum(2 * r * first, 1e-12), np.maximum(2 * r * second, 1e-12)
        a = np.arccos(np.clip((r**2 + first**2 - second**2) / near[0], -1, 1)) if r else np.full_like(x, np.pi / 2)
        b = np.arccos(np.clip((r**2 + second**2 - first**2) / near[1], -1, 1)) if r else np.full_like(x, np.pi / 2)
        common = first**2 * (a - np.sin(2 * a) / 2) + second**2 * (b - np.sin(2 * b) / 2)
        probability.append(float(np.exp(common - np.pi * (first**2 + second**2)).sum()) * float(step) ** 2)
    return distance, np.array(probability)
