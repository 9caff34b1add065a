"""Settings of the crystallography lane; units and bounds are in each field."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from microstructure_assets.methods.crystallography.twin_laws import twin_laws
from microstructure_assets.settings import Settings


class CrystallographySettings(Settings):
    """Maps of orientations, kernel averages, grains and their statistics (Zhang et al., section 3.1)."""

    inverse_pole_figure_direction: Literal["x", "y", "z"] = Field(
        "z", description="Sample direction whose place in the crystal the colours show; z is the surface normal"
    )
    kernel_order: int = Field(
        1, ge=1, le=10, description="Steps from a point to its farthest neighbours in the kernel average [points]"
    )
    kernel_corners: bool = Field(
        False, description="Whether points that share only a corner are neighbours (8 in place of 4) on square grids"
    )
    kernel_perimeter: bool = Field(
        False, description="Only the neighbours that are exactly kernel_order steps away, not those nearer"
    )
    kernel_limit_deg: float = Field(
        5.0, gt=0, le=180, description="Misorientation above which a neighbour is left out of the average [degrees]"
    )
    grain_threshold_deg: float = Field(
        2.0, gt=0, le=180, description="Misorientation from which neighbouring points belong to two grains [degrees]"
    )
    grain_minimum_points: int = Field(
        3, ge=1, description="Points below which a grain is dissolved, and its points join their neighbours"
    )
    grain_fill_points: int = Field(
        20, ge=0, description="Points up to which an area without grain is filled by its neighbours; larger ones stay"
    )
    subgrain_deg: float = Field(
        1.0, gt=0, le=180, description="Misorientation from which a side inside a grain counts as boundary [degrees]"
    )
    high_angle_deg: float = Field(
        15.0, gt=0, le=180, description="Misorientation from which a boundary is of high angle [degrees]"
    )
    twin_laws: str = Field(
        "m-3m 60 <1 1 1>; 6/mmm 86.3 <1 1 -2 0>",
        description="Laue group, angle [degrees] and direction of each twin law, between semicolons; 86.3 degrees is "
        "the extension twin of magnesium",
    )
    twin_tolerance_deg: float = Field(
        5.0, gt=0, le=30, description="Deviation up to which a boundary obeys a twin law [degrees]"
    )

    @field_validator("twin_laws")
    @classmethod
    def _readable(cls, laws: str) -> str:
        twin_laws(laws)
        return laws
