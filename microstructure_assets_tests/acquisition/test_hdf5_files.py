"""HDF5 that is none, or no longer whole."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.hdf5_files import Header, open_hdf5
from microstructure_assets_tests.acquisition.conftest import random_patterns, write_kikuchipy_h5


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    path.touch()
    with pytest.raises(ScanFormatError, match="an empty file"):
        open_scan(path)


def test_text_named_h5(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    path.write_text("Channel Text File\n")
    with pytest.raises(ScanFormatError, match=r"signature: found b'Channel '"):
        open_scan(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_file(wheel: Path, tmp_path: Path, share: float) -> None:
    data = (wheel / "kikuchipy_h5ebsd" / "patterns.h5").read_bytes()
    path = tmp_path / "scan.h5"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ScanFormatError) as caught:
        open_scan(path)
    assert caught.value.field == "HDF5 structure"
    assert "Copy it again" in str(caught.value)


def test_hdf5_of_nobody_we_know(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(ScanFormatError, match="no manufacturer; groups data"):
        open_scan(path)
    with h5py.File(path, "w") as file:
        file["Manufacturer"] = np.bytes_("kikuchipy")
    with pytest.raises(ScanFormatError, match="EBSD/Data and EBSD/Header"):
        open_scan(path)


def test_broken_links_count_as_absent_and_others_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    write_kikuchipy_h5(path, random_patterns(1, 2))
    with h5py.File(path, "r+") as file:
        file["Scan 1/EBSD/Header/static_background"] = h5py.SoftLink("/nowhere")
        file["Scan 1/EBSD/Header/sample_tilt"] = h5py.SoftLink("/Scan 1/EBSD/Header/step_x")
    scan = open_scan(path)
    assert scan.background is None
    assert scan.sample_tilt_deg == 0.25


@pytest.mark.parametrize("way", ["link", "dangling link", "soft link", "group", "stored outside", "virtual"])
def test_values_of_another_file_are_refused(tmp_path: Path, way: str) -> None:
    path, other, patterns = tmp_path / "scan.h5", tmp_path / "other.h5", "Scan 1/EBSD/Data/patterns"
    for file in (path, other):
        write_kikuchipy_h5(file, random_patterns(1, 2))
    with h5py.File(path, "r+") as file:
        if way == "group":
            del file["Scan 1"]
            file["Scan 1"] = h5py.ExternalLink("other.h5", "/Scan 1")
            field = "Scan 1"
        else:
            del file[patterns]
            field = "patterns"
        if way in ("link", "dangling link"):
            file[patterns] = h5py.ExternalLink("other.h5" if way == "link" else "absent.h5", patterns)
        elif way == "soft link":
            file["Scan 1/EBSD/away"] = h5py.ExternalLink("other.h5", "/")
            file[patterns] = h5py.SoftLink(f"/Scan 1/EBSD/away/{patterns}")
        elif way == "stored outside":
            file.create_dataset(patterns, (2, 5, 7), "u1", external=[(str(other), 100, 70)])
        elif way == "virtual":
            layout = h5py.VirtualLayout((2, 5, 7), "u1")
            layout[:] = h5py.VirtualSource("other.h5", patterns, (2, 5, 7))
            file.create_virtual_dataset(patterns, layout)
    with pytest.raises(ScanFormatError, match="expected values in the file itself") as caught:
        open_scan(path)
    assert field in caught.value.field


def test_patterns_that_move_to_another_file_after_opening_are_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "scan.h5", tmp_path / "other.h5"
    for file in (path, other):
        write_kikuchipy_h5(file, random_patterns(1, 2))
    source = open_scan(path).patterns
    assert source is not None
    with h5py.File(path, "r+") as file:
        del file["Scan 1/EBSD/Data/patterns"]
        file["Scan 1/EBSD/Data/patterns"] = h5py.ExternalLink("other.h5", "Scan 1/EBSD/Data/patterns")
    with pytest.raises(ScanFormatError, match="expected values in the file itself"):
        source.read_rows(0, 1)


def test_names_are_found_whatever_their_case_and_spaces(wheel: Path) -> None:
    with open_hdf5(wheel / "edax_h5ebsd" / "patterns.h5") as file:
        header = Header(Path("x"), file["/"])
        assert header.text("manufacturer") == "EDAX"
        assert header.text("nothing/at/all") is None


def test_only_the_file_that_was_opened_can_vanish_with_an_error(tmp_path: Path, nickel: NDArray[np.uint8]) -> None:
    path = tmp_path / "scan.h5"
    write_kikuchipy_h5(path, nickel)
    scan = open_scan(path)
    path.write_bytes(path.read_bytes()[:20_000])
    assert scan.patterns is not None
    with pytest.raises(ScanFormatError, match=r"scan\.h5"):
        scan.patterns.read_rows(0, 1)


def test_flipped_bytes_end_in_the_one_error_or_in_nothing(wheel: Path, tmp_path: Path) -> None:
    whole = (wheel / "kikuchipy_h5ebsd" / "patterns.h5").read_bytes()
    generator = np.random.default_rng(11)
    refused = 0
    for number in range(120):
        data = bytearray(whole)
        for position in generator.integers(0, 6000, 12):
            data[position] = int(generator.integers(256))
        path = tmp_path / f"{number}.h5"  # HDF5 remembers files by name
        path.write_bytes(data)
        try:
            scan = open_scan(path)
            if scan.patterns is not None:  # else the name of the patterns was hit
                scan.patterns.read_rows(0, 1)
        except ScanFormatError:
            refused += 1
    assert refused > 50
