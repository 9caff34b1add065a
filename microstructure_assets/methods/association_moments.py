"""Sums of the latents over points, grains and the inside of grains, in one pass over blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_maps import AssociationMaps, Selection, kinds
from microstructure_assets.methods.parallel import block_bounds, in_waves, single_blas_thread

# Values of latents in a block: 16 MiB as stored, some six times that while it is worked on.
_BLOCK_VALUES = 1 << 22


class LatentArray(Protocol):
    """Latents (rows, columns, L) float32 that give blocks of rows when sliced: an array, a memory map, a zarr array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns and latents."""

    def __getitem__(self, rows: slice, /) -> Any:
        """Some rows."""


@dataclass(frozen=True)
class LatentMoments:
    """Sums over one pass; all float64 and, where a mean could cost digits, about an origin near it.

    Attributes
    ----------
    points : int
        Used points.
    variance : ndarray, shape (L,)
        Over the used points, normalised by their number.
    pearson : ndarray, shape (L, T)
        Pearson's coefficient with each of ``maps.numbers`` over the used points; NaN where either is constant.
    class_count : dict of str to ndarray, shape (classes,)
        Used points of each class of ``maps.categories``.
    class_total : dict of str to ndarray, shape (classes, L)
        Sums over them.
    squares : ndarray, shape (L,)
        Sum of squares over the used points, about the same origin.
    grain_mean : ndarray, shape (grains, L)
    inside_cross : ndarray, shape (grains, fields + 2, L)
        Sums of products with ``maps.fields`` and the places y, x [µm], over the inside points of each grain, both about
        the grain's own mean there.
    inside_square : ndarray, shape (grains, L)
        Sums of squares, likewise.
    sample : ndarray of float32, shape (points of ``selection.sample``, L)
    """

    points: int
    variance: NDArray[np.float64]
    pearson: NDArray[np.float64]
    class_count: dict[str, NDArray[np.int64]]
    class_total: dict[str, NDArray[np.float64]]
    squares: NDArray[np.float64]
    grain_mean: NDArray[np.float64]
    inside_cross: NDArray[np.float64]
    inside_square: NDArray[np.float64]
    sample: NDArray[np.float32]


@dataclass(frozen=True)
class InsideFields:
    """Maps and places at the inside points, about each grain's mean.

    Attributes
    ----------
    mean : ndarray of float64, shape (grains, fields + 2)
    count : ndarray of int64, shape (grains,)
        Inside points.
    cross : ndarray of float64, shape (grains, fields + 2, fields + 2)
        Sums of products over the inside points.
    """

    mean: NDArray[np.float64]
    count: NDArray[np.int64]
    cross: NDArray[np.float64]


def inside_fields(maps: AssociationMaps, selection: Selection) -> InsideFields:
    """Means and products of maps and places inside grains."""
    chosen = np.flatnonzero(selection.inside.ravel())
    slot, size = selection.slot.ravel()[chosen], len(selection.grain)
    count = np.bincount(slot, minlength=size)
    safe = np.maximum(count, 1)
    values = [_at(maps, number, chosen) for number in range(len(maps.fields) + 2)]
    means = [np.bincount(slot, own, size) / safe for own in values]
    centred = [own - mean[slot] for own, mean in zip(values, means, strict=True)]
    cross = np.empty((size, len(values), len(values)))
    for i, first in enumerate(centred):
        for j, second in enumerate(centred[: i + 1]):
            cross[:, i, j] = cross[:, j, i] = np.bincount(slot, first * second, size)
    return InsideFields(np.stack(means, axis=1), count, cross)


def latent_moments(
    latent: LatentArray, maps: AssociationMaps, selection: Selection, inside: InsideFields
) -> LatentMoments:
    """Go through the latents once.

    Parameters
    ----------
    latent : LatentArray
    maps : AssociationMaps
    selection : Selection
        Of these maps.
    inside : InsideFields
        Likewise.

    Raises
    ------
    ValueError
        If the latents are not those of the maps' points, or one is not finite at a used point.
    """
    rows, columns, count = latent.shape
    if (rows, columns) != maps.grain.shape:
        raise ValueError(f"latent: found {rows} × {columns} points, expected those of grain, {maps.grain.shape}")
    bounds = block_bounds(rows, max(1, _BLOCK_VALUES // max(1, columns * count)))
    total = _Sums(latent, maps, selection, inside, bounds)
    with single_blas_thread():
        for part in in_waves(total.part, bounds):
            total.add(part)
    return total.finished()


class _Sums:
    """Running sums; `part` runs in threads and changes nothing, `add` is called in the order of the blocks."""

    def __init__(
        self,
        latent: LatentArray,
        maps: AssociationMaps,
        selection: Selection,
        inside: InsideFields,
        bounds: list[tuple[int, int]],
    ) -> None:
        self.latent, self.maps, self.selection, self.inside = latent, maps, selection, inside
        used, count, grains = selection.used, latent.shape[2], len(selection.grain)
        points = max(1, int(np.count_nonzero(used)))
        self.number_mean = [float(np.sum(own[used], dtype=np.float64)) / points for own in maps.numbers.values()]
        self.kinds = {name: kinds(labels, selection) for name, labels in maps.categories.items()}
        first = next((bound for bound in bounds if used[slice(*bound)].any()), None)
        self.origin = np.zeros(count) if first is None else self._values(first).mean(axis=0)
        self.sum, self.squares = np.zeros(count), np.zeros(count)
        self.cross = np.zeros((count, len(maps.numbers)))
        self.class_total = {name: np.zeros((len(own), count)) for name, own in self.kinds.items()}
        self.grain_sum, self.inside_sum, self.inside_square = (np.zeros((grains, count)) for _ in range(3))
        self.inside_cross = np.zeros((grains, len(maps.fields) + 2, count))
        self.sample: list[NDArray[np.float32]] = []

    def _values(self, bound: tuple[int, int]) -> NDArray[np.float64]:
        """Latents of the used points of some rows, (points, L)."""
        block = np.asarray(self.latent[slice(*bound)])[self.selection.used[slice(*bound)]].astype(np.float64)
        if not np.isfinite(block).all():
            wrong = int(np.flatnonzero(~np.isfinite(block).all(axis=0))[0])
            raise ValueError(f"latent: found a value of latent {wrong} that is not finite at a point that is used")
        return np.asarray(block)

    def part(self, bound: tuple[int, int]) -> dict[str, Any]:
        """Sums over some rows."""
        columns = self.maps.grain.shape[1]
        first, last = bound[0] * columns, bound[1] * columns
        point = first + np.flatnonzero(self.selection.used.ravel()[first:last])
        x = self._values(bound) - self.origin
        own = self.selection.sample[slice(*np.searchsorted(self.selection.sample, [first, last]))]
        y = [
            values.ravel()[point] - mean
            for values, mean in zip(self.maps.numbers.values(), self.number_mean, strict=True)
        ]
        sums = {
            "sum": x.sum(axis=0),
            "squares": np.einsum("ij,ij->j", x, x),
            "cross": np.stack([values @ x for values in y], axis=1) if y else np.empty((x.shape[1], 0)),
            "sample": (x[np.searchsorted(point, own)] + self.origin).astype(np.float32),
        }
        classes = {
            name: _grouped(np.searchsorted(found, self.maps.categories[name].ravel()[point]), len(found)) @ x
            for name, found in self.kinds.items()
        }
        return {**sums, "classes": classes, **self._grains(point, x)}

    def _grains(self, point: NDArray[np.int64], x: NDArray[np.float64]) -> dict[str, Any]:
        slot = self.selection.slot.ravel()[point]
        compared = slot >= 0
        grain, local = np.unique(slot[compared], return_inverse=True)
        chosen = self.selection.inside.ravel()[point]
        inner, place = np.unique(slot[chosen], return_inverse=True)
        values = x[chosen]
        products = [
            _grouped(place, len(inner), _at(self.maps, k, point[chosen]) - self.inside.mean[slot[chosen], k]) @ values
            for k in range(self.inside_cross.shape[1])
        ]
        groups = _grouped(place, len(inner))
        return {
            "grains": (grain, _grouped(local, len(grain)) @ x[compared]),
            "inside": (inner, groups @ values, groups @ np.square(values), np.stack(products, axis=1)),
        }

    def add(self, part: dict[str, Any]) -> None:
        """Take in the sums over some rows."""
        self.sum += part["sum"]
        self.squares += part["squares"]
        self.cross += part["cross"]
        self.sample.append(part["sample"])
        for name, values in part["classes"].items():
            self.class_total[name] += values
        grain, values = part["grains"]
        self.grain_sum[grain] += values
        inner, values, squares, products = part["inside"]
        self.inside_sum[inner] += values
        self.inside_square[inner] += squares
        self.inside_cross[inner] += products

    def finished(self) -> LatentMoments:
        """The moments once all rows are in."""
        used, maps = self.selection.used, self.maps
        points = int(np.count_nonzero(used))
        safe = max(1, points)
        spread = np.maximum(self.squares - self.sum**2 / safe, 0)
        # Of rounding alone: a constant latent, or a map of one value, has no coefficient.
        spread[spread <= 1e-12 * self.squares] = 0
        squares = [
            float(np.sum((own[used].astype(np.float64) - mean) ** 2))
            for own, mean in zip(maps.numbers.values(), self.number_mean, strict=True)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            pearson = self.cross / np.sqrt(np.outer(spread, squares))
        pearson[~np.isfinite(pearson)] = np.nan
        counts = {
            name: np.bincount(np.searchsorted(found, maps.categories[name][used]), minlength=len(found))
            for name, found in self.kinds.items()
        }
        number = np.maximum(self.inside.count, 1)[:, None]
        return LatentMoments(
            points,
            spread / safe,
            np.clip(pearson, -1, 1),
            counts,
            self.class_total,
            self.squares,
            self.origin + self.grain_sum / np.maximum(self.selection.count, 1)[:, None],
            self.inside_cross,
            np.maximum(self.inside_square - self.inside_sum**2 / number, 0),
            np.concatenate(self.sample) if self.sample else np.empty((0, self.latent.shape[2]), np.float32),
        )


def _at(maps: AssociationMaps, number: int, point: NDArray[np.int64]) -> NDArray[np.float64]:
    """One of the maps' fields, or the place along y or x [µm] after them, at points by their row-major number."""
    fields = list(maps.fields.values())
    if number < len(fields):
        return np.asarray(fields[number].ravel()[point], np.float64)
    row, column = np.divmod(point, maps.grain.shape[1])
    return np.asarray(row * maps.step_y_um if number == len(fields) else column * maps.step_x_um, np.float64)


def _grouped(label: NDArray[np.integer], groups: int, weight: NDArray[np.float64] | None = None) -> Any:
    """Sparse matrix (groups, points) that sums over groups, weighted where given."""
    from scipy.sparse import csr_array

    weight = np.ones(len(label)) if weight is None else weight
    return csr_array((weight, (label, np.arange(len(label)))), shape=(groups, len(label)))
