"""Cores of grains: connected points whose surroundings hold one pattern, up to gain and noise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.eigenvectors import leading_eigenvectors
from microstructure_assets.methods.knee import noise_edge
from microstructure_assets.methods.parallel import block_bounds, single_blas_thread
from microstructure_assets.methods.products import gram_matrix, window_sum

LARGEST_SUBSPACE = 40
#: Side of the blocks that a larger rectangle is worked on in [points]: their Gram matrix is points × points.
BLOCK_SIDE = 48
#: Standard deviations of what noise leaves in a window of one pattern.
_CAUTION = 3.0
#: Share of a window's signal that may be of another shape: a gradient inside the grain, a trace of a neighbour.
_OTHER_SHARE = 0.002
_BLOCK_PIXELS = 4096
#: Fewer pairs of neighbours than this do not tell how the noise is correlated.
_LEAST_PAIRS = 30
#: Inflation up to which the noise counts as white, and the most that is believed.
_WHITE, _LARGEST_INFLATION = 1.3, 30.0


def find_cores(patterns: NDArray[np.float32], noise_variance: float, *, seed: int = 0) -> NDArray[np.int32]:
    """Number the cores of the grains in a rectangle of the scan.

    A point belongs to a core when the patterns of its 3×3 window are multiples of one pattern within the noise. Windows
    of neighbouring points overlap, so that connected points of this kind lie in one grain; and as the beam reaches no
    further than the window, their patterns are pure.

    Parameters
    ----------
    patterns : (rows, columns, p) float32
        Preprocessed patterns. A mean left in is taken off.
    noise_variance
        Noise variance per pixel of a single pattern [intensity²].
    seed
        Of the start vector of the Lanczos iteration.

    Returns
    -------
    (rows, columns) int32
        Cores from 0, in the order of their first points; -1 for points in none.

    Raises
    ------
    ValueError
        If the shape is wrong or the noise variance is negative or not finite.

    Notes
    -----
    The windows are compared in the leading directions of the rectangle's patterns, those above the noise (at most 40):
    there a window of nine patterns tells one point in ten of another grain where single patterns cannot be read. What
    the best common direction leaves of a window of m patterns in k dimensions has (m - 1)(k - 1) degrees of freedom; it
    may exceed its expectation by three standard deviations, and by a five-hundredth of the signal. Noise that the
    detector correlates is stronger along those directions than in a pixel; how much is measured.
    """
    if patterns.ndim != 3 or 0 in patterns.shape:
        raise ValueError(f"patterns: found shape {patterns.shape}, expected (rows, columns, pixels), none of them 0")
    if not (np.isfinite(noise_variance) and noise_variance >= 0):
        raise ValueError(f"noise_variance: found {noise_variance}, expected a variance per pixel, 0 or more")
    from scipy.ndimage import label

    rows, columns, _ = patterns.shape
    pure = np.zeros((rows, columns), dtype=bool)
    for top, bottom in _stretches(rows):
        for left, right in _stretches(columns):
            # One point more on each side completes the windows of the block.
            y, x = slice(max(0, top - 1), bottom + 1), slice(max(0, left - 1), right + 1)
            found = _pure_points(patterns[y, x], noise_variance, seed)
            pure[top:bottom, left:right] = found[top - y.start :, left - x.start :][: bottom - top, : right - left]
    core, _ = label(pure)
    return np.asarray(core - 1, dtype=np.int32)


def _stretches(length: int) -> list[tuple[int, int]]:
    """Stretches of about `BLOCK_SIDE` points along one axis."""
    edges = np.linspace(0, length, max(1, round(length / BLOCK_SIDE)) + 1).round().astype(int)
    return [(int(start), int(stop)) for start, stop in pairwise(edges)]


def _pure_points(patterns: NDArray[np.float32], noise_variance: float, seed: int) -> NDArray[np.bool_]:
    """Points of a block whose window holds one pattern."""
    score = _leading_scores(patterns, noise_variance, seed)
    if score.shape[2] < 2:
        return np.zeros(patterns.shape[:2], dtype=bool)
    inflation = _inflation(score, noise_variance)
    noise = noise_variance * inflation
    if inflation > 1.0:
        # As much noise energy on fewer pixels: what stood out of white noise need not stand out of this.
        energy, points = np.sum(score**2, axis=(0, 1)), score.shape[0] * score.shape[1]
        score = score[..., _above_noise(energy, noise, points, patterns.shape[2] / inflation)]
    left, freedom, signal, number = _misfit(score, noise)
    allowed = noise * (freedom + _CAUTION * np.sqrt(2.0 * freedom)) + _OTHER_SHARE * number * signal
    return np.asarray((left <= allowed) & (signal > 0) & (number >= 4))


def _inflation(score: NDArray[np.float64], noise_variance: float) -> float:
    """How much stronger the noise is along the leading directions than in a pixel, 1 for white noise.

    A detector that correlates its pixels makes smooth noise, and bands are smooth. It is read from what the best
    multiple of a neighbour leaves of a pattern, along each direction: the lower quartile over the pairs belongs to
    pairs inside grains, and of squared normal deviates it is 0.1015.
    """
    if noise_variance <= 0:
        return 1.0
    found = []
    for first, second in ((score[:, 1:], score[:, :-1]), (score[1:], score[:-1])):
        one, other = first.reshape(-1, score.shape[2]), second.reshape(-1, score.shape[2])
        energy = np.einsum("ij,ij->i", other, other)
        factor = np.einsum("ij,ij->i", one, other) / np.where(energy > 0, energy, 1.0)
        found.append((one - factor[:, None] * other) ** 2 / (1.0 + factor**2)[:, None])
    square = np.concatenate(found)
    if len(square) < _LEAST_PAIRS:
        return 1.0
    ratio = float(np.median(np.quantile(square, 0.25, axis=0))) / 0.1015 / noise_variance
    return min(ratio, _LARGEST_INFLATION) if ratio > _WHITE else 1.0


def _leading_scores(patterns: NDArray[np.float32], noise_variance: float, seed: int) -> NDArray[np.float64]:
    """Coordinates of the zero-mean patterns along their directions above the noise, (rows, columns, k)."""
    rows, columns, pixels = patterns.shape
    flat = patterns.reshape(rows * columns, pixels)
    mean = flat.mean(axis=1, dtype=np.float64).astype(np.float32)[:, None]
    with single_blas_thread():
        blocks = block_bounds(pixels, _BLOCK_PIXELS)
        gram = gram_matrix(len(flat), blocks, lambda bound: flat[:, bound[0] : bound[1]] - mean)
    energy, vector = leading_eigenvectors(gram, min(LARGEST_SUBSPACE, len(flat) - 1), seed)
    score = (vector * np.sqrt(energy)).reshape(rows, columns, -1)
    return np.asarray(score[..., _above_noise(energy, noise_variance, len(flat), pixels)])


def _above_noise(energy: NDArray[np.float64], noise_variance: float, points: int, pixels: float) -> NDArray[np.bool_]:
    """Directions, strongest first, whose energy noise alone does not reach; two at least."""
    edge = noise_edge(noise_variance, points, max(1, round(pixels))) * max(1, points - 1)
    return np.asarray((energy > edge) | (np.arange(len(energy)) < 2))


def _misfit(
    score: NDArray[np.float64], noise_variance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each 3×3 window: energy off its mean's direction, degrees of freedom, signal of a pattern, points inside."""
    rows, columns, directions = score.shape
    number = window_sum(np.ones((rows, columns)))
    total = window_sum(score)
    length = np.linalg.norm(total, axis=2, keepdims=True)
    common = total / np.where(length > 0, length, 1.0)
    padded = np.pad(score, ((1, 1), (1, 1), (0, 0)))
    along = np.zeros((rows, columns))
    for dy in range(3):
        for dx in range(3):
            along += np.einsum("yxk,yxk->yx", padded[dy : dy + rows, dx : dx + columns], common) ** 2
    energy = window_sum(np.einsum("yxk,yxk->yx", score, score))
    signal = np.maximum(along / number - noise_variance, 0.0)
    return energy - along, (number - 1) * (directions - 1), signal, number
