"""The asset graph as it is meant to be; a change of the graph changes this table too, by hand."""

from __future__ import annotations

import dagster as dg

from microstructure_assets.definitions import build_defs

GRAPH = """
analysis_tiling        scan      length_scale  nmi_scale_curve scan_manifest scan_settings
anomalies              scan|tile tiles         gmm_clusters pca_scores tile_settings
cnmf_weights           scan|tile tiles         pca_scores preprocessed_patterns reference_windows tile_settings
element_maps           scan      chemistry     scan_manifest scan_settings
gmm_clusters           scan|tile tiles         pca_scores tile_settings
grain_statistics       scan      crystallography grains kernel_average_misorientation orientation_map phase_map scan_settings
grains                 scan      crystallography orientation_map phase_map scan_settings
ipf_map                scan      crystallography orientation_map phase_map scan_settings
kernel_average_misorientation scan      crystallography orientation_map phase_map scan_settings
lane_agreement         scan      agreement     analysis_tiling anomalies cnmf_weights element_maps gmm_clusters grains kernel_average_misorientation latent_clusters orientation_map phase_map scan_settings segmentation_map weight_boundaries
latent_bands           scan      latents       latent_clusters latent_correlations pattern_vae scan_settings vae_latents
latent_clusters        scan      latents       pattern_quality pattern_vae scan_settings vae_latents
latent_correlations    scan      latents       element_maps grain_statistics grains kernel_average_misorientation latent_clusters pattern_quality pattern_vae phase_map scan_settings segmentation_map vae_latents
latent_embedding       scan      latents       latent_clusters pattern_vae scan_settings vae_latents
nmi_scale_curve        scan      length_scale  preprocessed_patterns scan_settings
orientation_map        scan      crystallography preprocessed_patterns scan_manifest scan_settings
pattern_quality        scan      patterns      scan_manifest scan_settings
pattern_subspace       scan      patterns      preprocessed_patterns scan_settings
pattern_vae            scan      latents       preprocessed_patterns scan_settings
pca_scores             scan|tile tiles         analysis_tiling preprocessed_patterns tile_settings
phase_map              scan      crystallography preprocessed_patterns scan_manifest scan_settings
preprocessed_patterns  scan      patterns      scan_manifest scan_settings
reference_windows      scan|tile tiles         anomalies gmm_clusters pca_scores preprocessed_patterns tile_settings
scan_manifest          scan      patterns      scan_settings
scan_report            scan      reports       analysis_tiling anomalies cnmf_weights element_maps gmm_clusters grain_statistics grains ipf_map kernel_average_misorientation lane_agreement latent_bands latent_clusters latent_correlations latent_embedding nmi_scale_curve orientation_map pattern_quality pattern_subspace pattern_vae pca_scores phase_map preprocessed_patterns reference_windows scan_manifest scan_settings segmentation_map vae_latents weight_boundaries
scan_settings          scan      settings
segmentation_map       scan      segmentation  analysis_tiling anomalies gmm_clusters pca_scores preprocessed_patterns scan_settings weight_boundaries
share_arrivals         -         acquisition
tile_settings          scan|tile settings
vae_latents            scan      latents       pattern_vae preprocessed_patterns scan_settings
weight_boundaries      scan|tile tiles         cnmf_weights gmm_clusters tile_settings
"""  # noqa: E501


def described() -> list[str]:
    graph = build_defs().resolve_asset_graph()
    lines = []
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        definition = node.partitions_def
        dimensions = (
            "|".join(item.name for item in definition.partitions_defs)
            if isinstance(definition, dg.MultiPartitionsDefinition)
            else ("scan" if definition else "-")
        )
        parents = " ".join(sorted(parent.to_user_string() for parent in node.parent_keys))
        lines.append(f"{key.to_user_string():<22} {dimensions:<9} {node.group_name:<13} {parents}".rstrip())
    return sorted(lines)


def test_the_graph_is_the_one_written_here() -> None:
    assert described() == GRAPH.strip().splitlines()


def test_every_computed_asset_has_a_description_an_owner_a_kind_a_version_and_a_condition() -> None:
    graph = build_defs().resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        if node.is_executable:
            assert node.code_version, key
            assert node.automation_condition is not None, key
            assert any(tag.startswith("dagster/kind") for tag in node.tags), key


def test_definitions_load() -> None:
    dg.Definitions.validate_loadable(build_defs())


def test_two_builds_are_independent() -> None:
    assert build_defs() is not build_defs()
