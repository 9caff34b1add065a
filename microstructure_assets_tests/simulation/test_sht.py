"""Spherical harmonic files: layout, Legendre sums against scipy, the Lambert frame against kikuchipy's, real files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.special import sph_harm_y

from microstructure_assets.simulation import crystallography, sht
from microstructure_assets.simulation.master_patterns import MasterPattern, load_master_patterns
from microstructure_assets.simulation.patterns import Projector
from microstructure_assets.simulation.settings import TwinSettings

SHT_FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "master_patterns_sht"
needs_files = pytest.mark.skipif(not SHT_FOLDER.is_dir(), reason=f"{SHT_FOLDER} is absent")


def asymmetric_coefficients(bandwidth: int = 6) -> np.ndarray:
    generator = np.random.default_rng(4)
    coefficients = generator.normal(size=(bandwidth, bandwidth)) + 1j * generator.normal(size=(bandwidth, bandwidth))
    coefficients *= np.arange(bandwidth)[None, :] >= np.arange(bandwidth)[:, None]
    coefficients[0] = coefficients[0].real
    return coefficients


def function_of(coefficients: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The real function by scipy's harmonics; (-1)^m takes out the Condon–Shortley sign."""
    theta, phi = np.arccos(np.clip(vectors[:, 2], -1, 1)), np.arctan2(vectors[:, 1], vectors[:, 0])
    total = np.zeros(len(vectors))
    for m, row in enumerate(coefficients):
        for degree, value in enumerate(row):
            if value:
                factor = (1 if m == 0 else 2) * (-1) ** m
                total += factor * (value * sph_harm_y(degree, m, theta, phi)).real
    return total


def file_bytes(values: np.ndarray, bandwidth: int, z_order: int, flags: int) -> bytes:
    """A file of version 1.1 with texts and two atoms, as the format says."""
    header = b"*sht" + bytes([1, 1, 0, 0]) + b"testtest" + bytes([1, 0, 0, 0])
    header += struct.pack("<4f2h", 20.0, 70.0, 0.0, 0.0, 5, 3) + b"doi..".ljust(8, b"\0") + b"abc".ljust(8, b"\0")
    material = bytes([1, 221, 1, 112, 1, 1]) + struct.pack("<h", 88)
    crystal = bytes([221, 1, 1, 1]) + struct.pack("<3f6f4f", 0, 0, 0, 0.4, 0.4, 0.5, 90, 90, 90, 1, 0, 0, 0)
    crystal += struct.pack("<f6h", 1.0, 2, 2, 9, 0, 0, 1) + bytes(64)
    crystal += b"Fe".ljust(8, b"\0") + b"iron (xy)".ljust(16, b"\0") + b"n".ljust(8, b"\0")
    harmonics = struct.pack("<hbbi", bandwidth, z_order, flags, len(values)) + values.astype("<f8").tobytes()
    return header + material + crystal + bytes(88) + harmonics + bytes(4)


def test_legendre_sums_are_scipys() -> None:
    coefficients = asymmetric_coefficients(9)
    cosines = np.linspace(-1, 1, 17)
    found = sht.legendre_sums(coefficients, cosines)
    for m in range(9):
        expected = sum(
            coefficients[m, degree] * (-1) ** m * sph_harm_y(degree, m, np.arccos(cosines), 0.0).real
            for degree in range(m, 9)
        )
        np.testing.assert_allclose(found[m], expected, atol=1e-10)


def test_projected_pattern_is_the_function_at_the_crystal_directions() -> None:
    from kikuchipy.detectors import EBSDDetector
    from kikuchipy.signals import EBSDMasterPattern
    from kikuchipy.signals.util._master_pattern import _get_direction_cosines_from_detector
    from orix.crystal_map import Phase
    from orix.quaternion import Rotation
    from orix.vector import Vector3d

    coefficients = asymmetric_coefficients()
    signal = EBSDMasterPattern(
        sht.lambert_patterns(coefficients), projection="lambert", hemisphere="both", phase=Phase(point_group="1")
    )
    signal.axes_manager[0].name = "hemisphere"
    master = MasterPattern("test", signal, np.array([[1.0, 0, 0, 0]]))
    projector = Projector((master,), 20, 24, 70.0, 20.0, (0.5, 0.4, 0.45), 0.0)
    detector = EBSDDetector(shape=(20, 24), pc=(0.5, 0.4, 0.45), sample_tilt=70, convention="bruker")
    directions = _get_direction_cosines_from_detector(detector)
    quaternions = crystallography.random_quaternions(6, np.random.default_rng(1))
    patterns = projector.project(np.zeros(6, dtype=int), quaternions)
    for quaternion, pattern in zip(quaternions, patterns, strict=True):
        crystal_directions = (Rotation(quaternion) * Vector3d(directions)).data
        np.testing.assert_allclose(pattern, function_of(coefficients, crystal_directions), atol=0.05)


@pytest.mark.parametrize("flags", [0, 1, 2, 3, 4, 7, 8, 11])
@pytest.mark.parametrize("z_order", [1, 2, 4])
def test_files_are_read_back(tmp_path: Path, flags: int, z_order: int) -> None:
    bandwidth = 9
    m, degree = np.arange(bandwidth)[:, None], np.arange(bandwidth)[None, :]
    full = asymmetric_coefficients(bandwidth) * (m % z_order == 0)
    if flags & 1:
        full = full * (degree % 2 == 0)
    if flags & 2:
        full = full * ((degree + m) % 2 == 0)
    imaginary = (m % (2 * z_order) != 0) & (flags & 8 > 0)
    if flags & 12:
        full = np.where(imaginary, 1j * full.imag, full.real)
    values: list[float] = []
    for order in range(0, bandwidth, z_order):
        for l_ in range(order, bandwidth):
            if (flags & 1 and l_ % 2) or (flags & 2 and (l_ + order) % 2):
                continue
            value = full[order, l_]
            if flags & 12:
                values.append(value.imag if imaginary[order, 0] else value.real)
            else:
                values += [value.real, value.imag]
    path = tmp_path / "made.sht"
    path.write_bytes(file_bytes(np.array(values), bandwidth, z_order, flags))
    content = sht.read_sht(path)
    np.testing.assert_allclose(content.coefficients, full)
    assert (content.beam_energy_kev, content.space_group) == (20.0, 221)
    np.testing.assert_allclose(content.lattice, (0.4, 0.4, 0.5, 90, 90, 90), rtol=1e-6)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: b"*SHT" + raw[4:], "magic bytes"),
        (lambda raw: raw[:4] + b"\x01\x00" + raw[6:], "file version 1.0"),
        (lambda raw: raw[:16] + b"\x02" + raw[17:], "modality 2"),
        (lambda raw: raw[:-60], "is the file whole"),
        (lambda raw: raw[:120], "is the file whole"),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, damage: object, message: str) -> None:
    path = tmp_path / "bad.sht"
    path.write_bytes(damage(file_bytes(np.zeros(16 * 17), 16, 1, 0)))  # type: ignore[operator]
    with pytest.raises(ValueError, match=message) as error:
        sht.read_sht(path)
    assert "bad.sht" in str(error.value)


@needs_files
def test_nickel_of_the_database_is_kikuchipys_nickel() -> None:
    settings = TwinSettings(master_pattern="sht", sht_folder=str(SHT_FOLDER), phases=("Ni (nickel)", "Fe (alpha-iron)"))
    nickel, iron = (master.signal.data[0] for master in load_master_patterns(settings))
    reference = load_master_patterns(TwinSettings())[0].signal.data[0]
    # Not equal by construction: the database averages over 10 to 20 keV, kikuchipy's pattern is of 20 keV alone.
    assert np.corrcoef(nickel.ravel(), reference.ravel())[0, 1] > 0.75
    assert np.corrcoef(iron.ravel(), reference.ravel())[0, 1] < 0.4


@needs_files
def test_every_file_of_the_database_is_read() -> None:
    files = sorted(SHT_FOLDER.rglob("*.sht"))
    assert len(files) == 120
    for path in files:
        content = sht.read_sht(path)
        assert content.beam_energy_kev == 20
        assert np.isfinite(content.coefficients).all()


@needs_files
def test_a_name_that_fits_no_or_several_files_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one"):
        sht.sht_master_pattern(str(SHT_FOLDER), "Fe (", 20)
    with pytest.raises(ValueError, match="none"):
        sht.sht_master_pattern(str(SHT_FOLDER), "Unobtainium", 20)
