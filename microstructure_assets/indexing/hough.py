"""Hough indexing: orientation, phase and confidence of a point from the bands of its pattern."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.indexing.engine import BATCH_POINTS, band_engine, solutions
from microstructure_assets.indexing.geometry import Centre, PatternGeometry
from microstructure_assets.indexing.phases import IndexedPhase
from microstructure_assets.indexing.points import IndexedPoints, averaged_side, prepared_patterns
from microstructure_assets.indexing.settings import IndexingSettings

CONFIDENCE_NAME = "confidence metric of PyEBSDIndex, 0 to 1, larger is better"


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
        return averaged_side(self.geometry, self.pixel_limit)

    @property
    def batch_points(self) -> int:
        """How many patterns the engine takes at once."""
        return BATCH_POINTS

    @property
    def engine(self) -> Any:
        """The engine for averaged patterns; made once for equal indexers."""
        return band_engine(self.phases, self.geometry.averaged(self.averaged), self.band_count, self.rho_fraction)

    def with_centre(self, centre: Centre) -> HoughIndexer:
        """The same with another pattern centre of the patterns that are given."""
        return replace(self, geometry=self.geometry.with_centre(centre))

    def prepared(self, patterns: NDArray[Any]) -> NDArray[np.float32]:
        """Patterns as the engine takes them, see :func:`~microstructure_assets.indexing.points.prepared_patterns`."""
        return prepared_patterns(patterns, self.geometry, self.pixel_limit)

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
