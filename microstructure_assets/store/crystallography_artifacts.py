"""Artifacts of the conventional analysis: orientations, phases, kernel averages and grains of a scan."""

from __future__ import annotations

from microstructure_assets.store.scan_artifacts import COUNTING, READING
from microstructure_assets.store.specs import KERNELS, READERS, YX, ArtifactSpec, Table, Variable


def _settings(*names: str) -> tuple[str, ...]:
    return tuple(f"crystallography.{name}" for name in names)


#: What indexing needs of the calibration, beside what decides which patterns are read.
CALIBRATION = tuple(
    f"acquisition.{name}"
    for name in ("beam_energy_kev", "sample_tilt_deg", *(f"pattern_centre_{axis}" for axis in "xyz"))
)
INDEXING = tuple(sorted({*READERS, "dask", "diffpy.structure", "kikuchipy", "pyebsdindex", "scipy"}))

#: Columns of `grain_statistics` whose names do not depend on settings.
GRAIN_COLUMNS = (
    "grain",
    "phase",
    "phase_name",
    "point_count",
    "area_um2",
    "equivalent_diameter_um",
    "centroid_y_um",
    "centroid_x_um",
    "aspect_ratio",
    "long_axis_deg",
    "touches_edge",
    "quaternion_w",
    "quaternion_x",
    "quaternion_y",
    "quaternion_z",
    "orientation_spread_deg",
    "kernel_average_deg",
    "neighbours",
    "boundary_phase_um",
    "twin_boundary_um",
)

CRYSTALLOGRAPHY_ARTIFACTS: tuple[ArtifactSpec, ...] = (
    ArtifactSpec(
        name="orientation_map",
        per="scan",
        form="arrays",
        title="Crystal orientation of each point and how sure it is: the vendor's indexing, else that of the patterns.",
        if_there=("preprocessed_patterns",),
        after=("scan_manifest",),
        raw_files="but element files",
        settings=(*READING, *CALIBRATION, "indexing"),
        declared_files=("indexing.master_patterns",),
        code_version="4",
        libraries=INDEXING,
        variables=(
            Variable(
                "quaternion",
                ("y", "x", "component"),
                "1",
                "sample to crystal, scalar part first; 1 0 0 0 = not indexed",
            ),
            Variable("confidence", YX, "1", "as `confidence_name` says; NaN where none is known"),
        ),
    ),
    ArtifactSpec(
        name="phase_map",
        per="scan",
        form="arrays",
        title="Phase of each point.",
        if_there=("preprocessed_patterns",),
        after=("scan_manifest",),
        raw_files="but element files",
        settings=(*READING, *CALIBRATION, "indexing"),
        declared_files=("indexing.master_patterns",),
        code_version="4",
        libraries=INDEXING,
        variables=(Variable("phase", YX, "1", "number of the phase from 1; 0 = not indexed"),),
        tables=(Table("phases", ("phase", "name", "point_group", "space_group", "points"), "A row per phase"),),
    ),
    ArtifactSpec(
        name="ipf_map",
        per="scan",
        form="arrays",
        title="Orientations as colours of the inverse pole figure.",
        inputs=("orientation_map", "phase_map"),
        settings=_settings("inverse_pole_figure_direction"),
        code_version="4",
        libraries=(*KERNELS, "orix"),
        variables=(Variable("rgb", ("y", "x", "channel"), "1", "red, green, blue; black = not indexed"),),
    ),
    ArtifactSpec(
        name="kernel_average_misorientation",
        per="scan",
        form="arrays",
        title="Mean misorientation of each point to its neighbours.",
        inputs=("orientation_map", "phase_map"),
        settings=_settings("kernel_order", "kernel_corners", "kernel_perimeter", "kernel_limit_deg"),
        code_version="4",
        libraries=(*KERNELS, "orix"),
        variables=(Variable("kam_degrees", YX, "degrees", "NaN where not indexed or no neighbour counts"),),
    ),
    ArtifactSpec(
        name="grains",
        per="scan",
        form="arrays",
        title="Grains: connected points whose neighbours differ by less than a threshold.",
        inputs=("orientation_map", "phase_map"),
        settings=_settings("grain_threshold_deg", "grain_minimum_points", "grain_fill_points"),
        code_version="4",
        libraries=(*KERNELS, "orix"),
        variables=(
            Variable("grain", YX, "1", "number of the grain from 1; 0 = none"),
            Variable("measured", YX, "1", "0 where a point was given to its grain by its neighbours"),
        ),
    ),
    ArtifactSpec(
        name="grain_statistics",
        per="scan",
        form="document",
        title="Size, shape, orientation, neighbours and boundaries of each grain.",
        inputs=("orientation_map", "phase_map", "kernel_average_misorientation", "grains"),
        settings=_settings("grain_threshold_deg", "subgrain_deg", "high_angle_deg", "twin_laws", "twin_tolerance_deg"),
        code_version="5",
        libraries=(*KERNELS, "orix"),
        tables=(
            Table("grain_statistics", GRAIN_COLUMNS, "A row per grain"),
            Table("twin_laws", ("law", "boundary_um", "share", "pairs"), "A row per twin law"),
        ),
    ),
)

CHEMISTRY_ARTIFACTS: tuple[ArtifactSpec, ...] = (
    ArtifactSpec(
        name="element_maps",
        per="scan",
        form="arrays",
        title="Counts of each X-ray line at each point, and three elements as colours.",
        after=("scan_manifest",),
        needs=("element_maps",),
        raw_files="all",
        settings=(*READING, *COUNTING, "chemistry"),
        libraries=(*READERS, "exspy"),
        variables=(
            Variable("counts", ("element", "y", "x"), "counts", "of each line, in the order and unit of the table"),
            Variable("rgb", ("y", "x", "channel"), "1", "three elements as red, green, blue; no shares"),
        ),
        tables=(Table("elements", ("line", "element", "unit", "mean"), "A row per line"),),
    ),
)
