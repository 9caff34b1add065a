"""Oxford's .cpr and .crc against DefDAP's grain boundaries."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan

POINT = np.dtype(
    [("phase", "u1"), ("euler", "<f4", 3), ("mad", "<f4"), ("bc", "u1"), ("bs", "u1"), ("bands", "u1"), ("error", "u1"),
     ("reliability", "<f4")]
)  # fmt: skip


@pytest.fixture
def pair(shared: Path, tmp_path: Path) -> Path:
    """A copy of the real pair; the .cpr."""
    for suffix in ("cpr", "crc"):
        shutil.copy(shared / "defdap" / f"testDataEBSD.{suffix}", tmp_path / f"scan.{suffix}")
        (tmp_path / f"scan.{suffix}").chmod(0o644)
    return tmp_path / "scan.cpr"


@pytest.mark.parametrize("threshold_deg", [5, 10])
def test_boundaries_are_those_that_defdap_finds(shared: Path, threshold_deg: int) -> None:
    from orix.quaternion import Orientation
    from orix.quaternion.symmetry import Oh

    scan = open_scan(shared / "defdap" / "testDataEBSD.crc")
    assert (scan.grid.shape, scan.grid.step_x_um) == ((243, 359), 0.12)
    assert scan.indexing is not None
    quaternion = scan.indexing.read().quaternion

    def boundaries(first: np.ndarray, second: np.ndarray) -> set[tuple[int, int]]:
        pair = [Orientation(values.reshape(-1, 4), Oh) for values in (first, second)]
        angle = np.rad2deg(pair[0].angle_with(pair[1])).reshape(first.shape[:2])
        return {(int(x), int(y)) for y, x in np.argwhere(angle > threshold_deg)}

    with np.load(shared / "defdap" / f"ebsd_grain_boundaries_{threshold_deg}deg.npz") as truth:
        along_x = {(int(x), int(y)) for x, y in truth["points_x"]}
        along_y = {(int(x), int(y)) for x, y in truth["points_y"]}
    assert boundaries(quaternion[:, :-1], quaternion[:, 1:]) == along_x
    assert boundaries(quaternion[:-1], quaternion[1:]) == along_y


def test_either_file_opens_the_pair_and_the_other_columns_are_read(pair: Path) -> None:
    first, second = open_scan(pair), open_scan(pair.with_suffix(".crc"))
    assert {file.name for file in first.files} == {file.name for file in second.files} == {"scan.cpr", "scan.crc"}
    points = np.fromfile(pair.with_suffix(".crc"), dtype=POINT)
    assert first.band_contrast is not None
    np.testing.assert_array_equal(first.band_contrast.read().ravel(), points["bc"])
    assert first.indexing is not None
    np.testing.assert_array_equal(first.indexing.read().confidence.ravel(), points["mad"].astype(float))
    assert 0 < points["mad"].mean() < 2
    assert (first.sample_tilt_deg, first.beam_energy_kev) == (70, 20)
    assert first.phases[0].space_group == 225


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("xCells=359", "xCells=360", "file size"),
        ("xCells=359", "xCells=123456789123456789", "xCells"),
        ("xCells=359", "", "no such entry"),
        ("GridDistX=0.1200", "GridDistX=-1", "GridDistX"),
        ("JobMode=RegularGrid", "JobMode=HexGrid", "JobMode"),
        ("Count=9", "Count=8", "file size"),
        ("Count=9", "Count=900", "at most 255"),
        ("Field9=12", "Field9=11", "each field once"),
        ("a=3.5700", "a=x", "Phase1"),
        ("LaueGroup=11", "LaueGroup=99", "LaueGroup"),
    ],
)
def test_header_that_lies(pair: Path, old: str, new: str, message: str) -> None:
    text = pair.read_text()
    assert old in text
    pair.write_text(text.replace(old, new, 1))
    with pytest.raises(ScanFormatError, match=message):
        open_scan(pair)


def test_decimal_commas(pair: Path) -> None:
    pair.write_text(pair.read_text().replace("0.1200", "0,1200"))
    assert open_scan(pair).grid.step_y_um == 0.12


def test_one_of_the_pair_alone(pair: Path) -> None:
    pair.with_suffix(".crc").unlink()
    with pytest.raises(ScanFormatError, match=r"no \.crc file"):
        open_scan(pair)


def test_cut_off_data(pair: Path) -> None:
    data = pair.with_suffix(".crc")
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(ScanFormatError, match="file size: found 2180924 bytes"):
        open_scan(pair)
