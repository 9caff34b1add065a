"""Pieces of a scan and their graph: from cluster labels to pieces of one pattern each, and from pieces to regions.

A *piece* is a connected set of points with one pattern within the tolerance; a *region* is a set of linked pieces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from microstructure_assets.methods import stitching_kernels as kernels


NOISE_SPREAD = 0.06  # relative deviation of the noise variance from point to point that no test may mistake for signal


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


def find_pieces(
    patterns: np.ndarray,
    cluster: np.ndarray,
    noise_variance: float,
    signal_energy: float,
    tolerance: float,
    caution: float,
    floor: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pieces of one block: its connected clusters, cut where they are not of one pattern, joined where they are.

    Parameters
    ----------
    patterns : numpy.ndarray of float32, shape (rows, columns, pixels)
    cluster : numpy.ndarray of int, shape (rows, columns)
        Labels; negative points are left out.
    noise_variance : float
    signal_energy : float
        Typical squared norm of a pattern without noise.
    tolerance, caution, floor : float
        As in `stitching_kernels.agglomerate`.

    Returns
    -------
    piece : numpy.ndarray of int64, shape (rows, columns)
        Piece of each point, from 0; -1 where ``cluster`` is negative.
    sums : numpy.ndarray of float32, shape (pieces, pixels)
    counts : numpy.ndarray of float64, shape (pieces,)
    """
    rows, columns, pixels = patterns.shape
    flat = patterns.reshape(-1, pixels)
    cell, cell_count = kernels.connected_components(cluster)
    height, width = atom_shape(noise_variance, signal_energy, pixels)
    row, column = np.indices((rows, columns))
    brick = (row // height) * (columns // width + 1) + column // width
    key = np.where(cell >= 0, cell * (brick.max() + 1) + brick, -1)
    labels, atom = np.unique(key, return_inverse=True)
    atom = atom.reshape(rows, columns) - (1 if labels[0] < 0 else 0)
    atom, atom_count = kernels.connected_components(atom)
    if atom_count == 0:
        return atom, np.zeros((0, pixels), np.float32), np.zeros(0)
    sums, counts = _sums(flat, atom, atom_count)
    cell_of_atom = np.zeros(atom_count, np.int64)
    cell_of_atom[atom[atom >= 0]] = cell[atom >= 0]
    whole = _is_of_one_pattern(sums, counts, cell_of_atom, cell_count, noise_variance, 1.0 - tolerance)
    # the atoms of a cell of one pattern are one node
    node_of_atom = np.where(whole[cell_of_atom], atom_count + cell_of_atom, np.arange(atom_count))
    _, node_of_atom = np.unique(node_of_atom, return_inverse=True)
    node = np.where(atom >= 0, node_of_atom[atom], -1)
    node_count = int(node_of_atom.max()) + 1
    node_sums = np.zeros((node_count, pixels), np.float32)
    np.add.at(node_sums, node_of_atom, sums)
    node_counts = np.bincount(node_of_atom, counts, node_count)
    pairs = kernels.touching_pairs(node, node_count)
    parent, _ = kernels.agglomerate(node_sums, node_counts, pairs, noise_variance, floor, tolerance, caution)
    kept, compact = np.unique(parent, return_inverse=True)
    return np.where(node >= 0, compact[node], -1), node_sums[kept], node_counts[kept]


def atom_shape(noise_variance: float, signal_energy: float, pixels: int) -> tuple[int, int]:
    """Rows and columns of points over which unrelated patterns differ by six standard errors of their squared distance."""
    needed = 6.0 * noise_variance * math.sqrt(2.0 * pixels) / max(signal_energy, 1e-12)
    height = int(np.clip(math.floor(math.sqrt(needed)), 1, 4))
    return height, int(np.clip(math.ceil(needed / height), 1, 4))


def _sums(flat: np.ndarray, labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    sums = np.zeros((count, flat.shape[1]), np.float32)
    kernels.add_weighted(sums, flat, labels.ravel(), np.ones(labels.size, np.float32))
    return sums, np.bincount(labels[labels >= 0], minlength=count).astype(float)


def _is_of_one_pattern(
    sums: np.ndarray, counts: np.ndarray, cell: np.ndarray, cell_count: int, noise_variance: float, tolerance: float
) -> np.ndarray:
    """Whether the spread of the atoms of each cell, noise taken off, may be below a share of the cell's signal."""
    pixels = sums.shape[1]
    cell_sums = np.zeros((cell_count, pixels), np.float32)
    np.add.at(cell_sums, cell, sums)
    points = np.bincount(cell, counts, cell_count)
    atoms = np.bincount(cell, minlength=cell_count)
    within = np.bincount(cell, (sums.astype(float) ** 2).sum(1) / counts, cell_count)
    between = (cell_sums.astype(float) ** 2).sum(1) / points
    noise = noise_variance * pixels
    spread = (within - between - (atoms - 1) * noise) / points
    error = noise_variance * np.sqrt(2.0 * pixels * np.maximum(atoms - 1, 0)) / points
    signal = (within - atoms * noise) / points
    return np.asarray(spread - 2.0 * error < 0.5 * tolerance * np.maximum(signal, 0.0))


def find_mixed(
    means: np.ndarray,
    count: np.ndarray,
    points: np.ndarray,
    pairs: np.ndarray,
    noise_variance: float,
    floor: float,
    tolerance: float,
    caution: float,
) -> np.ndarray:
    """Pieces whose pattern is a mixture of the patterns of touching, larger pieces: points under the beam at a boundary.

    Parameters
    ----------
    means : numpy.ndarray of float32, shape (pieces, pixels)
    count : numpy.ndarray of float64, shape (pieces,)
        Effective number of patterns in each mean.
    points : numpy.ndarray, shape (pieces,)
        Number of points.
    pairs : numpy.ndarray of int64, shape (pairs, 3)
        Touching pieces and the length of their border.
    noise_variance, floor : float
    tolerance : float
        Share of the signal energy that may stay unexplained.

    Returns
    -------
    mixed : numpy.ndarray of bool, shape (pieces,)
    """
    total, pixels = means.shape
    neighbours: list[list[int]] = [[] for _ in range(total)]
    for a, b, _ in pairs:
        neighbours[a].append(int(b))
        neighbours[b].append(int(a))
    mixed = np.zeros(total, bool)
    noise = noise_variance / np.maximum(count, 1e-9)
    for piece in np.lexsort((np.arange(total), points)):
        around = _reach_out(int(piece), neighbours, mixed, points)
        if not around:
            continue
        around = np.array(around)
        selection = means[around]
        gram = (selection @ selection.T).astype(float)
        gram[np.diag_indices_from(gram)] = np.maximum(np.diag(gram) - pixels * noise[around], floor)
        projection = (selection @ means[piece]).astype(float)
        weights = np.zeros(len(around))
        kernels.nonnegative_weights(gram, projection, weights)
        signal = float(means[piece].astype(float) @ means[piece]) - pixels * noise[piece]
        unexplained = signal - 2.0 * weights @ projection + weights @ gram @ weights
        error = energy_error(signal, count[piece], noise_variance, pixels, floor)
        scale = max(signal, error, floor)
        mixed[piece] = unexplained - caution * error < tolerance * scale
    return mixed


def energy_error(signal: float, count: float, noise_variance: float, pixels: int, floor: float) -> float:
    """Standard error of the signal energy of a mean pattern, with the spread of the noise level from point to point."""
    noise = noise_variance / count
    spread = NOISE_SPREAD * pixels * noise / math.sqrt(max(count, 1.0))
    return math.sqrt(2.0 * pixels * noise**2 + 4.0 * max(signal, floor) * noise + spread**2)


def _reach_out(piece: int, neighbours: list[list[int]], mixed: np.ndarray, points: np.ndarray) -> list[int]:
    """Touching pieces that are not mixed themselves and at least as large; mixed ones are seen through."""
    around: set[int] = set()
    for near in neighbours[piece]:
        for candidate in neighbours[near] if mixed[near] else [near]:
            if candidate != piece and not mixed[candidate] and points[candidate] >= points[piece]:
                around.add(candidate)
    ordered = sorted(around, key=lambda k: (-points[k], k))
    return ordered[:16]


def link_pieces(
    means: np.ndarray,
    count: np.ndarray,
    pairs: np.ndarray,
    noise_variance: float,
    floor: float,
    tolerance: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Regions: touching pieces linked where their correlation reaches the tolerance.

    Returns
    -------
    region : numpy.ndarray of int64, shape (pieces,)
        From 0, in the order of the first piece.
    log : numpy.ndarray of float64, shape (pairs, 4)
        First piece, second piece, correlation, standard error, for every touching pair.
    """
    total, pixels = means.shape
    parent = np.arange(total)

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    log = np.zeros((len(pairs), 4))
    dots = np.einsum("ij,ij->i", means[pairs[:, 0]], means[pairs[:, 1]]) if len(pairs) else np.zeros(0)
    energy = np.einsum("ij,ij->i", means, means).astype(float)
    for index, (a, b, _) in enumerate(pairs):
        value, error = kernels.similarity(
            float(dots[index]), energy[a], energy[b], count[a], count[b], noise_variance, pixels, floor
        )
        log[index] = a, b, value, error
        if value >= tolerance:
            first, second = sorted((find(a), find(b)))
            parent[second] = first
    roots = np.array([find(node) for node in range(total)], dtype=np.int64)
    _, region = np.unique(roots, return_inverse=True)
    return region.reshape(total), log
