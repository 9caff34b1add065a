"""Settings of the chemistry lane."""

from __future__ import annotations

from pydantic import Field, field_validator

from microstructure_assets.methods.chemistry import three_elements
from microstructure_assets.settings import Settings


class ChemistrySettings(Settings):
    """Element maps (Zhang et al., section 2.1 and Fig. 14)."""

    colours: str = Field("Fe Al O", description="Three elements that the composite shows as red, green and blue")

    @field_validator("colours")
    @classmethod
    def _readable(cls, colours: str) -> str:
        three_elements(colours)
        return colours
