"""Hough indexing: orientation, phase and confidence of each point from its pattern, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.scan import IndexingMaps
from microstructure_assets.indexing.engine import BATCH_POINTS, band_engine, solutions
from microstructure_assets.indexing.geometry import Centre, PatternGeometry
from microstructure_assets.indexing.phases import IndexedPhase
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets.methods.binning import bin_patterns, binning_factor

CONFIDENCE_NAME = "confidence metric of PyEBSDIndex, 0 to 1, larger is better"


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


@dataclass(frozen=True)
class HoughIndexer:
    """Indexes patterns by the bands that their Hough transform shows; made by :meth:`of`.

    Attributes
    ----------
    phases : tuple of IndexedPhase
        Phases that are looked for.
    geometry : PatternGeometry
        Of the patterns that are given.
    pixel_limit, band_count, rho_fraction, minimum_bands, maximum_fit_deg, minimum_confidence
        See :class:`~microstructure_assets.indexing.settings.IndexingSettings`.

    Notes
    -----
    PyEBSDIndex finds peaks of the filtered Radon transform, lets triplets of bands vote for families of planes, and
    fits the orientation to the bands (QUEST) [1]_. Where several phases are looked for, the one with the largest
    (3° - fit) × bands wins. Patterns are always given to it in batches of one length, filled up where there are fewer,
    so that results depend neither on how blocks are cut nor on the number of threads.

    References
    ----------
    .. [1] D. J. Rowenhorst, P. G. Callahan, H. W. Ånes, J. Appl. Cryst. 57, 3-19 (2024),
       doi:10.1107/S1600576723010221.
    """

    phases: tuple[IndexedPhase, ...]
    geometry: PatternGeometry
    pixel_limit: int = 20_000
    band_count: int = 12
    rho_fraction: float = 0.15
    minimum_bands: int = 5
    maximum_fit_deg: float = 1.5
    minimum_confidence: float = 0.1

    @classmethod
    def of(
        cls, phases: tuple[IndexedPhase, ...], geometry: PatternGeometry, settings: IndexingSettings
    ) -> HoughIndexer:
        """The indexer that the settings describe.

        Parameters
        ----------
        phases : tuple of IndexedPhase
            From :func:`~microstructure_assets.indexing.phases.indexed_phases`.
        geometry : PatternGeometry
            Of the patterns that will be given: for stored patterns, that of the scan cropped as they are.
        settings : IndexingSettings
        """
        return cls(
            phases=phases,
            geometry=geometry,
            pixel_limit=settings.pixel_limit,
            band_count=settings.band_count,
            rho_fraction=settings.rho_fraction,
            minimum_bands=settings.minimum_bands,
            maximum_fit_deg=settings.maximum_fit_deg,
            minimum_confidence=settings.minimum_confidence,
        )

    @property
    def averaged(self) -> int:
        """Side of the squares of pixels that are averaged first [px]; 1 for none."""
        return binning_factor((self.geometry.height_px, self.geometry.width_px), self.pixel_limit)

    @property
    def engine(self) -> Any:
        """The engine for averaged patterns; made once for equal indexers."""
        return band_engine(self.phases, self.geometry.averaged(self.averaged), self.band_count, self.rho_fraction)

    def with_centre(self, centre: Centre) -> HoughIndexer:
        """The same with another pattern centre of the patterns that are given."""
        return replace(self, geometry=self.geometry.with_centre(centre))

    def prepared(self, patterns: NDArray[Any]) -> NDArray[np.float32]:
        """Patterns as the engine takes them.

        Raises
        ------
        ValueError
            If their shape is not that of the geometry, or one holds NaN or infinity; its number counts from 0.
        """
        height, width = self.geometry.height_px, self.geometry.width_px
        if patterns.ndim != 3 or patterns.shape[1:] != (height, width):
            raise ValueError(f"patterns: found shape {patterns.shape}, expected (n, {height}, {width})")
        prepared = np.ascontiguousarray(patterns, dtype=np.float32)
        finite = np.isfinite(prepared).all(axis=(1, 2))
        if not finite.all():
            raise ValueError(f"pattern {int(np.argmin(finite))}: holds NaN or infinity, expected finite intensities")
        if self.averaged == 1:
            return prepared
        small = self.geometry.averaged(self.averaged)
        binned, _ = bin_patterns(prepared.reshape(len(prepared), -1), (height, width), self.pixel_limit)
        return binned.reshape(len(binned), small.height_px, small.width_px)

    def index(self, patterns: NDArray[Any]) -> IndexedPoints:
        """Orientations, phases and confidence of patterns.

        Parameters
        ----------
        patterns : (n, height, width) ndarray of float32 or of an integer type
            Best without background; their scale does not matter.

        Raises
        ------
        ValueError
            If the shape is not that of the geometry, or a pattern is not finite.
        """
        return IndexedPoints.joined(
            self.index_prepared(self.prepared(patterns[start : start + BATCH_POINTS]))
            for start in range(0, len(patterns), BATCH_POINTS)
        )

    def index_prepared(self, patterns: NDArray[np.float32]) -> IndexedPoints:
        """The same of at most `BATCH_POINTS` patterns from `prepared`."""
        # Always as many at once: products of quaternions end in other bits where arrays have other lengths.
        filled = np.resize(patterns, (BATCH_POINTS, *patterns.shape[1:]))
        found = solutions(self.engine, filled)[: len(patterns)]
        solved = found["phase"] >= 0
        confidence = np.where(solved, found["cm"], 0).astype(np.float32)
        fit = np.where(solved, found["fit"], np.nan).astype(np.float32)
        with np.errstate(invalid="ignore"):
            accepted = (
                solved
                & (found["nmatch"] >= self.minimum_bands)
                & (fit <= self.maximum_fit_deg)
                & (confidence >= self.minimum_confidence)
            )
        numbers = np.array([phase.number for phase in self.phases], dtype=np.int32)
        quaternion = np.where(found["quat"][:, :1] < 0, -found["quat"], found["quat"]) + 0.0  # no negative zeros
        quaternion[~accepted] = (1, 0, 0, 0)
        return IndexedPoints(
            quaternion=np.ascontiguousarray(quaternion, dtype=np.float64),
            phase_id=np.where(accepted, numbers[np.maximum(found["phase"], 0)], 0).astype(np.int32),
            confidence=confidence,
            fit_deg=fit,
            bands=np.where(solved, found["nmatch"], 0).astype(np.int32),
            similarity=np.full(len(patterns), np.nan, np.float32),
        )


def hough_indexing(
    blocks: Iterable[NDArray[Any]],
    indexer: HoughIndexer,
    refine: Callable[[NDArray[np.float32], IndexedPoints], IndexedPoints] | None = None,
) -> IndexedPoints:
    """Index a stream of patterns, of which no more is held than one block and one batch.

    Parameters
    ----------
    blocks : iterable of (n, height, width) ndarrays
        Patterns point by point in the order of the grid, in blocks of any size; read as they are asked for.
    indexer : HoughIndexer
    refine : callable, optional
        Takes prepared patterns and what was found of them (`indexing.refinement.Refiner.refined`).

    Returns
    -------
    IndexedPoints
        Of all points, in the order of the blocks; about 60 bytes a point.
    """
    prepared = (indexer.prepared(batch) for batch in _batches(blocks, BATCH_POINTS))
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
