"""Artifacts of a whole scan that come before its tiles."""

from __future__ import annotations

from microstructure_assets.store.specs import KERNELS, NUMERICS, READERS, YX, ArtifactSpec, Table, Variable

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
# What decides the counts of a spectrum image beside that; a line is chosen below the beam energy.
COUNTING = tuple(f"acquisition.{name}" for name in ("eds_file", "eds_elements", "eds_resample", "beam_energy_kev"))

SCAN_ARTIFACTS: tuple[ArtifactSpec, ...] = (
    ArtifactSpec(
        name="scan_manifest",
        per="scan",
        form="document",
        title="What the scan is: files with hashes, format, grid, step, detector, phases and calibration.",
        settings=("acquisition",),
        code_version="2",
        libraries=(*READERS, "exspy"),
        tables=(Table("files", ("path", "bytes", "sha256"), "Every raw file of the scan"),),
    ),
    ArtifactSpec(
        name="preprocessed_patterns",
        per="scan",
        form="arrays",
        title="Patterns after crop, background removal and scaling, as codes with gain and offset per pattern.",
        after=("scan_manifest",),
        needs=("patterns",),
        raw_files="but element files",
        settings=(*READING, "preprocessing"),
        code_version="4",
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
        needs=("patterns",),
        raw_files="but element files",
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
        code_version="4",
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
        code_version="5",
        libraries=(*NUMERICS, "scikit-learn"),
        tables=(
            Table(
                "curve",
                (
                    "n",
                    "k_max",
                    "roi_height_um",
                    "roi_width_um",
                    "nmi_mean",
                    "nmi_mean_low",
                    "nmi_mean_high",
                    "nmi_std",
                    "nmi_max",
                    "nmi_null",
                    "nmi_above_null",
                    "nmi_mean_scikit",
                    "nmi_mean_zero",
                    "nmi_mean_fixed_points",
                    "ami_mean",
                    "clusters_mean",
                    "roi_count",
                    "scored_count",
                    "single_cluster_fraction",
                    "limited_fraction",
                ),
                "A row per tiling n and cap on the number of clusters K",
            ),
            Table(
                "rois",
                (
                    "n",
                    "k_max",
                    "roi",
                    "row_start",
                    "row_stop",
                    "column_start",
                    "column_stop",
                    "points",
                    "clusters_scores",
                    "clusters_weights",
                    "limited",
                    "nmi",
                    "ami",
                    "nmi_null",
                ),
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
        raw_files="but element files",
        settings=("tiling",),
        code_version="3",
        libraries=KERNELS,
        tables=(
            Table(
                "tiles",
                ("slot", "roi", "row_start", "row_stop", "column_start", "column_stop"),
                "A row per ROI with its bounds in points",
            ),
        ),
    ),
)
