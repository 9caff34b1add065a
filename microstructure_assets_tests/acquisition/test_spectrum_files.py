"""Spectrum images that are none, damaged, or hostile."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.source_files import SPECTRA_SUFFIXES
from microstructure_assets.acquisition.spectrum_files import read_spectra
from microstructure_assets_tests.acquisition.spectrum_images import CHANNELS, random_spectra, real, write_spectra


def test_the_header_of_a_real_map() -> None:
    image = read_spectra(real("sio2_eds.hspy"))
    assert (image.shape, image.channels, image.beam_energy_kev, image.resolution_ev) == ((128, 128), 2048, 200, 130)
    assert image.step_um == pytest.approx((0.008552446, 0.008552446))
    assert image.offset_um == (0, 0)
    assert image.energy_step_kev == pytest.approx(0.01)


@pytest.mark.parametrize("name", ["core_shell.hdf5", "bare_core.hdf5"])
def test_files_of_early_hyperspy_open(name: str) -> None:
    image = read_spectra(real(name))
    counts = image.sums(np.array([[0, image.channels]]))
    assert counts.shape == (1, *image.shape)
    with h5py.File(real(name)) as file:
        data = next(iter(file["Experiments"].values()))["data"]
        np.testing.assert_allclose(counts.sum(), data[()].sum(dtype=float))


@pytest.mark.parametrize("order", ["vector", "image"])
def test_ripple_by_spectra_and_by_images(tmp_path: Path, order: str) -> None:
    counts = random_spectra(3, 4)
    raw = counts if order == "vector" else np.moveaxis(counts, 2, 0)
    raw.astype("<u2").tofile(tmp_path / "map.raw")
    keys = {
        "width": 4, "height": 3, "depth": CHANNELS, "offset": 0, "data-length": 2, "data-type": "unsigned",
        "byte-order": "little-endian", "record-by": order, "depth-scale": 0.05, "depth-origin": 0,
        "depth-units": "keV", "width-scale": 0.25, "width-units": "um", "height-scale": 500, "height-units": "nm",
    }  # fmt: skip
    (tmp_path / "map.rpl").write_text("key\tvalue\n" + "".join(f"{key}\t{value}\n" for key, value in keys.items()))
    image = read_spectra(tmp_path / "map.rpl")
    assert (image.shape, image.step_um, image.energy_step_kev) == ((3, 4), (0.5, 0.25), 0.05)
    assert [file.name for file in image.files] == ["map.rpl", "map.raw"]
    windows = [(0, 10), (5, 200), (199, 200)]
    np.testing.assert_array_equal(image.sums(np.array(windows)), [counts[..., a:b].sum(axis=-1) for a, b in windows])
    (tmp_path / "map.raw").write_bytes((tmp_path / "map.raw").read_bytes()[:-1])
    with pytest.raises(ScanFormatError, match=r"map\.rpl: spectr"):
        read_spectra(tmp_path / "map.rpl")
    keys |= {"width": 10**6, "height": 10**6}
    (tmp_path / "map.rpl").write_text("key\tvalue\n" + "".join(f"{key}\t{value}\n" for key, value in keys.items()))
    with pytest.raises(ScanFormatError, match=r"map\.rpl: spectr"):
        read_spectra(tmp_path / "map.rpl")


def test_ncem_emd_by_rows_and_a_stream_of_velox_refused(tmp_path: Path) -> None:
    import hyperspy.api as hs

    counts = random_spectra(3, 4)
    write_spectra(tmp_path / "map.hspy", counts)
    hs.load(tmp_path / "map.hspy").save(tmp_path / "map.emd")
    image = read_spectra(tmp_path / "map.emd")
    assert image.shape == (3, 4)
    np.testing.assert_array_equal(image.sums(np.array([[3, 9]]))[0], counts[..., 3:9].sum(axis=-1))
    with h5py.File(tmp_path / "velox.emd", "w") as file:
        file.create_group("Data/SpectrumStream")
    with pytest.raises(ScanFormatError, match=r"a stream of Velox.*save the map from HyperSpy"):
        read_spectra(tmp_path / "velox.emd")


@pytest.mark.parametrize("suffix", SPECTRA_SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"no map", b"\x89HDF\r\n\x1a\n", b"AAMVHFSS", bytes(5000), b"\xff" * 5000])
def test_what_is_no_map_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"map{suffix}"
    path.write_bytes(content)
    with pytest.raises(ScanFormatError) as raised:
        read_spectra(path)
    assert raised.value.file == path
    assert raised.value.expected


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    (tmp_path / "map.zspy").mkdir()
    (tmp_path / "map.zspy" / ".zattrs").write_bytes(trap)
    with pytest.raises(ScanFormatError, match="found zspy"):
        read_spectra(tmp_path / "map.zspy")
    write_spectra(tmp_path / "map.hspy", random_spectra(3, 4))
    with h5py.File(tmp_path / "map.hspy", "a") as file:
        group = file["Experiments/__unnamed__"]
        group["metadata"].attrs["_pickle_"] = np.void(trap)
        group.require_group("metadata/Sample").attrs["elements"] = np.void(trap)
    assert read_spectra(tmp_path / "map.hspy").elements == ()
    with h5py.File(tmp_path / "map.hspy", "a") as file:
        del file["Experiments/__unnamed__/data"]
        file["Experiments/__unnamed__/data"] = np.full((3, 4, CHANNELS), np.void(trap))
    with pytest.raises(ScanFormatError, match=r"map\.hspy"):
        read_spectra(tmp_path / "map.hspy")
    pickled = tmp_path / "map.bcf"
    pickled.write_bytes(trap)
    with pytest.raises(ScanFormatError, match="signature"):
        read_spectra(pickled)
    assert not (tmp_path / "sprung").exists()


def changed(path: Path, **attributes: object) -> Path:
    """A small map with other attributes of its energy axis."""
    with h5py.File(path, "a") as file:
        file["Experiments/__unnamed__/axis-2"].attrs.update(attributes)
    return path


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"scale": 0.0}, "a step of 0 keV"),
        ({"scale": -0.05}, "a step of -0.05 keV"),
        ({"scale": np.nan}, "scale nan"),
        ({"offset": np.inf}, "offset inf"),
        ({"units": "nm"}, "expected a signal with axes y, x and energy"),
        ({"size": 7}, r"axes: found .*7"),
    ],
)
def test_odd_energy_axes_are_refused(tmp_path: Path, attributes: dict[str, object], message: str) -> None:
    write_spectra(tmp_path / "map.hspy", random_spectra(3, 4))
    with pytest.raises(ScanFormatError, match=message):
        read_spectra(changed(tmp_path / "map.hspy", **attributes))


def test_a_header_of_a_million_million_points_costs_nothing(tmp_path: Path) -> None:
    write_spectra(tmp_path / "map.hspy", random_spectra(3, 4))
    with h5py.File(tmp_path / "map.hspy", "a") as file:
        group = file["Experiments/__unnamed__"]
        del group["data"]
        shape = (10**6, 10**6, CHANNELS)
        data = group.create_dataset("data", shape, "u2", chunks=(1, 100, CHANNELS))
        data[0, 0, 0] = 1
        for axis, size in enumerate(shape):
            group[f"axis-{axis}"].attrs["size"] = size
    with pytest.raises(ScanFormatError, match="chunks written"):
        read_spectra(tmp_path / "map.hspy")


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_what_are_no_counts_is_refused_when_it_is_read(tmp_path: Path, value: float) -> None:
    counts = random_spectra(3, 4).astype(float)
    counts[1, 2, 50] = value
    write_spectra(tmp_path / "map.hspy", counts)
    image = read_spectra(tmp_path / "map.hspy")
    with pytest.raises(ScanFormatError, match="negative or not finite values, expected counts"):
        image.sums(np.array([[40, 60]]))


def test_values_in_another_file_are_refused(tmp_path: Path) -> None:
    write_spectra(tmp_path / "map.hspy", random_spectra(3, 4))
    (tmp_path / "other.hspy").write_bytes((tmp_path / "map.hspy").read_bytes())
    with h5py.File(tmp_path / "map.hspy", "a") as file:
        del file["Experiments/__unnamed__/data"]
        file["Experiments/__unnamed__/data"] = h5py.ExternalLink("other.hspy", "Experiments/__unnamed__/data")
    with pytest.raises(ScanFormatError, match=r"link to the file other\.hspy"):
        read_spectra(tmp_path / "map.hspy")


def test_spectra_of_something_else_are_refused(tmp_path: Path) -> None:
    write_spectra(tmp_path / "map.hspy", random_spectra(3, 4), signal_type="EELS", energy_units="eV")
    with pytest.raises(ScanFormatError, match="signal type: found EELS"):
        read_spectra(tmp_path / "map.hspy")
    write_spectra(tmp_path / "one.hspy", random_spectra(1, 4))
    assert read_spectra(tmp_path / "one.hspy").shape == (1, 4)


def test_any_damage_of_a_small_map_ends_in_the_one_error(tmp_path: Path) -> None:
    path = tmp_path / "map.hspy"
    write_spectra(path, random_spectra(3, 4))
    whole, draw, refused = path.read_bytes(), np.random.default_rng(5), 0
    for _ in range(60):
        data = bytearray(whole)
        for at in draw.integers(len(data), size=20):
            data[int(at)] = int(draw.integers(256))
        path.write_bytes(data)
        try:
            read_spectra(path).sums(np.array([[0, 10]]))
        except ScanFormatError:
            refused += 1
    assert 0 < refused <= 60


def write_spd(path: Path, counts: np.ndarray, *, points: int | None = None) -> None:
    """EDAX's three files: counts, header of a spectrum, header of the image."""
    from rsciio.edax._api import get_ipr_dtype_list, get_spc_dtype_list, get_spd_dtype_list

    header = np.zeros(1, get_spd_dtype_list())
    header["nPoints"], header["nLines"], header["nChannels"] = points or counts.shape[1], counts.shape[0], CHANNELS
    header["countBytes"], header["dataOffset"] = 2, header.nbytes
    header["fName"][0, :9] = np.frombuffer(b"other.bmp", "i1")
    path.write_bytes(header.tobytes() + counts.astype("<u2").tobytes())
    spectrum = np.zeros(1, get_spc_dtype_list(version=0.61))
    spectrum["evPerChan"], spectrum["startEnergy"], spectrum["kV"] = 50, 0, 15
    spectrum["detReso"], spectrum["numElem"] = 128.5, 2
    spectrum["at"][0, :2] = 26, 8
    path.with_suffix(".spc").write_bytes(np.float32(0.61).tobytes() + spectrum.tobytes()[4:])
    image = np.zeros(1, get_ipr_dtype_list(version=333))
    image["version"], image["mppX"], image["mppY"] = 333, 0.25, 0.5
    path.with_suffix(".ipr").write_bytes(image.tobytes())


def test_edax_maps_with_their_parts_and_no_file_that_the_header_names(tmp_path: Path) -> None:
    counts = random_spectra(3, 4)
    write_spd(tmp_path / "map.spd", counts)
    (tmp_path / "other.ipr").write_bytes(b"never opened")
    image = read_spectra(tmp_path / "map.spd")
    assert (image.shape, image.beam_energy_kev, image.elements) == ((3, 4), 15, ("Fe", "O"))
    assert image.step_um == pytest.approx((0.5, 0.25))
    assert (image.energy_step_kev, image.resolution_ev) == pytest.approx((0.05, 128.5))
    assert [file.name for file in image.files] == ["map.spd", "map.ipr", "map.spc"]
    np.testing.assert_array_equal(image.sums(np.array([[3, 9]]))[0], counts[..., 3:9].sum(axis=-1))
    write_spd(tmp_path / "map.spd", counts, points=10**8)
    with pytest.raises(ScanFormatError, match=r"map\.spd: spectra"):
        read_spectra(tmp_path / "map.spd")
    write_spd(tmp_path / "map.spd", counts, points=5)
    with pytest.raises(ScanFormatError, match=r"map\.spd: spectra of rows"):
        read_spectra(tmp_path / "map.spd")
