"""Element counts beside a scan."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.twin import make_twin
from microstructure_assets_tests.acquisition.conftest import random_patterns, write_up


@pytest.mark.parametrize("form", ["h5", "tiff"])
def test_a_twins_counts_are_its_element_maps_and_it_is_not_indexed(tmp_path: Path, form: str) -> None:
    asked = TwinSettings.model_validate(
        {"rows": 6, "columns": 7, "detector_height_px": 20, "detector_width_px": 24, "eds_maps": True}
    )
    name = "twin.h5" if form == "h5" else "twin.v2"
    made = make_twin(asked, tmp_path / name, form=form, tiff_naming="xy")  # type: ignore[arg-type]
    scan = open_scan(made.path)
    assert scan.indexing is None
    assert made.eds_path is not None
    assert made.eds_path in scan.files
    assert scan.summary()["element_maps"] == {"Ni": "counts"}
    with np.load(made.eds_path) as counts:
        np.testing.assert_array_equal(scan.element_maps["Ni"].read(), counts["Ni"])
    if form == "h5":
        assert scan.phases
        assert "the file has a place for orientations, but no point is indexed" in scan.notes


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Where the counts of a scan of 3 x 4 points belong."""
    write_up(tmp_path / "scan.up1", random_patterns(3, 4), version=3)
    return tmp_path / "SCAN_EDS.npz"


def scan_of(beside: Path) -> Path:
    return beside.with_name("scan.up1")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((4, 3)), r"expected numbers of shape \(3, 4\)"),
        (np.ones(12), r"expected numbers of shape \(3, 4\)"),
        (np.full((3, 4), "x"), r"expected numbers of shape \(3, 4\)"),
        (np.full((3, 4), None), r"expected numbers of shape \(3, 4\)"),
    ],
)
def test_counts_of_another_grid_or_kind_are_refused(beside: Path, values: object, message: str) -> None:
    np.savez(beside, Fe=values)  # type: ignore[arg-type]
    with pytest.raises(ScanFormatError, match=message):
        open_scan(scan_of(beside))


def test_what_is_no_archive_of_arrays_is_refused(beside: Path) -> None:
    beside.write_bytes(b"no archive")
    with pytest.raises(ScanFormatError, match="expected a numpy archive"):
        open_scan(scan_of(beside))
    with zipfile.ZipFile(beside, "w") as archive:
        archive.writestr("Fe.npy", pickle.dumps([1]))
    with pytest.raises(ScanFormatError, match=r"Fe: found .* expected an array"):
        open_scan(scan_of(beside))
    with zipfile.ZipFile(beside, "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(ScanFormatError, match="expected 1 to 120 arrays"):
        open_scan(scan_of(beside))


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_what_are_no_counts_is_refused_when_it_is_read(beside: Path, value: float) -> None:
    np.savez(beside, Fe=np.full((3, 4), value))
    scan = open_scan(scan_of(beside))
    with pytest.raises(ScanFormatError, match="Fe: found negative or not finite values, expected counts"):
        scan.element_maps["Fe"].read()


def test_any_damage_ends_in_the_one_error(beside: Path) -> None:
    np.savez_compressed(beside, Fe=np.arange(12).reshape(3, 4))
    whole, draw = beside.read_bytes(), np.random.default_rng(5)
    for _ in range(200):
        data = bytearray(whole)
        data[int(draw.integers(len(data)))] = int(draw.integers(256))
        beside.write_bytes(data)
        try:
            for one in open_scan(scan_of(beside)).element_maps.values():
                one.read()
        except ScanFormatError:
            continue
