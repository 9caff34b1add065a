"""EDAX's up1 and up2, NORDIF's dat."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets_tests.acquisition.conftest import random_patterns, write_up


def test_up1_of_the_wheel(wheel: Path, nickel: NDArray[np.uint8]) -> None:
    path = wheel / "edax_binary" / "edax_binary.up1"
    with pytest.raises(ScanFormatError, match=r"found 9 points.*acquisition\.rows=ROWS"):
        open_scan(path)
    scan = open_scan(path, AcquisitionSettings(rows=3, columns=3))
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), nickel)
    assert scan.declared == ("columns", "rows")
    assert "step_x_um" in scan.unknown()
    with pytest.raises(ScanFormatError, match=r"found 9, expected 12 \(4 rows × 3 columns declared\)"):
        open_scan(path, AcquisitionSettings(rows=4, columns=3))


def test_up2_of_the_wheel_is_hexagonal_and_refused(wheel: Path) -> None:
    with pytest.raises(ScanFormatError, match="grid type: found hexagonal, expected square"):
        open_scan(wheel / "edax_binary" / "edax_binary.up2")


@pytest.mark.parametrize(("suffix", "dtype"), [("up1", "u1"), ("up2", "u2")])
def test_square_file_of_version_3_knows_its_grid(tmp_path: Path, suffix: str, dtype: str) -> None:
    import kikuchipy

    patterns = random_patterns(2, 3, dtype=dtype)
    path = tmp_path / f"scan.{suffix}"
    write_up(path, patterns, version=3)
    scan = open_scan(path)
    assert (scan.grid.shape, scan.grid.step_y_um, scan.grid.step_x_um) == ((2, 3), 0.5, 0.25)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 2), patterns)
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 2), kikuchipy.load(path).data)
    with path.open("ab") as stream:
        patterns[0, :1].tofile(stream)
    assert open_scan(path).notes == ("1 patterns after the last point left out",)


@pytest.mark.parametrize(
    ("version", "header", "message"),
    [
        (3, {"step_x": float("nan")}, "step along x: found nan"),
        (3, {"step_y": -1.0}, "step along y"),
        (3, {"step_x": 0.0}, "a positive step"),
        (3, {"columns": 0}, "map width"),
        (3, {"columns": 10**6, "rows": 10**6}, "file size"),
        (3, {"columns": 2**32 - 1}, "map width"),
        (2, {}, "version"),
        (0, {}, "version"),
    ],
)
def test_impossible_headers(tmp_path: Path, version: int, header: dict[str, float], message: str) -> None:
    path = tmp_path / "scan.up1"
    write_up(path, random_patterns(2, 3), version, **header)
    with pytest.raises(ScanFormatError, match=message):
        open_scan(path, AcquisitionSettings())


@pytest.mark.parametrize("offset", [0, 16, 41, 10**6])
def test_patterns_that_begin_in_the_header_or_behind_the_end_are_refused(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "scan.up1"
    write_up(path, random_patterns(2, 3), 3)
    data = bytearray(path.read_bytes())
    data[12:16] = np.array([offset], "<u4").tobytes()
    path.write_bytes(data)
    with pytest.raises(ScanFormatError, match=f"position of the first pattern: found {offset}, expected 42"):
        open_scan(path)


@pytest.mark.parametrize("cut", [1, 34, 35 * 6, 35 * 6 + 10, 35 * 6 + 20])
@pytest.mark.parametrize("version", [1, 3])
def test_truncated_file(tmp_path: Path, version: int, cut: int) -> None:
    path = tmp_path / "scan.up1"
    write_up(path, random_patterns(2, 3), version)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ScanFormatError):
        open_scan(path, AcquisitionSettings(rows=2, columns=3))


def test_opening_45_gigabytes_reads_the_header_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scan.up1"
    write_up(path, np.zeros((1, 1, 512, 672), "u1"), 3, rows=266, columns=495)
    with path.open("r+b") as stream:
        stream.truncate(42 + 266 * 495 * 512 * 672)  # a sparse file: it takes no room on the disk

    def never(*arguments: object, **options: object) -> None:
        raise AssertionError("patterns were read")

    with monkeypatch.context() as patch:
        patch.setattr(np, "fromfile", never)
        patch.setattr(np, "memmap", never)
        scan = open_scan(path)
    assert scan.patterns is not None
    assert scan.patterns.shape == (266, 495, 512, 672)
    assert scan.patterns.read_rows(265, 266).shape == (1, 495, 512, 672)


def test_nordif_of_the_wheel(wheel: Path, nickel: NDArray[np.uint8]) -> None:
    import kikuchipy

    path = wheel / "nordif" / "Pattern.dat"
    scan = open_scan(path)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), nickel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal = kikuchipy.load(path)
    np.testing.assert_array_equal(scan.static_background, signal.static_background)
    assert scan.grid.step_x_um == signal.axes_manager["x"].scale
    assert scan.sample_tilt_deg == signal.detector.sample_tilt
    assert scan.beam_energy_kev == signal.metadata.Acquisition_instrument.SEM.beam_energy
    names = {file.name for file in scan.files}
    assert names == {"Pattern.dat", "Setting.txt", "Background acquisition pattern.bmp"}


def test_nordif_without_its_setting_file(wheel: Path, tmp_path: Path, nickel: NDArray[np.uint8]) -> None:
    path = tmp_path / "Pattern.dat"
    shutil.copy(wheel / "nordif" / "Pattern.dat", path)
    with pytest.raises(ScanFormatError, match=r"no Setting\.txt beside"):
        open_scan(path)
    settings = AcquisitionSettings(rows=3, pattern_height_px=60, pattern_width_px=60)
    scan = open_scan(path, settings)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(2, 3), nickel[2:])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3x3", "1000000x1000000", "expected 1000000000000"),
        ("3x3", "threexthree", "number of samples"),
        ("3x3", "0x3", "number of samples"),
        ("Step size\t1.5", "Step size\t-1.5", "step size"),
        ("Number of samples", "Number of nothing", "no such line"),
        ("Resolution\t60x60", "Resolution\t61x60", "file size"),
    ],
)
def test_nordif_setting_file_that_lies(wheel: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "Pattern.dat"
    shutil.copy(wheel / "nordif" / "Pattern.dat", path)
    text = (wheel / "nordif" / "Setting.txt").read_bytes().decode("latin-1")
    assert old in text
    (tmp_path / "Setting.txt").write_bytes(text.replace(old, new).encode("latin-1"))
    with pytest.raises(ScanFormatError, match=message):
        open_scan(path)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_nordif_bad_setting_files_of_the_wheel_open_or_say_why(wheel: Path, tmp_path: Path, number: int) -> None:
    shutil.copy(wheel / "nordif" / "Pattern.dat", tmp_path / "Pattern.dat")
    shutil.copy(wheel / "nordif" / f"Setting_bad{number}.txt", tmp_path / "Setting.txt")
    assert open_scan(tmp_path / "Pattern.dat").grid.shape == (3, 3)  # their faults are in the calibration patterns
