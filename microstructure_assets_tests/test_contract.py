"""The public contract, written here by hand as it was promised: names may be added, none of these may change."""

from __future__ import annotations

from pathlib import Path

from microstructure_assets.store.contract import ARTIFACTS, BY_NAME
from microstructure_assets.store.contract_page import contract_markdown

PROMISED: dict[str, tuple[str, dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]] = {
    "scan_manifest": ("scan", {}, {}),
    "preprocessed_patterns": (
        "scan",
        {"intensity": ("y", "x", "dy", "dx"), "gain": ("y", "x"), "offset": ("y", "x")},
        {},
    ),
    "pattern_quality": ("scan", {"band_contrast": ("y", "x"), "mean_intensity": ("y", "x")}, {}),
    "pattern_subspace": (
        "scan",
        {
            "loading": ("k", "dy", "dx"),
            "score": ("y", "x", "k"),
            "explained_variance_ratio": ("k",),
            "residual_energy": ("y", "x"),
        },
        {},
    ),
    "nmi_scale_curve": (
        "scan",
        {},
        {
            "curve": (
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
            "rois": ("n", "k_max", "roi", "nmi"),
        },
    ),
    "analysis_tiling": ("scan", {}, {"tiles": ("slot", "row_start", "row_stop", "column_start", "column_stop")}),
    "pca_scores": ("tile", {"score": ("y", "x", "k"), "knee": ("roi",), "roi": ("y", "x")}, {}),
    "gmm_clusters": (
        "tile",
        {
            "cluster": ("y", "x"),
            "responsibility": ("y", "x", "cluster"),
            "cluster_count": ("roi",),
            "roi": ("y", "x"),
        },
        {"criteria": ("roi", "aic", "bic", "silhouette")},
    ),
    "anomalies": ("tile", {"mahalanobis_squared": ("y", "x"), "anomaly": ("y", "x"), "roi": ("y", "x")}, {}),
    "reference_windows": ("tile", {"reference": ("roi", "cluster", "dy", "dx"), "roi": ("y", "x")}, {}),
    "cnmf_weights": (
        "tile",
        {
            "weight": ("y", "x", "cluster"),
            "weight_std": ("y", "x", "cluster"),
            "residual": ("y", "x"),
            "roi": ("y", "x"),
        },
        {},
    ),
    "weight_boundaries": (
        "tile",
        {"boundary": ("y", "x"), "roi": ("y", "x")},
        {"crossings": ("roi", "axis", "y", "x", "position_um", "position_std_um", "cluster_a", "cluster_b")},
    ),
    "segmentation_map": (
        "scan",
        {"region": ("y", "x"), "anomaly": ("y", "x"), "boundary": ("y", "x"), "trusted": ("y", "x")},
        {"regions": ("region",)},
    ),
    "scan_report": ("scan", {}, {}),
}


def test_every_promised_artifact_variable_and_column_is_in_the_contract() -> None:
    for name, (per, variables, tables) in PROMISED.items():
        spec = BY_NAME[name]
        assert spec.per == per
        held = {variable.name: variable.dimensions for variable in spec.variables}
        assert variables.items() <= held.items(), name
        columns = {table.name: set(table.columns) for table in spec.tables}
        for table, promised in tables.items():
            assert set(promised) <= columns[table], f"{name}.{table}"


def test_inputs_exist_and_come_before_their_users() -> None:
    seen: set[str] = set()
    for spec in ARTIFACTS:
        assert set(spec.dependencies) <= seen, spec.name
        seen.add(spec.name)


def test_the_page_lists_the_contract() -> None:
    page = Path(__file__).parents[1] / "docs" / "artifacts.md"
    assert page.read_text(encoding="utf-8") == contract_markdown(), "run `make docs`"
