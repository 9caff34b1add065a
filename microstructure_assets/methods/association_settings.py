"""Settings of the comparison of latents with other maps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from microstructure_assets.settings import Settings


class AssociationSettings(Settings):
    """Which latents go with which maps of a scan (Zhang et al., section 3.2.3)."""

    active_variance: float = Field(
        0.01,
        ge=0,
        description="Variance over the points that a latent must exceed to be compared, in the unit of the prior's own "
        "variance; the others carry nothing",
    )
    grain_minimum_points: int = Field(
        4, ge=1, description="Points below which a grain is left out of all comparisons of grains [points]"
    )
    most_grains: int = Field(
        5000, ge=50, description="Grains that are compared at most, a fixed random draw where a scan has more"
    )
    fewest_grains: int = Field(
        30, ge=10, description="Grains, beyond the functions of the baseline, below which nothing is tested"
    )
    rank_points: int = Field(
        20000,
        ge=100,
        description="Points that Spearman's and Kendall's coefficients are computed from, a fixed random draw where a "
        "scan has more [points]",
    )
    permutations: int = Field(
        999, ge=99, le=99999, description="Random permutations of the grains; the least p is 1 / (permutations + 1)"
    )
    level: float = Field(
        0.05, gt=0, lt=0.5, description="Rate of false findings, over all latents and maps together, of each verdict"
    )
    grain_weights: Literal["noise", "equal"] = Field(
        "noise",
        description="noise: a grain counts by how sure its mean is, from its number of points and the scatter inside "
        "grains; equal: all grains count alike",
    )
    effective_grains: bool = Field(
        True,
        description="Whether grains that resemble their neighbours count as fewer than they are; permuting takes all "
        "grains as independent",
    )
    baseline_degree: int = Field(
        2, ge=1, le=4, description="Degree of the polynomial in each map of the baseline, in each phase"
    )
    orientation_degree: Literal[0, 2, 4, 6] = Field(
        4, description="Highest degree of the symmetric functions of orientation in the baseline; 0 = none"
    )
    trend_degree: int = Field(
        2, ge=0, le=4, description="Degree of the polynomial in the place of a grain in the baseline; 0 = none"
    )
    grains_per_function: int = Field(
        3,
        ge=2,
        description="Grains of a phase that each of its baseline functions needs; phases with fewer take no part",
    )
    boundary_points: int = Field(
        1, ge=0, le=20, description="Points on each side of a boundary that gradients inside grains leave out [points]"
    )
    seed: int = Field(0, ge=0, description="Seed of the draws and permutations")
