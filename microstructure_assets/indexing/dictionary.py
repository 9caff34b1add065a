"""Dictionary indexing: of simulated patterns of many orientations, the one most like the measured pattern."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.errors import InputError
from microstructure_assets.indexing.geometry import PatternGeometry
from microstructure_assets.indexing.master_files import quiet
from microstructure_assets.indexing.phases import IndexedPhase
from microstructure_assets.indexing.points import IndexedPoints, averaged_side, prepared_patterns
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets.methods.parallel import single_blas_thread, worker_count

CONFIDENCE_NAME = "normalized cross-correlation with the most similar pattern of the dictionary, at most 1"
#: Pixels that `minimum_similarity` is meant for.
_STATED_PIXELS = 3_600
#: Pixels of all patterns that are compared at once: the dictionary is simulated anew for each such batch.
_BATCH_PIXELS = 2**25
#: Patterns of one product, and those of the dictionary that are in memory.
_PRODUCT_POINTS, _SIMULATED_AT_ONCE, _SIMULATED_TOGETHER = 1024, 512, 4096


class MasterPatternMissing(InputError):
    """A phase that a dictionary is asked of, but no master pattern declared for."""


@dataclass(frozen=True)
class DictionaryIndexer:
    """Compares patterns with simulated ones of all orientations; made by :meth:`of`.

    Attributes
    ----------
    masters : dict of int to EBSDMasterPattern
        From :func:`~microstructure_assets.indexing.master_files.declared_masters`, one for each phase.
    geometry : PatternGeometry
        Of the patterns that are given.
    energy_kev : float
        Of the beam.
    step_deg, pixel_limit, minimum_similarity
        `dictionary_step_deg`, `dictionary_pixels` and `minimum_similarity` of
        :class:`~microstructure_assets.indexing.settings.IndexingSettings`.

    Notes
    -----
    kikuchipy's `EBSD.dictionary_indexing` [1]_ [2]_ with normalized cross-correlation; orix samples the fundamental
    zone of the Laue group by cubochoric coordinates. The phase whose dictionary holds the most similar pattern wins.
    The correlation with noise is a mean over pixels: the largest over a dictionary grows as their root falls, and
    `minimum_similarity`, stated for 3,600 pixels, with it.

    All patterns are compared in products of one shape and one thread each, so that results depend neither on how blocks
    are cut nor on the number of threads.

    References
    ----------
    .. [1] Y. H. Chen, S. U. Park, D. Wei, G. Newstadt, M. A. Jackson, J. P. Simmons, M. De Graef, A. O. Hero,
       Microsc. Microanal. 21, 739-752 (2015), doi:10.1017/S1431927615000756.
    .. [2] H. W. Ånes, L. A. H. Lervik, O. Natlandsmyr, T. Bergh, E. Prestat, A. V. Bugten, E. M. Østvold, Z. Xu,
       C. Francis, M. Nord, kikuchipy, doi:10.5281/zenodo.3597646.
    """

    masters: Mapping[int, Any]
    geometry: PatternGeometry
    energy_kev: float
    step_deg: float = 3.0
    pixel_limit: int = 3_600
    minimum_similarity: float = 0.12

    @classmethod
    def of(
        cls,
        phases: Sequence[IndexedPhase],
        masters: Mapping[int, Any],
        geometry: PatternGeometry,
        energy_kev: float | None,
        settings: IndexingSettings,
    ) -> DictionaryIndexer:
        """The indexer that the settings describe.

        Raises
        ------
        MasterPatternMissing
            If a phase has no master pattern.
        """
        without = [phase.name for phase in phases if phase.number not in masters]
        if without:
            raise MasterPatternMissing(
                f"indexing.master_patterns: found none for {', '.join(without)}, expected one for each phase that a "
                "dictionary is made of; declare NAME: FILE, or name the phase in indexing.leave_out"
            )
        assert energy_kev is not None, "without it no master pattern is read"
        return cls(
            masters,
            geometry,
            energy_kev,
            settings.dictionary_step_deg,
            settings.dictionary_pixels,
            settings.minimum_similarity,
        )

    @property
    def averaged(self) -> int:
        """Side of the squares of pixels that are averaged first [px]; 1 for none."""
        return averaged_side(self.geometry, self.pixel_limit)

    @property
    def pixels(self) -> int:
        """Pixels of a pattern that are compared."""
        own = self.geometry.averaged(self.averaged)
        return own.height_px * own.width_px

    @property
    def least_similarity(self) -> float:
        """Similarity from which on a point is indexed."""
        return min(1.0, self.minimum_similarity * (_STATED_PIXELS / self.pixels) ** 0.5)

    @property
    def batch_points(self) -> int:
        """How many patterns are compared at once."""
        products = _BATCH_PIXELS // self.pixels // _PRODUCT_POINTS
        return max(1, products) * _PRODUCT_POINTS

    @cached_property
    def orientations(self) -> dict[int, Any]:
        """Those of the dictionary of each phase, as orix's rotations."""
        from orix.sampling import get_sample_fundamental

        return {
            number: get_sample_fundamental(self.step_deg, point_group=master.phase.point_group.laue_proper_subgroup)
            for number, master in self.masters.items()
        }

    def prepared(self, patterns: NDArray[Any]) -> NDArray[np.float32]:
        """Patterns as they are compared, see :func:`~microstructure_assets.indexing.points.prepared_patterns`."""
        return prepared_patterns(patterns, self.geometry, self.pixel_limit)

    def index_prepared(self, patterns: NDArray[np.float32]) -> IndexedPoints:
        """Orientations, phases and similarity of at most `batch_points` patterns from `prepared`."""
        count = len(patterns)
        filled = np.resize(patterns, (-(-count // _PRODUCT_POINTS) * _PRODUCT_POINTS, *patterns.shape[1:]))
        best = np.full(count, -np.inf, np.float32)
        quaternion, phase_id = np.tile(np.array([1.0, 0, 0, 0]), (count, 1)), np.zeros(count, np.int32)
        for number in self.masters:
            turned, similarity = self._most_similar(filled, number)
            better = similarity[:count] > best
            best[better], quaternion[better] = similarity[:count][better], turned[:count][better]
            phase_id[better] = number
        best[patterns.reshape(count, -1).std(axis=1) == 0] = 0  # which correlates with nothing
        absent = ~(best >= self.least_similarity)
        quaternion[absent], phase_id[absent] = (1, 0, 0, 0), 0
        return IndexedPoints(
            quaternion=quaternion,
            phase_id=phase_id,
            confidence=best,
            fit_deg=np.full(count, np.nan, np.float32),
            bands=np.zeros(count, np.int32),
            similarity=np.full(count, np.nan, np.float32),
        )

    def _most_similar(
        self, patterns: NDArray[np.float32], number: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        import dask
        import dask.array
        import kikuchipy

        master, rotations = self.masters[number], self.orientations[number]
        with quiet(), single_blas_thread(), dask.config.set(scheduler="threads", num_workers=worker_count()):
            dictionary = master.get_patterns(
                rotations,
                self.geometry.averaged(self.averaged).detector(),
                self.energy_kev,
                compute=False,
                chunk_shape=_SIMULATED_AT_ONCE,
            )
            measured = kikuchipy.signals.LazyEBSD(dask.array.from_array(patterns, chunks=(_PRODUCT_POINTS, -1, -1)))
            found = measured.dictionary_indexing(
                dictionary, keep_n=1, n_per_iteration=min(_SIMULATED_TOGETHER, rotations.size)
            )
        turned = np.asarray(found.rotations.data, np.float64).reshape(-1, 4)
        turned = np.where(turned[:, :1] < 0, -turned, turned) + 0.0  # no negative zeros
        return turned, np.asarray(found.prop["scores"], np.float32).ravel()
