"""Pieces of a scan and their graph: from cluster labels to pieces of one pattern each, and from pieces to regions.

A *piece* is a connected set of points with one pattern within the tolerance; a *region* is a set of linked pieces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from microstructure_assets.methods import stitching_kernels as kernels
from microstructure_assets.methods.unmixing_kernels import nonnegative_weights

LEAST_BRIDGE_POINTS = 6
VOID_SHARE = 0.03  # signal energy of a pore relative to the typical
NOISE_SPREAD = 0.03  # relative deviation of the noise variance from point to point that no test may mistake for signal


@dataclass(frozen=True)
class Pieces:
    """Sums of patterns over pieces.

    Attributes
    ----------
    sums : numpy.ndarray of float32, shape (pieces, pixels)
        Mean pattern of each piece times its count.
    count : numpy.ndarray of float64, shape (pieces,)
        Number of equally weighted patterns whose mean is as noisy.
    """

    sums: np.ndarray
    count: np.ndarray

    def means(self) -> np.ndarray:
        """Mean pattern of each piece, float32, shape (pieces, pixels)."""
        return np.asarray(self.sums / np.maximum(self.count, 1e-12).astype(np.float32)[:, None])

    def take(self, index: np.ndarray) -> Pieces:
        """The pieces with the given indices or mask."""
        return Pieces(self.sums[index], self.count[index])

    @staticmethod
    def concatenate(parts: list[Pieces]) -> Pieces:
        """Pieces of several blocks, one after another."""
        return Pieces(np.concatenate([part.sums for part in parts]), np.concatenate([part.count for part in parts]))


@dataclass(frozen=True)
class Scale:
    """Size of noise and signal in a scan.

    Attributes
    ----------
    noise : float
        Noise variance per pixel of one pattern.
    signal : float
        Squared norm of a typical pattern without noise.
    pixels : int
    caution : float
        Standard errors taken off a similarity when pairs are ordered.
    contrast : float
        Factor by which the contrasts of patterns of one region may differ.
    """

    noise: float
    signal: float
    pixels: int
    caution: float
    contrast: float

    @property
    def floor(self) -> float:
        """Signal energy below which a mean pattern counts as without signal."""
        return VOID_SHARE * self.signal

    def energy_error(self, signal: float, count: float) -> float:
        """Standard error of the signal energy of a mean of ``count`` patterns, spread of the noise level included."""
        noise = self.noise / count
        spread = NOISE_SPREAD * self.pixels * noise / math.sqrt(max(count, 1.0))
        return math.sqrt(2.0 * self.pixels * noise**2 + 4.0 * max(signal, self.floor) * noise + spread**2)


def find_pieces(patterns: np.ndarray, cluster: np.ndarray, scale: Scale, tolerance: float) -> tuple[np.ndarray, Pieces]:
    """Pieces of one block: its connected clusters, cut where they are not of one pattern, joined where they are.

    Parameters
    ----------
    patterns : numpy.ndarray of float32, shape (rows, columns, pixels)
    cluster : numpy.ndarray of int, shape (rows, columns)
        Labels; negative points are left out.
    scale : Scale
    tolerance : float
        Correlation from which touching pieces are one.

    Returns
    -------
    piece : numpy.ndarray of int64, shape (rows, columns)
        Piece of each point, from 0; -1 where ``cluster`` is negative.
    pieces : Pieces
    """
    rows, columns, pixels = patterns.shape
    cell, cell_count = kernels.connected_components(cluster)
    height, width = atom_shape(scale)
    row, column = np.indices((rows, columns))
    brick = (row // height) * (columns // width + 1) + column // width
    atom, atom_count = kernels.connected_components(np.where(cell >= 0, cell * (rows * columns + 1) + brick, -1))
    if atom_count == 0:
        return atom, Pieces(np.zeros((0, pixels), np.float32), np.zeros(0))
    sums = np.zeros((atom_count, pixels), np.float32)
    kernels.add_weighted(sums, patterns.reshape(-1, pixels), atom.ravel(), np.ones(atom.size, np.float32))
    counts = np.bincount(atom[atom >= 0], minlength=atom_count).astype(float)
    cell_of_atom = np.zeros(atom_count, np.int64)
    cell_of_atom[atom[atom >= 0]] = cell[atom >= 0]
    whole = _is_of_one_pattern(sums, counts, cell_of_atom, cell_count, scale, 1.0 - tolerance)
    # the atoms of a cell of one pattern are one node
    node_of_atom = np.where(whole[cell_of_atom], atom_count + cell_of_atom, np.arange(atom_count))
    names, node_of_atom = np.unique(node_of_atom, return_inverse=True)
    node = np.where(atom >= 0, node_of_atom[atom], -1)
    nodes = _grouped(sums, counts, node_of_atom, len(names))
    pairs = kernels.touching_pairs(node, len(names))
    joined, compact, _ = join_pieces(nodes, pairs, scale, tolerance)
    return np.where(node >= 0, compact[node], -1), joined


def _grouped(sums: np.ndarray, counts: np.ndarray, group: np.ndarray, number: int) -> Pieces:
    """Sums and counts over groups of rows."""
    total = np.zeros((number, sums.shape[1]), np.float32)
    kernels.add_weighted(total, sums, group, np.ones(len(group), np.float32))
    return Pieces(total, np.bincount(group, counts, number))


def join_pieces(
    pieces: Pieces, pairs: np.ndarray, scale: Scale, tolerance: float
) -> tuple[Pieces, np.ndarray, np.ndarray]:
    """Join touching pieces of one pattern, the most surely similar first.

    Returns
    -------
    joined : Pieces
    index : numpy.ndarray of int64, shape (pieces,)
        Where each piece went.
    log : numpy.ndarray, shape (joins, 5)
        First piece, second piece, correlation, its standard error, points of the joint piece.
    """
    sums, counts = pieces.sums.copy(), pieces.count.copy()
    parent, log = kernels.agglomerate(
        sums, counts, pairs, scale.noise, scale.floor, tolerance, scale.contrast, scale.caution
    )
    kept, index = np.unique(parent, return_inverse=True)
    return Pieces(sums[kept], counts[kept]), index.reshape(-1), log


def find_void(pieces: Pieces, scale: Scale) -> np.ndarray:
    """Pieces that are known to hold no signal (pores), bool, shape (pieces,)."""
    means, count = pieces.means(), np.maximum(pieces.count, 1e-9)
    signal = np.einsum("ij,ij->i", means, means) - scale.pixels * scale.noise / count
    error = np.array([scale.energy_error(0.0, float(number)) for number in count])
    return np.asarray((signal < scale.floor) & (error < 0.2 * scale.signal))


def atom_shape(scale: Scale) -> tuple[int, int]:
    """Rows and columns of points whose means differ by six standard errors of their distance if unrelated."""
    needed = 6.0 * scale.noise * math.sqrt(2.0 * scale.pixels) / max(scale.signal, 1e-12)
    height = int(np.clip(math.floor(math.sqrt(needed)), 1, 4))
    return height, int(np.clip(math.ceil(needed / height), 1, 4))


def _is_of_one_pattern(
    sums: np.ndarray, counts: np.ndarray, cell: np.ndarray, cell_count: int, scale: Scale, tolerance: float
) -> np.ndarray:
    """Whether the spread of the atoms of each cell, noise taken off, may be below half a share of the cell's signal."""
    cells = _grouped(sums, counts, cell, cell_count)
    atoms = np.bincount(cell, minlength=cell_count)
    within = np.bincount(cell, np.einsum("ij,ij->i", sums, sums).astype(float) / counts, cell_count)
    between = np.einsum("ij,ij->i", cells.sums, cells.sums).astype(float) / cells.count
    noise = scale.noise * scale.pixels
    spread = (within - between - (atoms - 1) * noise) / cells.count
    error = scale.noise * np.sqrt(2.0 * scale.pixels * np.maximum(atoms - 1, 0)) / cells.count
    signal = (within - atoms * noise) / cells.count
    return np.asarray(spread - 2.0 * error < 0.5 * tolerance * np.maximum(signal, 0.0))


def find_mixed(
    pieces: Pieces,
    points: np.ndarray,
    pairs: np.ndarray,
    void: np.ndarray,
    scale: Scale,
    tolerance: float,
    caution: float,
) -> np.ndarray:
    """Pieces that do not differ from a mixture of the larger pieces near them: points under the beam at a boundary.

    A piece stays if what the non-negative combination nearest to its mean leaves unexplained exceeds the tolerance by
    so many standard errors, or if the combination does not sum to one; else its points belong to its neighbours.

    Parameters
    ----------
    pieces : Pieces
    points : numpy.ndarray, shape (pieces,)
        Number of points.
    pairs : numpy.ndarray of int64, shape (pairs, 3)
        Pieces near one another.
    void : numpy.ndarray of bool, shape (pieces,)
        Pieces without signal, which stay.
    scale : Scale
    tolerance : float
        Share of the signal energy that may stay unexplained.
    caution : float
        Standard errors.

    Returns
    -------
    mixed : numpy.ndarray of bool, shape (pieces,)
    """
    means, count = pieces.means(), np.maximum(pieces.count, 1e-9)
    total, pixels = means.shape
    neighbours: list[list[int]] = [[] for _ in range(total)]
    for a, b, _ in pairs:
        neighbours[a].append(int(b))
        neighbours[b].append(int(a))
    mixed = np.zeros(total, bool)
    noise = scale.noise / count
    for piece in np.lexsort((np.arange(total), points)):
        around = _reach_out(int(piece), neighbours, mixed, points)
        if void[piece] or not around:
            continue
        selection = means[around]
        gram = (selection @ selection.T).astype(float)
        gram[np.diag_indices_from(gram)] = np.maximum(np.diag(gram) - pixels * noise[around], scale.floor)
        projection = (selection @ means[piece]).astype(float)
        projection[void[around]] = 0.0
        weights = np.zeros(len(around))
        nonnegative_weights(gram, projection, weights)
        signal = float(means[piece] @ means[piece]) - pixels * noise[piece]
        unexplained = signal - 2.0 * weights @ projection + weights @ gram @ weights
        error = scale.energy_error(signal, float(count[piece]))
        mixed[piece] = unexplained - caution * error < tolerance * max(signal, error, scale.floor)
        if mixed[piece] and not void[around].any():
            # the shares of a mixture sum to one; a like pattern of another contrast is another phase
            excess = abs(math.log(max(weights.sum(), 1e-3))) - math.log(scale.contrast)
            mixed[piece] = excess < caution * error / max(signal, scale.floor)
    return mixed


def _reach_out(piece: int, neighbours: list[list[int]], mixed: np.ndarray, points: np.ndarray) -> list[int]:
    """Pieces near that are not mixed themselves and at least as large; mixed ones are seen through."""
    around: set[int] = set()
    for near in neighbours[piece]:
        for candidate in neighbours[near] if mixed[near] else [near]:
            if candidate != piece and not mixed[candidate] and points[candidate] >= points[piece]:
                around.add(candidate)
    return sorted(around, key=lambda k: (-points[k], k))[:16]


def depth_of_pieces(piece: np.ndarray, count: int) -> np.ndarray:
    """Largest distance of a point of each piece from the points of others [points, diagonal steps count as one].

    Parameters
    ----------
    piece : numpy.ndarray of int64, shape (rows, columns)
        -1 = none.
    count : int

    Returns
    -------
    numpy.ndarray of int64, shape (count,)
        1 for a piece all of whose points touch another piece; the scan's edge is no border.
    """
    from scipy.ndimage import distance_transform_cdt, maximum_filter, minimum_filter

    inner = maximum_filter(piece, 3, mode="nearest") == minimum_filter(piece, 3, mode="nearest")
    if inner.all():
        return np.full(count, max(piece.shape))
    distance = 1 + distance_transform_cdt(inner, metric="chessboard").astype(np.int64)
    depth = np.zeros(count, np.int64)
    np.maximum.at(depth, piece[piece >= 0], distance[piece >= 0])
    return depth


def link_pieces(
    pieces: Pieces, points: np.ndarray, pairs: np.ndarray, void: np.ndarray, scale: Scale, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Regions: touching pieces linked where their correlation reaches the tolerance; void pieces are one region.

    A piece of few points, which may be what is left of a mixture, is linked to the most similar piece alone, so that it
    is no bridge between two.

    Returns
    -------
    region : numpy.ndarray of int64, shape (pieces,)
        From 0.
    log : numpy.ndarray of float64, shape (pairs, 4)
        First piece, second piece, correlation, standard error, for every touching pair.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    means, count = pieces.means(), np.maximum(pieces.count, 1e-9)
    total, pixels = means.shape
    energy = np.einsum("ij,ij->i", means, means).astype(float)
    log = np.zeros((len(pairs), 4))
    for index, (a, b, _) in enumerate(pairs):
        dot = float(means[a] @ means[b])
        value, error = kernels.similarity(
            dot, energy[a], energy[b], count[a], count[b], scale.noise, pixels, scale.floor, scale.contrast
        )
        log[index] = a, b, value, error
    linked = (log[:, 2] >= tolerance) & ~void[pairs[:, 0]] & ~void[pairs[:, 1]]
    best = np.full(total, -np.inf)
    np.maximum.at(best, pairs[:, :2].ravel(), np.repeat(log[:, 2], 2))
    small = points < max(LEAST_BRIDGE_POINTS, 2.0 * scale.pixels * scale.noise / scale.signal)
    for side in range(2):
        linked &= ~small[pairs[:, side]] | (log[:, 2] == best[pairs[:, side]])
    empty = np.flatnonzero(void)
    first = np.concatenate([pairs[linked, 0], np.repeat(empty[:1], len(empty))])
    second = np.concatenate([pairs[linked, 1], empty])
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(total, total))
    _, region = connected_components(graph, directed=False)
    return region.astype(np.int64), log
