"""Master patterns: scale, symmetry, projection, and what the kinds know."""

from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.simulation import crystallography
from microstructure_assets.simulation.master_patterns import CRYSTAL_STRUCTURES, _kinematical, load_master_patterns
from microstructure_assets.simulation.patterns import Projector
from microstructure_assets.simulation.settings import TwinSettings


def test_every_built_in_phase_has_mean_zero_deviation_one_and_cubic_symmetry() -> None:
    names = tuple(CRYSTAL_STRUCTURES)
    for master in load_master_patterns(TwinSettings(master_pattern="kinematical", phases=names)):
        data = master.signal.data
        assert data.dtype == np.float32
        assert abs(data.mean()) < 1e-3
        assert data.std() == pytest.approx(1, abs=1e-3)
        assert len(master.symmetry) == 24
        np.testing.assert_allclose(data[0], np.rot90(data[0]), atol=0.05)


def test_a_kinematical_pattern_is_the_same_each_time() -> None:
    # Found different in up to a thousand pixels while the library added to them from several threads.
    first, second = (_kinematical("magnetite", 20.0).data for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_patterns_are_those_of_kikuchipy_and_equal_under_symmetry() -> None:
    import kikuchipy
    from orix.quaternion import Rotation

    settings = TwinSettings()
    (nickel,) = load_master_patterns(settings)
    projector = Projector.of(settings, (nickel,))
    quaternions = crystallography.random_quaternions(3, np.random.default_rng(0))
    ours = projector.project(np.zeros(3, dtype=int), quaternions)
    raw = kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert", hemisphere="both")
    raw.data = raw.data.astype(np.float32)
    detector = kikuchipy.detectors.EBSDDetector(shape=(60, 60), pc=(0.5, 0.25, 0.55), sample_tilt=70)
    theirs = raw.get_patterns(Rotation(quaternions), detector, compute=True, show_progressbar=False).data.reshape(3, -1)
    for one, other in zip(ours, theirs, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.99999
    turned = projector.project(np.zeros(3, dtype=int), crystallography.multiply(nickel.symmetry[5], quaternions))
    for one, other in zip(ours, turned, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.99


def test_one_centre_for_all_is_the_same_as_one_for_each_and_pores_are_empty() -> None:
    settings = TwinSettings(detector_height_px=24, detector_width_px=32)
    projector = Projector.of(settings, load_master_patterns(settings))
    quaternions = crystallography.random_quaternions(4, np.random.default_rng(2))
    phases = np.array([0, -1, 0, 0])
    together = projector.project(phases, quaternions)
    each = projector.project(phases, quaternions, np.tile(projector.pattern_centre, (4, 1)))
    np.testing.assert_allclose(each, together, atol=1e-4)
    assert not together[1].any()


def test_point_spread_blurs() -> None:
    sharp, soft = TwinSettings(), TwinSettings(point_spread_px=1.5)
    quaternion = crystallography.random_quaternions(1, np.random.default_rng(2))
    masters = load_master_patterns(sharp)
    one, other = (Projector.of(s, masters).project(np.zeros(1, int), quaternion) for s in (sharp, soft))
    assert other.std() < 0.8 * one.std()


def test_exponent_makes_another_pattern_of_the_same_scale() -> None:
    plain, bent = (load_master_patterns(TwinSettings(mismatch_master_exponent=e))[0].signal.data for e in (1.0, 1.6))
    assert bent.std() == pytest.approx(1, abs=1e-3)
    assert 0.8 < np.corrcoef(plain.ravel(), bent.ravel())[0, 1] < 0.995


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"phases": ("ferrite",)}, "knows only 'nickel'"),
        ({"beam_energy_kev": 15.0}, "20 keV"),
        ({"phases": ("gold",), "master_pattern": "kinematical"}, "kinematical knows nickel"),
    ],
)
def test_unknown_phases_and_energies_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_master_patterns(TwinSettings.model_validate(values))
