"""Subspaces of squares of a scan: coordinates that hold the signal of every point in a few dozen numbers.

A subspace of the whole scan would need a dimension for every grain, as patterns of different orientations are nearly
orthogonal. A square of some fifty points holds a few dozen grains only. A rectangle that lies across several squares
is described in the union of their subspaces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.binning import PatternBlocks
from microstructure_assets.methods.eigenvectors import subspace_iteration
from microstructure_assets.methods.knee import noise_edge
from microstructure_assets.methods.noise import NoiseEstimate, noise_variance
from microstructure_assets.methods.parallel import block_bounds, map_blocks, single_blas_thread
from microstructure_assets.methods.products import gram_matrix

SIDE_POINTS = 48
SQUARE_BYTES = 256 << 20
LEAST_SIDE_POINTS = 12
FIRST_COUNT = 64
MOST_COMPONENTS = 256
#: Share of the signal energy that a square's subspace may leave out.
RESIDUAL_SHARE = 0.01
_PIXEL_BLOCK = 8192
#: Directions of a union of subspaces that hold less than this of the strongest one are rounding.
_LEAST_OVERLAP = 1e-5


@dataclass(frozen=True)
class Rectangle:
    """Half-open bounds in points of the scan."""

    row_start: int
    row_stop: int
    column_start: int
    column_stop: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.row_stop - self.row_start, self.column_stop - self.column_start

    def common(self, other: Rectangle) -> Rectangle | None:
        """What both cover, None for nothing."""
        found = Rectangle(
            max(self.row_start, other.row_start),
            min(self.row_stop, other.row_stop),
            max(self.column_start, other.column_start),
            min(self.column_stop, other.column_stop),
        )
        return found if min(found.shape) > 0 else None

    def inside(self, outer: Rectangle) -> tuple[slice, slice]:
        """Slices of this rectangle in an array over `outer`."""
        return (
            slice(self.row_start - outer.row_start, self.row_stop - outer.row_start),
            slice(self.column_start - outer.column_start, self.column_stop - outer.column_start),
        )


@dataclass(frozen=True)
class Square:
    """One square and its subspace.

    Attributes
    ----------
    area : Rectangle
    loading : (k, p) float32
        Orthonormal rows.
    score : (rows, columns, k) float32
        Coordinates of the patterns [intensity].
    residual_energy : (rows, columns) float32
        Squared length of what the subspace leaves of each pattern [intensity²].
    noise : NoiseEstimate
        Of the square's points.
    residual_share : float
        Share of the signal energy that the subspace leaves out, an estimate that may be slightly negative.
    """

    area: Rectangle
    loading: NDArray[np.float32]
    score: NDArray[np.float32]
    residual_energy: NDArray[np.float32]
    noise: NoiseEstimate
    residual_share: float


@dataclass(frozen=True)
class Coordinates:
    """Patterns of a rectangle as coordinates in an orthonormal basis.

    Attributes
    ----------
    value : (rows, columns, d) float32
        [intensity]
    noise_pixels : float
        Pixels that hold as much noise as the coordinates do: the subspaces follow the strongest directions of noisy
        patterns and so hold more of the noise than their dimension says.
    """

    value: NDArray[np.float32]
    noise_pixels: float


@dataclass(frozen=True)
class LocalSubspaces:
    """Subspaces of all squares of a scan.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of the scan.
    pixel_count : int
        Pixels p of a pattern.
    squares : tuple of Square
        They cover the scan without overlap.
    overlap : (Σk, Σk) float64
        Products of all loadings.
    """

    shape: tuple[int, int]
    pixel_count: int
    squares: tuple[Square, ...]
    overlap: NDArray[np.float64]

    def coordinates(self, area: Rectangle) -> Coordinates:
        """Coordinates of the points of a rectangle in the union of the subspaces of the squares that it touches."""
        edges = np.cumsum([0, *(len(square.loading) for square in self.squares)])
        touched = [(index, part) for index, square in enumerate(self.squares) if (part := square.area.common(area))]
        rows = np.concatenate([np.arange(edges[index], edges[index + 1]) for index, _ in touched])
        energy, vector = np.linalg.eigh(self.overlap[np.ix_(rows, rows)])
        kept = energy >= _LEAST_OVERLAP * max(energy[-1], 0.0)
        basis = (vector[:, kept] * np.sqrt(np.maximum(energy[kept], 0.0))).astype(np.float32)
        value = np.empty((*area.shape, basis.shape[1]), dtype=np.float32)
        captured, start = 0.0, 0
        for index, part in touched:
            square = self.squares[index]
            own, stop = part.inside(square.area), start + len(square.loading)
            value[part.inside(area)] = square.score[own] @ basis[start:stop]
            noise = square.noise.point_variance[own]
            left = np.divide(square.residual_energy[own], noise, out=np.zeros(noise.shape), where=noise > 0)
            captured += float(np.sum(np.maximum(self.pixel_count - left, 0.0)))
            start = stop
        return Coordinates(value, max(1.0, captured / (area.shape[0] * area.shape[1])))

    def noise(self, area: Rectangle) -> NoiseEstimate:
        """Noise of the points of a rectangle, put together of the squares' estimates."""
        variance, weight, effective, count = np.zeros(area.shape), 0, 0.0, 0
        for square in self.squares:
            if (part := square.area.common(area)) is None:
                continue
            variance[part.inside(area)] = square.noise.point_variance[part.inside(square.area)]
            points = part.shape[0] * part.shape[1]
            effective += points * square.noise.effective_pixel_count
            weight, count = weight + points, count + square.noise.combination_count
        live = variance[variance > 0]
        mean = float(live.mean()) if live.size else 0.0
        return NoiseEstimate(mean, variance, effective / weight, "between_points", count)


def squares_of(rows: int, columns: int, pixels: int) -> list[Rectangle]:
    """Squares of about 48 points a side that cover a scan, smaller where 256 MiB hold no such square's patterns."""
    side = max(LEAST_SIDE_POINTS, min(SIDE_POINTS, math.isqrt(SQUARE_BYTES // (4 * pixels))))
    y, x = _edges(rows, side), _edges(columns, side)
    return [
        Rectangle(int(y[i]), int(y[i + 1]), int(x[j]), int(x[j + 1]))
        for i in range(len(y) - 1)
        for j in range(len(x) - 1)
    ]


def local_subspaces(patterns: PatternBlocks, *, seed: int = 0) -> LocalSubspaces:
    """Find the subspace of every square of a scan.

    A square's components, found by subspace iteration on the Gram matrix of its points, are those above the edge of
    the noise, and further ones until no more than a hundredth of the signal energy is left (the energy above that of
    the noise, as neighbouring points measure it), at most 256.

    Parameters
    ----------
    patterns
        Preprocessed patterns; one square is read at a time.
    seed
        Of the start vectors of the iteration for eigenvectors.

    Returns
    -------
    LocalSubspaces

    Raises
    ------
    ValueError
        If a value is not finite.

    Notes
    -----
    What a subspace leaves out is noise, and weak signals hidden in it. Components of a ROI that lie just above its
    noise edge are weakened, so that the number of components found in coordinates can be smaller than in the patterns
    themselves.
    """
    rows, columns, pixels = patterns.shape
    found = tuple(_square(patterns, area, seed) for area in squares_of(rows, columns, pixels))
    loading = np.concatenate([square.loading for square in found])
    with single_blas_thread():
        parts = map_blocks(lambda bound: loading[bound[0] : bound[1]] @ loading.T, block_bounds(len(loading), 256))
    return LocalSubspaces((rows, columns), pixels, found, np.concatenate(parts).astype(np.float64))


def _square(patterns: PatternBlocks, area: Rectangle, seed: int) -> Square:
    block = patterns.read(area.row_start, area.row_stop, area.column_start, area.column_stop)
    height, width, pixels = block.shape
    noise = noise_variance(block)
    flat = block.reshape(-1, pixels)
    with single_blas_thread():
        gram = gram_matrix(len(flat), _pixel_blocks(pixels), lambda bound: flat[:, bound[0] : bound[1]])
        energy, vector, left = _enough_components(gram, noise, pixels, seed)
        loading = _loadings(flat, vector / np.sqrt(energy))
        score = np.concatenate(map_blocks(lambda bound: flat[slice(*bound)] @ loading.T, block_bounds(len(flat), 256)))
    residual = np.maximum(np.diag(gram) - np.einsum("ij,ij->i", score, score, dtype=np.float64), 0.0)
    return Square(
        area,
        loading,
        score.reshape(height, width, -1),
        residual.reshape(height, width).astype(np.float32),
        noise,
        left,
    )


def _pixel_blocks(pixels: int) -> list[tuple[int, int]]:
    """Blocks of pixels, at least four, so that there is one for each core."""
    return block_bounds(pixels, min(_PIXEL_BLOCK, -(-pixels // 4)))


def _loadings(flat: NDArray[np.float32], factor: NDArray[np.float64]) -> NDArray[np.float32]:
    mixing = np.ascontiguousarray(factor.T, dtype=np.float32)
    blocks = _pixel_blocks(flat.shape[1])
    return np.concatenate(map_blocks(lambda bound: mixing @ flat[:, bound[0] : bound[1]], blocks), axis=1)


def _enough_components(
    gram: NDArray[np.float64], noise: NoiseEstimate, pixels: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Energies and eigenvectors of the components that a square needs, and the share of the signal left out."""
    points = len(gram)
    total = float(np.trace(gram))
    if total == 0.0:
        return np.ones(1), np.eye(points, 1), 0.0
    signal = max(total - pixels * float(noise.point_variance.sum()), 1e-12 * total)
    edge = points * noise_edge(noise.point_variance, points, pixels, noise.effective_pixel_count)
    for count in _counts(min(points, pixels, MOST_COMPONENTS)):
        energy, vector = subspace_iteration(gram, count, seed)
        above = int(np.count_nonzero(energy > edge))
        # A noise component of n points and p pixels holds about n + p noise variances, whichever direction it takes.
        held = energy - noise.variance * (points + pixels)
        share = 1.0 - np.cumsum(held) / signal
        enough = int(np.argmax(share <= RESIDUAL_SHARE)) + 1 if (share <= RESIDUAL_SHARE).any() else count
        wanted = max(1, above, min(enough, count))
        if wanted < count:
            break
    wanted = max(1, min(wanted, int(np.count_nonzero(energy > 1e-10 * max(energy[0], 1e-300)))))
    return np.maximum(energy[:wanted], 1e-300), vector[:, :wanted], float(share[wanted - 1])


def _counts(most: int) -> Iterator[int]:
    count = FIRST_COUNT
    while count < most:
        yield count
        count *= 2
    yield most


def _edges(length: int, side: int) -> NDArray[np.int64]:
    parts = max(1, round(length / side))
    return np.arange(parts + 1, dtype=np.int64) * length // parts
