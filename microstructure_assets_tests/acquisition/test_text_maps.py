"""Text maps against orix, the malformed ones, and hostile ones."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.scan import Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets_tests.acquisition.conftest import write_ang, write_ctf

#: Real malformed maps, in the repository as they are small.
MALFORMED = Path(__file__).parent / "malformed"


def orix_map(path: Path) -> Any:
    from orix.io import load

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(path)


def agrees_with_orix(scan: Scan, path: Path, confidence: str, quality: str, turned_deg: float = 0) -> None:
    """All columns as orix reads them; orientations turned by so much about c, since orix keeps the vendor's frame."""
    expected = orix_map(path)
    assert scan.grid.shape == expected.shape
    assert (scan.grid.step_y_um, scan.grid.step_x_um) == (pytest.approx(expected.dy), pytest.approx(expected.dx))
    assert scan.indexing is not None
    maps = scan.indexing.read()
    ours = type(expected.rotations)(maps.quaternion.reshape(-1, 4))
    indexed = maps.phase_id.ravel() > 0
    angles = np.abs(expected.rotations[indexed].angle_with(ours[indexed]))
    np.testing.assert_allclose(np.minimum(angles, 2 * np.pi - angles), np.radians(turned_deg), atol=1e-6)
    np.testing.assert_allclose(maps.confidence.ravel(), expected.prop[confidence])
    assert scan.band_contrast is not None
    np.testing.assert_allclose(scan.band_contrast.read().ravel(), expected.prop[quality])
    np.testing.assert_array_equal(np.where(maps.phase_id == 0, -1, maps.phase_id).ravel(), expected.phase_id)


def test_ang_of_two_phases(shared: Path) -> None:
    path = shared / "duplex_steel" / "sdss_ferrite_austenite.ang"
    scan = open_scan(path)
    agrees_with_orix(scan, path, "ci", "iq") if "ci" in orix_map(path).prop else agrees_with_orix(
        scan, path, "dp", "iq"
    )
    assert scan.grid.shape == (100, 117)
    assert [phase.name for phase in scan.phases] == ["austenite/austenite", "ferrite/ferrite"]
    assert scan.indexing is not None
    assert (scan.indexing.read().phase_id == 1).mean() == pytest.approx(0.48, abs=0.005)
    assert scan.indexing.confidence_name == "dot product, larger is better"


def test_ctf(shared: Path) -> None:
    path = shared / "magnesium_twins" / "twins.ctf"
    scan = open_scan(path)
    agrees_with_orix(scan, path, "MAD", "BC", turned_deg=30)
    assert (scan.sample_tilt_deg, scan.beam_energy_kev) == (70, 20)
    assert (scan.phases[0].point_group, scan.phases[0].space_group) == ("6/mmm", 194)


# The malformed files, one test each.


def test_corrupted_cell_count() -> None:
    with pytest.raises(ScanFormatError) as caught:
        open_scan(MALFORMED / "Corrupted_XCells.ctf")
    assert (caught.value.field, caught.value.found) == ("XCells", "123456789123456789")
    assert "whole number from 1" in str(caught.value.expected)


def test_missing_grid() -> None:
    path = MALFORMED / "GridMissing.ang"
    with pytest.raises(ScanFormatError) as caught:
        open_scan(path)
    assert (caught.value.field, caught.value.expected) == ("GRID", "SqrGrid")
    scan = open_scan(path, AcquisitionSettings(rows=4, columns=40))  # who declares the grid has said that it is one
    assert scan.grid.step_x_um == 0.25
    assert scan.indexing is not None
    assert not scan.indexing.read().phase_id.any()  # confidence -1 everywhere: nothing is indexed


def test_hexagonal_header_over_a_square_grid_is_refused() -> None:
    """Its steps are those of a square grid."""
    with pytest.raises(ScanFormatError) as caught:
        open_scan(MALFORMED / "HexHeader.ang")
    assert (caught.value.field, caught.value.found) == ("YSTEP", "0.25 µm")
    with pytest.raises(ScanFormatError) as caught:
        open_scan(MALFORMED / "HexHeader.ang", AcquisitionSettings(rows=4, columns=40))
    assert (caught.value.field, caught.value.found, caught.value.expected) == ("GRID", "HexGrid", "SqrGrid")


def test_short_file() -> None:
    with pytest.raises(ScanFormatError) as caught:
        open_scan(MALFORMED / "ShortFile.ctf")
    assert (caught.value.field, caught.value.found) == ("number of points", 2)
    assert "500 (5 rows × 100 columns" in str(caught.value.expected)


def test_decimal_commas_are_read() -> None:
    european = open_scan(MALFORMED / "Test_European_1.ctf")
    american = open_scan(MALFORMED / "Test_US_1.ctf")
    assert european.grid == american.grid
    assert european.phases == american.phases
    assert european.phases[0].lattice_angstrom == (3.231, 3.231, 5.148)
    assert european.indexing is not None
    assert american.indexing is not None
    np.testing.assert_array_equal(european.indexing.read().quaternion, american.indexing.read().quaternion)
    np.testing.assert_array_equal(european.indexing.read().confidence, american.indexing.read().confidence)
    assert european.band_contrast is not None
    assert european.band_contrast.read()[0, :3].tolist() == [85, 98, 124]


def test_decimal_points_agree_with_orix() -> None:
    path = MALFORMED / "Test_US_1.ctf"
    agrees_with_orix(open_scan(path), path, "MAD", "BC", turned_deg=30)


def test_contradictory_header_is_refused_until_the_truth_is_declared(shared: Path) -> None:
    path = shared / "serial_sections" / "S00.ANG"  # 160 rows × 140 columns at 0.1 µm, says the header of 1400 points
    with pytest.raises(ScanFormatError, match=r"found 1400, expected 22400 \(160 rows × 140 columns in the header\)"):
        open_scan(path)
    with pytest.raises(ScanFormatError, match=r"XSTEP: found 0\.1 µm, expected 0\.4 µm"):
        open_scan(path, AcquisitionSettings(rows=40, columns=35))
    with pytest.raises(ScanFormatError, match="columns of the grid: found 40, but point 41 lies at x = 2"):
        open_scan(path, AcquisitionSettings(rows=35, columns=40, step_x_um=0.4, step_y_um=0.4))
    scan = open_scan(path, AcquisitionSettings(rows=40, columns=35, step_x_um=0.4, step_y_um=0.4))
    assert scan.indexing is not None
    maps = scan.indexing.read()
    np.testing.assert_array_equal(maps.phase_id, maps.confidence >= 0)
    assert (maps.phase_id == 0).sum() == 342  # lines with a confidence index of -1


# Files made here.


def test_what_is_not_indexed_is_the_identity(tmp_path: Path) -> None:
    write_ang(tmp_path / "scan.ang", 3, 4)
    write_ctf(tmp_path / "map.ctf", 3, 4)
    for path, expected in (
        (tmp_path / "scan.ang", [n != 1 for n in range(12)]),
        (tmp_path / "map.ctf", [n % 3 for n in range(12)]),
    ):
        scan = open_scan(path)
        assert scan.indexing is not None
        maps = scan.indexing.read()
        np.testing.assert_array_equal(maps.phase_id.ravel(), expected)
        np.testing.assert_array_equal(maps.quaternion[maps.phase_id == 0][:, 0], 1)
        assert scan.band_contrast is not None
        np.testing.assert_array_equal(scan.band_contrast.read(), np.arange(12).reshape(3, 4))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("XStep\t0.25", "XStep\tnan", "XStep"),
        ("XStep\t0.25", "XStep\t0", "a positive step"),
        ("YStep\t0.5", "YStep\t-0,5", "a positive step"),
        ("YStep\t0.5", "YStep\t0.75", r"YStep: found 0\.75 µm, expected 0\.5 µm"),
        ("XCells\t4", "XCells\t0", "XCells"),
        ("XCells\t4", "XCells\t1000000000", "number of points"),
        ("XCells\t4", "Cells\t4", "XCells: found no such line"),
        ("Phases\t2", "Phases\t7", "Phases"),
        ("Phases\t2", "Phases\t" + "9" * 400, "Phases"),
        ("\t11\t229", "\t12\t229", "Laue group"),
        ("\t11\t229", "\t11\t231", "from 1 to 230"),
        ("2.866;2.866;2.866", "2.866;0;2.866", "lattice"),
        ("JobMode\tGrid", "JobMode\tHexGrid", "JobMode"),
        ("Bands\tError", "Error\tBands", "column names"),
        ("Phase\tX\tY", "Phase\tY\tX", "without its end"),
    ],
)
def test_ctf_header_that_lies(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "map.ctf"
    write_ctf(path, 3, 4)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ScanFormatError, match=message):
        open_scan(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("NCOLS_EVEN: 4", "NCOLS_EVEN: 3", "NCOLS_EVEN"),
        ("NROWS: 3", "NROWS: 1e12", "NROWS"),
        ("NROWS: 3", "", "NROWS"),
        ("XSTEP: 0.25", "XSTEP: inf", "XSTEP"),
        ("XSTEP: 0.25", "XSTEP: 0.5", r"expected 0\.25 µm"),
        ("# Phase 1", "# Phase -1", "Phase"),
        ("LatticeConstants  3.520", "LatticeConstants  x", "LatticeConstants"),
        ("GRID: SqrGrid", "GRID: HexGrid", "0.2165 µm, √3/2 of XSTEP"),
        ("GRID: SqrGrid", "GRID: Triangles", "GRID"),
    ],
)
def test_ang_header_that_lies(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "scan.ang"
    write_ang(path, 3, 4)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ScanFormatError, match=message):
        open_scan(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1\t0.7500\t0.5000", "1\t0.2500\t0.5000", "coordinates"),
        ("1\t0.7500\t0.5000", "1\tnan\t0.5000", "not finite"),
        ("1\t0.7500\t0.5000", "5\t0.7500\t0.5000", "found phase 5"),
        ("1\t0.7500\t0.5000", "1\t0.7500", "data lines"),
        ("1\t0.7500\t0.5000", "one\t0.7500\t0.5000", "data lines"),
        ("1\t0.7500\t0.5000", "# 1\t0.7500\t0.5000", "data lines"),
    ],
)
def test_data_that_lie_are_found_when_read(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "map.ctf"
    write_ctf(path, 3, 4)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    scan = open_scan(path)
    assert scan.indexing is not None
    with pytest.raises(ScanFormatError, match=message):
        scan.indexing.read()


def test_last_line_cut_off_is_found_when_opened(tmp_path: Path) -> None:
    path = tmp_path / "map.ctf"
    write_ctf(path, 3, 4)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(ScanFormatError, match="data line 12"):
        open_scan(path)


@pytest.mark.parametrize("suffix", ["ang", "ctf"])
@pytest.mark.parametrize("content", [b"", b"\n", b"#", b"\x00" * 100, b"# " + b"x" * 200_000, b"Phase\tX\tY\n"])
def test_nothing_and_rubbish(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"map.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ScanFormatError):
        open_scan(path)


def test_astar_writes_nm(tmp_path: Path) -> None:
    path = tmp_path / "scan.ang"
    write_ang(path, 3, 4)
    path.write_text("# File created from ACOM RES results\n" + path.read_text())
    assert open_scan(path).grid.step_x_um == pytest.approx(0.25e-3)


def test_line_scan_has_no_step_across(tmp_path: Path) -> None:
    path = tmp_path / "map.ctf"
    write_ctf(path, 1, 5)
    path.write_text(path.read_text().replace("YStep\t0.5", "YStep\t0"))
    scan = open_scan(path)
    assert (scan.grid.shape, scan.grid.step_y_um) == ((1, 5), None)
    assert scan.indexing is not None
    assert scan.indexing.read().quaternion.shape == (1, 5, 4)


LINES = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["drop", "twice", "blank", "edit"]), st.text(max_size=12))
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(suffix=st.sampled_from(["ang", "ctf"]), changes=LINES, noise=st.binary(max_size=20), place=st.integers(0, 2000))
def test_whatever_stands_in_the_file_only_the_one_error_comes_out(
    tmp_path: Path, suffix: str, changes: list[tuple[int, str, str]], noise: bytes, place: int
) -> None:
    path = tmp_path / f"fuzz.{suffix}"
    (write_ang if suffix == "ang" else write_ctf)(path, 3, 4)
    lines = path.read_text().split("\n")
    for position, change, text in changes:
        at = position % len(lines)
        middle = len(lines[at]) // 2
        new = {"drop": [], "twice": [lines[at]] * 2, "blank": [""], "edit": [lines[at][:middle] + text]}[change]
        lines[at : at + 1] = new
        lines = lines or [""]
    data = "\n".join(lines).encode("utf-8", errors="surrogatepass")
    path.write_bytes(data[:place] + noise + data[place:])
    try:
        scan = open_scan(path)
        scan.summary()
        if scan.indexing is not None:
            assert scan.indexing.read().phase_id.shape == scan.grid.shape
        if scan.band_contrast is not None:
            scan.band_contrast.read()
    except ScanFormatError as error:
        message = str(error)
    else:
        return
    assert path.name in message
    assert message.isprintable()


def test_newlines_in_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a\nb.ctf"
    write_ctf(path, 3, 4)
    assert open_scan(path).grid.shape == (3, 4)
    path.write_text(path.read_text().replace("XCells\t4", "XCells\t5"))
    with pytest.raises(ScanFormatError) as caught:
        open_scan(path)
    assert os.linesep not in str(caught.value)


def test_capital_extension(shared: Path, tmp_path: Path) -> None:
    shutil.copy(shared / "magnesium_twins" / "twins.ctf", tmp_path / "TWINS.CTF")
    assert open_scan(tmp_path / "TWINS.CTF").grid.shape == (137, 167)
