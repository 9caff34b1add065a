"""Refinement: orientations that make simulated patterns most like the measured ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.indexing.geometry import PatternGeometry
from microstructure_assets.indexing.master_files import quiet
from microstructure_assets.indexing.points import IndexedPoints


@dataclass(frozen=True)
class Refiner:
    """Refines orientations of the phases that have master patterns.

    Attributes
    ----------
    masters : dict of int to EBSDMasterPattern
        From :func:`~microstructure_assets.indexing.master_files.declared_masters`.
    geometry : PatternGeometry
        Of the patterns that are given.
    energy_kev : float
        Of the beam.
    reach_deg : float
        How far each of Bunge's angles may move [degrees].

    Notes
    -----
    kikuchipy's `EBSD.refine_orientation` [1]_ with NLopt's Nelder-Mead search: the three angles at which the normalized
    cross-correlation of the pattern with the one projected from the master pattern is largest. Each pattern is searched
    by itself, so that results do not depend on how patterns are cut into blocks.

    References
    ----------
    .. [1] H. W. Ånes, L. A. H. Lervik, O. Natlandsmyr, T. Bergh, E. Prestat, A. V. Bugten, E. M. Østvold, Z. Xu,
       C. Francis, M. Nord, kikuchipy, doi:10.5281/zenodo.3597646.
    """

    masters: dict[int, Any]
    geometry: PatternGeometry
    energy_kev: float
    reach_deg: float

    def refined(self, patterns: NDArray[np.float32], found: IndexedPoints) -> IndexedPoints:
        """The same points with refined orientations, and how like the simulated patterns are.

        Parameters
        ----------
        patterns : (n, height, width) ndarray of float32
            Of the geometry.
        found : IndexedPoints
            Where to begin; what is not indexed stays so.
        """
        quaternion, similarity = found.quaternion.copy(), found.similarity.copy()
        for number, master in self.masters.items():
            own = found.phase_id == number
            if own.any():
                quaternion[own], similarity[own] = self._refined(patterns[own], quaternion[own], master)
        return replace(found, quaternion=quaternion, similarity=similarity)

    def _refined(
        self, patterns: NDArray[np.float32], quaternion: NDArray[np.float64], master: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        import kikuchipy
        from orix.crystal_map import CrystalMap, PhaseList
        from orix.quaternion import Rotation

        with quiet():
            signal = kikuchipy.signals.EBSD(patterns)
            signal.axes_manager[0].name = "x"
            points = CrystalMap(Rotation(quaternion), x=np.arange(len(patterns)), phase_list=PhaseList(master.phase))
            refined = signal.refine_orientation(
                points,
                self.geometry.detector(),
                master,
                self.energy_kev,
                method="LN_NELDERMEAD",
                initial_step=min(1.0, self.reach_deg / 2),
                trust_region=[self.reach_deg] * 3,
            )
        turned = np.asarray(refined.rotations.data, np.float64).reshape(-1, 4)
        turned = np.where(turned[:, :1] < 0, -turned, turned) + 0.0  # no negative zeros
        return turned, np.asarray(refined.prop["scores"], np.float32).ravel()
