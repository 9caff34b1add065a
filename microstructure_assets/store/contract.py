"""The public contract: every artifact's name, what it holds, what it is made of, and its code version.

The asset graph, the keys, the catalogue's views and `docs/artifacts.md` are all derived from this one table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from microstructure_assets.errors import InputError

SCHEMA_VERSION = 1


class ArtifactUnknown(InputError, LookupError):
    """A name that no artifact has."""


@dataclass(frozen=True)
class Variable:
    """One array of an artifact."""

    name: str
    dimensions: tuple[str, ...]
    units: str
    description: str


@dataclass(frozen=True)
class Table:
    """One table of an artifact; `columns` are promised, more may follow."""

    name: str
    columns: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class ArtifactSpec:
    """What an artifact is.

    Attributes
    ----------
    name : str
        Asset key, artifact name and folder name.
    per : {"scan", "tile"}
        The partition it is made for.
    form : {"arrays", "document", "page"}
        What `microstructure path` prints: a zarr group, a JSON document or an HTML page.
    inputs : tuple of str
        Artifacts whose content is part of the key.
    after : tuple of str
        Artifacts that must exist first, though their content is not part of the key (the tiling: only the bounds of the
        artifact's own ROIs are, so that another tiling elsewhere changes nothing here).
    settings : tuple of str
        Settings groups that are part of the key.
    modules : tuple of str
        Modules whose code decides the result; a test watches them together with `code_version`.
    code_version : str
        Raised whenever the numbers may change.
    libraries : tuple of str
        Libraries that compute here; their versions are part of the key.
    """

    name: str
    per: Literal["scan", "tile"]
    form: Literal["arrays", "document", "page"]
    title: str
    inputs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    code_version: str = "1"
    libraries: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def dependencies(self) -> tuple[str, ...]:
        """Every artifact that must exist first."""
        return self.inputs + self.after


YX = ("y", "x")

ARTIFACTS: tuple[ArtifactSpec, ...] = (
    ArtifactSpec(
        name="scan_manifest",
        per="scan",
        form="document",
        title="What the scan is: files with hashes, format, grid, step, detector, phases and calibration.",
        settings=("acquisition",),
        modules=("acquisition.formats",),
        libraries=("kikuchipy",),
        tables=(Table("files", ("path", "bytes", "sha256"), "Every raw file of the scan"),),
    ),
    ArtifactSpec(
        name="preprocessed_patterns",
        per="scan",
        form="arrays",
        title="Patterns after crop, background removal and scaling, as codes with gain and offset per pattern.",
        inputs=("scan_manifest",),
        settings=("preprocessing",),
        modules=("methods.background", "methods.static_background", "methods.noise"),
        libraries=("kikuchipy",),
        variables=(
            Variable("intensity", ("y", "x", "dy", "dx"), "1", "8-bit code; pattern = offset + gain * intensity"),
            Variable("gain", YX, "intensity", "gain of each pattern's code"),
            Variable("offset", YX, "intensity", "offset of each pattern's code"),
        ),
    ),
    ArtifactSpec(
        name="pattern_quality",
        per="scan",
        form="arrays",
        title="Band contrast and mean intensity of each pattern, and the vendor's band contrast where it gives one.",
        inputs=("scan_manifest",),
        settings=("preprocessing",),
        modules=("methods.background", "methods.static_background", "methods.noise", "methods.quality"),
        libraries=("kikuchipy",),
        variables=(
            Variable("band_contrast", YX, "1", "the vendor's, else computed from the patterns"),
            Variable("mean_intensity", YX, "intensity", "mean raw intensity of the pattern"),
        ),
    ),
    ArtifactSpec(
        name="pattern_subspace",
        per="scan",
        form="arrays",
        title="Principal components of the whole scan's patterns and the energy that they leave out.",
        inputs=("preprocessed_patterns",),
        settings=("subspace",),
        modules=("methods.subspace",),
        variables=(
            Variable("loading", ("k", "dy", "dx"), "1", "orthonormal components"),
            Variable("score", ("y", "x", "k"), "intensity", "coordinates of each pattern"),
            Variable("explained_variance_ratio", ("k",), "1", "share of the total variance"),
            Variable("residual_energy", YX, "intensity²", "mean square per pixel outside the subspace"),
        ),
    ),
    ArtifactSpec(
        name="analysis_tiling",
        per="scan",
        form="document",
        title="The n x n regions of interest (ROIs) that the scan is analysed in, and the tiles that hold them.",
        inputs=("scan_manifest",),
        settings=("tiling",),
        modules=("methods.tiling",),
        tables=(
            Table(
                "tiles",
                ("slot", "roi", "row_start", "row_stop", "column_start", "column_stop"),
                "A row per ROI with its bounds in points",
            ),
        ),
    ),
    ArtifactSpec(
        name="pca_scores",
        per="tile",
        form="arrays",
        title="Principal component scores of each ROI and the number of components kept.",
        inputs=("preprocessed_patterns",),
        after=("analysis_tiling",),
        settings=("components", "knee"),
        modules=("methods.subspace", "methods.knee", "methods.noise"),
        variables=(
            Variable("score", ("y", "x", "k"), "intensity", "scores on the components kept, NaN beyond the ROI's knee"),
            Variable("explained_variance_ratio", ("roi", "k_computed"), "1", "share of the ROI's total variance"),
            Variable("knee", ("roi",), "1", "components kept"),
            Variable("noise_variance", ("roi",), "intensity²", "noise variance per pixel from neighbour differences"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
    ),
    ArtifactSpec(
        name="gmm_clusters",
        per="tile",
        form="arrays",
        title="Gaussian mixture clusters of the scores, with the criteria over the number of clusters K.",
        inputs=("pca_scores",),
        settings=("mixture",),
        modules=("methods.mixture",),
        variables=(
            Variable("cluster", YX, "1", "label, local to the ROI"),
            Variable("responsibility", ("y", "x", "cluster"), "1", "probability of each cluster"),
            Variable("cluster_count", ("roi",), "1", "clusters chosen, K"),
            Variable("limited", ("roi",), "1", "1 where the points limited K or the covariance form"),
            Variable("mean", ("roi", "cluster", "k"), "intensity", "cluster means"),
            Variable("covariance", ("roi", "cluster", "k", "k2"), "intensity²", "cluster covariances"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
        tables=(
            Table(
                "criteria",
                ("roi", "clusters", "log_likelihood", "aic", "bic", "silhouette", "composite", "chosen"),
                "The curves over K, a row per ROI and K",
            ),
        ),
    ),
    ArtifactSpec(
        name="anomalies",
        per="tile",
        form="arrays",
        title="Mahalanobis distance of each point to its cluster, and the points beyond the chi-squared quantile.",
        inputs=("pca_scores", "gmm_clusters"),
        settings=("anomalies",),
        modules=("methods.anomalies",),
        variables=(
            Variable("mahalanobis_squared", YX, "1", "squared Mahalanobis distance"),
            Variable("anomaly", YX, "1", "1 beyond the quantile"),
            Variable("threshold", ("roi",), "1", "chi-squared quantile"),
            Variable("excess", ("roi",), "1", "share flagged minus the share expected of a Gaussian"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
    ),
    ArtifactSpec(
        name="reference_windows",
        per="tile",
        form="arrays",
        title="Reference pattern of each cluster and the window that it comes from.",
        inputs=("preprocessed_patterns", "pca_scores", "gmm_clusters", "anomalies"),
        settings=("references",),
        modules=("methods.references",),
        variables=(
            Variable("reference", ("roi", "cluster", "dy", "dx"), "intensity", "reference patterns"),
            Variable("window_y", ("roi", "cluster"), "points", "row of the window's centre in the scan, -1 = none"),
            Variable("window_x", ("roi", "cluster"), "points", "column of the window's centre in the scan, -1 = none"),
            Variable("metric", ("roi", "cluster"), "1", "score of the window"),
            Variable("point_count", ("roi", "cluster"), "points", "patterns averaged"),
            Variable("reference_noise_variance", ("roi", "cluster"), "intensity²", "noise left in the reference"),
            Variable("cluster_count", ("roi",), "1", "references"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
        tables=(
            Table("windows", ("roi", "cluster", "window_y", "window_x", "metric", "fallback"), "A row per cluster"),
        ),
    ),
    ArtifactSpec(
        name="cnmf_weights",
        per="tile",
        form="arrays",
        title="Weights of the references in each pattern, with their uncertainty and the residual.",
        inputs=("preprocessed_patterns", "pca_scores", "reference_windows"),
        settings=("factorization",),
        modules=("methods.factorization",),
        variables=(
            Variable("weight", ("y", "x", "cluster"), "1", "weight of each reference"),
            Variable("weight_std", ("y", "x", "cluster"), "1", "standard deviation of the weight"),
            Variable("residual", YX, "1", "residual, root mean square over the noise deviation"),
            Variable("cluster_count", ("roi",), "1", "references"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
    ),
    ArtifactSpec(
        name="weight_boundaries",
        per="tile",
        form="arrays",
        title="Where the two dominant weights cross along x and along y, with sub-pixel positions.",
        inputs=("cnmf_weights",),
        settings=("boundaries",),
        modules=("methods.boundaries",),
        variables=(
            Variable("boundary", YX, "1", "1 at the point nearest to a crossing"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
        tables=(
            Table(
                "crossings",
                ("roi", "axis", "y", "x", "position_um", "position_std_um", "cluster_a", "cluster_b"),
                "A row per crossing",
            ),
        ),
    ),
    ArtifactSpec(
        name="segmentation_map",
        per="scan",
        form="arrays",
        title="One map of regions for the whole scan, stitched across the tiles.",
        inputs=(
            "preprocessed_patterns",
            "analysis_tiling",
            "gmm_clusters",
            "anomalies",
            "cnmf_weights",
            "weight_boundaries",
        ),
        settings=("stitching",),
        modules=("methods.stitching", "methods.noise"),
        variables=(
            Variable("region", YX, "1", "region number from 1; 0 = none"),
            Variable("anomaly", YX, "1", "1 where the tile lane flagged the point"),
            Variable("boundary", YX, "1", "1 at points beside a region boundary"),
            Variable("trusted", YX, "1", "1 where the point's region is sure"),
        ),
        tables=(
            Table(
                "regions",
                ("region", "point_count", "area_um2", "equivalent_diameter_um", "centroid_y_um", "centroid_x_um"),
                "A row per region",
            ),
            Table(
                "links",
                ("region_a", "region_b", "points_a", "points_b", "similarity", "similarity_std"),
                "A row per pair of touching pieces: how alike their mean patterns are, the noise taken off",
            ),
        ),
    ),
    ArtifactSpec(
        name="scan_report",
        per="scan",
        form="page",
        title="One self-contained page: the maps, what was found, what to distrust, and where it all comes from.",
        inputs=(
            "scan_manifest",
            "pattern_quality",
            "pattern_subspace",
            "analysis_tiling",
            "pca_scores",
            "segmentation_map",
        ),
        modules=("figures.report",),
    ),
)

BY_NAME: dict[str, ArtifactSpec] = {spec.name: spec for spec in ARTIFACTS}
TILE_ARTIFACTS: tuple[ArtifactSpec, ...] = tuple(spec for spec in ARTIFACTS if spec.per == "tile")


def artifact_spec(name: str) -> ArtifactSpec:
    """The contract of one artifact.

    Raises
    ------
    ArtifactUnknown
        If there is no artifact of this name; the message lists them.
    """
    if name not in BY_NAME:
        raise ArtifactUnknown(f"artifact {name[:60]!r}: no such artifact; there are {', '.join(BY_NAME)}")
    return BY_NAME[name]
