from __future__ import annotations

import pytest

from microstructure_assets.acquisition.scan import Phase
from microstructure_assets.indexing.phases import PhaseNotIndexable, indexed_phases
from microstructure_assets.indexing.settings import IndexingSettings

CUBIC = ((2.87, 2.87, 2.87), (90.0, 90.0, 90.0))
FERRITE = Phase("Ferrite", "m-3m", None, *CUBIC)
AUSTENITE = Phase("Austenite", "m-3m", 225, *CUBIC)


def test_numbers_are_those_of_the_scan_when_a_phase_is_left_out() -> None:
    (found,) = indexed_phases((FERRITE, AUSTENITE), IndexingSettings(leave_out="ferrite"))
    assert (found.number, found.name, found.space_group, len(found.symmetry)) == (2, "Austenite", 225, 24)


def test_a_declared_space_group_and_declared_families_are_used() -> None:
    settings = IndexingSettings(space_groups="Ferrite: 229", reflectors="Ferrite: 0 1 1, 0 0 2")
    (found,) = indexed_phases((FERRITE,), settings)
    assert (found.space_group, found.families) == (229, ((0, 1, 1), (0, 0, 2)))


@pytest.mark.parametrize(
    ("phase", "settings", "words"),
    [
        (FERRITE, {}, r"'Ferrite'.*declare indexing.space_groups='Ferrite: NUMBER'"),
        (FERRITE, {"space_groups": "Ferrite: 194"}, r"'Ferrite'.*does not have the symmetry of space group 194"),
        (FERRITE, {"space_groups": "Ferrite: 200"}, r"'Ferrite'.*point group m-3m.*Laue group m-3;.*NUMBER"),
        (FERRITE, {"space_groups": "Ferite: 229"}, r"found ferite, expected names of the scan's phases: Ferrite"),
        (FERRITE, {"leave_out": "Ferrite"}, "found none to look for"),
        (AUSTENITE, {"reflectors": "Austenite: 1 1 1"}, r"'Austenite'.*expected two at least"),
    ],
)
def test_what_is_missing_is_named_with_what_to_declare(phase: Phase, settings: dict[str, str], words: str) -> None:
    with pytest.raises(PhaseNotIndexable, match=words):
        indexed_phases((phase,), IndexingSettings(**settings))


def test_a_symbol_that_is_no_point_group_says_nothing() -> None:
    assert indexed_phases((Phase("x", "cubic", 225, *CUBIC),), IndexingSettings())[0].space_group == 225
    assert indexed_phases((Phase("x", "", 225, *CUBIC),), IndexingSettings())[0].space_group == 225
