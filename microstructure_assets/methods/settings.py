"""Settings of the pattern lane's methods, one flat frozen group per step; units and bounds are in each field."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from microstructure_assets.settings import Settings

#: K_max of the scale curves.
CLUSTER_CAPS = (5, 10, 20, 40)


class PreprocessingSettings(Settings):
    """Crop, background removal and intensity scale of each pattern (Zhang et al., section 2.2.1)."""

    crop_height_px: int = Field(
        400, ge=0, description="Height of the centred crop [px]; applied only to larger detectors; 0 = no crop"
    )
    crop_width_px: int = Field(
        500, ge=0, description="Width of the centred crop [px]; applied only to larger detectors; 0 = no crop"
    )
    static_background: Literal["auto", "scan", "none"] = Field(
        "auto",
        description="auto: remove the scan's static background, estimated from its patterns where it brings none; "
        "scan: only one that the scan brings, as published",
    )
    dynamic_background: Literal["frequency", "none"] = Field(
        "frequency", description="Gaussian high-pass in the frequency domain, or none"
    )
    dynamic_std_px: float | None = Field(
        None, gt=0, description="Standard deviation of the Gaussian [px]; none = pattern width / 8"
    )
    intensity: Literal["zero_mean", "paper"] = Field(
        "zero_mean", description="zero_mean: mean removed, gain kept; paper: each pattern rescaled to 0-1"
    )


class SubspaceSettings(Settings):
    """Whole-scan subspace."""

    component_count: int = Field(50, ge=1, le=2000, description="Number of components of the whole-scan subspace")
    route: Literal["exact", "block", "ipca"] = Field(
        "exact",
        description="exact: covariance up to 4,096 pixels, block iteration above; block: always block iteration; "
        "ipca: incremental PCA as published",
    )
    ipca_batch_points: int = Field(250, ge=2, description="Points in a batch of the ipca route; limits its components")
    seed: int = Field(0, ge=0, description="Seed of the random start where one is used")


class TilingSettings(Settings):
    """The analysis tiling, n x n regions of interest (ROIs)."""

    n: int | None = Field(None, ge=1, le=64, description="ROIs along each axis; none = as chosen by `choice`")
    choice: Literal["scale_curve", "points_per_roi"] = Field(
        "scale_curve",
        description="scale_curve: where the clusters of scores and of weights agree best, points_per_roi where the "
        "curve recommends nothing; points_per_roi: by the number of points alone",
    )
    points_per_roi: int = Field(600, ge=9, description="Points that a ROI should hold where the curve does not choose")
    choice_number: int = Field(
        1, ge=1, description="A tiling stays when the curve changes; raise this to choose it anew from the curve"
    )


class ScaleSettings(Settings):
    """Agreement of the clusters of scores and of weights, by the size of the ROIs (Zhang et al., section 3.2.2)."""

    coarsest_tiling: int = Field(2, ge=1, le=64, description="Fewest ROIs along each axis")
    finest_tiling: int = Field(30, ge=1, le=64, description="Most ROIs along each axis")
    fewest_points: int = Field(60, ge=9, description="Points that a ROI must hold; finer tilings are left out [points]")
    cluster_cap: int = Field(
        20, description="K_max of the curve that recommends a tiling, one of 5, 10, 20 and 40; all four are stored"
    )
    clusters_of_weights: Literal["noise_floor", "anew", "scores"] = Field(
        "noise_floor",
        description="noise_floor: K selected anew, no cluster narrower than the noise of the weights; anew: K selected "
        "anew, as the paper's text; scores: K of the scores, as the authors' code",
    )
    starts: int = Field(1, ge=1, le=100, description="k-means++ starts per K")
    fitted_points: int = Field(
        4096, ge=500, description="Points of a ROI that mixtures are fitted to, where it holds more"
    )
    control_points: int = Field(
        600, ge=100, description="Points of every ROI that a control clusters, so that ROIs of all sizes have as many"
    )
    route: Literal["automatic", "exact"] = Field(
        "automatic",
        description="automatic: patterns of large detectors are binned where that keeps enough of the signal; "
        "exact: never",
    )
    least_binned_signal: float = Field(
        0.9, gt=0, le=1, description="Share of the signal's energy that binned patterns must keep to be taken"
    )
    resamplings: int = Field(2000, ge=100, le=100_000, description="Bootstrap draws of the intervals")
    seed: int = Field(0, ge=0, description="Seed of the draws")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.coarsest_tiling > self.finest_tiling:
            raise ValueError(f"coarsest_tiling {self.coarsest_tiling} is finer than finest_tiling {self.finest_tiling}")
        if self.cluster_cap not in CLUSTER_CAPS:
            raise ValueError(f"cluster_cap {self.cluster_cap} is none of {', '.join(map(str, CLUSTER_CAPS))}")
        return self


class ComponentsSettings(Settings):
    """Principal components of a ROI (Zhang et al., Eq. 1)."""

    component_limit: int = Field(
        30, ge=2, le=1000, description="p, the number of components computed (limited by the ROI's points)"
    )
    route: Literal["exact", "ipca"] = Field(
        "exact",
        description="exact: leading components of all points; ipca: incremental PCA, as published for large ROIs",
    )
    ipca_batch_points: int = Field(250, ge=2, description="Points in a batch of the ipca route; limits its components")


class KneeSettings(Settings):
    """How many components are kept (Zhang et al., Eqs. 2-4)."""

    method: Literal["noise_edge", "paper"] = Field(
        "noise_edge",
        description="noise_edge: components above the noise edge (Marchenko-Pastur); "
        "paper: knee of the cumulative variance",
    )
    minimum: int = Field(2, ge=1, description="Fewest components kept, k_min")
    maximum: int = Field(10, ge=1, le=100, description="Most components kept by noise_edge")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is larger than maximum {self.maximum}")
        return self


class MixtureSettings(Settings):
    """Gaussian mixture over the scores and the choice of the number of clusters K (Zhang et al., Eqs. 5-7)."""

    criterion: Literal["icl", "bic", "paper", "paper_rank", "paper_normalised"] = Field(
        "icl",
        description="How K is chosen. icl: BIC plus label entropy; bic; paper: weighted raw sum of AIC, BIC and "
        "silhouette; paper_rank: the same on ranks; paper_normalised: the same on one scale",
    )
    minimum_clusters: int = Field(1, ge=1, description="K_min; the paper's criteria start at 2")
    maximum_clusters: int = Field(16, ge=1, le=60, description="K_max")
    covariance: Literal["automatic", "full", "tied", "diagonal", "spherical"] = Field(
        "automatic", description="Covariance form; automatic: spherical for icl and bic, full for the paper's criteria"
    )
    points_per_parameter: float = Field(
        5.0, gt=0, description="Points per free parameter below which K and the covariance form are limited"
    )
    weight_aic: float | None = Field(None, ge=0, description="w1 of Eq. 6, on AIC; none = 1, or 0.2 for paper_rank")
    weight_bic: float | None = Field(None, ge=0, description="w2 of Eq. 6, on BIC; none = 1, or 0.6 for paper_rank")
    weight_silhouette: float | None = Field(
        None, ge=0, description="w3 of Eq. 6, on the silhouette; none = 1, or 0.2 for paper_rank"
    )
    starts: int = Field(3, ge=1, le=100, description="k-means++ starts per K")
    silhouette_sample: int = Field(
        2000, ge=100, description="Points above which the silhouette is sampled, stratified by cluster"
    )
    seed: int = Field(0, ge=0, description="Seed of the starts")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum_clusters > self.maximum_clusters:
            raise ValueError(
                f"minimum_clusters {self.minimum_clusters} is larger than maximum_clusters {self.maximum_clusters}"
            )
        return self


class AnomaliesSettings(Settings):
    """Points far from their cluster (Zhang et al., Eqs. 8-9)."""

    probability: float = Field(
        0.95, gt=0.5, lt=1, description="Quantile of the chi-squared law beyond which a point is an anomaly"
    )
    covariance: Literal["pooled", "paper"] = Field(
        "pooled", description="pooled: one covariance, of the core of all clusters; paper: each component's own"
    )
    core: float = Field(
        0.5, gt=0.1, le=1, description="Share of the points nearest to their centres that makes the pooled covariance"
    )


class ReferencesSettings(Settings):
    """Reference pattern of each cluster (Zhang et al., Eq. 11)."""

    method: Literal["denoised", "paper"] = Field(
        "denoised", description="denoised: as many inner points as there are; paper: mean of one 3x3 window"
    )
    candidates: int = Field(10, ge=1, description="Most central points whose windows are scored by paper")
    weight_mean: float = Field(1.0, ge=0, description="w1 of Eq. 11, on the mean Mahalanobis distance of the window")
    weight_variance: float = Field(1.0, ge=0, description="w2 of Eq. 11, on its variance")
    wanted_points: int = Field(
        25, ge=1, description="Points that denoised wants before it goes deeper into the cluster"
    )
    margin_points: int = Field(
        8,
        ge=0,
        le=64,
        description="Points around a ROI in which denoised looks for the cores of its grains; 0 = the ROI alone",
    )
    equivalence_tolerance: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="1 - squared correlation of mean patterns below which denoised takes two clusters for one",
    )
    central_share: float = Field(
        0.75, gt=0, le=1, description="Share of a cluster's inner points, the most central, that denoised may use"
    )

    @property
    def margin(self) -> int:
        """Points around a ROI that the method looks at."""
        return self.margin_points if self.method == "denoised" else 0


class FactorizationSettings(Settings):
    """Constrained non-negative matrix factorization with the references fixed (Zhang et al., Eq. 10)."""

    form: Literal["noise_corrected", "paper"] = Field(
        "noise_corrected",
        description="noise_corrected: noise of the references taken off, weights sum to one; paper: free sum",
    )
    reach_points: int = Field(
        3,
        ge=0,
        le=100,
        description="noise_corrected: a reference takes part this near to where it dominates [points]; 0 = everywhere",
    )
    equivalence_tolerance: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="noise_corrected leaves out a reference that another equals but for this share of its energy",
    )
    mixed_tolerance: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="noise_corrected leaves out a reference that a mixture of others comes nearer to than any of them, "
        "down to this share of the squared distance; 0 = none",
    )

    @property
    def margin(self) -> int:
        """Points around a ROI that the form looks at, as a grain beyond the edge dominates there only."""
        return self.reach_points if self.form == "noise_corrected" else 0


class BoundariesSettings(Settings):
    """Where the two dominant weights cross, along x and along y."""

    interpolation: Literal["gaussian", "linear"] = Field(
        "gaussian",
        description="Between two points. gaussian: exact for a Gaussian interaction volume; linear: as published",
    )


class StitchingSettings(Settings):
    """Matching of regions inside tiles and across their seams."""

    piece_similarity: float = Field(
        0.8, gt=0, lt=1, description="Correlation of noise-free mean patterns from which touching pieces are one [-]"
    )
    region_similarity: float = Field(
        0.5, gt=0, lt=1, description="Correlation from which touching pieces belong to one region [-]"
    )
    contrast_factor: float = Field(
        1.4, gt=1, le=100, description="Factor by which the contrast may differ within a region [-]"
    )
    mixture_tolerance: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="Share of a piece's signal that a mixture of its neighbours may leave unexplained [-]",
    )
    mixture_caution: float = Field(
        3.0, ge=0, description="Standard errors by which a piece must differ from mixtures of its neighbours [-]"
    )
    caution: float = Field(1.0, ge=0, description="Standard errors taken off a similarity when pairs are ordered [-]")
    rounds: int = Field(4, ge=2, le=20, description="Rounds in which the points are refined")
    reach: int = Field(3, ge=1, le=10, description="Least distance up to which a point may join a piece [points]")
    pure_share: float = Field(0.85, gt=0, lt=1, description="Share from which a point counts in its piece's mean [-]")
    trusted_confidence: float = Field(
        0.9, ge=0, le=1, description="Probability of its region from which a point is trusted [-]"
    )
