"""The stitched segmentation map: cluster labels of many ROIs become one map of regions that does not show its tiling.

1. Inside blocks of the scan, connected clusters are cut where they hold more than one pattern; what touches is joined,
   the most surely similar pair first, as long as the correlation of the means, with the noise taken off, reaches a
   tolerance. The same is then done over the whole scan. The results are *pieces*, each of one pattern.
2. Pieces that do not differ from mixtures of larger pieces near them by more than the noise are given up: points under
   the beam at a boundary form such clusters, and would chain two grains.
3. In a few rounds every point is unmixed into the pieces near it and given to the strongest; pure points make the next
   means; where the residuals of neighbouring points share signal, a new piece starts.
4. Touching pieces that correlate are linked to *regions*: a grain with an orientation gradient is a chain of pieces.
5. The width of the interaction volume follows from the shares across clean boundaries, and edges under this
   beam, with as much curvature as the scan's boundaries have, are fitted around each point of a boundary: they say on
   which side the point itself lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from microstructure_assets.methods import stitching_kernels as kernels
from microstructure_assets.methods.beam_estimates import estimate_beam, estimate_bend
from microstructure_assets.methods.binning import PatternBlocks
from microstructure_assets.methods.edge_fits import place_points
from microstructure_assets.methods.edge_strength import measure_edges
from microstructure_assets.methods.parallel import single_blas_thread
from microstructure_assets.methods.region_graph import (
    Pieces,
    Scale,
    depth_of_pieces,
    find_mixed,
    find_void,
    join_pieces,
    link_pieces,
)
from microstructure_assets.methods.relabelling import (
    Blocks,
    Field,
    RefineOptions,
    discover,
    refine,
    typical_signal,
)
from microstructure_assets.methods.settings import StitchingSettings
from microstructure_assets.methods.stitched_map import Stitching, absorb_islands, assemble, without_signal

BLOCK_SIDE = 32
LEAST_RIVAL_SHARE = 0.1
SETTLED_SHARE = 0.002


@dataclass(frozen=True)
class ArrayPatterns:
    """Patterns held in memory, read as `PatternBlocks`.

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

    @property
    def rows_together(self) -> int:
        """Every row lies by itself."""
        return 1

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> np.ndarray:
        """Patterns of a rectangle of points, float32."""
        return np.asarray(self.array[row_start:row_stop, column_start:column_stop], dtype=np.float32)


@single_blas_thread()  # else sums, and with them the last digits, depend on the number of threads
def stitch(
    patterns: PatternBlocks,
    cluster: np.ndarray,
    noise_variance: float,
    settings: StitchingSettings,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Stitching:
    """Stitch the cluster labels of all ROIs to one map of regions.

    Parameters
    ----------
    patterns : PatternBlocks
        Corrected, zero-mean patterns, read block by block in at most ``settings.rounds + 3`` passes. The mean patterns
        of all pieces are held, twice to four times the number of grains: bin patterns of more than 10,000 pixels.
    cluster : numpy.ndarray of int, shape (rows, columns)
        Cluster of each point, unique over all tiles and ROIs; negative = none. Only which points share a label matters.
    noise_variance : float
        Noise variance of one pattern per pixel, in the patterns' unit squared.
    settings : StitchingSettings
    progress : callable, optional
        Called with the number of passes done and of all passes.

    Returns
    -------
    Stitching

    Raises
    ------
    ValueError
        If shapes do not agree or the noise variance is not positive.
    """
    rows, columns, pixels = patterns.shape
    if cluster.shape != (rows, columns):
        raise ValueError(f"cluster: found shape {cluster.shape}, expected {(rows, columns)} as the patterns have it")
    if not noise_variance > 0 or not np.isfinite(noise_variance):
        raise ValueError(f"noise_variance: found {noise_variance}, expected a positive number (per pixel)")
    advance = _counter(progress, settings.rounds + 3)
    blocks = Blocks(patterns, BLOCK_SIDE)
    field = Field.empty(rows, columns)
    scale = Scale(
        float(noise_variance),
        typical_signal(blocks, noise_variance),
        pixels,
        settings.caution,
        settings.contrast_factor,
    )
    advance()
    if scale.signal == 0:
        return without_signal((rows, columns), measure_edges(blocks, noise_variance))
    pieces = discover(blocks, np.ascontiguousarray(cluster, np.int64), field, scale, settings.piece_similarity)
    advance()
    history: list[tuple[int, ...]] = []
    fresh = 0
    region, log = np.zeros(0, np.int64), np.zeros((0, 4))
    beam_y = beam_x = 0.7
    seek, settled = True, False
    for number in range(settings.rounds):
        if number > 0:
            beam_y, beam_x = estimate_beam(_labels(field, region), field.share, field.error)
        thickest = 1.0 + 2.0 * max(beam_y, beam_x) if number > 0 else np.inf
        pieces, void, record = _tidy(field, pieces, scale, settings, thickest)
        history.append((number, *record))
        # pieces that started in the round before and are all given up again will not do better in the next
        seek = number < 2 or (seek and fresh > record[1] + record[2])
        last = number == settings.rounds - 1 or (settled and not seek)
        region, log = _link(field, pieces, void, scale, settings)
        options = RefineOptions(
            settings.piece_similarity,
            _reach(beam_y, settings),
            _reach(beam_x, settings),
            settings.pure_share,
            seek=seek and not last,
            last=last,
        )
        before, final = field.piece.copy(), pieces
        pieces = refine(blocks, field, pieces, region, void, scale, options)
        advance()
        if last:
            break
        settled = number > 0 and bool(np.mean(field.piece != before) < SETTLED_SHARE)
        fresh = len(pieces.count) - len(final.count)
    region, log = _link(field, final, void, scale, settings)  # now every point has a piece
    label, share = _merged(_labels(field, region), field.share)
    beam_y, beam_x = estimate_beam(label, share, field.error)
    bend = estimate_bend(label, share, field.error, beam_y, beam_x)
    placed, confidence = place_points(label, share, field.error, beam_y, beam_x, bend, LEAST_RIVAL_SHARE)
    placed = np.where(np.isin(placed, region[void]), -1, placed)
    names = absorb_islands(placed)
    edges = measure_edges(blocks, noise_variance)
    advance()
    return assemble(names, placed, confidence, edges, final, region, log, scale, history, (beam_y, beam_x))


def _counter(progress: Callable[[int, int], None] | None, total: int) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return advance


def _reach(beam: float, settings: StitchingSettings) -> int:
    return int(np.clip(np.ceil(2.0 * beam + 1.0), settings.reach, 3 * settings.reach))


def _labels(field: Field, region: np.ndarray) -> np.ndarray:
    """Regions instead of pieces among each point's candidates."""
    return np.where(field.candidate >= 0, np.append(region, -1)[field.candidate], -1)


def _merged(label: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One entry for each region among the candidates of a point, the largest share first."""
    label, share = label.copy(), share.copy()
    for later in range(1, label.shape[2]):
        for earlier in range(later):
            same = (label[..., later] >= 0) & (label[..., later] == label[..., earlier])
            share[..., earlier] += np.where(same, share[..., later], 0)
            label[..., later][same] = -1
    share[label < 0] = 0
    order = np.argsort(np.where(label >= 0, -share, np.inf), axis=2, kind="stable")
    return np.take_along_axis(label, order, 2), np.take_along_axis(share, order, 2)


def _tidy(
    field: Field, pieces: Pieces, scale: Scale, settings: StitchingSettings, thickest: float
) -> tuple[Pieces, np.ndarray, tuple[int, int, int, int]]:
    """Drop what no point belongs to, join what is alike, give up what is mixed; ``field`` follows.

    Points under the beam at a boundary form thin pieces: none deeper than ``thickest`` is taken for mixed.
    """
    present = np.bincount(field.piece[field.piece >= 0], minlength=len(pieces.count)) > 0
    present &= pieces.count > 0
    field.keep(present)
    pieces = pieces.take(present)
    before = len(pieces.count)
    pairs = kernels.touching_pairs(field.piece, before)
    pieces, index, _ = join_pieces(pieces, pairs, scale, settings.piece_similarity)
    field.piece[...] = np.append(index, -1)[field.piece]
    void = find_void(pieces, scale)
    points = np.bincount(field.piece[field.piece >= 0], minlength=len(pieces.count))
    near = kernels.near_pairs(field.piece, len(pieces.count), 2)
    mixed = find_mixed(pieces, points, near, void, scale, settings.mixture_tolerance, settings.mixture_caution)
    mixed &= depth_of_pieces(field.piece, len(mixed)) <= thickest
    field.keep(~mixed)
    record = (len(pieces.count) - int(mixed.sum()), before - len(pieces.count), int(mixed.sum()), int(void.sum()))
    return pieces.take(~mixed), void[~mixed], record


def _link(
    field: Field, pieces: Pieces, void: np.ndarray, scale: Scale, settings: StitchingSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Regions of the pieces; pieces parted only by points that were given up count as touching."""
    pairs = kernels.near_pairs(field.piece, len(pieces.count), 2)
    points = np.bincount(field.piece[field.piece >= 0], minlength=len(pieces.count))
    return link_pieces(pieces, points, pairs, void, scale, settings.region_similarity)
