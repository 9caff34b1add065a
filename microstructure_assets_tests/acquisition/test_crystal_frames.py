"""Crystal directions as orix has them, whatever the frame of the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diffpy.structure import Lattice, Structure
from orix.crystal_map import Phase as OrixPhase
from orix.quaternion import Rotation
from orix.vector import Miller, Vector3d

from microstructure_assets.acquisition.crystal_frames import from_oxford_frame
from microstructure_assets.acquisition.crystallography import make_phase
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.scan import IndexingMaps

CELLS = {
    "6/mmm": (3.2, 3.2, 5.2, 90, 90, 120),
    "-3m": (5.0, 5.0, 17.0, 90, 90, 120),
    "2/m": (9.7, 9.0, 5.3, 90, 105.6, 90),
    "-1": (8.2, 12.9, 14.2, 93.1, 115.9, 91.2),
    "mmm": (18.2, 8.8, 5.2, 90, 90, 90),
    "m-3m": (3.6, 3.6, 3.6, 90, 90, 90),
}


def maps_of(quaternion: np.ndarray, phase_id: np.ndarray) -> IndexingMaps:
    return IndexingMaps(quaternion, phase_id, np.ones(phase_id.shape))


@pytest.mark.parametrize("group", CELLS)
def test_sample_directions_along_oxfords_axes_become_a_star_and_c(group: str) -> None:
    cell = CELLS[group]
    phase = make_phase(Path("map.ctf"), "Phases", "own", group, None, cell)
    generator = np.random.default_rng(0)
    stored = Rotation.random((6,)) if group != "6/mmm" else Rotation.from_euler(generator.random((6, 3)))
    maps = from_oxford_frame(maps_of(stored.data.reshape(2, 3, 4), np.ones((2, 3), np.int32)), [phase])
    turned = Rotation(maps.quaternion.reshape(-1, 4))
    assert (maps.quaternion[..., 0] >= 0).all()
    crystal = OrixPhase(point_group=group, structure=Structure(lattice=Lattice(*cell)))
    for axis, direction in (
        (Vector3d.xvector(), Miller(hkl=[1, 0, 0], phase=crystal)),
        (Vector3d.zvector(), Miller(uvw=[0, 0, 1], phase=crystal)),
    ):
        in_sample = ~stored * axis  # where Oxford's axis lies in the sample
        expected = np.broadcast_to(direction.unit.data, (6, 3))
        np.testing.assert_allclose((turned * in_sample).unit.data, expected, atol=1e-6)


def test_only_points_of_the_phase_turn_and_cubic_ones_stay_as_they_are() -> None:
    phases = [make_phase(Path("m"), "P", "own", group, None, CELLS[group]) for group in ("m-3m", "6/mmm")]
    quaternion = np.broadcast_to([1.0, 0, 0, 0], (1, 3, 4))
    found = from_oxford_frame(maps_of(quaternion, np.array([[0, 1, 2]], np.int32)), phases).quaternion
    np.testing.assert_array_equal(found[0, :2], quaternion[0, :2])
    assert np.degrees(2 * np.arccos(found[0, 2, 0])) == pytest.approx(30)
    assert from_oxford_frame(maps_of(quaternion, np.ones((1, 3), np.int32)), phases[:1]).quaternion is quaternion


def test_angles_that_enclose_no_cell_are_refused() -> None:
    with pytest.raises(ScanFormatError, match="enclose a cell"):
        make_phase(Path("map.ctf"), "Phases", "own", "-1", None, (3, 3, 3, 30, 30, 120))
