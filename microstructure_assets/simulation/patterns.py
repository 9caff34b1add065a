"""Projection of master patterns onto the detector: a pattern for each orientation, or for each point and domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from microstructure_assets.simulation.master_patterns import MasterPattern
    from microstructure_assets.simulation.settings import TwinSettings

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
VARYING_CENTRE_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Projector:
    """Projects orientations with ``kikuchipy``'s ``EBSDMasterPattern.get_patterns``.

    Attributes
    ----------
    masters
        Master patterns of mean 0 and deviation 1 over the sphere.
    height_px, width_px
        Of the detector.
    sample_tilt_deg, beam_energy_kev
        Of the microscope.
    pattern_centre
        Bruker convention, at the first point of the scan.
    point_spread_px
        Deviation of the Gaussian laid over each pattern [px].
    """

    masters: tuple[MasterPattern, ...]
    height_px: int
    width_px: int
    sample_tilt_deg: float
    beam_energy_kev: float
    pattern_centre: tuple[float, float, float]
    point_spread_px: float

    @classmethod
    def of(cls, settings: TwinSettings, masters: tuple[MasterPattern, ...]) -> Projector:
        """The projector that the settings describe."""
        return cls(
            masters=masters,
            height_px=settings.detector_height_px,
            width_px=settings.detector_width_px,
            sample_tilt_deg=settings.sample_tilt_deg,
            beam_energy_kev=settings.beam_energy_kev,
            pattern_centre=(settings.pattern_centre_x, settings.pattern_centre_y, settings.pattern_centre_z),
            point_spread_px=settings.point_spread_px,
        )

    @property
    def pixels(self) -> int:
        """Pixels of a pattern."""
        return self.height_px * self.width_px

    def project(
        self, phases: NDArray[np.integer], orientations: Float64, pattern_centres: Float64 | None = None
    ) -> Float32:
        """Patterns of orientations, shape (n, pixels), in deviations of the master pattern.

        Parameters
        ----------
        phases
            Index of the master pattern of each orientation, shape (n,); -1 (a pore) gives zeros.
        orientations
            Unit quaternions, shape (n, 4).
        pattern_centres
            One centre for each orientation, shape (n, 3), or none for the one centre.
        """
        patterns = np.zeros((len(phases), self.pixels), dtype=np.float32)
        for index, master in enumerate(self.masters):
            found = np.flatnonzero(phases == index)
            if pattern_centres is None:
                if len(found):
                    patterns[found] = self._project(master, orientations[found], np.array(self.pattern_centre))
                continue
            step = max(1, VARYING_CENTRE_BYTES // (self.pixels * 24))
            for start in range(0, len(found), step):
                part = found[start : start + step]
                patterns[part] = self._project(master, orientations[part], pattern_centres[part])
        return patterns

    def _project(self, master: MasterPattern, orientations: Float64, centres: Float64) -> Float32:
        from kikuchipy.detectors import EBSDDetector
        from orix.quaternion import Rotation

        detector: Any = EBSDDetector(
            shape=(self.height_px, self.width_px), pc=centres, sample_tilt=self.sample_tilt_deg, convention="bruker"
        )
        # A dtype equal to the master pattern's keeps kikuchipy from stretching each pattern to its own range.
        simulated = master.signal.get_patterns(
            Rotation(orientations),
            detector,
            energy=self.beam_energy_kev,
            dtype_out=master.signal.data.dtype,
            compute=True,
            show_progressbar=False,
        )
        patterns = np.asarray(simulated.data, dtype=np.float32).reshape(
            len(orientations), self.height_px, self.width_px
        )
        if self.point_spread_px > 0:
            from scipy.ndimage import gaussian_filter

            patterns = gaussian_filter(patterns, self.point_spread_px, axes=(1, 2), mode="nearest")
        return patterns.reshape(len(orientations), -1)
