"""A spectrum image beside a scan: its counts are exspy's, on the scan's grid, or it is refused."""

from __future__ import annotations

import shutil
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microstructure_assets.acquisition import spectra
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan, open_without_spectra
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets_tests.acquisition.conftest import random_patterns, write_ctf, write_up
from microstructure_assets_tests.acquisition.spectrum_images import CHANNELS, random_spectra, real, write_spectra


def write_scan(folder: Path, rows: int = 6, columns: int = 8, **header: float) -> Path:
    write_up(folder / "scan.up1", random_patterns(rows, columns), version=3, **header)
    return folder / "scan.up1"


def exspys(signal: Any, elements: list[str]) -> dict[str, np.ndarray]:
    """Counts by exspy itself."""
    signal.set_elements(elements)
    signal.set_lines([])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal.add_lines()
        maps = signal.get_lines_intensity()
    return {one.metadata.Sample.xray_lines[0]: one.data for one in maps}


def assert_counts(scan: Any, expected: dict[str, np.ndarray]) -> None:
    assert set(scan.element_maps) == set(expected)
    for line, counts in expected.items():
        assert scan.element_maps[line].unit == "counts"
        np.testing.assert_array_equal(scan.element_maps[line].read(), counts)


@pytest.mark.parametrize(
    ("name", "shape", "step", "elements"),
    [
        ("P45_the_default_job.bcf", (75, 100), 8.736785, ["Fe", "Al", "O", "C", "Pb"]),
        ("sio2_eds.hspy", (128, 128), 0.008552446, ["Si", "O", "Cu"]),
    ],
)
def test_counts_of_real_maps_are_exspys(
    tmp_path: Path, name: str, shape: tuple[int, int], step: float, elements: list[str]
) -> None:
    import hyperspy.api as hs

    source = real(name)
    path = write_scan(tmp_path, *shape, step_x=step, step_y=step)
    image = tmp_path / f"scan_EDS{source.suffix}"
    shutil.copy(source, image)
    scan = open_scan(path, AcquisitionSettings(eds_elements=" ".join(elements)))
    loaded = hs.load(image)
    signal = loaded if not isinstance(loaded, list) else next(one for one in loaded if one.data.ndim == 3)
    assert_counts(scan, exspys(signal, elements))
    assert [line.partition("_")[0] for line in scan.element_maps] == elements
    assert image in scan.files
    assert any(image.name in note and "keV" in note for note in scan.summary()["notes"])


@pytest.mark.parametrize("ending", [".hspy", ".hdf5", ".rpl"])
@pytest.mark.parametrize(("energy_units", "beam_energy"), [("keV", 15.0), ("eV", 6.0), ("keV", None)])
def test_counts_of_written_maps_are_exspys(
    tmp_path: Path, ending: str, energy_units: str, beam_energy: float | None
) -> None:
    counts, path = random_spectra(6, 8), write_scan(tmp_path)
    image = tmp_path / "SCAN_eds.hspy"
    signal = write_spectra(image, counts, energy_units=energy_units, beam_energy=beam_energy)
    if ending != ".hspy":
        image.rename(image.with_suffix(".hdf5"))
        if ending == ".rpl":
            image.with_suffix(".hdf5").unlink()
            signal.save(image.with_suffix(".rpl"))
    elements = ["Fe", "Al", "O"]
    scan = open_scan(path, AcquisitionSettings(eds_elements="Fe Al O", beam_energy_kev=beam_energy))
    if beam_energy is None:
        assert any("no beam energy" in note for note in scan.notes)
    assert_counts(scan, exspys(signal, elements))
    assert {file.suffix for file in scan.files if "eds" in file.name} == {
        ending,
        *([".raw"] if ending == ".rpl" else []),
    }


def test_the_beam_energy_of_the_scan_serves_where_the_image_has_none(tmp_path: Path) -> None:
    path = write_scan(tmp_path)
    signal = write_spectra(tmp_path / "scan_eds.hspy", random_spectra(6, 8), beam_energy=None)
    signal.metadata.set_item("Acquisition_instrument.SEM.beam_energy", 5.0)
    expected = exspys(signal, ["Fe"])
    assert set(expected) == {"Fe_La"}
    assert_counts(open_scan(path, AcquisitionSettings(eds_elements="Fe", beam_energy_kev=5.0)), expected)


def test_without_a_setting_the_image_names_its_lines_or_its_elements(tmp_path: Path) -> None:
    path, counts = write_scan(tmp_path), random_spectra(6, 8)
    signal = write_spectra(tmp_path / "scan_eds.hspy", counts, lines=("Fe_Kb", "Al_Ka", "Pb_Ka"), elements=("Fe", "Al"))
    scan = open_scan(path)
    assert list(scan.element_maps) == ["Fe_Kb", "Al_Ka"]
    assert any("Pb_Ka of scan_eds.hspy left out: no line within" in note for note in scan.notes)
    own = signal.get_lines_intensity(["Fe_Kb"])[0].data
    np.testing.assert_array_equal(scan.element_maps["Fe_Kb"].read(), own)
    write_spectra(tmp_path / "scan_eds.hspy", counts, elements=("O", "H", "Fe"))
    scan = open_scan(path)
    assert list(scan.element_maps) == ["O_Ka", "Fe_Ka"]
    assert any("H of scan_eds.hspy left out" in note for note in scan.notes)


def test_elements_that_nobody_names_or_that_have_no_line_are_refused(tmp_path: Path) -> None:
    path = write_scan(tmp_path)
    write_spectra(tmp_path / "scan_eds.hspy", random_spectra(6, 8))
    with pytest.raises(ScanFormatError, match=r"none in the file.*acquisition\.eds_elements, as 'Fe Al O'"):
        open_scan(path)
    for element in ("H", "Li", "Og"):
        with pytest.raises(
            ScanFormatError, match=rf"none of {element}, expected a Kα, Lα or Mα line of it within 0 to"
        ):
            open_scan(path, AcquisitionSettings(eds_elements=f"Fe {element}"))


def test_the_counts_are_read_by_rows_once_and_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = write_scan(tmp_path), list[tuple[int, int]]()
    counts = random_spectra(6, 8)
    write_spectra(tmp_path / "scan_eds.hspy", counts)
    block = spectra.StoredCube._block

    def noted(self: Any, start: int, stop: int, low: int, high: int) -> Any:
        read.append((stop - start, high - low))
        return block(self, start, stop, low, high)

    monkeypatch.setattr(spectra.StoredCube, "_block", noted)
    monkeypatch.setattr(spectra, "_BLOCK_BYTES", 1)
    scan = open_scan(path, AcquisitionSettings(eds_elements="Fe Al O"))
    assert read == [(1, 1)]
    maps = [one.read() for one in scan.element_maps.values()]
    assert sum(rows for rows, _ in read[1:]) == 6
    assert all(channels < CHANNELS for _, channels in read)
    monkeypatch.undo()
    again = open_scan(path, AcquisitionSettings(eds_elements="Fe Al O"))
    for one, other in zip(maps, again.element_maps.values(), strict=True):
        np.testing.assert_array_equal(one, other.read())


def test_no_cube_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import h5py

    path = write_scan(tmp_path, 64, 64, step_y=0.5, step_x=0.25)
    write_spectra(tmp_path / "scan_eds.hspy", random_spectra(64, 64))
    with h5py.File(tmp_path / "scan_eds.hspy", "a") as file:  # as an instrument writes it: many small chunks
        group = file["Experiments/__unnamed__"]
        values = group["data"][()].repeat(10, axis=2)
        del group["data"]
        group.create_dataset("data", data=values, chunks=(4, 64, 2000), compression="gzip")
        group["axis-2"].attrs["size"] = 2000
        group["axis-2"].attrs["scale"] = 0.005
    scan = open_scan(path, AcquisitionSettings(eds_elements="Fe Al O"))
    monkeypatch.setattr(spectra, "_BLOCK_BYTES", 1 << 20)
    tracemalloc.start()
    next(iter(scan.element_maps.values())).read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert values.nbytes == 64 * 64 * 2000 * 2
    assert peak < values.nbytes / 4


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"steps": (0.5, 0.26)}, "step 0.26 µm along x"),
        ({"steps": (600.0, 250.0), "units": "nm"}, "step 0.6 µm along y"),
        ({"offsets": (0.0, -0.5)}, "offset -0.5 µm along x"),
    ],
)
def test_a_map_of_another_field_is_refused_and_resampled_when_asked(
    tmp_path: Path, changed: dict[str, Any], found: str
) -> None:
    path = write_scan(tmp_path)
    write_spectra(tmp_path / "scan_eds.hspy", random_spectra(6, 8), **changed)
    asked = AcquisitionSettings(eds_elements="Fe")
    with pytest.raises(ScanFormatError, match=f"grid: found {found}.*eds_resample=true"):
        open_scan(path, asked)
    scan = open_scan(path, asked.model_copy(update={"eds_resample": True}))
    assert any(f"resampled by areas: {found}" in note for note in scan.notes)
    assert scan.element_maps["Fe_Ka"].read().shape == (6, 8)


def test_a_finer_map_is_summed_over_the_scans_points(tmp_path: Path) -> None:
    path, fine = write_scan(tmp_path), random_spectra(12, 24)
    signal = write_spectra(tmp_path / "scan_eds.hspy", fine, steps=(0.25, 0.25 / 3), offsets=(-0.125, -0.25 / 3))
    with pytest.raises(ScanFormatError, match=r"12×24 points, step 0\.25 µm along y.*expected 6×8 points, 0\.5 µm"):
        open_scan(path, AcquisitionSettings(eds_elements="Fe"))
    scan = open_scan(path, AcquisitionSettings(eds_elements="Fe", eds_resample=True))
    own = exspys(signal, ["Fe"])["Fe_Ka"]
    found = scan.element_maps["Fe_Ka"].read()
    np.testing.assert_allclose(found, own.reshape(6, 2, 8, 3).sum(axis=(1, 3)), rtol=1e-12)
    assert found.sum() == pytest.approx(own.sum())


def test_unknown_steps_are_said_and_not_resampled(tmp_path: Path) -> None:
    path = write_scan(tmp_path)
    write_spectra(tmp_path / "scan_eds.hspy", random_spectra(6, 8), units="px")
    scan = open_scan(path, AcquisitionSettings(eds_elements="Fe"))
    assert any("unknown step along y and step along x" in note for note in scan.notes)
    write_spectra(tmp_path / "scan_eds.hspy", random_spectra(3, 4), units="px")
    with pytest.raises(ScanFormatError, match="expected known steps"):
        open_scan(path, AcquisitionSettings(eds_elements="Fe", eds_resample=True))


def test_a_declared_file_wins_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    path = write_scan(tmp_path)
    np.savez(tmp_path / "scan_eds.npz", Fe=np.ones((6, 8)))
    write_spectra(tmp_path / "scan_eds.hspy", random_spectra(6, 8), elements=("Al",))
    scan = open_scan(path)
    assert list(scan.element_maps) == ["Fe"]
    assert "scan_eds.hspy left out: element maps of scan_eds.npz are taken" in scan.notes
    (tmp_path / "far").mkdir()
    write_spectra(tmp_path / "far" / "other.hspy", random_spectra(6, 8, 4), elements=("O",))
    declared = AcquisitionSettings(eds_file="far/other.hspy")
    scan = open_scan(path, declared)
    assert list(scan.element_maps) == ["O_Ka"]
    assert tmp_path / "far" / "other.hspy" in scan.files
    assert tmp_path / "far" / "other.hspy" in declared.source_files(path)
    assert "element maps of scan_eds.hspy, scan_eds.npz left out: other.hspy is taken" in scan.notes
    assert "eds_file" in scan.declared


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.hspy", "no such file"),
        ("scan.up1", r"extension: found '\.up1'"),
        (".", "extension"),
        ("x.zspy", "no such"),
    ],
)
def test_a_declared_file_that_is_none_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ScanFormatError, match=message):
        open_scan(write_scan(tmp_path), AcquisitionSettings(eds_file=name))


def test_a_map_without_patterns_takes_them_too(tmp_path: Path) -> None:
    write_ctf(tmp_path / "map.ctf", 6, 8)
    signal = write_spectra(tmp_path / "map_EDS.hspy", random_spectra(6, 8))
    scan = open_scan(tmp_path / "map.ctf", AcquisitionSettings(eds_elements="Fe"))
    assert scan.patterns is None
    assert_counts(scan, exspys(signal, ["Fe"]))


def test_who_needs_no_element_maps_names_the_same_files_and_opens_none(tmp_path: Path) -> None:
    path = write_scan(tmp_path)
    write_spectra(tmp_path / "scan_eds.hspy", random_spectra(6, 8), elements=("Al",))
    opened, closed = open_scan(path), open_without_spectra(path)
    assert closed.files == opened.files
    assert not closed.element_maps
    (tmp_path / "scan_eds.hspy").write_bytes(b"no map")
    assert open_without_spectra(path).files == opened.files
    with pytest.raises(ScanFormatError, match=r"scan_eds\.hspy"):
        open_scan(path)
