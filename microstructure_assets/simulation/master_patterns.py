"""Master patterns of the phases of a twin, all from one kind of simulator, on one intensity scale."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.errors import InputError

if TYPE_CHECKING:
    from microstructure_assets.simulation.settings import TwinSettings


@dataclass(frozen=True)
class CrystalStructure:
    """A cubic crystal: lattice parameter [Å], space group, (element, x, y, z) in the asymmetric unit."""

    lattice_angstrom: float
    space_group: int
    atoms: tuple[tuple[str, float, float, float], ...]
    debye_waller_factor: float = 0.5  # B [Å²], the order of metals and oxides at room temperature

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements, in the order of the atoms."""
        return tuple(dict.fromkeys(atom[0] for atom in self.atoms))


# The origin of magnetite lies at the inversion centre.
CRYSTAL_STRUCTURES: dict[str, CrystalStructure] = {
    "nickel": CrystalStructure(3.5236, 225, (("Ni", 0.0, 0.0, 0.0),)),
    "nickel_expanded": CrystalStructure(3.572, 225, (("Ni", 0.0, 0.0, 0.0),)),
    "austenite": CrystalStructure(3.595, 225, (("Fe", 0.0, 0.0, 0.0),)),
    "ferrite": CrystalStructure(2.8665, 229, (("Fe", 0.0, 0.0, 0.0),)),
    "ni3al": CrystalStructure(3.572, 221, (("Al", 0.0, 0.0, 0.0), ("Ni", 0.5, 0.5, 0.0))),
    "wustite": CrystalStructure(4.307, 225, (("Fe", 0.0, 0.0, 0.0), ("O", 0.5, 0.5, 0.5))),
    "magnetite": CrystalStructure(
        8.396, 227, (("Fe", 0.125, 0.125, 0.125), ("Fe", 0.5, 0.5, 0.5), ("O", 0.2549, 0.2549, 0.2549))
    ),
}


@dataclass(frozen=True)
class MasterPattern:
    """A phase's master pattern with mean 0 and deviation 1 over the sphere.

    Attributes
    ----------
    name
        As in the settings.
    signal
        ``kikuchipy.signals.EBSDMasterPattern``: float32, Lambert projection, both hemispheres.
    symmetry
        Proper rotations of the point group as quaternions, shape (m, 4).
    """

    name: str
    signal: Any
    symmetry: NDArray[np.float64]


def load_master_patterns(settings: TwinSettings) -> tuple[MasterPattern, ...]:
    """The master pattern of each phase of ``settings.phases``.

    Raises
    ------
    ValueError
        If the kind of simulator does not know the phase or the energy.
    """
    return tuple(
        _load(
            settings.master_pattern,
            name,
            settings.beam_energy_kev,
            settings.sht_folder or "",
            settings.mismatch_master_exponent,
        )
        for name in settings.phases
    )


@lru_cache(maxsize=16)
def _load(kind: str, name: str, energy_kev: float, sht_folder: str, exponent: float) -> MasterPattern:
    if kind == "dynamical_nickel":
        signal = _dynamical_nickel(name, energy_kev)
    elif kind == "kinematical":
        signal = _kinematical(name, energy_kev)
    else:
        from microstructure_assets.simulation.sht import sht_master_pattern

        signal = sht_master_pattern(sht_folder, name, energy_kev)
    signal.data = _normalized(np.asarray(signal.data), exponent)
    return MasterPattern(name, signal, np.asarray(signal.phase.point_group.proper_subgroup.data, dtype=np.float64))


def _normalized(intensity: NDArray[Any], exponent: float) -> NDArray[np.float32]:
    """Mean 0 and deviation 1 over the sphere; the Lambert projection keeps areas, so that plain means are those."""
    scaled = intensity.astype(np.float64)
    if exponent != 1.0:
        low, high = scaled.min(), scaled.max()
        scaled = ((scaled - low) / (high - low)) ** exponent
    return ((scaled - scaled.mean()) / scaled.std()).astype(np.float32)


def _dynamical_nickel(name: str, energy_kev: float) -> Any:
    """The dynamical nickel master pattern that ships with kikuchipy (EMsoft, 20 kV, 401×401)."""
    import kikuchipy

    if name != "nickel":
        raise InputError(
            f"phases holds {name!r}, but dynamical_nickel knows only 'nickel'; use master_pattern=kinematical or sht"
        )
    if energy_kev != 20.0:
        raise InputError(
            f"beam_energy_kev is {energy_kev}, but the dynamical nickel pattern is of 20 keV; use that or another kind"
        )
    return kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert", hemisphere="both")


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Nothing runs in parallel inside: the number of threads is this thread's, so dask must not use others."""
    import dask
    import numba

    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with dask.config.set(scheduler="synchronous"):
            yield
    finally:
        numba.set_num_threads(threads)


def _kinematical(name: str, energy_kev: float) -> Any:
    """A kinematical master pattern by diffsims and kikuchipy: reflectors to 0.8 Å with |F| over 3 % of the largest."""
    from diffpy.structure import Atom, Lattice, Structure
    from diffsims.crystallography import ReciprocalLatticeVector
    from kikuchipy.simulations import KikuchiPatternSimulator
    from orix.crystal_map import Phase

    if name not in CRYSTAL_STRUCTURES:
        raise InputError(f"phases holds {name!r}, but kinematical knows {', '.join(CRYSTAL_STRUCTURES)}")
    crystal = CRYSTAL_STRUCTURES[name]
    isotropic_displacement = crystal.debye_waller_factor / (8 * np.pi**2)
    atoms = [Atom(element, [x, y, z], Uisoequiv=isotropic_displacement) for element, x, y, z in crystal.atoms]
    a = crystal.lattice_angstrom
    phase = Phase(name, space_group=crystal.space_group, structure=Structure(atoms, Lattice(a, a, a, 90, 90, 90)))
    reflectors = ReciprocalLatticeVector.from_min_dspacing(phase, 0.8)
    reflectors.sanitise_phase()
    reflectors = reflectors[reflectors.allowed].unique(use_symmetry=True).symmetrise()
    reflectors.calculate_structure_factor()
    strength = np.abs(reflectors.structure_factor)
    reflectors = reflectors[strength > 0.03 * strength.max()]
    reflectors.calculate_theta(energy_kev * 1e3)
    simulator = KikuchiPatternSimulator(reflectors)
    # Its progress bar has no switch, and its threads add to the same pixels at once: with more than one of them some
    # pixels come out differently each time.
    with contextlib.redirect_stderr(io.StringIO()), _one_thread():
        stereographic = simulator.calculate_master_pattern(half_size=200, hemisphere="both", scaling="square")
    return stereographic.as_lambert(show_progressbar=False)
