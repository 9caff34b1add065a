"""Conventions against kikuchipy and orix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.acquisition.crystallography import (
    bruker_pattern_centre,
    edax_point_group,
    indexing_maps,
    laue_group,
    make_phase,
)
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.vendor_indexing import laue_group_of

fraction = st.floats(0.05, 0.95)


@settings(max_examples=25, deadline=None)
@given(fraction, fraction, fraction, st.integers(10, 600), st.integers(10, 600), st.sampled_from(["edax", "oxford"]))
def test_pattern_centre_is_kikuchipys(x: float, y: float, z: float, height: int, width: int, convention: str) -> None:
    from kikuchipy.detectors import EBSDDetector

    detector = EBSDDetector(shape=(height, width), pc=(x, y, z), convention=convention)
    found = bruker_pattern_centre((x, y, z), convention, height, width)
    np.testing.assert_allclose(found, detector.pc_bruker().squeeze(), atol=1e-8)


def test_unset_pattern_centre_is_none() -> None:
    assert bruker_pattern_centre((0.0, 0.0, 0.0), "edax", 60, 60) is None
    assert bruker_pattern_centre((0.5, float("nan"), 0.5), "bruker", 60, 60) is None
    assert bruker_pattern_centre((0.5, 0.4, 0.3), "bruker", 60, 80) == (0.5, 0.4, 0.3)


def test_orientations_are_orixs_and_the_identity_where_not_indexed() -> None:
    from orix.quaternion import Rotation

    euler = np.random.default_rng(3).uniform(0, np.pi, (6, 3))
    phase_id = np.array([1, 0, 1, 2, 0, 1], dtype=np.int32)
    maps = indexing_maps(euler, phase_id, np.arange(6.0), (2, 3))
    quaternion = maps.quaternion.reshape(6, 4)
    expected = Rotation.from_euler(euler)
    angles = np.rad2deg(expected.angle_with(Rotation(quaternion)))
    assert np.all(angles[phase_id > 0] < 1e-6)
    np.testing.assert_array_equal(quaternion[phase_id == 0], [[1, 0, 0, 0]] * 2)
    assert (quaternion[:, 0] >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(quaternion, axis=1), 1, atol=1e-12)


def test_laue_group_of_every_space_group_is_orixs() -> None:
    from orix.crystal_map import Phase

    for space_group in range(1, 231):
        laue = Phase(space_group=space_group).point_group.laue
        # orix has no name for the setting of the monoclinic Laue group that it makes of 'm' (space groups 6 to 9)
        expected = laue.name if space_group not in range(6, 10) else {4: "2/m"}[laue.size]
        assert laue_group_of(space_group) == expected, space_group


@pytest.mark.parametrize(
    ("code", "group"), [("43", "m-3m"), ("Cubic (Oh) [m3m]", "m-3m"), ("62", "6/mmm"), ("22", "mmm")]
)
def test_edax_symmetry_codes(code: str, group: str) -> None:
    assert edax_point_group(code) == group


def test_laue_numbers_of_channel_files_are_orixs() -> None:
    assert [laue_group(number, Path("f"), "Laue") for number in (1, 9, 10, 11)] == ["-1", "6/mmm", "m-3", "m-3m"]
    with pytest.raises(ScanFormatError, match="from 1 to 11"):
        laue_group(12, Path("f"), "Laue")


def test_lattice_in_nm_is_recognised_only_where_the_unit_is_not_stated() -> None:
    nm = (0.35236, 0.35236, 0.35236, 90.0, 90.0, 90.0)
    assert make_phase(Path("f"), "p", "Ni", "m-3m", 225, nm, unit_may_be_nm=True).lattice_angstrom == (3.5236,) * 3
    assert make_phase(Path("f"), "p", "Ni", "m-3m", 225, nm).lattice_angstrom == (0.35236,) * 3


@pytest.mark.parametrize(
    "lattice", [(), (3.0, 3.0), (3, 3, 0, 90, 90, 90), (3, 3, float("nan"), 90, 90, 90), (3, 3, 3, 90, 90, 180)]
)
def test_impossible_lattices_are_refused(lattice: tuple[float, ...]) -> None:
    with pytest.raises(ScanFormatError, match=r"a, b, c in Å"):
        make_phase(Path("f"), "phase 1", "x", "m-3m", None, lattice)


def test_phase_names_are_one_clean_line() -> None:
    lattice = (3.0, 3.0, 3.0, 90.0, 90.0, 90.0)
    assert make_phase(Path("f"), "p", " Iron\n\x07 bcc ", "m-3m", None, lattice).name == "Iron bcc"
    assert make_phase(Path("f"), "p", "\n", "m-3m", None, lattice).name == "unnamed"
