"""Files that are no master patterns, or not those of the phase."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from microstructure_assets.acquisition.scan import Phase
from microstructure_assets.indexing.master_files import MasterPatternUnusable, declared_masters
from microstructure_assets.indexing.phases import indexed_phases
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets_tests.indexing.making import KIKUCHIPY_DATA, NICKEL, known_phase


def masters(declared: str, energy_kev: float | None = 20.0, phase: Phase | None = None) -> dict[int, object]:
    settings = IndexingSettings(master_patterns=declared)
    phases = indexed_phases((phase or known_phase("nickel"),), settings)
    return declared_masters(phases, energy_kev, settings, Path("/nowhere"))


def test_a_declared_file_is_the_master_pattern_of_its_phase() -> None:
    ((number, master),) = masters(f"Nickel: {NICKEL}").items()
    assert number == 1
    assert master.phase.space_group.number == 225  # type: ignore[attr-defined]
    assert masters("") == {}


@pytest.mark.parametrize(
    ("declared", "energy_kev", "message"),
    [
        ("iron: a.h5", 20.0, "expected names of phases that are looked for: Nickel"),
        ("nickel: absent.h5", 20.0, "/nowhere/absent.h5: no such file"),
        (f"nickel: {KIKUCHIPY_DATA / 'kikuchipy_h5ebsd' / 'patterns.h5'}", 20.0, "found no master pattern"),
        (f"nickel: {Path(__file__)}", 20.0, "found no master pattern"),
        (f"nickel: {NICKEL}", None, "declare acquisition.beam_energy_kev"),
    ],
)
def test_what_cannot_be_used_is_named(declared: str, energy_kev: float | None, message: str) -> None:
    with pytest.raises(MasterPatternUnusable, match=message):
        masters(declared, energy_kev)


def test_the_master_pattern_of_another_phase_is_refused() -> None:
    for other in (known_phase("ferrite"), replace(known_phase("nickel"), lattice_angstrom=(4.2, 4.2, 4.2))):
        with pytest.raises(MasterPatternUnusable, match="found space group 225"):
            masters(f"{other.name}: {NICKEL}", phase=other)


@pytest.mark.parametrize("text", ["nickel", "nickel:", ": a.h5"])
def test_text_that_names_no_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected NAME: "):
        IndexingSettings(master_patterns=text)
