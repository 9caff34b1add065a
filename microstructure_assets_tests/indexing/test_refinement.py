"""Refined orientations of a twin beside the true ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.indexing.master_files import declared_masters
from microstructure_assets.indexing.phases import indexed_phases
from microstructure_assets.indexing.points import indexed
from microstructure_assets.indexing.refinement import Refiner
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets_tests.indexing.making import NICKEL, Known, errors_deg, known_scan


@pytest.fixture(scope="module")
def known() -> Known:
    return known_scan(phases=("nickel",), master_pattern="dynamical_nickel", noise_nu=1.0)


def refiner(known: Known) -> Refiner:
    settings = IndexingSettings(master_patterns=f"nickel: {NICKEL}")
    masters = declared_masters(indexed_phases(known.phases, settings), 20.0, settings, Path("/nowhere"))
    return Refiner(masters, known.geometry, 20.0, settings.refinement_reach_deg)


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
    whole = indexed([patterns], indexer, own.refined)
    cut = indexed([patterns[:7], patterns[7:33], patterns[33:]], indexer, own.refined)
    assert whole.quaternion.tobytes() == cut.quaternion.tobytes()
    assert whole.similarity.tobytes() == cut.similarity.tobytes()
    parts = [own.refined(patterns[at : at + 10], indexer.index(patterns[at : at + 10])) for at in range(0, 40, 10)]
    assert np.concatenate([part.quaternion for part in parts]).tobytes() == whole.quaternion.tobytes()
