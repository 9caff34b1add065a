"""EMsoft's patterns against kikuchipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.settings import AcquisitionSettings


def test_one_pattern(wheel: Path) -> None:
    import kikuchipy
    from kikuchipy.detectors import EBSDDetector

    path = wheel / "emsoft_ebsd" / "EBSD_TEST_Ni.h5"
    scan = open_scan(path)
    signal = kikuchipy.load(path)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 1)[0, 0], signal.data.squeeze())
    assert scan.beam_energy_kev == 20
    assert scan.phases[0].lattice_angstrom == (3.5236, 3.5236, 3.5236)
    assert scan.detector is not None
    # EMsoft 4.2 wrote it; kikuchipy's reader takes every file for version 5, its detector knows better
    detector = EBSDDetector(shape=(480, 640), px_size=50, pc=(20, 20, 15000), convention="emsoft4")
    np.testing.assert_allclose(scan.detector.pattern_centre, detector.pc_bruker().squeeze(), atol=1e-8)
    assert scan.indexing is not None
    angle = signal.xmap.rotations.angle_with(type(signal.xmap.rotations)(scan.indexing.read().quaternion[0]))
    assert abs(angle[0]) < 1e-6


def test_list_of_patterns_needs_a_grid(wheel: Path) -> None:
    path = wheel / "emsoft_ebsd" / "simulated_ebsd.h5"
    with pytest.raises(ScanFormatError, match="found 10 points"):
        open_scan(path)
    scan = open_scan(path, AcquisitionSettings(rows=2, columns=5))
    assert scan.patterns is not None
    assert scan.patterns.read_rows(0, 2).shape == (2, 5, 10, 10)
