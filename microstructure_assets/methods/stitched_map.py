"""What the stitching leaves: the map with its regions, boundaries, links and the history of its rounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microstructure_assets.methods import stitching_kernels as kernels
from microstructure_assets.methods.region_graph import Pieces, Scale

ISLAND_POINTS = 3


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
        A row per region: ``region`` int32; ``point_count`` int64; ``centroid_row``, ``centroid_column`` float64
        [points]; ``mean_contrast`` float64, the deviation of the noise-free mean pattern in the patterns' unit;
        ``signal_to_noise`` float64, the same over the noise deviation; ``piece_count`` int64; ``mean_confidence``
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


def absorb_islands(region: np.ndarray) -> np.ndarray:
    """Connected regions, numbered from 1; specks of a region apart from its body go to the region around them.

    Parameters
    ----------
    region : numpy.ndarray of int, shape (rows, columns)
        Negative = none.

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
    order = np.argsort(part, axis=None, kind="stable")[np.count_nonzero(part < 0) :]
    last = np.cumsum(size)
    for name in np.flatnonzero(speck):
        y, x = np.unravel_index(order[last[name] - size[name] : last[name]], part.shape)
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


def assemble(
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
    """Put the parts of a `Stitching` together and make its tables.

    Parameters
    ----------
    names : numpy.ndarray of int32, shape (rows, columns)
        Connected regions from 1; 0 = none.
    placed : numpy.ndarray of int, shape (rows, columns)
        Region, as pieces are linked, of each point; negative = none.
    confidence, edges, beam
        As `Stitching` has them.
    pieces, region, log
        Pieces, the region of each, and the touching pairs as `link_pieces` logs them.
    scale
        Noise and signal of the scan.
    history
        Round, pieces, joined, mixed and void of each round.
    """
    count = int(names.max(initial=0))
    means = pieces.means()
    energy = np.einsum("ij,ij->i", means, means) - scale.pixels * scale.noise / np.maximum(pieces.count, 1e-9)
    weight = np.bincount(region, pieces.count)
    contrast = np.sqrt(
        np.maximum(np.bincount(region, pieces.count * energy) / np.maximum(weight, 1e-9), 0) / scale.pixels
    )
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


def without_signal(shape: tuple[int, int], edges: tuple[np.ndarray, np.ndarray]) -> Stitching:
    """The answer for a scan in which no two neighbouring patterns have anything in common."""
    scale = Scale(1.0, 0.0, 1, 0.0, 1.0)
    none = np.zeros(0)
    names = np.zeros(shape, np.int32)
    pieces = Pieces(np.zeros((0, 1), np.float32), none)
    empty_log = np.zeros((0, 4))
    return assemble(
        names,
        names - 1,
        np.ones(names.shape, np.float32),
        edges,
        pieces,
        none.astype(np.int64),
        empty_log,
        scale,
        [],
        (0.0, 0.0),
    )
