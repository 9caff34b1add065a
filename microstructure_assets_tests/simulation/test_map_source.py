"""Microstructures from real maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.errors import InputError
from microstructure_assets.simulation import crystallography, map_source, microstructure
from microstructure_assets.simulation.settings import TwinSettings

MAP = Path(__file__).parents[2].parent / "shared" / "data" / "ebsd_maps" / "duplex_steel" / "sdss_ferrite_austenite.ang"
needs_map = pytest.mark.skipif(not MAP.is_file(), reason=f"{MAP} is absent")


def cubic() -> np.ndarray:
    from orix.quaternion.symmetry import O

    return np.asarray(O.data)


def test_grains_of_a_made_map_are_found_averaged_and_filled() -> None:
    generator = np.random.default_rng(0)
    truth = np.zeros((20, 30), dtype=int)
    truth[:, 12:] = 1
    truth[11:, 20:] = 2
    base = crystallography.random_quaternions(3, generator)
    noise = crystallography.rotation_about(
        crystallography.random_directions(600, generator), generator.normal(0, 0.3, 600)
    )
    orientation = crystallography.multiply(noise, base[truth.ravel()])
    orientation = crystallography.multiply(cubic()[generator.integers(0, 24, 600)], orientation).reshape(20, 30, 4)
    phase = np.where(truth == 2, 1, 0).astype(np.int16)
    phase[5, 5:8] = -1
    orientation[15, 3] = crystallography.random_quaternions(1, generator)[0]
    labels, grain_phase, mean = map_source.map_grains(orientation, phase, (cubic(), cubic()), 2.0, 3)
    np.testing.assert_array_equal(labels, truth)
    np.testing.assert_array_equal(grain_phase, [0, 0, 1])
    assert crystallography.disorientation_deg(mean, base, cubic()).max() < 0.1


def test_smoothing_rounds_a_staircase_and_keeps_areas() -> None:
    rows, columns = np.indices((40, 40))
    coarse = (rows // 8 > columns // 8).astype(np.int32)
    smooth = map_source.smoothed(coarse, 4.0)
    assert abs(int(smooth.sum()) - int(coarse.sum())) < 90

    def length(labels: np.ndarray) -> int:
        from skimage.measure import perimeter

        return perimeter(labels)

    assert length(smooth) < length(coarse)


@needs_map
@pytest.mark.parametrize("upscale", [1, 3])
def test_the_duplex_map_keeps_phases_and_orientations(upscale: int) -> None:
    settings = TwinSettings.model_validate(
        {
            "microstructure": "map",
            "map_path": str(MAP),
            "master_pattern": "kinematical",
            "phases": ("austenite", "ferrite"),
            "rows": 100 * upscale,
            "columns": 117 * upscale,
            "map_upscale": upscale,
            "map_smoothing_points": 0.0,
            "sub_points": 1,
        }
    )
    structure = microstructure.generate(settings, 0, 0, (cubic(), cubic()))
    orientation, phase = map_source.read_map(MAP, 2)
    labels = structure.point_labels()[upscale // 2 :: upscale, upscale // 2 :: upscale]
    assert (structure.domain_phase[labels] == phase).mean() > 0.985
    same = structure.domain_phase[labels] == phase
    angles = crystallography.disorientation_deg(structure.domain_orientation[labels[same]], orientation[same], cubic())
    assert np.median(angles) < 0.7
    assert np.bincount(phase.ravel()).tolist() == [5657, 6043]


@needs_map
def test_beyond_the_map_it_is_mirrored() -> None:
    values = {"microstructure": "map", "map_path": str(MAP), "rows": 200, "columns": 117, "sub_points": 1}
    settings = TwinSettings.model_validate({**values, "phases": "nickel,nickel", "map_smoothing_points": 0.0})
    structure = microstructure.generate(settings, 0, 0, (cubic(), cubic()))
    orientation = structure.domain_orientation[structure.point_labels()]
    np.testing.assert_array_equal(orientation[:100], orientation[100:][::-1])


@needs_map
@pytest.mark.parametrize("count", [1, 3])
def test_each_phase_of_the_map_has_to_be_named(count: int) -> None:
    with pytest.raises(InputError, match=r"2 phases \(austenite/austenite, ferrite/ferrite\)") as refused:
        map_source.read_map(MAP, count)
    assert f"phases names {count}" in str(refused.value)
    assert "--set phases=austenite,ferrite --set master_pattern=kinematical" in str(refused.value)


def test_missing_files_are_refused() -> None:
    with pytest.raises(InputError, match="does not exist"):
        map_source.read_map(MAP.with_name("none.ang"), 1)
