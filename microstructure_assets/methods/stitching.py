"""The stitched segmentation map: cluster labels of many ROIs become one map of regions that does not show its tiling.

1. Inside blocks of the scan, connected clusters are cut where they hold more than one pattern; what touches is joined, the
   most surely similar pair first, as long as the correlation of the means, with the noise taken off, reaches a tolerance.
   The same is then done over the whole scan. The results are *pieces*, each of one pattern.
2. Pieces that do not differ from mixtures of larger pieces near them by more than the noise are given up: points under the
   beam at a boundary form such clusters, and would chain two grains.
3. In a few rounds every point is unmixed into the pieces near it and given to the strongest; pure points make the next
   means; where the residuals of neighbouring points share signal, a new piece starts.
4. Touching pieces that correlate are linked to *regions*: a grain with an orientation gradient is a chain of pieces.
5. The width of the interaction volume follows from the shares across clean boundaries, and straight edges under this beam
   are fitted around each point of a boundary: they say on which side the point itself lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from microstructure_assets.methods import stitching_kernels as kernels
from microstructure_assets.methods.edge_fits import estimate_beam, place_points
from microstructure_assets.methods.edge_strength import measure_edges
from microstructure_assets.methods.region_graph import Pieces, Scale, find_mixed, find_void, join_pieces, link_pieces
from microstructure_assets.methods.relabelling import (
    Blocks,
    Field,
    PatternBlocks,
    RefineOptions,
    discover,
    refine,
    typical_signal,
)
from microstructure_assets.methods.settings import StitchingSettings

BLOCK_SIDE = 32
LEAST_RIVAL_SHARE = 0.1
ISLAND_POINTS = 3


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

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> np.ndarray:
        """Patterns of a rectangle of points, float32."""
        return np.asarray(self.array[row_start:row_stop, column_start:column_stop], dtype=np.float32)


@dataclass(frozen=True)
class Stitching:
    """A stitched segmentation map.

    Attributes
    ----------
    region : numpy.ndarray of int32, shape (rows, columns)
        Regions from 1 in the order of their first points, row by row; 0 = no signal (pores).
    boundary : numpy.ndarray of bool, shape (rows, columns)
        Points with a neighbour along x or y in another region.
    edge_strength_x, edge_strength_y : numpy.ndarray of float32, shapes (rows, columns - 1) and (rows - 1, columns)
        How surely the local mean patterns on both sides of an edge differ [standard deviations under noise alone].
    confidence : numpy.ndarray of float32, shape (rows, columns)
        Probability that the point lies in its region rather than in the next, given the noise.
    regions : dict of numpy.ndarray
        A row per region: ``region`` int32; ``point_count`` int64; ``centroid_row``, ``centroid_column`` float64 [points];
        ``mean_contrast`` float64 (deviation of the noise-free mean pattern over its pixels, in the patterns' unit);
        ``signal_to_noise`` float64 (the same over the noise deviation); ``piece_count`` int64; ``mean_confidence``
        float64; ``on_edge`` bool (touches the scan's edge).
    links : dict of numpy.ndarray
        A row per pair of touching pieces at the end: ``region_a``, ``region_b`` int32 (equal where they are linked),
        ``points_a``, ``points_b`` float64 (in the means), ``similarity``, ``similarity_std`` float64.
    rounds : dict of numpy.ndarray
        A row per round: ``round``, ``pieces``, ``joined``, ``mixed``, ``void`` int64.
    beam_y, beam_x : float
        Deviation of the interaction volume as seen at clean boundaries [points].
    typical_contrast : float
        Deviation over the pixels of a typical noise-free pattern; 0 for a scan without signal.
    """

    region: np.ndarray
    boundary: np.ndarray
    edge_strength_x: np.ndarray
    edge_strength_y: np.ndarray
    confidence: np.ndarray
    regions: dict[str, np.ndarray]
    links: dict[str, np.ndarray]
    rounds: dict[str, np.ndarray]
    beam_y: float
    beam_x: float
    typical_contrast: float


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
        Corrected, zero-mean patterns; read block by block in ``settings.rounds + 3`` passes. The mean patterns of all
        pieces are held, about twice the number of grains times the pixels: bin patterns of more than some 10,000 pixels.
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
    scale = Scale(float(noise_variance), typical_signal(blocks, noise_variance), pixels, settings.caution)
    advance()
    if scale.signal == 0:
        return _without_signal(field, measure_edges(blocks, noise_variance))
    pieces = discover(blocks, np.ascontiguousarray(cluster, np.int64), field, scale, settings.piece_similarity)
    advance()
    history = []
    beam_y = beam_x = 0.7
    for number in range(settings.rounds):
        pieces, void, record = _tidy(field, pieces, scale, settings)
        history.append((number, *record))
        region, log = _link(field, pieces, void, scale, settings)
        if number > 0:
            beam_y, beam_x = estimate_beam(_labels(field, region_before), field.share, field.error)
        region_before = region
        options = RefineOptions(
            settings.piece_similarity,
            _reach(beam_y, settings),
            _reach(beam_x, settings),
            settings.pure_share,
            last=number == settings.rounds - 1,
        )
        final = pieces
        pieces = refine(blocks, field, pieces, region, void, scale, options)
        advance()
    label = _labels(field, region)
    beam_y, beam_x = estimate_beam(label, field.share, field.error)
    placed, confidence = place_points(label, field.share, field.error, beam_y, beam_x, LEAST_RIVAL_SHARE)
    placed = np.where(np.isin(placed, region[void]), -1, placed)
    names = absorb_islands(placed, field.share[..., 0])
    edges = measure_edges(blocks, noise_variance)
    advance()
    return _assemble(names, placed, confidence, edges, final, region, log, scale, history, (beam_y, beam_x))


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


def _tidy(
    field: Field, pieces: Pieces, scale: Scale, settings: StitchingSettings
) -> tuple[Pieces, np.ndarray, tuple[int, int, int, int]]:
    """Drop what no point belongs to, join what is alike, give up what is mixed; ``field`` follows."""
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
    field.keep(~mixed)
    record = (len(pieces.count) - int(mixed.sum()), before - len(pieces.count), int(mixed.sum()), int(void.sum()))
    return pieces.take(~mixed), void[~mixed], record


def _link(
    field: Field, pieces: Pieces, void: np.ndarray, scale: Scale, settings: StitchingSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Regions of the pieces; pieces parted only by points that were given up count as touching."""
    pairs = kernels.near_pairs(field.piece, len(pieces.count), 2)
    return link_pieces(pieces, pairs, void, scale, settings.region_similarity)


def absorb_islands(region: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Connected regions from 1; specks of a region apart from its body go to the region around them.

    Parameters
    ----------
    region : numpy.ndarray of int, shape (rows, columns)
        Negative = none.
    share : numpy.ndarray, shape (rows, columns)
        Not used where a region is whole; specks are judged by size alone.

    Returns
    -------
    numpy.ndarray of int32, shape (rows, columns)
        0 = none.
    """
    region = region.copy()
    part, count = kernels.connected_components(region)
    size = np.bincount(part[part >= 0], minlength=count)
    owner = np.zeros(count, np.int64)
    owner[part[part >= 0]] = region[part >= 0]
    largest = np.zeros(int(owner.max(initial=0)) + 1, np.int64)
    np.maximum.at(largest, owner, size)
    speck = (size <= ISLAND_POINTS) & (size < largest[owner])
    for name in np.flatnonzero(speck):
        y, x = np.nonzero(part == name)
        around = _around(region, part, y, x, int(name))
        if len(around):
            values, votes = np.unique(around, return_counts=True)
            region[y, x] = values[np.argmax(votes)]
    part, _ = kernels.connected_components(region)
    return (part + 1).astype(np.int32)


def _around(region: np.ndarray, part: np.ndarray, y: np.ndarray, x: np.ndarray, name: int) -> np.ndarray:
    """Regions of the neighbours of some points that are not of their own part."""
    found = []
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        near_y, near_x = y + dy, x + dx
        inside = (near_y >= 0) & (near_y < region.shape[0]) & (near_x >= 0) & (near_x < region.shape[1])
        near_y, near_x = near_y[inside], near_x[inside]
        found.append(region[near_y, near_x][(part[near_y, near_x] != name) & (region[near_y, near_x] >= 0)])
    return np.concatenate(found)


def boundary_points(region: np.ndarray) -> np.ndarray:
    """Points with a neighbour along x or y in another region, bool."""
    boundary = np.zeros(region.shape, bool)
    differs = region[:, 1:] != region[:, :-1]
    boundary[:, 1:] |= differs
    boundary[:, :-1] |= differs
    differs = region[1:] != region[:-1]
    boundary[1:] |= differs
    boundary[:-1] |= differs
    return boundary


def _assemble(
    names: np.ndarray,
    placed: np.ndarray,
    confidence: np.ndarray,
    edges: tuple[np.ndarray, np.ndarray],
    pieces: Pieces,
    region: np.ndarray,
    log: np.ndarray,
    scale: Scale,
    history: list[tuple[int, ...]],
    beam: tuple[float, float],
) -> Stitching:
    count = int(names.max(initial=0))
    means = pieces.means()
    energy = np.einsum("ij,ij->i", means, means) - scale.pixels * scale.noise / np.maximum(pieces.count, 1e-9)
    weight = np.bincount(region, pieces.count)
    contrast = np.sqrt(np.maximum(np.bincount(region, pieces.count * energy) / np.maximum(weight, 1e-9), 0) / scale.pixels)
    inside = names > 0
    points = np.bincount(names[inside], minlength=count + 1)[1:]
    source = np.zeros(count + 1, np.int64)
    source[names[inside]] = placed[inside]
    row, column = np.indices(names.shape)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.bincount(names[inside], values[inside], count + 1)[1:] / points)

    rim = np.concatenate([names[0], names[-1], names[:, 0], names[:, -1]])
    name = np.arange(1, count + 1, dtype=np.int32)
    table = {
        "region": name,
        "point_count": points.astype(np.int64),
        "centroid_row": mean(row.astype(float)),
        "centroid_column": mean(column.astype(float)),
        "mean_contrast": contrast[source[1:]],
        "signal_to_noise": contrast[source[1:]] / np.sqrt(scale.noise),
        "piece_count": np.bincount(region)[source[1:]].astype(np.int64),
        "mean_confidence": mean(confidence.astype(float)),
        "on_edge": np.isin(name, rim),
    }
    first, second = log[:, 0].astype(np.int64), log[:, 1].astype(np.int64)
    final_name = np.zeros(len(contrast), np.int32)
    final_name[source[1:][::-1]] = name[::-1]
    links = {
        "region_a": final_name[region[first]],
        "region_b": final_name[region[second]],
        "points_a": pieces.count[first],
        "points_b": pieces.count[second],
        "similarity": log[:, 2],
        "similarity_std": log[:, 3],
    }
    columns = ("round", "pieces", "joined", "mixed", "void")
    rounds = dict(zip(columns, np.array(history, np.int64).reshape(-1, 5).T, strict=True))
    typical = float(np.sqrt(scale.signal / scale.pixels))
    return Stitching(names, boundary_points(names), *edges, confidence, table, links, rounds, *beam, typical)


def _without_signal(field: Field, edges: tuple[np.ndarray, np.ndarray]) -> Stitching:
    """The answer for a scan in which no two neighbouring patterns have anything in common."""
    scale = Scale(1.0, 0.0, 1, 0.0)
    none = np.zeros(0)
    names = np.zeros(field.piece.shape, np.int32)
    pieces = Pieces(np.zeros((0, 1), np.float32), none)
    empty_log = np.zeros((0, 4))
    return _assemble(names, names - 1, np.ones(names.shape, np.float32), edges, pieces, none.astype(np.int64), empty_log, scale, [], (0.0, 0.0))
