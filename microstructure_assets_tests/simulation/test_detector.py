"""The detector: Poisson statistics, ν, clipping, gamma, background removal."""

from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.simulation import detector
from microstructure_assets.simulation.settings import TwinSettings


def sample(settings: TwinSettings, count: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Background and a fine random texture of known deviation as band signal."""
    height, width = settings.detector_height_px, settings.detector_width_px
    base = np.tile(detector.background(height, width, settings.background_amplitude).reshape(1, -1), (count, 1))
    bands = np.random.default_rng(0).choice([-1.0, 1.0], (count, height * width)).astype(np.float32)
    return base, (settings.band_contrast * bands).astype(np.float32), np.zeros(count, dtype=np.int16)


def calibrate(**values: object) -> tuple[TwinSettings, detector.Calibration, np.ndarray, np.ndarray]:
    settings = TwinSettings.model_validate(values)
    base, bands, phases = sample(settings)
    return settings, detector.calibrate(settings, base, bands, phases, np.random.SeedSequence(1)), base, bands


def test_counts_are_poisson_with_readout_noise_added() -> None:
    exposed = detector.Detector(50.0, 100.0, 3.0, 5.0, 1.0, 255)
    intensity = np.full((400, 500), 0.8, dtype=np.float32)
    counts = 50.0 * exposed.expose(intensity, np.random.default_rng(0), np.random.default_rng(1))
    assert counts.mean() == pytest.approx(40, abs=0.1)
    assert counts.var() == pytest.approx(40 + 9, rel=0.02)
    quiet = detector.Detector(50.0, 100.0, 0.0, 5.0, 1.0, 255)
    whole = 50.0 * quiet.expose(intensity, np.random.default_rng(0), np.random.default_rng(1))
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-4)
    assert whole.var() == pytest.approx(whole.mean(), rel=0.02)


@pytest.mark.parametrize("nu", [0.2, 0.7, 1.4, 3.0, 7.0])
@pytest.mark.parametrize("readout", [0.0, 10.0])
def test_dose_is_the_closed_form(nu: float, readout: float) -> None:
    values = {"noise_nu": nu, "readout_noise_electrons": readout, "bit_depth": 16, "background_amplitude": 0.0}
    _, calibration, _, bands = calibrate(**values)
    signal = detector.root_mean_square(detector.high_pass(bands, 60, 60))
    dose = calibration.detector.dose_electrons
    assert np.sqrt(dose + readout**2) / (dose * signal) == pytest.approx(nu, rel=0.02)
    assert calibration.noise_nu == pytest.approx(nu, rel=0.005)


@pytest.mark.parametrize("nu", [0.2, 1.4, 7.0])
@pytest.mark.parametrize("gamma", [0.6, 1.0, 1.5])
@pytest.mark.parametrize("bit_depth", [8, 16])
def test_nu_is_reached_in_grey_levels_without_clipping(nu: float, gamma: float, bit_depth: int) -> None:
    settings, calibration, base, bands = calibrate(noise_nu=nu, gamma=gamma, bit_depth=bit_depth)
    exposed = calibration.detector
    levels, _ = exposed.quantize(exposed.expose(base + bands, np.random.default_rng(8), np.random.default_rng(9)))
    expected = exposed.response(base + bands)
    signal = detector.high_pass(expected - exposed.response(base), 60, 60)
    noise = detector.high_pass(levels - expected, 60, 60)
    assert noise.std() / signal.std() == pytest.approx(nu, rel=0.05)
    assert calibration.noise_nu == pytest.approx(nu, rel=0.01)
    assert np.mean((levels == 0) | (levels == 2**bit_depth - 1)) <= 2 * settings.clipped_share_limit
    assert levels.dtype == (np.uint8 if bit_depth == 8 else np.uint16)


def test_no_noise_is_only_rounded() -> None:
    _, calibration, base, bands = calibrate(noise_nu=0)
    exposed = calibration.detector
    levels, clipped = exposed.quantize(exposed.expose(base + bands, np.random.default_rng(0), np.random.default_rng(0)))
    assert np.abs(levels - exposed.response(base + bands)).max() <= 0.5 + 1e-3
    assert clipped == 0


def test_impossible_noise_and_a_gain_that_clips_say_so() -> None:
    with pytest.raises(ValueError, match=r"noise_nu is 0\.01.*bit_depth"):
        calibrate(noise_nu=0.01)
    with pytest.raises(ValueError, match=r"gain is set and clips"):
        calibrate(noise_nu=1.0, gain=5.0)


def test_given_gain_is_grey_levels_per_count() -> None:
    _, calibration, _, _ = calibrate(noise_nu=1.4, gain=0.25)
    assert calibration.detector.gain == pytest.approx(0.25)


@pytest.mark.parametrize("amplitude", [0.0, 0.5, 1.5])
def test_background_has_mean_one_and_no_hole(amplitude: float) -> None:
    level = detector.background(48, 64, amplitude)
    assert level.mean(dtype=np.float64) == pytest.approx(1, rel=1e-5)
    assert level.min() > 0
    assert np.ptp(level) == pytest.approx(0, abs=1e-6) if amplitude == 0 else np.ptp(level) > 0.3 * amplitude


def test_high_pass_keeps_fine_structure_and_drops_the_background() -> None:
    level = detector.background(60, 60, 1.0).reshape(1, -1)
    texture = np.random.default_rng(0).standard_normal((1, 3600)).astype(np.float32)
    assert detector.high_pass(texture, 60, 60).std() == pytest.approx(texture.std(), rel=0.01)
    assert detector.high_pass(level, 60, 60).std() < 0.35 * level.std()
    np.testing.assert_allclose(detector.high_pass(texture + 7, 60, 60).mean(), 0, atol=1e-5)
