"""The public contract: every artifact's name, what it holds, what it is made of, and its code version.

The asset graph, the keys, the catalogue's views and `docs/artifacts.md` are all derived from this one table.
"""

from __future__ import annotations

from microstructure_assets.errors import InputError
from microstructure_assets.store.specs import ArtifactSpec, Table, Variable

SCHEMA_VERSION = 1


class ArtifactUnknown(InputError, LookupError):
    """A name that no artifact has."""


YX = ("y", "x")
# SOFTWARE is what the report says that the scan was characterised with.
KERNELS = ("numba", "numpy")
NUMERICS = (*KERNELS, "scipy")
SOFTWARE = ("microstructure-assets", "dagster", *NUMERICS, "scikit-learn", "orix", "zarr", "matplotlib", "pillow")
READERS = ("h5py", *KERNELS, "orix", "pillow", "rosettasciio", "tifffile")

# What decides which patterns and maps are read. The rest of what may be declared (tilt, pattern centre, beam energy) is
# for indexing: declaring it must not make the patterns again.
READING = tuple(
    f"acquisition.{name}"
    for name in (
        "rows",
        "columns",
        "step_x_um",
        "step_y_um",
        "static_background",
        "pattern_height_px",
        "pattern_width_px",
        "scan_group",
        "oxford_patterns",
    )
)

ARTIFACTS: tuple[ArtifactSpec, ...] = (
    ArtifactSpec(
        name="scan_manifest",
        per="scan",
        form="document",
        title="What the scan is: files with hashes, format, grid, step, detector, phases and calibration.",
        settings=("acquisition",),
        code_version="2",
        libraries=READERS,
        tables=(Table("files", ("path", "bytes", "sha256"), "Every raw file of the scan"),),
    ),
    ArtifactSpec(
        name="preprocessed_patterns",
        per="scan",
        form="arrays",
        title="Patterns after crop, background removal and scaling, as codes with gain and offset per pattern.",
        after=("scan_manifest",),
        raw_files=True,
        settings=(*READING, "preprocessing"),
        code_version="2",
        libraries=(*READERS, "scipy"),
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
        after=("scan_manifest",),
        raw_files=True,
        settings=(*READING, "preprocessing"),
        code_version="2",
        libraries=(*READERS, "scipy"),
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
        code_version="2",
        libraries=(*NUMERICS, "scikit-learn"),
        variables=(
            Variable("loading", ("k", "dy", "dx"), "1", "orthonormal components"),
            Variable("score", ("y", "x", "k"), "intensity", "coordinates of each pattern"),
            Variable("explained_variance_ratio", ("k",), "1", "share of the total variance"),
            Variable("residual_energy", YX, "intensity²", "mean square per pixel outside the subspace"),
        ),
    ),
    ArtifactSpec(
        name="nmi_scale_curve",
        per="scan",
        form="document",
        title="Agreement of the clusters of scores and of weights over all tilings, and the tiling where it is best.",
        inputs=("preprocessed_patterns",),
        settings=("scale", "components", "knee", "mixture", "anomalies", "references", "factorization"),
        libraries=NUMERICS,
        tables=(
            Table(
                "curve",
                (
                    "n",
                    "k_max",
                    "roi_height_um",
                    "roi_width_um",
                    "nmi_mean",
                    "nmi_std",
                    "nmi_max",
                    "nmi_null",
                    "ami_mean",
                    "clusters_mean",
                    "roi_count",
                    "single_cluster_fraction",
                ),
                "A row per tiling n and cap on the number of clusters K",
            ),
            Table(
                "rois",
                ("n", "k_max", "roi", "row_start", "row_stop", "column_start", "column_stop", "nmi", "ami"),
                "A row per ROI, tiling and cap",
            ),
            Table(
                "offsets",
                ("n", "offset_y", "offset_x", "roi_count", "nmi_mean"),
                "The tilings around the recommended one with the grid of ROIs at four places",
            ),
        ),
    ),
    ArtifactSpec(
        name="analysis_tiling",
        per="scan",
        form="document",
        title="The n x n regions of interest (ROIs) that the scan is analysed in, and the tiles that hold them.",
        after=("scan_manifest",),
        pinned=("nmi_scale_curve",),
        raw_files=True,
        settings=("tiling",),
        code_version="2",
        libraries=KERNELS,
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
        code_version="2",
        libraries=NUMERICS,
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
        code_version="2",
        libraries=NUMERICS,
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
        libraries=NUMERICS,
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
        title="Reference pattern of each cluster, then of grains around the ROI that no cluster stands for.",
        inputs=("preprocessed_patterns", "pca_scores", "gmm_clusters", "anomalies"),
        settings=("references",),
        code_version="2",
        libraries=NUMERICS,
        variables=(
            Variable("reference", ("roi", "cluster", "dy", "dx"), "intensity", "patterns: clusters, then neighbours"),
            Variable("window_y", ("roi", "cluster"), "points", "row of the window's centre in the scan, -1 = none"),
            Variable("window_x", ("roi", "cluster"), "points", "column of the window's centre in the scan, -1 = none"),
            Variable("metric", ("roi", "cluster"), "1", "score of the window"),
            Variable("point_count", ("roi", "cluster"), "points", "patterns averaged"),
            Variable("reference_noise_variance", ("roi", "cluster"), "intensity²", "noise left in the reference"),
            Variable("cluster_count", ("roi",), "1", "references, those of neighbours counted"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
        tables=(
            Table(
                "windows",
                ("roi", "cluster", "window_y", "window_x", "metric", "source", "fallback"),
                "A row per reference",
            ),
        ),
    ),
    ArtifactSpec(
        name="cnmf_weights",
        per="tile",
        form="arrays",
        title="Weights of the references in each pattern, with their uncertainty and the residual.",
        inputs=("preprocessed_patterns", "pca_scores", "reference_windows"),
        settings=("factorization",),
        code_version="3",
        libraries=NUMERICS,
        variables=(
            Variable("weight", ("y", "x", "cluster"), "1", "weight of each reference: clusters, then neighbours"),
            Variable("weight_std", ("y", "x", "cluster"), "1", "standard deviation of the weight"),
            Variable("residual", YX, "1", "residual, root mean square over the noise deviation"),
            Variable("cluster_count", ("roi",), "1", "references, those of neighbours counted"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
    ),
    ArtifactSpec(
        name="weight_boundaries",
        per="tile",
        form="arrays",
        title="Where the two dominant weights cross along x and along y, with sub-pixel positions.",
        inputs=("gmm_clusters", "cnmf_weights"),
        settings=("boundaries",),
        code_version="2",
        libraries=NUMERICS,
        variables=(
            Variable("boundary", YX, "1", "1 at the point nearest to a crossing"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
        tables=(
            Table(
                "crossings",
                ("roi", "axis", "y", "x", "position_um", "position_std_um", "cluster_a", "cluster_b"),
                "A row per crossing, between references",
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
            "pca_scores",
            "gmm_clusters",
            "anomalies",
            "weight_boundaries",
        ),
        settings=("preprocessing", "stitching"),
        code_version="2",
        libraries=NUMERICS,
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
            "preprocessed_patterns",
            "pattern_quality",
            "pattern_subspace",
            "nmi_scale_curve",
            "analysis_tiling",
            "pca_scores",
            "gmm_clusters",
            "anomalies",
            "reference_windows",
            "cnmf_weights",
            "weight_boundaries",
            "segmentation_map",
        ),
        code_version="3",
        libraries=SOFTWARE,
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
