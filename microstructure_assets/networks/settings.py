"""Settings of the networks; units and bounds are in each field."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from microstructure_assets.settings import Settings


class AutoencoderSettings(Settings):
    """The variational autoencoder of patterns (Zhang et al., section 2.2.3, Fig. 4, Eqs. 12 and 13)."""

    latent_dimensions: int | None = Field(
        None,
        ge=2,
        le=2048,
        description="Dimensions of the latent space; none: suggested from the components above the noise (paper: 512)",
    )
    loss: Literal["elbo", "paper"] = Field(
        "elbo",
        description="elbo: squared error summed over pixels, over a noise variance that is learned; paper: its mean "
        "over pixels, which makes beta heavier by their number",
    )
    beta: float = Field(1.0, gt=0, le=1000, description="Weight of the divergence from the normal law")
    warm_up_share: float = Field(
        0.2, ge=0, le=1, description="Share of the epochs over which beta grows from zero to its value"
    )
    epochs: int = Field(30, ge=1, le=10_000, description="Most passes over the training patterns")
    patience: int = Field(5, ge=1, le=1000, description="Epochs without a better held-out loss before it ends")
    batch_patterns: int = Field(64, ge=2, le=8192, description="Patterns in a step")
    learning_rate: float = Field(5e-4, gt=0, le=1, description="Step size of Adam")
    training_points: int = Field(
        4000, ge=20, le=10_000_000, description="Most points that it is trained on, drawn at random from the scan"
    )
    held_out_share: float = Field(0.1, gt=0, le=0.5, description="Share of them that it does not learn from")
    side_limit_px: int = Field(
        128, ge=16, le=4096, description="Side above which patterns are averaged over blocks of pixels [px]"
    )
    repeats: int = Field(
        5, ge=1, le=50, description="Trainings from different starts; a latent is held against its match in each"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the draw of the points and of the first start")
