"""Passes of the stitching over the patterns: find pieces, then refine every point against the pieces near it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from microstructure_assets.methods import stitching_kernels as kernels
from microstructure_assets.methods.region_graph import Pieces, find_pieces

SLOTS = 4


class PatternBlocks(Protocol):
    """Corrected, zero-mean patterns of a scan that can be read rectangle by rectangle."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, pixels."""

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> np.ndarray:
        """Patterns of a rectangle of points, float32, shape (rows, columns, pixels)."""


@dataclass(frozen=True)
class Blocks:
    """A scan cut in rectangles of points for one pass."""

    patterns: PatternBlocks
    side: int

    def __iter__(self) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """Rows, columns and patterns of every block, row by row."""
        rows, columns, _ = self.patterns.shape
        for top, bottom in _cuts(rows, self.side):
            for left, right in _cuts(columns, self.side):
                block = np.ascontiguousarray(self.patterns.read(top, bottom, left, right), dtype=np.float32)
                yield slice(top, bottom), slice(left, right), block


def _cuts(length: int, side: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, length, max(1, round(length / side)) + 1).round().astype(int)
    return [(int(a), int(b)) for a, b in zip(edges[:-1], edges[1:], strict=True)]


@dataclass
class Field:
    """What is known of every point between two passes; all arrays have the scan's shape.

    Attributes
    ----------
    piece : int64
        Piece of the point; -1 = none yet.
    member_weight : float32
        Weight with which the point's pattern took part in its piece's sum.
    candidate : int64, shape (rows, columns, 4)
        Strongest piece of each of the strongest regions; -1 = none.
    weight : float32, shape (rows, columns, 4)
        Share of each of those regions in the pattern.
    error : float32
        Standard error of the shares.
    unexplained : float32
        Signal energy that the pieces near the point leave unexplained.
    """

    piece: np.ndarray
    member_weight: np.ndarray
    candidate: np.ndarray
    weight: np.ndarray
    error: np.ndarray
    unexplained: np.ndarray


def empty_field(rows: int, columns: int) -> Field:
    """A field in which nothing is known."""
    return Field(
        np.full((rows, columns), -1, np.int64),
        np.zeros((rows, columns), np.float32),
        np.full((rows, columns, SLOTS), -1, np.int64),
        np.zeros((rows, columns, SLOTS), np.float32),
        np.ones((rows, columns), np.float32),
        np.zeros((rows, columns), np.float32),
    )


def measure_energy(blocks: Blocks) -> np.ndarray:
    """Squared norm of every pattern, float64, shape (rows, columns)."""
    rows, columns, _ = blocks.patterns.shape
    energy = np.empty((rows, columns))
    for row, column, block in blocks:
        energy[row, column] = np.einsum("ijk,ijk->ij", block, block)
    return energy


def discover(
    blocks: Blocks, cluster: np.ndarray, field: Field, noise: float, signal: float, tolerance: float, caution: float, floor: float
) -> Pieces:
    """First pass: the pieces of every block."""
    collected: list[Pieces] = []
    offset = 0
    for row, column, block in blocks:
        piece, sums, counts = find_pieces(block, cluster[row, column], noise, signal, tolerance, caution, floor)
        field.piece[row, column] = np.where(piece >= 0, piece + offset, -1)
        field.member_weight[row, column] = piece >= 0
        collected.append(Pieces(sums, counts))
        offset += len(counts)
    return Pieces.concatenate(collected)


@dataclass(frozen=True)
class RefineOptions:
    """Numbers that one refining pass needs."""

    noise: float
    signal: float
    floor: float
    tolerance: float
    caution: float
    reach_y: int
    reach_x: int
    pure: float
    reseed: bool


def refine(
    blocks: Blocks, field: Field, pieces: Pieces, region: np.ndarray, void: np.ndarray, energy: np.ndarray, options: RefineOptions
) -> Pieces:
    """One pass: unmix every point, give it to its strongest piece, start new pieces where signal stays unexplained.

    Returns
    -------
    Pieces
        Sums over the pure points of each old piece (indices kept, count 0 where none is left), new pieces appended.
        ``field`` is updated.
    """
    rows, columns, pixels = blocks.patterns.shape
    means = pieces.means()
    sums = np.zeros_like(pieces.sums)
    fallback = np.zeros_like(pieces.sums)
    weight, weight_squared = np.zeros((2, len(pieces.count)))
    fall, fall_squared = np.zeros((2, len(pieces.count)))
    old_piece = field.piece.copy()
    old_weight = field.member_weight.copy()
    new_weight = np.zeros_like(old_weight)
    second_weight = np.zeros_like(old_weight)
    fresh: list[Pieces] = []
    offset = len(pieces.count)
    for row, column, block in blocks:
        top, left = max(row.start - options.reach_y, 0), max(column.start - options.reach_x, 0)
        window = old_piece[top : row.stop + options.reach_y, left : column.stop + options.reach_x]
        present = np.unique(window)
        present = present[present >= 0]
        local = np.searchsorted(present, window)
        local[window < 0] = -1
        height, width = block.shape[:2]
        flat = block.reshape(-1, pixels)
        near = means[present]
        projection = flat @ near.T
        gram = (near @ near.T).astype(float)
        noise_energy = pixels * options.noise / np.maximum(pieces.count[present], 1e-9)
        gram[np.diag_indices_from(gram)] = np.maximum(np.diag(gram) - noise_energy, options.floor)
        old = old_piece[row, column].ravel()
        member = np.where(old >= 0, np.searchsorted(present, old), -1)
        share = old_weight[row, column].ravel() / np.maximum(pieces.count[np.maximum(old, 0)], 1e-9) if len(pieces.count) else np.zeros(old.shape)
        kernels.unmix_points(
            projection,
            energy[row, column].ravel(),
            gram,
            local,
            share * pixels * options.noise,
            member,
            region[present],
            void[present],
            row.start - top,
            column.start - left,
            height,
            width,
            options.reach_y,
            options.reach_x,
            options.noise,
            pixels,
            field.candidate[row, column],
            field.weight[row, column],
            field.error[row, column],
            field.unexplained[row, column],
            residual := flat.copy(),
            near,
        )
        candidate = field.candidate[row, column]
        candidate[candidate >= 0] = present[candidate[candidate >= 0]]
        best = field.candidate[row, column, 0].copy()
        if options.reseed:
            seeds = _unexplained(residual, height, width, options, pixels)
            if seeds.any():
                piece, new_sums, counts = find_pieces(
                    block, np.where(seeds, 0, -1), options.noise, options.signal, options.tolerance, options.caution, options.floor
                )
                fresh.append(Pieces(new_sums, counts))
                best[seeds] = piece[seeds] + offset
                offset += len(counts)
                new_weight[row, column][seeds] = 1.0
        field.piece[row, column] = best
        first = field.weight[row, column, 0]
        own = np.where((best >= 0) & (best < len(pieces.count)), best, -1).ravel()
        pure = np.where((own >= 0) & (first.ravel() >= options.pure), np.float32(1.0), np.float32(0.0))
        rest = np.where(own >= 0, first.ravel() ** 4, 0).astype(np.float32)
        kernels.add_weighted(sums, flat, own, pure)
        kernels.add_weighted(fallback, flat, own, rest)
        inside = own >= 0
        weight += np.bincount(own[inside], pure[inside], len(weight))
        weight_squared += np.bincount(own[inside], pure[inside] ** 2, len(weight))
        fall += np.bincount(own[inside], rest[inside], len(weight))
        fall_squared += np.bincount(own[inside], rest[inside] ** 2, len(weight))
        new_weight[row, column] += pure.reshape(height, width)
        second_weight[row, column] = rest.reshape(height, width)
    poor = weight < 3
    sums[poor] = fallback[poor]
    weight[poor], weight_squared[poor] = fall[poor], fall_squared[poor]
    scale = weight / np.maximum(weight_squared, 1e-12)
    sums *= scale[:, None].astype(np.float32)
    count = weight * scale
    index = np.clip(field.piece, 0, len(poor) - 1)
    old_kind = (field.piece >= 0) & (field.piece < len(poor))
    field.member_weight[...] = np.where(
        old_kind, np.where(poor[index], second_weight, new_weight) * scale[index], new_weight
    )
    return Pieces.concatenate([Pieces(sums, count), *fresh])


def _unexplained(residual: np.ndarray, height: int, width: int, options: RefineOptions, pixels: int) -> np.ndarray:
    """Points around which the residuals share a good part of the signal, beyond the noise."""
    along_x, along_y = kernels.neighbour_products(residual, height, width)
    total, number = np.zeros((2, height, width))
    for dy in (-1, 0, 1):
        for dx in (-1, 0):
            _add_shifted(total, number, along_x, dy, dx)
    for dy in (-1, 0):
        for dx in (-1, 0, 1):
            _add_shifted(total, number, along_y, dy, dx)
    number = np.maximum(number, 1)
    error = options.noise * np.sqrt(pixels / number)
    return np.asarray(total / number > 0.3 * options.signal + 3.0 * error)


def _add_shifted(total: np.ndarray, number: np.ndarray, values: np.ndarray, dy: int, dx: int) -> None:
    """Add ``values[y + dy, x + dx]`` to ``total[y, x]`` where it exists."""
    height, width = total.shape
    rows, columns = values.shape
    top, bottom = max(0, -dy), min(height, rows - dy)
    left, right = max(0, -dx), min(width, columns - dx)
    if top < bottom and left < right:
        total[top:bottom, left:right] += values[top + dy : bottom + dy, left + dx : right + dx]
        number[top:bottom, left:right] += 1
