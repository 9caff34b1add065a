"""Twins with known orientations as the indexer takes them, and orix as the judge of what it found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kikuchipy.data
import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.scan import Phase
from microstructure_assets.indexing.geometry import PatternGeometry
from microstructure_assets.indexing.hough import HoughIndexer
from microstructure_assets.indexing.phases import indexed_phases
from microstructure_assets.indexing.points import IndexedPoints
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.simulation.master_patterns import CRYSTAL_STRUCTURES
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.twin import simulate

KIKUCHIPY_DATA = Path(kikuchipy.data.__file__).parent
NICKEL = KIKUCHIPY_DATA / "emsoft_ebsd_master_pattern" / "ni_mc_mp_20kv_uint8_gzip_opts9.h5"


@dataclass(frozen=True)
class Known:
    """Patterns without background, (n, height, width), and what is true of them."""

    patterns: NDArray[np.float32]
    quaternion: NDArray[np.float64]
    phase_id: NDArray[np.int64]
    inside: NDArray[np.bool_]
    phases: tuple[Phase, ...]
    geometry: PatternGeometry
    shape: tuple[int, int]

    def indexer(self, **settings: Any) -> HoughIndexer:
        own = IndexingSettings(**settings)
        return HoughIndexer.of(indexed_phases(self.phases, own), self.geometry, own)


def known_scan(**settings: Any) -> Known:
    """A twin of 12 x 12 points, corrected as the platform does it."""
    values = {
        "rows": 12,
        "columns": 12,
        "mean_grain_diameter_points": 4.0,
        "beam_fwhm_x_um": 0.02,
        "beam_fwhm_y_um": 0.02,
        "master_pattern": "kinematical",
        **settings,
    }
    twin = simulate(TwinSettings(**values))
    s, truth = twin.settings, twin.truth
    height, width = s.detector_height_px, s.detector_width_px
    correct = BackgroundCorrection.prepare((height, width), PreprocessingSettings(), twin.static_background)
    return Known(
        patterns=correct(twin.read_rows(0, s.rows).reshape(-1, height, width)),
        quaternion=truth.orientation.reshape(-1, 4),
        phase_id=truth.phase.ravel().astype(np.int64) + 1,
        inside=truth.own_fraction.ravel() > 0.9,
        phases=tuple(known_phase(name) for name in s.phases),
        geometry=PatternGeometry(
            height, width, (s.pattern_centre_x, s.pattern_centre_y, s.pattern_centre_z), s.sample_tilt_deg
        ),
        shape=(s.rows, s.columns),
    )


def known_phase(name: str) -> Phase:
    crystal = CRYSTAL_STRUCTURES[name]
    a = crystal.lattice_angstrom
    return Phase(name.capitalize(), "m-3m", crystal.space_group, (a, a, a), (90.0, 90.0, 90.0))


def errors_deg(found: IndexedPoints, truth: NDArray[np.float64], point_group: str) -> NDArray[np.float64]:
    """Misorientation of what was found to the truth [degrees]."""
    return misorientation_deg(found.quaternion, truth, point_group)


def misorientation_deg(found: NDArray[np.float64], truth: NDArray[np.float64], point_group: str) -> NDArray[np.float64]:
    """By orix, which takes quaternions from sample to crystal and reduces by the crystal's symmetry [degrees]."""
    from orix.crystal_map import Phase as OrixPhase
    from orix.quaternion import Orientation

    symmetry = OrixPhase(point_group=point_group).point_group
    own, true = Orientation(found, symmetry), Orientation(truth, symmetry)
    return np.asarray(np.degrees(own.angle_with(true)))


def hexagonal_patterns(count: int = 40) -> tuple[Phase, PatternGeometry, NDArray[np.float64], NDArray[np.float32]]:
    """Kinematical magnesium: phase, geometry, orientations and patterns without noise."""
    import contextlib
    import io

    from diffpy.structure import Atom, Lattice, Structure
    from diffsims.crystallography import ReciprocalLatticeVector
    from kikuchipy.simulations import KikuchiPatternSimulator
    from orix.crystal_map import Phase as OrixPhase

    from microstructure_assets.simulation.crystallography import random_quaternions
    from microstructure_assets.simulation.master_patterns import MasterPattern
    from microstructure_assets.simulation.patterns import Projector

    atoms = [Atom("Mg", [1 / 3, 2 / 3, 0.25], Uisoequiv=0.006)]
    structure = Structure(atoms, Lattice(3.209, 3.209, 5.211, 90, 90, 120))
    vectors = ReciprocalLatticeVector.from_min_dspacing(OrixPhase("Mg", space_group=194, structure=structure), 0.8)
    vectors.sanitise_phase()
    vectors = vectors.unique(use_symmetry=True).symmetrise()
    vectors.calculate_structure_factor()
    strength = np.abs(vectors.structure_factor)
    vectors = vectors[strength > 0.05 * strength.max()]
    vectors.calculate_theta(20e3)
    with contextlib.redirect_stderr(io.StringIO()):
        master = KikuchiPatternSimulator(vectors).calculate_master_pattern(100, hemisphere="both", scaling="square")
    signal = master.as_lambert(show_progressbar=False)
    signal.data = np.asarray(signal.data, dtype=np.float32)
    projector = Projector((MasterPattern("Mg", signal, np.eye(4)[:1]),), 60, 60, 70.0, 20.0, (0.5, 0.25, 0.55), 0.0)
    quaternion = random_quaternions(count, np.random.default_rng(2))
    patterns = projector.project(np.zeros(count, np.int64), quaternion).reshape(count, 60, 60)
    phase = Phase("Magnesium", "6/mmm", 194, (3.209, 3.209, 5.211), (90.0, 90.0, 120.0))
    return phase, PatternGeometry(60, 60, (0.5, 0.25, 0.55), 70.0), quaternion, patterns
