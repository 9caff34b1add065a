"""The maps that latents are compared with, the points and grains that count, and the maps' figures per grain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_settings import AssociationSettings


@dataclass(frozen=True)
class AssociationMaps:
    """What is known of the points of a scan beside the latents; all maps (rows, columns).

    Attributes
    ----------
    grain : ndarray of int
        From 1; 0 where a point belongs to none.
    phase : ndarray of int
        From 1; 0 where not indexed.
    numbers : mapping of str to ndarray of float
        Maps that latents are compared with, in any unit: counts of elements, band contrast, kernel average
        misorientation. Points with a value that is not finite in any of them count nowhere.
    categories : mapping of str to ndarray of int
        Classes from 0 that latents are compared with, as the phase; points with a negative class count nowhere. A map
        named ``phase`` is not tested beyond itself.
    baseline : mapping of str to ndarray of float
        Maps that a latent must say more than: band contrast and mean intensity. One that has the name of a map in
        `numbers` is left out where that map itself is tested.
    orientation : ndarray of float64, shape (grains, 4), optional
        Unit quaternion of each grain, scalar part first, that turns the sample's axes into the crystal's
        (`grain_orientations`).
    point_groups : sequence of str
        Of the phases, by number from 1; needed with `orientation`.
    excluded : ndarray of bool, optional
        Points that count nowhere, as pores.
    step_y_um, step_x_um : float
        Distances of rows and of points in a row [µm].

    Raises
    ------
    ValueError
        If a map does not have the shape of `grain`, there is nothing to compare with, a name stands for a number and a
        category, or there are fewer orientations than grains.
    """

    grain: NDArray[np.integer]
    phase: NDArray[np.integer]
    numbers: Mapping[str, NDArray[np.floating]]
    categories: Mapping[str, NDArray[np.integer]] = field(default_factory=dict)
    baseline: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    orientation: NDArray[np.float64] | None = None
    point_groups: Sequence[str] = ()
    excluded: NDArray[np.bool_] | None = None
    step_y_um: float = 1.0
    step_x_um: float = 1.0

    def __post_init__(self) -> None:
        named: list[tuple[str, NDArray[Any]]] = [("phase", self.phase)]
        named += [*self.numbers.items(), *self.categories.items(), *self.baseline.items()]
        if self.excluded is not None:
            named.append(("excluded", self.excluded))
        for name, values in named:
            if np.shape(values) != np.shape(self.grain) or np.ndim(values) != 2:
                raise ValueError(f"{name}: found shape {np.shape(values)}, expected that of grain, {self.grain.shape}")
        if not self.numbers and not self.categories:
            raise ValueError("numbers, categories: found no map, expected at least one to compare latents with")
        if both := set(self.numbers) & set(self.categories):
            raise ValueError(f"{sorted(both)[0]}: found among numbers and among categories, expected one of them")
        largest = int(self.grain.max(initial=0))
        if self.orientation is not None and len(self.orientation) < largest:
            raise ValueError(f"orientation: found {len(self.orientation)} grains, expected at least {largest}")

    @property
    def fields(self) -> dict[str, NDArray[np.floating]]:
        """Numbers, then the maps of the baseline that are not among them."""
        return {**self.numbers, **{name: own for name, own in self.baseline.items() if name not in self.numbers}}


@dataclass(frozen=True)
class Selection:
    """The points and grains that count.

    Attributes
    ----------
    used : ndarray of bool, shape (rows, columns)
        Points of a grain and a phase at which everything is known.
    slot : ndarray of int32, shape (rows, columns)
        Place of the point's grain among those that are compared, -1 where it is not.
    inside : ndarray of bool, shape (rows, columns)
        Points of those grains away from boundaries.
    grain : ndarray of int64, shape (grains,)
        Labels of the grains that are compared, in the order of their first points.
    count : ndarray of int64, shape (grains,)
        Their used points.
    phase : ndarray of int64, shape (grains,)
    eligible : int
        Grains with enough points, drawn or not.
    sample : ndarray of int64, shape (at most `rank_points`,)
        Row-major numbers of the used points that ranks are taken from, rising.
    """

    used: NDArray[np.bool_]
    slot: NDArray[np.int32]
    inside: NDArray[np.bool_]
    grain: NDArray[np.int64]
    count: NDArray[np.int64]
    phase: NDArray[np.int64]
    eligible: int
    sample: NDArray[np.int64]


def select(maps: AssociationMaps, settings: AssociationSettings) -> Selection:
    """Choose points and grains from the maps alone, so that no latent can choose its own sample.

    Parameters
    ----------
    maps : AssociationMaps
    settings : AssociationSettings
    """
    used = (maps.grain > 0) & (maps.phase > 0)
    if maps.excluded is not None:
        used &= ~maps.excluded
    for values in maps.fields.values():
        used &= np.isfinite(values)
    for labels in maps.categories.values():
        used &= labels >= 0
    label = np.where(used, maps.grain, 0).ravel()
    counts = np.bincount(label)
    counts[0] = 0
    # In the order of their first points, so that neither draws nor permutations depend on how grains are numbered.
    first = np.zeros(len(counts), np.int64)
    first[label[::-1]] = np.arange(label.size)[::-1]
    eligible = np.flatnonzero(counts >= settings.grain_minimum_points)
    eligible = eligible[np.argsort(first[eligible])]
    grain = _draw(eligible, settings.most_grains, settings.seed, 0)
    slot_of = np.full(len(counts), -1, np.int32)
    slot_of[grain] = np.arange(len(grain))
    slot = slot_of[label].reshape(used.shape)
    phase = np.zeros(len(grain), np.int64)
    compared = slot >= 0
    phase[slot[compared]] = maps.phase[compared]
    sample = _draw(np.flatnonzero(used), settings.rank_points, settings.seed, 1)
    inside = compared & _away_from_boundaries(maps.grain, settings.boundary_points)
    return Selection(used, slot, inside, grain, counts[grain], phase, len(eligible), sample)


@dataclass(frozen=True)
class GrainFields:
    """The maps by grain.

    Attributes
    ----------
    mean : ndarray of float64, shape (grains, fields)
        Mean of each of ``maps.fields`` over the grain's used points.
    noise_ratio : ndarray of float64, shape (fields,)
        Variance inside grains over that between the true means of grains; infinite where the latter is not above zero.
    shares : dict of str to ndarray of float64, shape (grains, classes)
        Share of each class of ``maps.categories`` in the grain's points; classes that no used point has are left out.
    centre : ndarray of float64, shape (grains, 2)
        Mean place (y, x) [µm].
    """

    mean: NDArray[np.float64]
    noise_ratio: NDArray[np.float64]
    shares: dict[str, NDArray[np.float64]]
    centre: NDArray[np.float64]


def grain_fields(maps: AssociationMaps, selection: Selection) -> GrainFields:
    """Means and shares of all maps over the points of each grain."""
    chosen = np.flatnonzero(selection.slot.ravel() >= 0)
    slot, size = selection.slot.ravel()[chosen], len(selection.grain)
    count = np.maximum(selection.count, 1)

    def mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(slot, values, size) / count)

    means, ratios = [], []
    for values in maps.fields.values():
        own = values.ravel()[chosen].astype(np.float64)
        means.append(mean(own))
        ratios.append(_noise_ratio(float(np.sum((own - means[-1][slot]) ** 2)), means[-1], selection.count))
    shares = {}
    for name, labels in maps.categories.items():
        here = labels.ravel()[chosen]
        share = np.empty((size, len(classes := kinds(labels, selection))))
        for number, kind in enumerate(classes):
            share[:, number] = mean((here == kind).astype(np.float64))
        shares[name] = share
    row, column = np.divmod(chosen, maps.grain.shape[1])
    centre = np.stack([mean(row * maps.step_y_um), mean(column * maps.step_x_um)], axis=1)
    stacked = np.stack(means, axis=1) if means else np.empty((size, 0))
    return GrainFields(stacked, np.array(ratios), shares, centre)


def kinds(labels: NDArray[np.integer], selection: Selection) -> NDArray[np.integer]:
    """Classes that some used point has, rising."""
    return np.unique(labels[selection.used])


def _noise_ratio(inside: float, means: NDArray[np.float64], count: NDArray[np.int64]) -> float:
    """Ratio of the components of variance, from the mean squares of a one-way analysis."""
    points, grains = int(count.sum()), len(count)
    if grains < 2 or points <= grains:
        return 0.0
    common = float(np.average(means, weights=count))
    between = float(np.sum(count * (means - common) ** 2)) / (grains - 1)
    own = inside / (points - grains)
    typical = (points - float(np.sum(count.astype(float) ** 2)) / points) / (grains - 1)
    component = (between - own) / typical
    return own / component if component > 0 else np.inf if own > 0 else 0.0


def _draw(choice: NDArray[np.int64], most: int, seed: int, stream: int) -> NDArray[np.int64]:
    """All of them, or a random draw without replacement, in the order in which they were."""
    if len(choice) <= most:
        return choice
    drawn = np.random.default_rng([seed, stream]).choice(len(choice), most, replace=False, shuffle=False)
    return np.asarray(choice[np.sort(drawn)])


def _away_from_boundaries(grain: NDArray[np.integer], points: int) -> NDArray[np.bool_]:
    """Points whose neighbours up to so many rows and columns away are all of the same grain; edges are no boundary."""
    from scipy.ndimage import maximum_filter, minimum_filter

    if points == 0:
        return np.ones(grain.shape, bool)
    size, labels = 2 * points + 1, grain.astype(np.int32, copy=False)
    lowest, highest = (extreme(labels, size, mode="nearest") for extreme in (minimum_filter, maximum_filter))
    return np.asarray(lowest == highest)
