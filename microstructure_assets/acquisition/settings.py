"""What a user may declare of a scan that its files do not say."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from microstructure_assets.acquisition.element_symbols import element_symbols
from microstructure_assets.acquisition.source_files import source_files
from microstructure_assets.settings import Settings


class AcquisitionSettings(Settings):
    """Declared facts of a scan; none = as the file says."""

    rows: int | None = Field(default=None, ge=1, description="Rows of the scan grid [points]")
    columns: int | None = Field(default=None, ge=1, description="Columns of the scan grid [points]")
    step_x_um: float | None = Field(default=None, gt=0, description="Step along x [µm]")
    step_y_um: float | None = Field(default=None, gt=0, description="Step along y [µm]")
    sample_tilt_deg: float | None = Field(default=None, ge=0, lt=90, description="Tilt of the sample [degrees]")
    beam_energy_kev: float | None = Field(default=None, gt=0, le=300, description="Beam energy [keV]")
    pattern_centre_x: float | None = Field(
        default=None, description="Pattern centre x, Bruker convention [fraction of width from the left]"
    )
    pattern_centre_y: float | None = Field(
        default=None, description="Pattern centre y, Bruker convention [fraction of height from the top]"
    )
    pattern_centre_z: float | None = Field(
        default=None, gt=0, description="Detector distance, Bruker convention [fraction of height]"
    )
    static_background: str | None = Field(
        default=None,
        description="Path of an image with the static background; relative paths start at the scan's folder",
    )
    pattern_height_px: int | None = Field(
        default=None, ge=1, description="Height of a pattern, for raw files without a header [pixels]"
    )
    pattern_width_px: int | None = Field(
        default=None, ge=1, description="Width of a pattern, for raw files without a header [pixels]"
    )
    scan_group: str | None = Field(
        default=None, description="Name of the scan in a file that holds several; none = the first in natural order"
    )
    oxford_patterns: Literal["processed", "unprocessed"] = Field(
        default="processed", description="Which patterns to take from an Oxford h5oina file that holds both"
    )
    eds_file: str | None = Field(
        default=None,
        description="Path of a spectrum image of the same field; relative paths start at the scan's folder; none = "
        "the one beside the scan",
    )
    eds_elements: str | None = Field(
        default=None, description="Elements to count in the spectrum image, as 'Fe Al O'; none = as it says itself"
    )
    eds_resample: bool = Field(
        default=False, description="Bring counts of another shape, step or offset to the scan's grid, by areas"
    )

    @field_validator("eds_elements")
    @classmethod
    def _known_elements(cls, eds_elements: str | None) -> str | None:
        return None if eds_elements is None else " ".join(element_symbols(eds_elements))

    def source_files(self, source: Path) -> list[Path]:
        """Every file that opening `source` with these settings may take; see `source_files`."""
        return source_files(source, self.static_background, self.eds_file)
