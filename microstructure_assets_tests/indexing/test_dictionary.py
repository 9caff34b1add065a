"""Orientations from a dictionary beside the true ones, and patterns that show no crystal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.indexing.dictionary import DictionaryIndexer, MasterPatternMissing
from microstructure_assets.indexing.master_files import declared_masters
from microstructure_assets.indexing.phases import indexed_phases
from microstructure_assets.indexing.points import indexed
from microstructure_assets.indexing.refinement import Refiner
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets_tests.indexing.making import NICKEL, Known, errors_deg, known_phase, known_scan

STEP_DEG = 3.0


@pytest.fixture(scope="module")
def known() -> Known:
    """So much noise that bands do not show the orientation of most patterns."""
    return known_scan(phases=("nickel",), master_pattern="dynamical_nickel", noise_nu=2.5)


def made(known: Known, **settings: object) -> tuple[DictionaryIndexer, Refiner]:
    own = IndexingSettings(
        **{"master_patterns": f"nickel: {NICKEL}", "dictionary_step_deg": STEP_DEG, **settings}  # type: ignore[arg-type]
    )
    phases = indexed_phases(known.phases, own)
    masters = declared_masters(phases, 20.0, own, Path("/nowhere"))
    indexer = DictionaryIndexer.of(phases, masters, known.geometry, 20.0, own)
    reached = known.geometry.averaged(indexer.averaged)
    return indexer, Refiner(masters, reached, 20.0, own.refinement_reach_deg)


def test_patterns_are_indexed_whose_bands_are_hidden_by_noise(known: Known) -> None:
    indexer, refiner = made(known)
    found = indexed([known.patterns], indexer)
    error = errors_deg(found, known.quaternion, "m-3m")[known.inside]
    assert (found.phase_id[known.inside] == 1).mean() > 0.95
    # No orientation is much further from the dictionary's than its step.
    assert np.mean(error < STEP_DEG) > 0.9
    hough = known.indexer().index(known.patterns)
    right = (hough.phase_id > 0) & (errors_deg(hough, known.quaternion, "m-3m") < STEP_DEG)
    assert right[known.inside].mean() < 0.8
    refined = errors_deg(refiner.refined(known.patterns, found), known.quaternion, "m-3m")[known.inside]
    assert np.median(refined) < np.median(error) / 4


def test_similarity_is_that_of_the_definition(known: Known) -> None:
    """Normalized cross-correlation of the pattern with the one simulated of the orientation that was found."""
    indexer, _ = made(known)
    found = indexer.index_prepared(known.patterns[:20])
    from orix.quaternion import Rotation

    simulated = indexer.masters[1].get_patterns(
        Rotation(found.quaternion[:1]), known.geometry.detector(), 20.0, compute=True, show_progressbar=False
    )
    expected = np.corrcoef(known.patterns[0].ravel(), np.asarray(simulated.data, float).ravel())[0, 1]
    assert found.confidence[0] == pytest.approx(expected, abs=1e-5)


def test_blocks_do_not_change_the_bytes(known: Known) -> None:
    indexer, _ = made(known)
    whole = indexed([known.patterns], indexer)
    cut = indexed([known.patterns[:7], known.patterns[7:90], known.patterns[90:]], indexer)
    assert whole.quaternion.tobytes() == cut.quaternion.tobytes()
    assert whole.confidence.tobytes() == cut.confidence.tobytes()


@pytest.mark.parametrize("pixels", [3_600, 400])
def test_noise_and_empty_patterns_are_not_indexed(known: Known, pixels: int) -> None:
    indexer, _ = made(known, dictionary_pixels=pixels)
    noise = indexer.prepared(np.random.default_rng(4).normal(size=(40, 60, 60)).astype(np.float32))
    noise[0] = 3
    found = indexer.index_prepared(noise)
    assert not found.phase_id.any()
    np.testing.assert_array_equal(found.quaternion, np.tile((1, 0, 0, 0), (40, 1)))
    assert found.confidence[0] == 0
    assert np.isfinite(found.confidence).all()
    # The limit is of the size of what noise reaches, however many pixels there are.
    assert 0.45 * indexer.least_similarity < np.median(found.confidence[1:]) < 0.75 * indexer.least_similarity


def test_a_phase_without_master_pattern_is_named(known: Known) -> None:
    two = (*known.phases, known_phase("ferrite"))
    own = IndexingSettings(master_patterns=f"nickel: {NICKEL}")
    phases = indexed_phases(two, own)
    masters = declared_masters(phases, 20.0, own, Path("/nowhere"))
    with pytest.raises(MasterPatternMissing, match="found none for Ferrite"):
        DictionaryIndexer.of(phases, masters, known.geometry, 20.0, own)


def test_larger_patterns_are_averaged_first(known: Known) -> None:
    indexer, _ = made(known, dictionary_pixels=900)
    assert indexer.averaged == 2
    found = indexed([known.patterns[:30]], indexer)
    inside = known.inside[:30]
    assert np.median(errors_deg(found, known.quaternion[:30], "m-3m")[inside]) < STEP_DEG
