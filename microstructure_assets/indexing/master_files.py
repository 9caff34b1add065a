"""Files of simulated master patterns, held against the phases that they are declared for."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microstructure_assets.errors import InputError
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


def declared_masters(
    phases: Sequence[IndexedPhase], energy_kev: float | None, settings: IndexingSettings, folder: Path
) -> dict[int, Any]:
    """The master patterns that the settings declare, of kikuchipy, by the number of the phase; none where none are.

    Parameters
    ----------
    phases : sequence of IndexedPhase
    energy_kev : float or None
        Of the beam.
    settings : IndexingSettings
        `master_patterns`.
    folder : Path
        Where relative names of files start.

    Raises
    ------
    MasterPatternUnusable
        If a name is none of the phases', a file none of a master pattern, its phase or energy another one, or the
        energy of the beam is not known.
    """
    files = declared_master_patterns(settings.master_patterns)
    named = {phase.name.lower(): phase for phase in phases}
    strange = sorted(set(files) - set(named))
    if strange:
        raise MasterPatternUnusable(
            f"indexing.master_patterns: found {', '.join(strange)}, expected names of phases that are looked for: "
            f"{', '.join(phase.name for phase in phases)}"
        )
    if not files:
        return {}
    if energy_kev is None:
        raise MasterPatternUnusable(
            "indexing.master_patterns: the energy of the beam is not known; declare acquisition.beam_energy_kev"
        )
    return {named[name].number: _master(folder / file, named[name], energy_kev) for name, file in files.items()}


def _master(path: Path, phase: IndexedPhase, energy_kev: float) -> Any:
    """A master pattern of both hemispheres, held against its phase and the energy of the beam."""
    import kikuchipy

    if not path.is_file():
        raise MasterPatternUnusable(f"{path}: no such file; correct indexing.master_patterns for {phase.name}")
    try:
        with quiet():
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
def quiet() -> Iterator[None]:
    """kikuchipy prints what it is about to do, draws bars, and warns of axes without names."""
    nowhere = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        yield
