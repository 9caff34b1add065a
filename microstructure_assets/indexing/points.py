"""What indexing found at points, how patterns are made ready for it, and how a stream of them goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.scan import IndexingMaps
from microstructure_assets.indexing.geometry import PatternGeometry
from microstructure_assets.methods.binning import bin_patterns, binning_factor


@dataclass(frozen=True)
class IndexedPoints:
    """What indexing found at some points.

    Attributes
    ----------
    quaternion : (n, 4) ndarray of float64
        Unit quaternions, scalar part first and not negative, sample to crystal as orix has them; the sample's frame is
        EDAX's and kikuchipy's, the crystal's has x along a and z along c*. The identity where not indexed.
    phase_id : (n,) ndarray of int32
        1 + position in the scan's phases; 0 where not indexed.
    confidence : (n,) ndarray of float32
        See `CONFIDENCE_NAME`; also of solutions that do not count as indexed. 0 where there is none.
    fit_deg : (n,) ndarray of float32
        Mean deviation of the bands that fit [degrees], also of solutions that do not count; NaN where there is none.
    bands : (n,) ndarray of int32
        How many bands fit.
    similarity : (n,) ndarray of float32
        Normalized cross-correlation with the simulated pattern; NaN where the orientation is not refined.
    """

    quaternion: NDArray[np.float64]
    phase_id: NDArray[np.int32]
    confidence: NDArray[np.float32]
    fit_deg: NDArray[np.float32]
    bands: NDArray[np.int32]
    similarity: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Iterable[IndexedPoints]) -> IndexedPoints:
        """One after the other."""
        every = list(parts)
        return cls(
            np.concatenate([np.empty((0, 4)), *(part.quaternion for part in every)]),
            np.concatenate([np.empty(0, np.int32), *(part.phase_id for part in every)]),
            np.concatenate([np.empty(0, np.float32), *(part.confidence for part in every)]),
            np.concatenate([np.empty(0, np.float32), *(part.fit_deg for part in every)]),
            np.concatenate([np.empty(0, np.int32), *(part.bands for part in every)]),
            np.concatenate([np.empty(0, np.float32), *(part.similarity for part in every)]),
        )

    def maps(self, shape: tuple[int, int]) -> IndexingMaps:
        """As a vendor's indexing comes, for points row by row; fit and bands stay behind."""
        return IndexingMaps(
            self.quaternion.reshape(*shape, 4),
            self.phase_id.reshape(shape),
            self.confidence.astype(np.float64).reshape(shape),
        )


class PatternIndexer(Protocol):
    """Finds orientations in patterns; what it finds of one does not depend on the others."""

    @property
    def batch_points(self) -> int:
        """How many patterns it takes at once."""

    def prepared(self, patterns: NDArray[Any]) -> NDArray[np.float32]:
        """Patterns as it takes them."""

    def index_prepared(self, patterns: NDArray[np.float32]) -> IndexedPoints:
        """What it finds in at most `batch_points` prepared patterns."""


def averaged_side(geometry: PatternGeometry, pixel_limit: int) -> int:
    """Side of the squares of pixels that are averaged so that a pattern has few enough [px]; 1 for none."""
    return binning_factor((geometry.height_px, geometry.width_px), pixel_limit)


def prepared_patterns(patterns: NDArray[Any], geometry: PatternGeometry, pixel_limit: int) -> NDArray[np.float32]:
    """Patterns in float32, averaged over squares where they have more pixels than the limit.

    Raises
    ------
    ValueError
        If their shape is not that of the geometry, or one holds NaN or infinity; its number counts from 0.
    """
    height, width = geometry.height_px, geometry.width_px
    if patterns.ndim != 3 or patterns.shape[1:] != (height, width):
        raise ValueError(f"patterns: found shape {patterns.shape}, expected (n, {height}, {width})")
    prepared = np.ascontiguousarray(patterns, dtype=np.float32)
    finite = np.isfinite(prepared).all(axis=(1, 2))
    if not finite.all():
        raise ValueError(f"pattern {int(np.argmin(finite))}: holds NaN or infinity, expected finite intensities")
    side = averaged_side(geometry, pixel_limit)
    if side == 1:
        return prepared
    small = geometry.averaged(side)
    binned, _ = bin_patterns(prepared.reshape(len(prepared), -1), (height, width), pixel_limit)
    return binned.reshape(len(binned), small.height_px, small.width_px)


def indexed(
    blocks: Iterable[NDArray[Any]],
    indexer: PatternIndexer,
    refine: Callable[[NDArray[np.float32], IndexedPoints], IndexedPoints] | None = None,
) -> IndexedPoints:
    """Index a stream of patterns, of which no more is held than one block and one batch.

    Parameters
    ----------
    blocks : iterable of (n, height, width) ndarrays
        Patterns point by point in the order of the grid, in blocks of any size; read as they are asked for.
    indexer : PatternIndexer
    refine : callable, optional
        Takes prepared patterns and what was found of them (`indexing.refinement.Refiner.refined`).

    Returns
    -------
    IndexedPoints
        Of all points, in the order of the blocks; about 60 bytes a point.
    """
    # Prepared before they wait for a batch to fill: averaged patterns of a large detector are a hundredth of it.
    prepared = _batches((indexer.prepared(block) for block in blocks), indexer.batch_points)
    if refine is None:
        return IndexedPoints.joined(indexer.index_prepared(batch) for batch in prepared)
    return IndexedPoints.joined(refine(batch, indexer.index_prepared(batch)) for batch in prepared)


def _batches(blocks: Iterable[NDArray[Any]], size: int) -> Iterator[NDArray[Any]]:
    """The same patterns in batches that do not depend on how they came."""
    waiting: list[NDArray[Any]] = []
    count = 0
    for block in blocks:
        start = 0
        while start < len(block):
            part = block[start : start + size - count]
            waiting.append(part)
            start, count = start + len(part), count + len(part)
            if count == size:
                yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
                waiting, count = [], 0
    if waiting:
        yield np.concatenate(waiting)
