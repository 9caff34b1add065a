"""Refinement: orientations that make simulated patterns most like the measured ones."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.errors import InputError
from microstructure_assets.indexing.geometry import PatternGeometry
from microstructure_assets.indexing.hough import IndexedPoints
from microstructure_assets.indexing.phases import IndexedPhase
from microstructure_assets.indexing.settings import IndexingSettings, declared_master_patterns

#: Energies of a master pattern further from the beam's do not stand for it [keV].
_ENERGY_TOLERANCE_KEV = 2.0
#: Edges of a cell that differ by more are those of another phase; simulations often take the edges of pure crystals.
_LATTICE_TOLERANCE = 0.03
#: No crystal has a shorter edge [Å].
_SHORTEST_EDGE_ANGSTROM = 1.5


class MasterPatternUnusable(InputError):
    """A master pattern that is no such file, or not that of the phase it is declared for."""


@dataclass(frozen=True)
class Refiner:
    """Refines orientations of the phases that have master patterns; made by :meth:`of`.

    Attributes
    ----------
    masters : dict of int to EBSDMasterPattern
        By the number of the phase; of kikuchipy.
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

    @classmethod
    def of(
        cls,
        phases: Sequence[IndexedPhase],
        geometry: PatternGeometry,
        energy_kev: float | None,
        settings: IndexingSettings,
        folder: Path,
    ) -> Refiner | None:
        """The refiner that the settings describe; None where no master pattern is declared.

        Parameters
        ----------
        phases : sequence of IndexedPhase
        geometry : PatternGeometry
            Of the patterns that will be given.
        energy_kev : float or None
            Of the beam.
        settings : IndexingSettings
        folder : Path
            Where relative names of files start.

        Raises
        ------
        MasterPatternUnusable
            If a name is none of the phases', a file none of a master pattern, its phase or energy another one, or the
            energy of the beam is not known.
        """
        files = declared_master_patterns(settings.master_patterns)
        if not files:
            return None
        numbers = {phase.name.lower(): phase for phase in phases}
        strange = sorted(set(files) - set(numbers))
        if strange:
            raise MasterPatternUnusable(
                f"indexing.master_patterns: found {', '.join(strange)}, expected names of phases that are looked for: "
                f"{', '.join(phase.name for phase in phases)}"
            )
        if energy_kev is None:
            raise MasterPatternUnusable(
                "indexing.master_patterns: the energy of the beam is not known; declare acquisition.beam_energy_kev"
            )
        masters = {
            numbers[name].number: _master(folder / file, numbers[name], energy_kev) for name, file in files.items()
        }
        return cls(masters, geometry, energy_kev, settings.refinement_reach_deg)

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

        geometry = self.geometry
        with _quiet():
            signal = kikuchipy.signals.EBSD(patterns)
            signal.axes_manager[0].name = "x"
            detector = kikuchipy.detectors.EBSDDetector(
                shape=(geometry.height_px, geometry.width_px),
                pc=geometry.pattern_centre,
                sample_tilt=geometry.sample_tilt_deg,
                tilt=geometry.detector_tilt_deg,
                convention="bruker",
            )
            points = CrystalMap(Rotation(quaternion), x=np.arange(len(patterns)), phase_list=PhaseList(master.phase))
            refined = signal.refine_orientation(
                points,
                detector,
                master,
                self.energy_kev,
                method="LN_NELDERMEAD",
                initial_step=min(1.0, self.reach_deg / 2),
                trust_region=[self.reach_deg] * 3,
            )
        turned = np.asarray(refined.rotations.data, np.float64).reshape(-1, 4)
        turned = np.where(turned[:, :1] < 0, -turned, turned) + 0.0  # no negative zeros
        return turned, np.asarray(refined.prop["scores"], np.float32).ravel()


def _master(path: Path, phase: IndexedPhase, energy_kev: float) -> Any:
    """A master pattern of both hemispheres, held against its phase and the energy of the beam."""
    import kikuchipy

    if not path.is_file():
        raise MasterPatternUnusable(f"{path}: no such file; correct indexing.master_patterns for {phase.name}")
    try:
        with _quiet():
            master = kikuchipy.load(str(path), projection="lambert", hemisphere="both")
    except Exception as error:  # files of other kinds break the reader in many ways
        raise MasterPatternUnusable(
            f"{path}: found no master pattern ({type(error).__name__}: {error}), expected one of EMsoft (EMEBSDmaster) "
            "or kikuchipy in HDF5"
        ) from error
    if not isinstance(master, kikuchipy.signals.EBSDMasterPattern):
        raise MasterPatternUnusable(f"{path}: found {type(master).__name__}, expected a master pattern")
    _require_phase(path, master, phase)
    _require_energy(path, master, energy_kev)
    return master


def _require_phase(path: Path, master: Any, phase: IndexedPhase) -> None:
    group = getattr(master.phase.space_group, "number", None)
    lattice = master.phase.structure.lattice
    edges = np.array([lattice.a, lattice.b, lattice.c])
    if edges.min() < _SHORTEST_EDGE_ANGSTROM:  # EMsoft's are in nm, orix's in Å
        edges *= 10
    differing = np.abs(edges - np.array(phase.lattice_angstrom)) > _LATTICE_TOLERANCE * np.array(phase.lattice_angstrom)
    if group != phase.space_group or differing.any():
        raise MasterPatternUnusable(
            f"{path}: found space group {group} and edges {edges.round(3).tolist()} Å, expected {phase.space_group} "
            f"and {list(phase.lattice_angstrom)} Å of {phase.name}"
        )


def _require_energy(path: Path, master: Any, energy_kev: float) -> None:
    """Files hold one energy, which they may not name, or several."""
    axes = [axis for axis in master.axes_manager.navigation_axes if axis.name == "energy"]
    if axes and np.abs(np.asarray(axes[0].axis) - energy_kev).min() > _ENERGY_TOLERANCE_KEV:
        raise MasterPatternUnusable(
            f"{path}: found energies {axes[0].axis.min():g} to {axes[0].axis.max():g} keV, expected that of the beam, "
            f"{energy_kev:g} keV"
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """kikuchipy prints what it is about to do, and warns of axes without names."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
