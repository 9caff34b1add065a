"""The stitched segmentation map: cluster labels of many ROIs become one map of regions that does not show its tiling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from microstructure_assets.methods import stitching_kernels as kernels
from microstructure_assets.methods.region_graph import Pieces, find_mixed, link_pieces
from microstructure_assets.methods.relabelling import Blocks, Field, PatternBlocks, RefineOptions, discover, empty_field, measure_energy, refine
from microstructure_assets.methods.settings import StitchingSettings


@dataclass(frozen=True)
class ArrayPatterns:
    """Patterns held in memory.

    Attributes
    ----------
    array : numpy.ndarray, shape (rows, columns, pixels)
    """

    array: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, pixels."""
        rows, columns, pixels = self.array.shape
        return rows, columns, pixels

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> np.ndarray:
        """Patterns of a rectangle of points, float32."""
        return np.asarray(self.array[row_start:row_stop, column_start:column_stop], dtype=np.float32)


@dataclass(frozen=True)
class Stitching:
    region: np.ndarray
    boundary: np.ndarray
    confidence: np.ndarray
    strength: float
    log: dict


def stitch(patterns: PatternBlocks, cluster: np.ndarray, noise_variance: float, settings: StitchingSettings, *, progress=None, debug=None) -> Stitching:
    rows, columns, pixels = patterns.shape
    blocks = Blocks(patterns, 32)
    energy = measure_energy(blocks)
    noise = float(noise_variance)
    signal = energy - pixels * noise
    reference = typical_signal(signal, noise, pixels)
    if reference <= 0:
        raise SystemExit('noise only')
    floor = 0.03 * reference
    field = empty_field(rows, columns)
    tol, caution = settings.piece_similarity, settings.caution
    pieces = discover(blocks, np.asarray(cluster, np.int64), field, noise, reference, tol, caution, floor)
    if debug is not None: debug.append(('discover', field.piece.copy(), pieces.count.copy()))
    for round_ in range(settings.rounds):
        pieces = tidy(field, pieces, noise, floor, settings)
        void = find_void(pieces, noise, pixels, reference, floor)
        means = pieces.means()
        pairs = kernels.touching_pairs(field.piece, len(pieces.count))
        points = np.bincount(field.piece[field.piece >= 0], minlength=len(pieces.count))
        mixed = find_mixed(means, pieces.count, points, kernels.near_pairs(field.piece, len(pieces.count), 2), noise, floor, settings.mixture_tolerance, settings.mixture_caution) & ~void
        if debug is not None: debug.append((f'round {round_}', field.piece.copy(), pieces.count.copy(), mixed.copy()))
        if mixed.any():
            pieces = keep_pieces(field, pieces, ~mixed)
            void = void[~mixed]
            means = pieces.means()
            near = field.piece
        pairs = reach_pairs(field.piece, len(pieces.count))
        region, _ = link_pieces(means, pieces.count, pairs, noise, floor, settings.region_similarity)
        pieces = refine(blocks, field, pieces, region, void, energy, RefineOptions(noise, reference, floor, tol, caution, settings.reach, settings.reach, settings.pure, round_ < settings.rounds - 1))
    # final
    n = len(pieces.count)
    region = np.append(region, np.arange(n - len(region)) + region.max() + 1)
    cand = field.candidate
    rc = np.where(cand >= 0, region[np.maximum(cand, 0)], -1)
    # confined to the same order
    reg = rc[..., 0].copy()
    s = best_strength(reg, rc)
    err = np.maximum(field.error, 0.02)
    conf = kernels.conditional_modes(reg, rc, field.weight, err, s, 10)
    comp, k = kernels.connected_components(reg)
    return Stitching(comp + 1, None, conf, s, {'n': k})


def typical_signal(signal, noise, pixels):
    from scipy.ndimage import uniform_filter
    around = uniform_filter(signal, 3, mode='nearest')
    ok = around > 3 * noise * np.sqrt(2 * pixels) / 3
    return float(np.median(around[ok])) if ok.any() else 0.0


def find_void(pieces, noise, pixels, reference, floor):
    m = pieces.means()
    s = np.einsum('ij,ij->i', m, m) - pixels * noise / np.maximum(pieces.count, 1e-9)
    err = noise * np.sqrt(2 * pixels) / np.maximum(pieces.count, 1e-9)
    return (s < floor) & (err < 0.3 * reference)


def keep_pieces(field, pieces, keep):
    index = np.where(keep, np.cumsum(keep) - 1, -1)
    field.piece[...] = np.where(field.piece >= 0, index[np.maximum(field.piece, 0)], -1)
    field.member_weight[field.piece < 0] = 0
    return pieces.take(keep)


def tidy(field, pieces, noise, floor, settings):
    present = np.bincount(field.piece[field.piece >= 0], minlength=len(pieces.count)) > 0
    pieces = keep_pieces(field, pieces, present & (pieces.count > 0.3))
    pairs = reach_pairs(field.piece, len(pieces.count))
    sums, counts = pieces.sums.copy(), pieces.count.copy()
    parent, log = kernels.agglomerate(sums, counts, pairs, noise, floor, settings.piece_similarity, settings.caution)
    kept, compact = np.unique(parent, return_inverse=True)
    field.piece[...] = np.where(field.piece >= 0, compact[np.maximum(field.piece, 0)], -1)
    return Pieces(sums[kept], counts[kept])


def reach_pairs(piece, count):
    return kernels.touching_pairs(piece, count)


def best_strength(reg, cand):
    grid = np.linspace(0, 3, 13)
    return float(grid[np.argmax([kernels.pseudo_likelihood(reg, cand, g) for g in grid])])
