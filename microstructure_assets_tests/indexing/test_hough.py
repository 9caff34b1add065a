"""Indexing against the truth of twins, a real scan, and kikuchipy's own door to the same engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.indexing.geometry import PatternGeometry
from microstructure_assets.indexing.hough import HoughIndexer
from microstructure_assets.indexing.phases import indexed_phases
from microstructure_assets.indexing.points import IndexedPoints, indexed
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets_tests.indexing.making import (
    Known,
    errors_deg,
    hexagonal_patterns,
    known_scan,
)


@pytest.fixture(scope="module")
def nickel() -> Known:
    return known_scan(phases=("nickel",), noise_nu=1.0)


@pytest.fixture(scope="module")
def steel() -> Known:
    return known_scan(phases=("austenite", "ferrite"), noise_nu=1.0, seed=3)


def same_bytes(first: IndexedPoints, second: IndexedPoints) -> bool:
    return all(getattr(first, name).tobytes() == getattr(second, name).tobytes() for name in vars(first))


def test_orientations_are_those_of_the_truth(nickel: Known) -> None:
    found = nickel.indexer().index(nickel.patterns)
    indexed = (found.phase_id == 1) & nickel.inside
    assert nickel.inside.sum() > 50
    assert indexed.sum() > 0.95 * nickel.inside.sum()
    assert np.median(errors_deg(found, nickel.quaternion, "m-3m")[indexed]) < 0.5
    np.testing.assert_allclose(np.linalg.norm(found.quaternion, axis=1), 1, atol=1e-6)
    assert (found.quaternion[:, 0] >= 0).all()


def test_two_phases_of_one_symmetry_are_told_apart(steel: Known) -> None:
    found = steel.indexer().index(steel.patterns)
    indexed = (found.phase_id > 0) & steel.inside
    assert indexed.sum() > 0.95 * steel.inside.sum()
    assert np.mean(found.phase_id[indexed] == steel.phase_id[indexed]) > 0.95
    right = indexed & (found.phase_id == steel.phase_id)
    assert np.median(errors_deg(found, steel.quaternion, "m-3m")[right]) < 0.5


def test_a_phase_that_is_left_out_does_not_move_the_numbers_of_the_others(steel: Known) -> None:
    found = steel.indexer(leave_out="Austenite").index(steel.patterns)
    assert set(np.unique(found.phase_id)) <= {0, 2}
    ferrite = steel.inside & (steel.phase_id == 2)
    assert np.mean(found.phase_id[ferrite] == 2) > 0.95


def test_a_hexagonal_crystal_has_x_along_a() -> None:
    """Along a*, the orientations would be 30 degrees off."""
    phase, geometry, quaternion, patterns = hexagonal_patterns()
    settings = IndexingSettings()
    found = HoughIndexer.of(indexed_phases((phase,), settings), geometry, settings).index(patterns)
    indexed = found.phase_id == 1
    assert indexed.mean() > 0.8
    assert np.mean(errors_deg(found, quaternion, "6/mmm")[indexed] < 1) > 0.95


def test_noise_is_not_indexed(nickel: Known, steel: Known) -> None:
    noise = np.random.default_rng(5).normal(size=(500, *nickel.patterns.shape[1:])).astype(np.float32)
    assert np.mean(nickel.indexer().index(noise).phase_id > 0) < 0.02
    assert np.mean(steel.indexer().index(noise).phase_id > 0) < 0.04


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_pattern_without_any_contrast_is_not_indexed(nickel: Known, value: float) -> None:
    found = nickel.indexer().index(np.full((3, 60, 60), value, np.float32))
    assert (found.phase_id == 0).all()
    np.testing.assert_array_equal(found.quaternion, [[1, 0, 0, 0]] * 3)


def test_the_scale_of_the_patterns_does_not_matter(nickel: Known) -> None:
    part = nickel.patterns[:24]
    first, second = (nickel.indexer().index(patterns) for patterns in (part, part * 40 + 1000))
    both = (first.phase_id > 0) & (second.phase_id > 0)
    assert both.mean() > 0.7
    assert np.median(errors_deg(first, second.quaternion, "m-3m")[both]) < 0.01


def test_neither_blocks_nor_threads_change_a_byte(nickel: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    indexer, patterns = nickel.indexer(), nickel.patterns
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    whole = indexer.index(patterns)

    def blocks(*ends: int) -> Iterator[np.ndarray]:
        yield from np.split(patterns, ends)

    for ends in ((1,), (7, 50, 51), tuple(range(5, 144, 5))):
        assert same_bytes(whole, indexed(blocks(*ends), indexer))
    assert same_bytes(whole, IndexedPoints.joined(indexer.index(part) for part in np.split(patterns, [1, 3, 20, 100])))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert same_bytes(whole, indexer.index(patterns))


def test_maps_are_as_a_vendors(nickel: Known) -> None:
    maps = nickel.indexer().index(nickel.patterns[:24]).maps((2, 12))
    assert (maps.quaternion.shape, maps.phase_id.shape, maps.confidence.shape) == ((2, 12, 4), (2, 12), (2, 12))
    assert (maps.quaternion.dtype, maps.phase_id.dtype, maps.confidence.dtype) == (np.float64, np.int32, np.float64)


def test_no_points_give_none(nickel: Known) -> None:
    found = indexed(iter(()), nickel.indexer())
    assert (found.quaternion.shape, found.phase_id.shape) == ((0, 4), (0,))


def test_larger_patterns_are_averaged_first() -> None:
    large = known_scan(phases=("nickel",), rows=4, columns=12, detector_height_px=122, detector_width_px=163)
    indexer = large.indexer(pixel_limit=5000)
    assert indexer.averaged == 2
    found = indexer.index(large.patterns)
    indexed = (found.phase_id > 0) & large.inside
    assert indexed.sum() > 0.95 * large.inside.sum()
    assert np.median(errors_deg(found, large.quaternion, "m-3m")[indexed]) < 0.5


def test_wrong_shapes_and_values_are_refused(nickel: Known) -> None:
    with pytest.raises(ValueError, match=r"expected \(n, 60, 60\)"):
        nickel.indexer().index(np.zeros((2, 50, 60), np.float32))
    bad = nickel.patterns[:3].copy()
    bad[1, 4, 4] = np.nan
    with pytest.raises(ValueError, match="pattern 1"):
        nickel.indexer().index(bad)


def test_importing_the_engine_leaves_the_cache_of_compiled_code_where_it_is() -> None:
    """In a process of its own: kikuchipy imports the library too."""
    code = (
        "import os\n"
        "from microstructure_assets_tests.warm import warm_indexing\n"
        "warm_indexing()\n"
        "print('cache:', os.environ.get('NUMBA_CACHE_DIR'))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "cache: None"


def test_kikuchipys_own_indexing_finds_the_same(nickel: Known) -> None:
    from diffpy.structure import Lattice, Structure
    from kikuchipy.detectors import EBSDDetector
    from kikuchipy.signals import EBSD
    from orix.crystal_map import Phase, PhaseList

    geometry, phase = nickel.geometry, nickel.phases[0]
    detector = EBSDDetector((60, 60), pc=geometry.pattern_centre, sample_tilt=geometry.sample_tilt_deg)
    structure = Structure(lattice=Lattice(*phase.lattice_angstrom, *phase.lattice_angles_deg))
    phases = PhaseList(Phase(phase.name, space_group=phase.space_group, structure=structure))
    theirs = EBSD(nickel.patterns[:24]).hough_indexing(phases, detector.get_indexer(phases), verbose=0)
    # What they take unless told otherwise.
    same = nickel.indexer(band_count=9, reflectors="Nickel: 0 0 2, 1 1 1, 0 2 2, 1 1 3")
    ours = same.index(nickel.patterns[:24])
    indexed = ours.phase_id > 0
    assert indexed.mean() > 0.7
    apart = errors_deg(ours, np.asarray(theirs.rotations.data), "m-3m")
    assert apart[indexed].max() < 1e-3


def test_a_real_scan_agrees_with_the_refined_orientations_in_its_file() -> None:
    import kikuchipy.data

    from microstructure_assets.acquisition.formats import open_scan
    from microstructure_assets.acquisition.settings import AcquisitionSettings

    path = Path(kikuchipy.data.__file__).parent / "kikuchipy_h5ebsd" / "patterns.h5"
    scan = open_scan(path, AcquisitionSettings())
    assert scan.patterns is not None
    assert scan.indexing is not None
    settings = IndexingSettings(method="hough")
    raw = scan.patterns.read_rows(0, 3).reshape(-1, 60, 60)
    patterns = BackgroundCorrection.prepare((60, 60), PreprocessingSettings(), scan.static_background)(raw)
    indexer = HoughIndexer.of(indexed_phases(scan.phases, settings), PatternGeometry.of(scan), settings)
    found = indexer.index(patterns)
    assert (found.phase_id == 1).all()
    assert errors_deg(found, scan.indexing.read().quaternion.reshape(-1, 4), "m-3m").max() < 1.0


def test_another_pattern_centre_turns_the_orientations(nickel: Known) -> None:
    x, y, z = nickel.geometry.pattern_centre
    moved = replace(nickel, geometry=nickel.geometry.with_centre((x + 0.01, y, z)))
    found = moved.indexer(maximum_fit_deg=3.0).index(nickel.patterns)
    indexed = (found.phase_id > 0) & nickel.inside
    assert 0.3 < np.median(errors_deg(found, nickel.quaternion, "m-3m")[indexed]) < 2.0
