"""Maps beside patterns, and what the user declares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from kikuchipy.detectors import EBSDDetector

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets_tests.acquisition.conftest import (
    random_patterns,
    write_ang,
    write_ctf,
    write_kikuchipy_h5,
    write_up,
)


def test_ang_gives_up1_its_grid_steps_orientations_and_centre(tmp_path: Path) -> None:
    patterns = random_patterns(3, 4)
    write_up(tmp_path / "scan.up1", patterns)
    write_ang(tmp_path / "SCAN.ANG", 3, 4)
    scan = open_scan(tmp_path / "scan.up1")
    assert (scan.grid.shape, scan.grid.step_y_um, scan.grid.step_x_um) == ((3, 4), 0.5, 0.25)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), patterns)
    assert scan.indexing is not None
    assert scan.indexing.read().phase_id.ravel().tolist() == [1, 0, *[1] * 10]
    assert scan.phases[0].name == "Nickel"
    assert scan.detector is not None
    expected = EBSDDetector(shape=(5, 7), pc=(0.5, 0.7, 0.6), convention="edax").pc_bruker().squeeze()
    np.testing.assert_allclose(scan.detector.pattern_centre, expected)
    assert {file.name for file in scan.files} == {"scan.up1", "SCAN.ANG"}


def test_ctf_completes_an_h5(tmp_path: Path) -> None:
    write_kikuchipy_h5(tmp_path / "scan.h5", random_patterns(3, 4))
    write_ctf(tmp_path / "scan.ctf", 3, 4)
    scan = open_scan(tmp_path / "scan.h5")
    assert (scan.sample_tilt_deg, scan.beam_energy_kev) == (70, 15)
    assert scan.band_contrast is not None
    np.testing.assert_array_equal(scan.band_contrast.read(), np.arange(12).reshape(3, 4))
    assert [phase.name for phase in scan.phases] == ["Ferrite", "Austenite"]


@pytest.mark.parametrize(("rows", "columns"), [(4, 3), (3, 5), (1, 12)])
def test_another_grid_is_an_error_that_names_both(tmp_path: Path, rows: int, columns: int) -> None:
    write_kikuchipy_h5(tmp_path / "scan.h5", random_patterns(3, 4))
    write_ctf(tmp_path / "scan.ctf", rows, columns)
    with pytest.raises(ScanFormatError) as caught:
        open_scan(tmp_path / "scan.h5")
    message = str(caught.value)
    assert f"scan.ctf: grid: found {rows}×{columns}, expected 3×4 as the patterns in scan.h5" in message


def test_another_number_of_points_is_an_error_that_names_both(tmp_path: Path) -> None:
    write_up(tmp_path / "scan.up1", random_patterns(3, 4))
    write_ang(tmp_path / "scan.ang", 3, 5)
    with pytest.raises(ScanFormatError, match=r"scan\.up1: number of points: found 12, expected 15 .* in scan\.ang"):
        open_scan(tmp_path / "scan.up1")


def test_other_steps_are_noted(tmp_path: Path) -> None:
    write_kikuchipy_h5(tmp_path / "scan.h5", random_patterns(3, 4), step_x=0.3)
    write_ctf(tmp_path / "scan.ctf", 3, 4)
    scan = open_scan(tmp_path / "scan.h5")
    assert scan.grid.step_x_um == 0.3
    assert scan.notes == ("step along x is 0.3 µm in scan.h5, but 0.25 µm in scan.ctf",)


def test_own_indexing_comes_first(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "scan.h5").write_bytes((wheel / "kikuchipy_h5ebsd" / "patterns.h5").read_bytes())
    write_ctf(tmp_path / "scan.ctf", 3, 3)
    scan = open_scan(tmp_path / "scan.h5")
    assert scan.indexing is not None
    assert scan.indexing.file.name == "scan.h5"
    assert [phase.name for phase in scan.phases] == ["ni"]
    assert any("indexing of scan.ctf left out" in note for note in scan.notes)


def test_opening_the_map_says_that_patterns_lie_beside(tmp_path: Path) -> None:
    write_kikuchipy_h5(tmp_path / "scan.h5", random_patterns(3, 4))
    write_ctf(tmp_path / "scan.ctf", 3, 4)
    scan = open_scan(tmp_path / "scan.ctf")
    assert scan.patterns is None
    assert "open scan.h5" in scan.notes[0]


def test_broken_map_beside_is_an_error_not_a_silence(tmp_path: Path) -> None:
    write_kikuchipy_h5(tmp_path / "scan.h5", random_patterns(3, 4))
    (tmp_path / "scan.ctf").write_text("Channel Text File\n")
    with pytest.raises(ScanFormatError, match=r"scan\.ctf"):
        open_scan(tmp_path / "scan.h5")


def test_declared_facts_win_and_are_listed(tmp_path: Path) -> None:
    write_kikuchipy_h5(tmp_path / "scan.h5", random_patterns(3, 4), sample_tilt=70)
    tifffile.imwrite(tmp_path / "dark.tif", np.full((5, 7), 4, "u1"))
    settings = AcquisitionSettings(
        rows=2,
        columns=6,
        step_x_um=0.125,
        sample_tilt_deg=0,
        beam_energy_kev=15,
        pattern_centre_x=0.4,
        pattern_centre_y=0.2,
        pattern_centre_z=0.6,
        static_background="dark.tif",
    )
    scan = open_scan(tmp_path / "scan.h5", settings)
    assert (scan.grid.shape, scan.grid.step_x_um, scan.grid.step_y_um) == ((2, 6), 0.125, 0.5)
    assert (scan.sample_tilt_deg, scan.beam_energy_kev) == (0, 15)
    assert scan.detector is not None
    assert scan.detector.pattern_centre == (0.4, 0.2, 0.6)
    assert scan.static_background is not None
    assert scan.static_background.mean() == 4
    assert tmp_path / "dark.tif" in scan.files
    assert set(scan.declared) == set(settings.model_dump(exclude_none=True)) - {"oxford_patterns", "eds_resample"}


def test_half_a_pattern_centre_is_refused(tmp_path: Path) -> None:
    write_kikuchipy_h5(tmp_path / "scan.h5", random_patterns(3, 4))
    with pytest.raises(ScanFormatError, match="together"):
        open_scan(tmp_path / "scan.h5", AcquisitionSettings(pattern_centre_x=0.5))


def test_background_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write_kikuchipy_h5(tmp_path / "scan.h5", random_patterns(3, 4))
    tifffile.imwrite(tmp_path / "dark.tif", np.zeros((7, 5), "u1"))
    with pytest.raises(ScanFormatError, match="static background"):
        open_scan(tmp_path / "scan.h5", AcquisitionSettings(static_background="dark.tif"))
