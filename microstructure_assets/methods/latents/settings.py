"""Settings of the latent lane; units and bounds are in each field."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from microstructure_assets.settings import Settings


class LatentSettings(Settings):
    """Clusters, embedding and bands of the latents (Zhang et al., section 3.2.3)."""

    pore_filter: Literal["none", "threshold", "quantile"] = Field(
        "quantile",
        description="Points left out as pores: below a threshold of the normalised band contrast, or the lowest share",
    )
    pore_threshold: float = Field(
        0.176,
        ge=0,
        le=1,
        description="Band contrast, from 0 (least of the scan) to 1 (greatest), below which is a pore",
    )
    pore_share: float = Field(0.1, ge=0, lt=1, description="Share of the points of lowest band contrast that are pores")
    cluster_count: int | None = Field(
        None, ge=1, le=100, description="Number of clusters; none: that of the greatest silhouette"
    )
    cluster_maximum: int = Field(10, ge=2, le=100, description="Most clusters that are tried")
    silhouette_least: float = Field(
        0.1, ge=-1, le=1, description="Mean silhouette below which the latents count as one cluster"
    )
    embedded_points: int = Field(
        3000,
        ge=50,
        le=100_000,
        description="Points that the embedding is fitted to; the others lie among their nearest",
    )
    perplexity: float = Field(30.0, ge=2, le=500, description="Number of neighbours that the embedding keeps near")
    bands: int = Field(2, ge=2, le=20, description="Quantile bands of a latent")
    banded_latents: int = Field(6, ge=1, le=100, description="Latents that are shown in bands")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of k-means, its sample, and the embedding")
