"""Limits of the checks; of the artifacts only the report depends on them."""

from __future__ import annotations

from pydantic import Field

from microstructure_assets.settings import Settings


class ChecksSettings(Settings):
    """From where on a check says that something is wrong."""

    unindexed_share_limit: float = Field(
        0.05, ge=0, le=1, description="Share of points without an orientation up to which all is well [fraction]"
    )
    confidence_least: float = Field(
        0.1, ge=0, le=1, description="Least median of a confidence between 0 and 1 over the indexed points"
    )
    correlation_least: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Least median of the correlation with simulated patterns over the indexed points; noise of 3,600 "
        "pixels stays below 0.12 in a dictionary",
    )
    angular_deviation_limit_deg: float = Field(
        1.0, gt=0, le=10, description="Largest median of the mean angular deviation of the bands [degrees]"
    )
    grain_diameter_least_points: float = Field(
        5.0, ge=1, description="Least mean grain diameter, by number [scan steps]"
    )
    pattern_centre_limit: float = Field(
        0.03,
        gt=0,
        le=1,
        description="How far the pattern centre may lie from the declared one, and drift over the map, along each axis "
        "[Bruker's convention: fraction of the detector's width or height]",
    )
    active_latents_least: int = Field(2, ge=1, description="Least number of latents that an autoencoder uses")
    reconstructed_share_least: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Least share of the variance of patterns that it was not trained on which an autoencoder describes "
        "[fraction]",
    )
