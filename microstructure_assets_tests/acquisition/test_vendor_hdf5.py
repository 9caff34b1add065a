"""The vendors' HDF5 files against kikuchipy's and orix's readers, and what must be refused."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.hdf5_files import HDF5Patterns
from microstructure_assets.acquisition.scan import Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets_tests.acquisition.conftest import random_patterns, write_kikuchipy_h5


def all_patterns(scan: Scan) -> NDArray[Any]:
    assert scan.patterns is not None
    return scan.patterns.read_rows(0, scan.grid.rows)


def kikuchipy_signal(path: Path, **arguments: Any) -> Any:
    import kikuchipy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kikuchipy.load(path, **arguments)


def agrees_with_kikuchipy(scan: Scan, path: Path) -> None:
    signal = kikuchipy_signal(path)
    np.testing.assert_array_equal(all_patterns(scan), signal.data.reshape(scan.patterns.shape))  # type: ignore[union-attr]
    assert scan.grid.step_x_um == pytest.approx(signal.axes_manager["x"].scale)
    assert scan.grid.step_y_um == pytest.approx(signal.axes_manager["y"].scale)
    assert scan.detector is not None
    assert (scan.detector.height_px, scan.detector.width_px) == signal.detector.shape
    if scan.detector.pattern_centre is not None:
        assert scan.detector.pattern_centre == pytest.approx(tuple(signal.detector.pc_average), abs=1e-3)


def test_kikuchipy(wheel: Path, nickel: NDArray[np.uint8]) -> None:
    path = wheel / "kikuchipy_h5ebsd" / "patterns.h5"
    scan = open_scan(path)
    agrees_with_kikuchipy(scan, path)
    np.testing.assert_array_equal(all_patterns(scan), nickel)
    signal = kikuchipy_signal(path)
    np.testing.assert_array_equal(scan.static_background, signal.static_background)
    assert (scan.sample_tilt_deg, scan.beam_energy_kev) == (70, 20)
    assert scan.phases[0].name == "ni"
    assert scan.phases[0].lattice_angstrom == (3.5236, 3.5236, 3.5236)
    assert scan.indexing is not None
    maps = scan.indexing.read()
    angles = signal.xmap.rotations.angle_with(type(signal.xmap.rotations)(maps.quaternion.reshape(-1, 4)))
    assert np.all(np.abs(angles) < 1e-6)
    np.testing.assert_allclose(maps.confidence.ravel(), signal.xmap.scores)
    assert scan.indexing.confidence_name == "scores"
    assert "Scan 2" in scan.notes[0]


def test_kikuchipy_file_that_the_library_writes_now(tmp_path: Path, nickel: NDArray[np.uint8]) -> None:
    import kikuchipy

    signal = kikuchipy.signals.EBSD(nickel[:, :2].copy())
    signal.save(tmp_path / "new.h5")
    scan = open_scan(tmp_path / "new.h5")
    np.testing.assert_array_equal(all_patterns(scan), nickel[:, :2])
    assert scan.indexing is None  # the library writes an empty crystal map, which is no indexing
    assert scan.background is None


def test_another_scan_of_the_file(wheel: Path) -> None:
    path = wheel / "kikuchipy_h5ebsd" / "patterns.h5"
    scan = open_scan(path, AcquisitionSettings(scan_group="Scan 2"))
    np.testing.assert_array_equal(all_patterns(scan), kikuchipy_signal(path, scan_group_names="Scan 2").data)
    with pytest.raises(ScanFormatError, match=r"acquisition\.scan_group"):
        open_scan(path, AcquisitionSettings(scan_group="Scan 3"))


def test_edax(wheel: Path, nickel: NDArray[np.uint8]) -> None:
    path = wheel / "edax_h5ebsd" / "patterns.h5"
    scan = open_scan(path)
    agrees_with_kikuchipy(scan, path)
    np.testing.assert_array_equal(all_patterns(scan), nickel)
    assert scan.phases[0].point_group == "m-3m"
    assert scan.band_contrast is not None
    assert scan.band_contrast.name == "image quality"
    np.testing.assert_array_equal(scan.band_contrast.read(), np.arange(9.0).reshape(3, 3))
    assert scan.unknown() == ("beam_energy_kev", "pattern_centre")


def test_edax_map_without_patterns(shared: Path) -> None:
    path = shared / "edax_h5" / "EdaxAngOnly.h5"
    scan = open_scan(path)
    assert scan.patterns is None
    assert scan.grid.shape == (151, 186)
    assert scan.sample_tilt_deg == 70
    with h5py.File(path) as file:
        data = file["Scan_1/EBSD/Data"]
        quality = data["IQ"][()].reshape(151, 186)
        euler = np.stack([data[name][()] for name in ("Phi1", "Phi", "Phi2")], axis=1)
    assert scan.band_contrast is not None
    np.testing.assert_array_equal(scan.band_contrast.read(), quality)
    from orix.quaternion import Rotation

    assert scan.indexing is not None
    maps = scan.indexing.read()
    angles = Rotation.from_euler(euler).angle_with(Rotation(maps.quaternion.reshape(-1, 4)))
    assert np.abs(angles).max() < 1e-6
    assert (maps.phase_id == 1).all()


def test_oxford(oxford_file: Path, nickel: NDArray[np.uint8]) -> None:
    scan = open_scan(oxford_file)
    agrees_with_kikuchipy(scan, oxford_file)
    unprocessed = open_scan(oxford_file, AcquisitionSettings(oxford_patterns="unprocessed"))
    np.testing.assert_array_equal(all_patterns(unprocessed), all_patterns(scan) + 1)
    assert (scan.sample_tilt_deg, scan.beam_energy_kev) == (pytest.approx(69.9, abs=1e-3), 20)
    assert scan.band_contrast is not None
    assert scan.band_contrast.name == "band contrast"
    assert scan.indexing is None
    assert "no phase" in scan.notes[0]


def add_oxford_phases(path: Path, ids: tuple[int, ...] = (1,)) -> None:
    with h5py.File(path, "r+") as file:
        for number in ids:
            phase = file.create_group(f"1/EBSD/Header/Phases/{number}")
            phase["Phase Name"] = np.bytes_("Nickel")
            phase["Lattice Angles"] = np.full((1, 3), np.pi / 2, dtype="f4")
            phase["Lattice Dimensions"] = np.full((1, 3), 3.52, dtype="f4")
            phase["Laue Group"], phase["Space Group"] = np.int32([11]), np.int32([225])


def test_oxford_indexing_and_element_maps(oxford_file: Path) -> None:
    from orix.quaternion import Rotation

    add_oxford_phases(oxford_file)
    with h5py.File(oxford_file, "r+") as file:
        file["1/EBSD/Data/Phase"][3] = 0
        euler = file["1/EBSD/Data/Euler"][()]
        file["1/EDS/Data/Window Integral/Ni Ka1"] = np.arange(9, dtype="f4")
        file["1/EDS/Data/Window Integral/Al Ka1"] = np.ones(4, dtype="f4")
        file["1/EDS/Data/Live Time"] = np.full(9, 0.5, dtype="f4")
        file["1/EDS/Header/Binning"] = np.int32(1)
    scan = open_scan(oxford_file)
    assert (scan.phases[0].point_group, scan.phases[0].space_group) == ("m-3m", 225)
    assert scan.indexing is not None
    maps = scan.indexing.read()
    assert maps.phase_id.ravel().tolist() == [1, 1, 1, 0, 1, 1, 1, 1, 1]
    angles = Rotation.from_euler(euler).angle_with(Rotation(maps.quaternion.reshape(-1, 4)))
    assert np.abs(np.delete(angles, 3)).max() < 1e-6
    assert maps.confidence == pytest.approx(np.rad2deg(1.0))
    assert list(scan.element_maps) == ["Ni Ka1"]
    element = scan.element_maps["Ni Ka1"]
    assert element.unit == "counts"
    np.testing.assert_allclose(element.read(), np.arange(9).reshape(3, 3) / 2)
    assert any("Al Ka1 left out" in note for note in scan.notes)


def test_phase_id_without_a_phase_is_an_error(oxford_file: Path) -> None:
    add_oxford_phases(oxford_file, ids=(2, 10))
    scan = open_scan(oxford_file)
    assert scan.indexing is not None
    with pytest.raises(ScanFormatError, match=r"found phase 1, expected 0 .* 2, 10"):
        scan.indexing.read()


def test_bruker(bruker_file: Path, nickel: NDArray[np.uint8]) -> None:
    from orix.quaternion import Rotation

    euler_deg = np.random.default_rng(2).uniform(0, 170, (9, 3)).astype("f4")
    with h5py.File(bruker_file, "r+") as file:
        for column, name in enumerate(("phi1", "PHI", "phi2")):
            file[f"Scan 0/EBSD/Data/{name}"][()] = euler_deg[:, column]
        file["Scan 0/EBSD/Data/Phase"][4] = 0
    scan = open_scan(bruker_file)
    agrees_with_kikuchipy(scan, bruker_file)
    np.testing.assert_array_equal(all_patterns(scan), nickel)
    assert scan.sample_tilt_deg == 70  # kikuchipy 0.13 looks for another name and finds none
    assert scan.phases[0].point_group == "m-3m"
    assert scan.indexing is not None
    maps = scan.indexing.read()
    angles = Rotation.from_euler(np.deg2rad(euler_deg)).angle_with(Rotation(maps.quaternion.reshape(-1, 4)))
    assert np.abs(np.delete(angles, 4)).max() < 1e-6
    assert maps.phase_id.ravel().tolist() == [1, 1, 1, 1, 0, 1, 1, 1, 1]


def test_bruker_region_is_put_in_order(tmp_path: Path, nickel: NDArray[np.uint8]) -> None:
    from kikuchipy.data._dummy_files.bruker_h5ebsd import create_dummy_bruker_h5ebsd_roi_file

    path = tmp_path / "roi.h5"
    create_dummy_bruker_h5ebsd_roi_file(path)
    with h5py.File(path, "r+") as file:
        file["Scan 0/EBSD/Data/RadonQuality"][()] = np.arange(6)
    scan = open_scan(path)
    agrees_with_kikuchipy(scan, path)
    assert scan.band_contrast is not None
    assert scan.band_contrast.read().tolist() == [[1, 2], [0, 3], [4, 5]]  # by the file's IY and IX


def test_bruker_region_that_is_no_rectangle_is_refused(tmp_path: Path) -> None:
    from kikuchipy.data._dummy_files.bruker_h5ebsd import create_dummy_bruker_h5ebsd_nonrectangular_roi_file

    path = tmp_path / "roi.h5"
    create_dummy_bruker_h5ebsd_nonrectangular_roi_file(path)
    with pytest.raises(ScanFormatError, match="a rectangle"):
        open_scan(path)


@pytest.mark.parametrize(("field", "value"), [("EBSD/Header/Grid Type", b"HexGrid"), ("EBSD/Header/Step X", b"")])
def test_edax_hexagonal_grid_or_text_for_a_number_is_refused(
    wheel: Path, tmp_path: Path, field: str, value: bytes
) -> None:
    path = tmp_path / "scan.h5"
    path.write_bytes((wheel / "edax_h5ebsd" / "patterns.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        del file[f"Scan 1/{field}"]
        file[f"Scan 1/{field}"] = np.array([value], dtype="S8")
    with pytest.raises(ScanFormatError) as caught:
        open_scan(path)
    assert field.split("/")[-1] in caught.value.field


def test_opening_reads_no_pattern(wheel: Path, oxford_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = h5py.Dataset.__getitem__

    def guarded(self: h5py.Dataset, key: Any, **arguments: Any) -> Any:
        assert self.ndim < 3, f"{self.name} was read"
        return read(self, key, **arguments)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", guarded)
    for path in (
        wheel / "kikuchipy_h5ebsd" / "patterns.h5",
        wheel / "edax_h5ebsd" / "patterns.h5",
        wheel / "emsoft_ebsd" / "EBSD_TEST_Ni.h5",
        oxford_file,
    ):
        scan = open_scan(path)
        assert scan.patterns is not None
        with pytest.raises(AssertionError, match="was read"):
            scan.patterns.read_rows(0, 1)


@pytest.mark.parametrize(("rows", "columns"), [(10**6, 10**6), (2, 3), (2**31 - 1, 2**31 - 1)])
def test_claim_of_another_grid_is_refused_without_allocating(tmp_path: Path, rows: int, columns: int) -> None:
    path = tmp_path / "scan.h5"
    write_kikuchipy_h5(path, random_patterns(2, 2), n_rows=rows, n_columns=columns)
    with pytest.raises(ScanFormatError, match=f"found 4, expected {rows * columns}"):
        open_scan(path)


@pytest.mark.parametrize("value", [0, -4, float("nan"), 2.5])
def test_impossible_counts_and_steps(tmp_path: Path, value: float) -> None:
    path = tmp_path / "scan.h5"
    write_kikuchipy_h5(path, random_patterns(2, 2), n_rows=value)
    with pytest.raises(ScanFormatError, match="n_rows"):
        open_scan(path)
    if value <= 0 or np.isnan(value):
        write_kikuchipy_h5(path, random_patterns(2, 2), step_x=value)
        with pytest.raises(ScanFormatError, match="a positive step"):
            open_scan(path)


def test_pattern_shape_that_contradicts_the_header(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    write_kikuchipy_h5(path, random_patterns(2, 2), pattern_height=6)
    with pytest.raises(ScanFormatError, match=r"found patterns of 5×7 pixels, expected 6×7"):
        open_scan(path)


def test_patterns_that_were_never_written_are_not_zeros(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    write_kikuchipy_h5(path, random_patterns(2, 2))
    with h5py.File(path, "r+") as file:
        del file["Scan 1/EBSD/Data/patterns"]
        data = file.create_dataset("Scan 1/EBSD/Data/patterns", (4, 5, 7), "u1", chunks=(1, 5, 7))
        data[:3] = 1
    with pytest.raises(ScanFormatError, match="found 3 of 4 chunks written"):
        open_scan(path)
    with h5py.File(path, "r+") as file:
        del file["Scan 1/EBSD/Data/patterns"]
        file.create_dataset("Scan 1/EBSD/Data/patterns", (10**6, 10**6, 60, 60), "u1", chunks=(1, 1, 60, 60))
    with pytest.raises(ScanFormatError, match=r"pixels, expected 5×7"):
        open_scan(path)


def test_patterns_in_any_order_are_gathered(tmp_path: Path) -> None:
    patterns = random_patterns(6, 5)
    write_kikuchipy_h5(tmp_path / "scan.h5", patterns)
    order = np.random.default_rng(1).permutation(30)
    source = HDF5Patterns(tmp_path / "scan.h5", "Scan 1/EBSD/Data/patterns", (6, 5, 5, 7), np.dtype("u1"), order)
    np.testing.assert_array_equal(source.read_rows(1, 4), patterns.reshape(30, 5, 7)[order].reshape(6, 5, 5, 7)[1:4])


def test_rows_read_one_by_one_are_the_rows(tmp_path: Path) -> None:
    patterns = random_patterns(5, 3, dtype="u2")
    write_kikuchipy_h5(tmp_path / "scan.h5", patterns)
    source = open_scan(tmp_path / "scan.h5").patterns
    assert source is not None
    assert source.dtype == np.uint16
    np.testing.assert_array_equal(np.concatenate([source.read_rows(row, row + 1) for row in range(5)]), patterns)


def test_source_may_be_read_by_several_threads(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    patterns = random_patterns(40, 3)
    write_kikuchipy_h5(tmp_path / "scan.h5", patterns)
    source = open_scan(tmp_path / "scan.h5").patterns
    assert source is not None
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(lambda row: source.read_rows(row, row + 1), range(40)))
    np.testing.assert_array_equal(np.concatenate(blocks), patterns)


def test_element_counts_in_any_vendors_file(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    write_kikuchipy_h5(path, random_patterns(2, 3))
    with h5py.File(path, "r+") as file:
        file["Scan 1/EDS/Data/Window Integral/Fe Ka1"] = np.arange(6, dtype="u2")
        file["Scan 1/EDS/Data/Window Integral/O Ka1"] = np.arange(6, dtype="f4")
    maps = open_scan(path).element_maps
    assert {name: element.unit for name, element in maps.items()} == {"Fe Ka1": "counts", "O Ka1": "counts per second"}
    np.testing.assert_array_equal(maps["Fe Ka1"].read(), [[0, 1, 2], [3, 4, 5]])
