"""Refined orientations of a twin beside the true ones, and master patterns that are not those of the phase."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import kikuchipy.data
import numpy as np
import pytest

from microstructure_assets.indexing.hough import hough_indexing
from microstructure_assets.indexing.phases import indexed_phases
from microstructure_assets.indexing.refinement import MasterPatternUnusable, Refiner
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets_tests.indexing.making import Known, errors_deg, known_phase, known_scan

DATA = Path(kikuchipy.data.__file__).parent
NICKEL = DATA / "emsoft_ebsd_master_pattern" / "ni_mc_mp_20kv_uint8_gzip_opts9.h5"


@pytest.fixture(scope="module")
def known() -> Known:
    return known_scan(phases=("nickel",), master_pattern="dynamical_nickel", noise_nu=1.0)


def refiner(known: Known, declared: str = f"nickel: {NICKEL}", energy_kev: float | None = 20.0) -> Refiner:
    settings = IndexingSettings(master_patterns=declared)
    made = Refiner.of(indexed_phases(known.phases, settings), known.geometry, energy_kev, settings, Path("/nowhere"))
    assert made is not None
    return made


def test_refined_orientations_are_several_times_nearer_the_truth(known: Known) -> None:
    indexer = known.indexer()
    found = indexer.index(known.patterns)
    refined = refiner(known).refined(known.patterns, found)
    usable = known.inside & (found.phase_id > 0) & (errors_deg(found, known.quaternion, "m-3m") < 3)
    assert usable.sum() > 80
    before = np.median(errors_deg(found, known.quaternion, "m-3m")[usable])
    after = np.median(errors_deg(refined, known.quaternion, "m-3m")[usable])
    assert after < 0.08
    assert after < before / 3
    assert refined.similarity[usable].min() > 0.5
    absent = found.phase_id == 0
    np.testing.assert_array_equal(refined.quaternion[absent], found.quaternion[absent])
    assert np.isnan(refined.similarity[absent]).all()
    np.testing.assert_array_equal(refined.phase_id, found.phase_id)
    np.testing.assert_allclose(np.linalg.norm(refined.quaternion, axis=1), 1)


def test_blocks_do_not_change_the_bytes(known: Known) -> None:
    own, indexer = refiner(known), known.indexer()
    patterns = known.patterns[:40]
    whole = hough_indexing([patterns], indexer, own.refined)
    cut = hough_indexing([patterns[:7], patterns[7:33], patterns[33:]], indexer, own.refined)
    assert whole.quaternion.tobytes() == cut.quaternion.tobytes()
    assert whole.similarity.tobytes() == cut.similarity.tobytes()
    parts = [own.refined(patterns[at : at + 10], indexer.index(patterns[at : at + 10])) for at in range(0, 40, 10)]
    assert np.concatenate([part.quaternion for part in parts]).tobytes() == whole.quaternion.tobytes()


def test_without_a_master_pattern_nothing_is_refined(known: Known) -> None:
    settings = IndexingSettings()
    assert Refiner.of(indexed_phases(known.phases, settings), known.geometry, 20.0, settings, Path()) is None


@pytest.mark.parametrize(
    ("declared", "energy_kev", "message"),
    [
        ("iron: a.h5", 20.0, "expected names of phases that are looked for: Nickel"),
        ("nickel: absent.h5", 20.0, "/nowhere/absent.h5: no such file"),
        (f"nickel: {DATA / 'kikuchipy_h5ebsd' / 'patterns.h5'}", 20.0, "found no master pattern"),
        (f"nickel: {Path(__file__)}", 20.0, "found no master pattern"),
        (f"nickel: {NICKEL}", None, "declare acquisition.beam_energy_kev"),
    ],
)
def test_what_cannot_be_used_is_named(known: Known, declared: str, energy_kev: float | None, message: str) -> None:
    with pytest.raises(MasterPatternUnusable, match=message):
        refiner(known, declared, energy_kev)


def test_the_master_pattern_of_another_phase_is_refused(known: Known) -> None:
    for other in (known_phase("ferrite"), replace(known_phase("nickel"), lattice_angstrom=(4.2, 4.2, 4.2))):
        ours = replace(known, phases=(other,))
        with pytest.raises(MasterPatternUnusable, match="found space group 225"):
            refiner(ours, f"{other.name}: {NICKEL}")


@pytest.mark.parametrize("text", ["nickel", "nickel:", ": a.h5"])
def test_text_that_names_no_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected NAME: "):
        IndexingSettings(master_patterns=text)
