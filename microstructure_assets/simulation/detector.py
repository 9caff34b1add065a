"""The detector: background, dose, shot and readout noise, gamma and grey levels, with the noise set by ν."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from microstructure_assets.simulation.settings import TwinSettings

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
CALIBRATION_ROUNDS = 12
LARGEST_DOSE = 1e12
CALIBRATION_PIXELS = 400_000


@dataclass(frozen=True)
class Detector:
    """How intensity becomes grey levels.

    Attributes
    ----------
    dose_electrons
        Counts per pixel at intensity 1, the mean of the background; infinite without noise.
    grey_levels_per_intensity
        Grey levels at intensity 1 above the dark level, before gamma.
    readout_noise_electrons
        Deviation of the readout noise [counts].
    dark_grey_level
        Grey level without signal, before gamma.
    gamma
        Exponent of the response.
    full_scale
        Largest grey level.
    """

    dose_electrons: float
    grey_levels_per_intensity: float
    readout_noise_electrons: float
    dark_grey_level: float
    gamma: float
    full_scale: int

    @property
    def gain(self) -> float:
        """Grey levels per count (zero at an infinite dose)."""
        return self.grey_levels_per_intensity / self.dose_electrons

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Of the patterns."""
        return np.dtype(np.uint8 if self.full_scale < 256 else np.uint16)

    def response(self, intensity: NDArray[np.floating]) -> NDArray[np.floating]:
        """Grey level of an intensity, neither rounded nor clipped above."""
        grey = self.dark_grey_level + self.grey_levels_per_intensity * intensity
        if self.gamma != 1.0:
            grey = self.full_scale * (np.maximum(grey, 0) / self.full_scale) ** self.gamma
        return grey

    def expose(
        self, intensity: NDArray[np.floating], shot: np.random.Generator, readout: np.random.Generator
    ) -> NDArray[np.floating]:
        """Noisy intensity: Poisson counts and Gaussian readout, divided by the dose."""
        if np.isinf(self.dose_electrons):
            return intensity
        counts = shot.poisson(np.maximum(intensity, 0) * self.dose_electrons).astype(np.float32)
        if self.readout_noise_electrons > 0:
            counts += np.float32(self.readout_noise_electrons) * readout.standard_normal(counts.shape, dtype=np.float32)
        return counts / np.float32(self.dose_electrons)

    def quantize(self, intensity: NDArray[np.floating]) -> tuple[NDArray[np.unsignedinteger], int]:
        """Grey levels as the file stores them, and the number of pixels that the range clipped."""
        grey = np.rint(self.response(intensity))
        darkest = -(self.dark_grey_level + 0.5) / self.grey_levels_per_intensity
        clipped = int(np.count_nonzero(grey > self.full_scale) + np.count_nonzero(intensity < darkest))
        return np.clip(grey, 0, self.full_scale).astype(self.dtype), clipped


@dataclass(frozen=True)
class Calibration:
    """A detector set to the wanted noise, and what was measured with it.

    Attributes
    ----------
    detector
        Ready to expose.
    noise_nu
        Measured ν on patterns of single domains; ``noise_nu_of_phase`` the same phase by phase (nan where a phase has
        no bands).
    band_signal_grey_levels, noise_grey_levels
        Root mean squares per pixel after background removal.
    clipped_share
        Share of clipped pixels in the sample.
    """

    detector: Detector
    noise_nu: float
    noise_nu_of_phase: tuple[float, ...]
    band_signal_grey_levels: float
    noise_grey_levels: float
    clipped_share: float


def background(height_px: int, width_px: int, amplitude: float) -> Float32:
    """Smooth background of mean 1: a Gaussian bump, shape (height, width).

    The bump is centred at 0.5 of the width and 0.45 of the height, with a deviation of 0.45 of the height; what it
    lacks to the mean 1 is level. It never falls below 0.05.
    """
    y = (np.arange(height_px) + 0.5) / height_px - 0.45
    x = ((np.arange(width_px) + 0.5) / width_px - 0.5) * width_px / height_px
    bump = np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * 0.45**2))
    level = np.maximum(1 + amplitude * (bump - bump.mean()), 0.05)
    return (level / level.mean()).astype(np.float32)


def high_pass(patterns: NDArray[np.floating], height_px: int, width_px: int) -> Float32:
    """Patterns (n, pixels) without their Gaussian average of deviation width/8, and without their mean."""
    from scipy.ndimage import gaussian_filter

    image = patterns.reshape(-1, height_px, width_px).astype(np.float32)
    rest = image - gaussian_filter(image, width_px / 8, axes=(1, 2), mode="reflect")
    rest -= rest.mean(axis=(1, 2), keepdims=True)
    return rest.reshape(len(patterns), -1)


def root_mean_square(values: NDArray[np.floating]) -> float:
    """Over all elements, in double precision; nan for none."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64)))) if values.size else float("nan")


def calibrate(
    settings: TwinSettings, base: Float32, bands: Float32, phases: NDArray[np.integer], seed: np.random.SeedSequence
) -> Calibration:
    """Set dose and gain so that ν is what the settings say.

    Parameters
    ----------
    settings
        Noise, exposure and range.
    base, bands
        Intensity without and with the band signal's part, each of shape (n, pixels): patterns of single domains.
    phases
        Phase of each pattern, shape (n,).
    seed
        Of the sample's noise, the same in each round, so that the rounds converge.

    Raises
    ------
    ValueError
        If ν is out of reach with this bit depth, or a given ``gain`` clips more pixels than allowed.

    Notes
    -----
    ν is the root mean square of the noise over that of the band signal, both per pixel, in grey levels as stored,
    pooled over patterns of single domains, after the background removal of `high_pass`; the noise includes rounding
    to grey levels. The dose is found by repeated measurement, starting from the closed form for shot and readout
    noise; noise goes as dose^-1/2.
    """
    height, width = settings.detector_height_px, settings.detector_width_px
    intensity = base + bands
    full_scale = 2**settings.bit_depth - 1
    detector = Detector(
        dose_electrons=np.inf,
        grey_levels_per_intensity=1.0,
        readout_noise_electrons=settings.readout_noise_electrons,
        dark_grey_level=settings.dark_level * full_scale,
        gamma=settings.gamma,
        full_scale=full_scale,
    )
    if settings.noise_nu > 0:
        detector = replace(detector, dose_electrons=_first_dose(settings, intensity, bands))

    signal = noise = np.zeros_like(bands)
    clipped = 0
    for _ in range(CALIBRATION_ROUNDS if settings.noise_nu > 0 else 1):
        shot, readout = (np.random.Generator(np.random.SFC64(child)) for child in _children(seed))
        noisy = detector.expose(intensity, shot, readout)
        detector = _with_gain(detector, settings, noisy)
        levels, clipped = detector.quantize(noisy)
        expected = detector.response(intensity)
        signal = high_pass(expected - detector.response(base), height, width)
        noise = high_pass(levels - expected, height, width)
        ratio = root_mean_square(noise) / root_mean_square(signal)
        if settings.noise_nu == 0 or abs(ratio / settings.noise_nu - 1) < 0.003:
            break
        dose = detector.dose_electrons * (ratio / settings.noise_nu) ** 2
        detector = replace(detector, dose_electrons=min(dose, LARGEST_DOSE))
    calibration = Calibration(
        detector=detector,
        noise_nu=root_mean_square(noise) / root_mean_square(signal),
        noise_nu_of_phase=tuple(
            _quotient(root_mean_square(noise[phases == phase]), root_mean_square(signal[phases == phase]))
            for phase in range(len(settings.phases))
        ),
        band_signal_grey_levels=root_mean_square(signal),
        noise_grey_levels=root_mean_square(noise),
        clipped_share=clipped / levels.size,
    )
    _check(settings, calibration)
    return calibration


def _children(seed: np.random.SeedSequence) -> list[np.random.SeedSequence]:
    """Two streams of a seed, the same at each call (``spawn`` would count on)."""
    return [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, key)) for key in (0, 1)]


def _quotient(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")


def _first_dose(settings: TwinSettings, intensity: Float32, bands: Float32) -> float:
    """Dose d from ν²·S²·d² = m·d + r², mean intensity m, band signal S after background removal, readout noise r."""
    signal = root_mean_square(high_pass(bands, settings.detector_height_px, settings.detector_width_px))
    if signal == 0:
        raise ValueError("the sample of points has no band signal; lower pore_fraction or raise phase_contrasts")
    square = (settings.noise_nu * signal) ** 2
    mean = float(intensity.mean(dtype=np.float64))
    return (mean + np.sqrt(mean**2 + 4 * square * settings.readout_noise_electrons**2)) / (2 * square)


def _with_gain(detector: Detector, settings: TwinSettings, noisy: NDArray[np.floating]) -> Detector:
    """The gain asked for, or the exposure's, lowered until the brightest pixels fit with the allowed share to spare.

    The dark level is raised where the readout noise would go below grey level zero.
    """
    if settings.gain is not None:
        dose = 1.0 if np.isinf(detector.dose_electrons) else detector.dose_electrons
        return replace(detector, grey_levels_per_intensity=settings.gain * dose)
    full, share = detector.full_scale, settings.clipped_share_limit / 4
    spread = np.exp(3 * settings.gain_spread)
    low, high = (float(np.quantile(noisy, quantile)) * spread for quantile in (share, 1 - share))
    dark = settings.dark_level * full
    wanted = (settings.exposure * full - dark) / float(noisy.mean(dtype=np.float64))
    scale = max(1e-12, min(wanted, (0.97 * full - dark) / high))
    if -low * scale > dark:
        scale = min(wanted, 0.97 * full / (high - low))
        dark = -low * scale
    return replace(detector, grey_levels_per_intensity=scale, dark_grey_level=dark)


def _check(settings: TwinSettings, calibration: Calibration) -> None:
    if calibration.clipped_share > settings.clipped_share_limit:
        what = "gain is set" if settings.gain is not None else "gain is automatic"
        raise ValueError(
            f"{what} and clips {calibration.clipped_share:.2g} of the pixels, more than clipped_share_limit = "
            f"{settings.clipped_share_limit:.2g}; lower gain, or raise dark_level or the limit"
        )
    if settings.noise_nu > 0 and abs(calibration.noise_nu / settings.noise_nu - 1) > 0.05:
        raise ValueError(
            f"noise_nu is {settings.noise_nu}, but {calibration.noise_nu:.3g} is what {settings.bit_depth} bits and "
            f"a band signal of {calibration.band_signal_grey_levels:.3g} grey levels allow; "
            "raise noise_nu, band_contrast or bit_depth"
        )
