"""Boundaries as edges between neighbouring points: matching, and the position of crossings below a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.boundaries import Crossings


@dataclass(frozen=True)
class Edges:
    """A value for every edge between neighbours of a (rows, columns) grid.

    Attributes
    ----------
    x : (rows, columns - 1)
        Between neighbours along x.
    y : (rows - 1, columns)
        Between neighbours along y.
    """

    x: NDArray
    y: NDArray

    def count(self) -> int:
        """Number of edges that are set."""
        return int(np.count_nonzero(self.x)) + int(np.count_nonzero(self.y))

    def shifted(self, rows: int, columns: int) -> Edges:
        """The same edges moved by whole points, around the borders."""
        return Edges(np.roll(self.x, (rows, columns), (0, 1)), np.roll(self.y, (rows, columns), (0, 1)))

    def values(self, chosen: Edges) -> NDArray:
        """Values at the edges that are set in ``chosen``, those of x first."""
        return np.concatenate([self.x[chosen.x], self.y[chosen.y]])


def label_edges(label: NDArray[np.integer]) -> Edges:
    """Edges between neighbours of different labels."""
    return Edges(label[:, 1:] != label[:, :-1], label[1:] != label[:-1])


def crossing_edges(crossings: Crossings, step_y_um: float, step_x_um: float, shape: tuple[int, int]) -> Edges:
    """Edges that the crossings of weights lie on, in a ROI of the given shape."""
    rows, columns = shape
    found = Edges(np.zeros((rows, columns - 1), bool), np.zeros((rows - 1, columns), bool))
    for axis, target, step, length in (("x", found.x, step_x_um, columns), ("y", found.y, step_y_um, rows)):
        chosen = crossings.axis == axis
        # A crossing at the very place of a point belongs to the edge before it; the other would do as well.
        place = np.clip(np.ceil(crossings.position_um[chosen] / step - 1e-9).astype(int) - 1, 0, length - 2)
        if axis == "x":
            target[crossings.y[chosen], place] = True
        else:
            target[place, crossings.x[chosen]] = True
    return found


def matched_edges(found: Edges, truth: Edges) -> int:
    """Largest number of pairs of a found and a true edge, each used once, whose centres lie within one step."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    place, number = _placed(found), found.count()
    other, total = _placed(truth), truth.count()
    if number == 0 or total == 0:
        return 0
    rows, columns = [], []
    # On the grid of half steps edges lie at (odd, even) or (even, odd); one step is two half steps.
    for dy, dx in ((0, 0), (0, 2), (0, -2), (2, 0), (-2, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        moved = np.roll(other, (dy, dx), (0, 1))
        both = (place >= 0) & (moved >= 0)
        rows.append(place[both])
        columns.append(moved[both])
    first, second = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(number, total)).tocsr()
    return int(np.count_nonzero(maximum_bipartite_matching(graph, perm_type="column") >= 0))


def _placed(edges: Edges) -> NDArray[np.int64]:
    """Numbers of the set edges on the grid of half steps, -1 elsewhere; a margin keeps rolling from wrapping around."""
    rows, columns = edges.x.shape[0], edges.y.shape[1]
    marked = np.zeros((2 * rows + 3, 2 * columns + 3), bool)
    marked[2 : 2 * rows + 2 : 2, 3 : 2 * columns + 1 : 2] = edges.x
    marked[3 : 2 * rows + 1 : 2, 2 : 2 * columns + 2 : 2] = edges.y
    place = np.full(marked.shape, -1, np.int64)
    place[marked] = np.arange(int(marked.sum()))
    return place


def f_score(found: Edges, truth: Edges) -> float:
    """Harmonic mean of precision and recall of matched edges; 1 where there is nothing and nothing is found."""
    total = found.count() + truth.count()
    return 2.0 * matched_edges(found, truth) / total if total else 1.0


def net_score(found: Edges, truth: Edges, shift: int) -> tuple[float, float]:
    """F score, and how much of it is left when chance is taken off.

    Chance is the mean score of the same edges moved by ``shift`` points (one mean diameter) up, down, left and right:
    a map that marks everything scores as much moved as unmoved.
    """
    score = f_score(found, truth)
    moves = ((shift, 0), (-shift, 0), (0, shift), (0, -shift))
    chance = float(np.mean([f_score(found.shifted(*move), truth) for move in moves]))
    return score, score - chance


def half_fraction_positions(
    shares: NDArray[np.floating], grain: NDArray[np.integer], axis: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where the shares of two neighbouring grains are equal, along each line of an axis.

    Under a Gaussian interaction volume and a straight boundary the probit of the share is linear in the position, so
    that the line is exact, whatever the width of the volume.

    Parameters
    ----------
    shares : (rows, columns, grains)
        True shares.
    grain : (rows, columns)
        Grain at the point.
    axis
        ``x`` or ``y``.

    Returns
    -------
    line : (m,)
        Row for ``x``, column for ``y``.
    position : (m,)
        Along the axis [points].
    """
    from scipy.special import ndtri

    if axis == "y":
        shares, grain = shares.swapaxes(0, 1), grain.T
    line, left = np.nonzero(grain[:, 1:] != grain[:, :-1])
    a, b = grain[line, left], grain[line, left + 1]
    probit = []
    for place in (left, left + 1):
        first, second = shares[line, place, a].astype(float), shares[line, place, b].astype(float)
        probit.append(ndtri(np.clip(first / np.maximum(first + second, 1e-12), 1e-6, 1 - 1e-6)))
    fall = probit[0] - probit[1]
    place = left + np.where(fall > 0, probit[0] / np.where(fall > 0, fall, 1.0), 0.5)
    return line.astype(np.int64), place.astype(np.float64)


@dataclass(frozen=True)
class PositionErrors:
    """Crossings found beside true positions.

    Attributes
    ----------
    error : (m,)
        Found minus true position of each true crossing [points]; NaN where none lies within the reach.
    deviation : (m,)
        Stated standard deviation of the crossing found [points].
    extra : int
        Crossings found that belong to no true one.
    """

    error: NDArray[np.float64]
    deviation: NDArray[np.float64]
    extra: int


def position_errors(
    true_line: NDArray[np.integer],
    true_position: NDArray[np.floating],
    line: NDArray[np.integer],
    position: NDArray[np.floating],
    deviation: NDArray[np.floating],
    reach: float = 1.5,
) -> PositionErrors:
    """Nearest found crossing on the same line of each true one, within ``reach`` points, each used once."""
    error, stated = np.full(len(true_line), np.nan), np.full(len(true_line), np.nan)
    used = 0
    for number in np.unique(np.concatenate([true_line, line])):
        true_here, found_here = np.flatnonzero(true_line == number), np.flatnonzero(line == number)
        if len(true_here) == 0 or len(found_here) == 0:
            continue
        distance = position[found_here][None] - true_position[true_here][:, None]
        for flat in np.argsort(np.abs(distance), axis=None, kind="stable"):
            i, j = np.unravel_index(flat, distance.shape)
            if np.isnan(distance[i, j]):
                continue
            if abs(distance[i, j]) > reach:
                break
            error[true_here[i]], stated[true_here[i]] = distance[i, j], deviation[found_here[j]]
            distance[i], distance[:, j] = np.nan, np.nan
            used += 1
    return PositionErrors(error, stated, len(line) - used)
