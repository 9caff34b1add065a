"""The public contract: every artifact's name, what it holds, what it is made of, and its code version.

The asset graph, the keys, the catalogue's views and `docs/artifacts.md` are all derived from this one table.
Artifacts of the scan stand in `scan_artifacts`, those of its tiles in `tile_artifacts`, what all of them make here.
"""

from __future__ import annotations

from functools import cache

from microstructure_assets.errors import InputError
from microstructure_assets.store.crystallography_artifacts import CHEMISTRY_ARTIFACTS, CRYSTALLOGRAPHY_ARTIFACTS
from microstructure_assets.store.latent_artifacts import LATENT_ARTIFACTS
from microstructure_assets.store.scan_artifacts import SCAN_ARTIFACTS
from microstructure_assets.store.specs import NUMERICS, YX, ArtifactSpec, Table, Variable
from microstructure_assets.store.tile_artifacts import TILE_ARTIFACTS

SCHEMA_VERSION = 1


class ArtifactUnknown(InputError, LookupError):
    """A name that no artifact has."""


# What the report says that the scan was characterised with.
SOFTWARE = ("microstructure-assets", "dagster", *NUMERICS, "scikit-learn", "orix", "zarr", "matplotlib", "pillow")

ARTIFACTS: tuple[ArtifactSpec, ...] = (
    *SCAN_ARTIFACTS,
    *TILE_ARTIFACTS,
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
        code_version="4",
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
    *CRYSTALLOGRAPHY_ARTIFACTS,
    *CHEMISTRY_ARTIFACTS,
    *LATENT_ARTIFACTS,
    ArtifactSpec(
        name="lane_agreement",
        per="scan",
        form="document",
        title="How far the lanes agree: their maps with each other, their boundaries with those of the indexing.",
        inputs=(
            "analysis_tiling",
            "gmm_clusters",
            "anomalies",
            "cnmf_weights",
            "weight_boundaries",
            "segmentation_map",
            "orientation_map",
            "phase_map",
            "grains",
            "kernel_average_misorientation",
        ),
        if_there=("element_maps", "latent_clusters"),
        settings=(
            "crystallography.subgrain_deg",
            "crystallography.grain_threshold_deg",
            "crystallography.high_angle_deg",
        ),
        code_version="3",
        libraries=(*NUMERICS, "orix", "scikit-learn"),
        tables=(
            Table(
                "partitions",
                ("lane_a", "lane_b", "over", "nmi", "ami", "ari", "rois", "rois_one_sided", "points"),
                "A row per pair of lanes: means over the ROIs, by their points; and over the whole scan",
            ),
            Table(
                "boundaries",
                ("lane", "boundary", "length_um", "found", "found_by_chance", "distance_median_points"),
                "A row per lane and class of boundaries: what share of their length the lane finds within one point",
            ),
            Table(
                "lanes",
                ("lane", "length_um", "confirmed", "confirmed_by_chance"),
                "A row per lane: what share of its boundaries lies within one point of one of the indexing",
            ),
            Table(
                "places",
                (
                    "places",
                    "boundary",
                    "points",
                    "beside",
                    "beside_by_chance",
                    "distance_median_points",
                    "distance_90_points",
                ),
                "A row per kind of marked points and class of boundaries: how near they lie",
            ),
            Table(
                "kernel_averages",
                ("places", "points", "mean_there", "mean_elsewhere", "mean_by_chance"),
                "A row per kind of marked points: mean kernel average misorientation there and elsewhere [degrees]",
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
            *(spec.name for spec in (*CRYSTALLOGRAPHY_ARTIFACTS, *CHEMISTRY_ARTIFACTS)),
            "lane_agreement",
        ),
        if_there=tuple(spec.name for spec in LATENT_ARTIFACTS),
        settings=("checks",),
        code_version="8",
        libraries=SOFTWARE,
    ),
)

BY_NAME: dict[str, ArtifactSpec] = {spec.name: spec for spec in ARTIFACTS}


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


@cache
def needs(name: str) -> frozenset[str]:
    """What a scan must hold to have this artifact: what its own contract says, and that of all above it."""
    spec = artifact_spec(name)
    above = () if spec.form == "page" else set(spec.dependencies).difference(spec.if_there)
    return frozenset(spec.needs).union(*(needs(dependency) for dependency in above))
