"""HyperSpy's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets_tests.acquisition.conftest import random_patterns


def save(path: Path, data: Any, units: str = "um", title: str = "") -> None:
    from hyperspy.signals import Signal2D

    signal = Signal2D(data)
    signal.metadata.General.title = title
    for axis in signal.axes_manager.navigation_axes:
        axis.scale, axis.units = 0.25, units
    signal.save(path, overwrite=True)


@pytest.mark.parametrize(("units", "step_um"), [("um", 0.25), ("µm", 0.25), ("nm", 0.25e-3), ("px", None), ("", None)])
def test_patterns_and_steps(tmp_path: Path, units: str, step_um: float | None) -> None:
    patterns = random_patterns(3, 4)
    save(tmp_path / "scan.hspy", patterns, units)
    scan = open_scan(tmp_path / "scan.hspy")
    assert scan.grid.step_x_um == (None if step_um is None else pytest.approx(step_um))
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), patterns)
    np.testing.assert_array_equal(scan.patterns.read_rows(1, 2), patterns[1:2])


def test_kikuchipy_signal(tmp_path: Path, wheel: Path, nickel: Any) -> None:
    import kikuchipy

    kikuchipy.load(wheel / "kikuchipy_h5ebsd" / "patterns.h5").save(tmp_path / "scan.hspy")
    scan = open_scan(tmp_path / "scan.hspy")
    assert (scan.grid.shape, scan.grid.step_x_um, scan.beam_energy_kev) == ((3, 3), 1.5, 20)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), nickel)


def test_one_navigation_axis_needs_a_grid(tmp_path: Path) -> None:
    patterns = random_patterns(3, 4)
    save(tmp_path / "scan.hspy", patterns.reshape(12, 5, 7))
    with pytest.raises(ScanFormatError, match="12 points"):
        open_scan(tmp_path / "scan.hspy")
    scan = open_scan(tmp_path / "scan.hspy", AcquisitionSettings(rows=3))
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), patterns)


def test_what_is_no_scan_of_patterns(tmp_path: Path) -> None:
    save(tmp_path / "image.hspy", np.zeros((5, 7)))
    with pytest.raises(ScanFormatError, match="axes: found signal, signal"):
        open_scan(tmp_path / "image.hspy")


def test_zspy_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "scan.zspy").mkdir()
    with pytest.raises(ScanFormatError, match=r"zarr < 3.*save it as \.hspy"):
        open_scan(tmp_path / "scan.zspy")
