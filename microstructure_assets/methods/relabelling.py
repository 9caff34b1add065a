"""Passes of the stitching over the patterns: find pieces, then refine every point against the pieces near it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from microstructure_assets.methods import stitching_kernels as graph_kernels
from microstructure_assets.methods import unmixing_kernels as kernels
from microstructure_assets.methods.binning import PatternBlocks
from microstructure_assets.methods.region_graph import Pieces, Scale, find_pieces

SLOTS = 6
LEAST_PURE_POINTS = 3.0
SIGNAL_BLOCKS = 24
UNEXPLAINED_SHARE = 0.2


@dataclass(frozen=True)
class Blocks:
    """A scan cut in rectangles of points for one pass."""

    patterns: PatternBlocks
    side: int

    def rectangles(self) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of every block, row by row."""
        rows, columns, _ = self.patterns.shape
        for top, bottom in _cuts(rows, self.side):
            for left, right in _cuts(columns, self.side):
                yield slice(top, bottom), slice(left, right)

    def __iter__(self) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """Rows, columns and patterns of every block, row by row."""
        for row, column in self.rectangles():
            yield row, column, self.read(row.start, row.stop, column.start, column.stop)

    def read(self, top: int, bottom: int, left: int, right: int) -> np.ndarray:
        """Patterns of one rectangle, float32, contiguous."""
        return np.ascontiguousarray(self.patterns.read(top, bottom, left, right), dtype=np.float32)


def _cuts(length: int, side: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, length, max(1, round(length / side)) + 1).round().astype(int)
    return [(int(a), int(b)) for a, b in pairwise(edges)]


@dataclass(frozen=True)
class Field:
    """What is known of every point between two passes; the arrays are updated in place.

    Attributes
    ----------
    piece : numpy.ndarray of int64, shape (rows, columns)
        Piece of the point; -1 = none yet.
    member_weight : numpy.ndarray of float32, shape (rows, columns)
        Weight with which the point's pattern took part in its piece's sum.
    candidate : numpy.ndarray of int64, shape (rows, columns, 6)
        Strongest piece of each of the strongest regions; -1 = none.
    share : numpy.ndarray of float32, shape (rows, columns, 6)
        Share of each of those regions in the pattern.
    error : numpy.ndarray of float32, shape (rows, columns)
        Standard error of the shares.
    """

    piece: np.ndarray
    member_weight: np.ndarray
    candidate: np.ndarray
    share: np.ndarray
    error: np.ndarray

    @classmethod
    def empty(cls, rows: int, columns: int) -> Field:
        """A field in which nothing is known."""
        return cls(
            np.full((rows, columns), -1, np.int64),
            np.zeros((rows, columns), np.float32),
            np.full((rows, columns, SLOTS), -1, np.int64),
            np.zeros((rows, columns, SLOTS), np.float32),
            np.ones((rows, columns), np.float32),
        )

    def keep(self, keep: np.ndarray) -> None:
        """Renumber the pieces to those kept; the points of the others have none."""
        index = np.append(np.where(keep, np.cumsum(keep) - 1, -1), -1)
        self.piece[...] = index[self.piece]
        self.member_weight[self.piece < 0] = 0


def typical_signal(blocks: Blocks, noise_variance: float) -> float:
    """Squared norm of a typical noise-free pattern, from the products of neighbouring patterns; 0 without signal.

    Products of different patterns hold no noise energy, so the noise variance need not be known well.
    """
    rectangles = list(blocks.rectangles())
    sample = rectangles[:: max(1, len(rectangles) // SIGNAL_BLOCKS)]
    signal = _signal_of(blocks, sample, noise_variance)
    if signal == 0 and len(sample) < len(rectangles):
        signal = _signal_of(blocks, rectangles, noise_variance)
    return signal


def _signal_of(blocks: Blocks, rectangles: list[tuple[slice, slice]], noise_variance: float) -> float:
    pixels = blocks.patterns.shape[2]
    found, everywhere = [], []
    for row, column in rectangles:
        block = blocks.read(row.start, row.stop, column.start, column.stop)
        height, width = block.shape[:2]
        products, number = _mean_products(block.reshape(-1, pixels), height, width)
        significant = products > 4.0 * noise_variance * np.sqrt(pixels / np.maximum(number, 1))
        found.append(products[significant & (number > 0)])
        everywhere.append(products[number > 0])
    strong = np.concatenate(found)
    if len(strong) < 0.002 * sum(map(len, everywhere)) or len(strong) == 0:
        return 0.0
    return float(np.median(strong))


def discover(blocks: Blocks, cluster: np.ndarray, field: Field, scale: Scale, tolerance: float) -> Pieces:
    """First pass: the pieces of every block. Returns them; ``field`` is updated."""
    collected: list[Pieces] = []
    offset = 0
    for row, column, block in blocks:
        piece, pieces = find_pieces(block, cluster[row, column], scale, tolerance)
        field.piece[row, column] = np.where(piece >= 0, piece + offset, -1)
        field.member_weight[row, column] = piece >= 0
        collected.append(pieces)
        offset += len(pieces.count)
    return Pieces.concatenate(collected)


@dataclass(frozen=True)
class RefineOptions:
    """What one refining pass needs besides the pieces.

    Attributes
    ----------
    tolerance : float
        Correlation from which touching pieces are one.
    reach_y, reach_x : int
        Distance up to which a point may belong to a piece [points].
    pure : float
        Share from which a point counts in its piece's mean.
    seek : bool
        Whether new pieces start where signal stays unexplained.
    last : bool
        The last pass leaves shares with unbiased noise.
    """

    tolerance: float
    reach_y: int
    reach_x: int
    pure: float
    seek: bool
    last: bool


@dataclass
class _Sums:
    """Weighted sums of patterns over pieces while a pass goes on."""

    sums: np.ndarray
    weight: np.ndarray
    squared: np.ndarray

    @classmethod
    def zeros(cls, like: Pieces) -> _Sums:
        return cls(np.zeros_like(like.sums), np.zeros(len(like.count)), np.zeros(len(like.count)))

    def add(self, flat: np.ndarray, label: np.ndarray, weight: np.ndarray) -> None:
        graph_kernels.add_weighted(self.sums, flat, label, weight)
        inside = label >= 0
        self.weight += np.bincount(label[inside], weight[inside], len(self.weight))
        self.squared += np.bincount(label[inside], weight[inside] ** 2, len(self.weight))


def refine(
    blocks: Blocks,
    field: Field,
    pieces: Pieces,
    region: np.ndarray,
    void: np.ndarray,
    scale: Scale,
    options: RefineOptions,
) -> Pieces:
    """One pass: unmix every point, give it to its strongest piece, start new pieces where signal stays unexplained.

    Returns
    -------
    Pieces
        Sums over the pure points of each piece (or, where these are too few, over all its points by the fourth power of
        their share), indices kept, new pieces appended. ``field`` is updated.
    """
    pure_sums, all_sums = _Sums.zeros(pieces), _Sums.zeros(pieces)
    old_piece, old_weight = field.piece.copy(), field.member_weight.copy()
    pure_weight, all_weight = np.zeros_like(old_weight), np.zeros_like(old_weight)
    means = pieces.means()
    fresh: list[Pieces] = []
    known = len(pieces.count)
    offset = known
    for row, column, block in blocks:
        flat = block.reshape(-1, block.shape[2])
        residual = _unmix_block(
            row, column, flat, field, old_piece, old_weight, means, pieces, region, void, scale, options
        )
        best = field.candidate[row, column, 0].copy()
        if options.seek:
            seeds = _unexplained(residual, block.shape[0], block.shape[1], scale)
            if seeds.any():
                piece, new = find_pieces(block, np.where(seeds, 0, -1), scale, options.tolerance)
                fresh.append(new)
                best[seeds] = piece[seeds] + offset
                offset += len(new.count)
                pure_weight[row, column][seeds] = 1.0
        field.piece[row, column] = best
        share = field.share[row, column, 0]
        own = (best >= 0) & (best < known)
        label = np.where(own, best, -1).ravel()
        weight = (own & (share >= options.pure)).astype(np.float32)
        pure_sums.add(flat, label, weight.ravel())
        pure_weight[row, column] += weight
        weight = np.where(own, share**4, 0).astype(np.float32)
        all_sums.add(flat, label, weight.ravel())
        all_weight[row, column] = weight
    # a mean in which the noise outweighs the signal gains more from further points than from pure ones
    poor = pure_sums.weight < max(LEAST_PURE_POINTS, scale.pixels * scale.noise / scale.signal)
    for name in ("sums", "weight", "squared"):
        getattr(pure_sums, name)[poor] = getattr(all_sums, name)[poor]
    # equally weighted patterns as noisy as the weighted mean: factor * weight is their number
    factor = np.append(pure_sums.weight / np.maximum(pure_sums.squared, 1e-12), 1.0)
    index = np.where((field.piece >= 0) & (field.piece < known), field.piece, known)
    weight = np.where(np.append(poor, False)[index], all_weight, pure_weight) * factor[index]
    field.member_weight[...] = np.where(field.piece >= 0, weight, 0)
    pure_sums.sums *= factor[:-1, None].astype(np.float32)
    return Pieces.concatenate([Pieces(pure_sums.sums, pure_sums.weight * factor[:-1]), *fresh])


def _unmix_block(
    row: slice,
    column: slice,
    flat: np.ndarray,
    field: Field,
    old_piece: np.ndarray,
    old_weight: np.ndarray,
    means: np.ndarray,
    pieces: Pieces,
    region: np.ndarray,
    void: np.ndarray,
    scale: Scale,
    options: RefineOptions,
) -> np.ndarray:
    """Unmix the points of a block into ``field``; returns what stays unexplained of their patterns."""
    top, left = max(row.start - options.reach_y, 0), max(column.start - options.reach_x, 0)
    window = old_piece[top : row.stop + options.reach_y, left : column.stop + options.reach_x]
    present = np.unique(window[window >= 0])
    local = np.where(window >= 0, np.searchsorted(present, window), -1)
    near, count = means[present], np.maximum(pieces.count[present], 1e-9)
    gram = (near @ near.T).astype(float)
    gram[np.diag_indices_from(gram)] = np.maximum(np.diag(gram) - scale.pixels * scale.noise / count, scale.floor)
    own = old_piece[row, column].ravel()
    member = np.where(own >= 0, np.searchsorted(present, own), -1)
    part = np.where(own >= 0, old_weight[row, column].ravel() / np.append(count, 1.0)[member], 0.0)
    weights = np.zeros((len(flat), len(present)), np.float32)
    candidate = field.candidate[row, column]
    kernels.unmix_points(
        flat @ near.T,
        gram,
        local,
        part * scale.pixels * scale.noise,
        member,
        region[present],
        void[present],
        row.start - top,
        column.start - left,
        options.reach_y,
        options.reach_x,
        scale.noise,
        options.last,
        candidate,
        field.share[row, column],
        field.error[row, column],
        weights,
    )
    candidate[...] = np.where(candidate >= 0, np.append(present, -1)[candidate], -1)
    return np.asarray(flat - weights @ near) if options.seek else flat


def _mean_products(flat: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean product of the pairs of neighbours in the 3 x 3 window of each point of a block, and the number of pairs."""
    along_x, along_y = kernels.neighbour_products(flat, height, width)
    total, number = np.zeros((2, height, width))
    for shift in (-1, 0, 1):
        for back in (-1, 0):
            _add_shifted(total, number, along_x, shift, back)
            _add_shifted(total, number, along_y, back, shift)
    return total / np.maximum(number, 1), number


def _add_shifted(total: np.ndarray, number: np.ndarray, values: np.ndarray, dy: int, dx: int) -> None:
    """Add ``values[y + dy, x + dx]`` to ``total[y, x]`` where it exists."""
    (height, width), (rows, columns) = total.shape, values.shape
    top, bottom = max(0, -dy), min(height, rows - dy)
    left, right = max(0, -dx), min(width, columns - dx)
    if top < bottom and left < right:
        total[top:bottom, left:right] += values[top + dy : bottom + dy, left + dx : right + dx]
        number[top:bottom, left:right] += 1


def _unexplained(residual: np.ndarray, height: int, width: int, scale: Scale) -> np.ndarray:
    """Points around which the residuals share a good part of the signal, beyond the noise."""
    products, number = _mean_products(residual, height, width)
    error = scale.noise * np.sqrt(scale.pixels / np.maximum(number, 1))
    return np.asarray((number > 0) & (products > UNEXPLAINED_SHARE * scale.signal + 3.0 * error))
