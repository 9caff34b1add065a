"""Where the patterns were taken: pattern centre and tilts, also of a detector's central part and of averaged pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from microstructure_assets.acquisition.scan import Scan
from microstructure_assets.errors import InputError

Centre = tuple[float, float, float]


class CalibrationUnknown(InputError):
    """A scan without patterns, or one that does not say where its patterns were taken."""


@dataclass(frozen=True)
class PatternGeometry:
    """Shape and place of patterns.

    Attributes
    ----------
    height_px, width_px : int
        Of a pattern.
    pattern_centre : (x, y, z)
        Bruker's convention, see :class:`~microstructure_assets.acquisition.scan.Detector`.
    sample_tilt_deg, detector_tilt_deg : float
        Tilt of the sample from the horizontal, of the detector from the vertical [degrees].
    """

    height_px: int
    width_px: int
    pattern_centre: Centre
    sample_tilt_deg: float
    detector_tilt_deg: float = 0.0

    @classmethod
    def of(cls, scan: Scan, detector_tilt_deg: float = 0.0) -> PatternGeometry:
        """The geometry of the raw patterns of a scan.

        Raises
        ------
        CalibrationUnknown
            If there are no patterns, or pattern centre or tilt are not known; the message says what to declare.
        """
        if scan.patterns is None or scan.detector is None:
            raise CalibrationUnknown(f"{scan.path.name}: has no patterns, so nothing can be indexed here")
        missing = []
        if scan.detector.pattern_centre is None:
            missing.append(
                "acquisition.pattern_centre_x, acquisition.pattern_centre_y and acquisition.pattern_centre_z"
            )
        if scan.sample_tilt_deg is None:
            missing.append("acquisition.sample_tilt_deg")
        if scan.detector.pattern_centre is None or scan.sample_tilt_deg is None:
            raise CalibrationUnknown(
                f"{scan.path.name}: its files do not say where the patterns were taken; declare {' and '.join(missing)}"
            )
        return cls(
            scan.detector.height_px,
            scan.detector.width_px,
            scan.detector.pattern_centre,
            scan.sample_tilt_deg,
            detector_tilt_deg,
        )

    def cropped(self, height_px: int, width_px: int) -> PatternGeometry:
        """The geometry of the central part, cut as `methods.background.centred_crop` cuts it.

        Raises
        ------
        ValueError
            If the part is larger than the pattern.
        """
        if height_px > self.height_px or width_px > self.width_px:
            raise ValueError(
                f"patterns of {height_px}x{width_px} pixels cannot be the central part of a detector of "
                f"{self.height_px}x{self.width_px}"
            )
        top, left = (self.height_px - height_px) // 2, (self.width_px - width_px) // 2
        return self._window(top, left, height_px, width_px)

    def averaged(self, factor: int) -> PatternGeometry:
        """The geometry after averages over squares of pixels, of which those at the lower and right edge are cut."""
        height, width = self.height_px // factor, self.width_px // factor
        whole = self._window(0, 0, height * factor, width * factor)
        return replace(whole, height_px=height, width_px=width)

    def from_averaged(self, centre: Centre, factor: int) -> Centre:
        """The pattern centre of these patterns whose averaged ones have another."""
        x, y, z = centre
        height = self.height_px // factor * factor / self.height_px
        return x * (self.width_px // factor * factor) / self.width_px, y * height, z * height

    def with_centre(self, centre: Centre) -> PatternGeometry:
        """The same with another pattern centre."""
        return replace(self, pattern_centre=centre)

    def detector(self) -> Any:
        """The same as kikuchipy has it (`EBSDDetector`)."""
        from kikuchipy.detectors import EBSDDetector

        return EBSDDetector(
            shape=(self.height_px, self.width_px),
            pc=self.pattern_centre,
            sample_tilt=self.sample_tilt_deg,
            tilt=self.detector_tilt_deg,
            convention="bruker",
        )

    def _window(self, top: int, left: int, height_px: int, width_px: int) -> PatternGeometry:
        x, y, z = self.pattern_centre
        centre = (
            (x * self.width_px - left) / width_px,
            (y * self.height_px - top) / height_px,
            z * self.height_px / height_px,
        )
        return replace(self, height_px=height_px, width_px=width_px, pattern_centre=centre)
