"""Which function draws which artifact."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from microstructure_assets.figures.agreement import draw_lane_agreement
from microstructure_assets.figures.anomalies import draw_anomalies
from microstructure_assets.figures.boundaries import draw_weight_boundaries
from microstructure_assets.figures.chemistry import draw_element_maps
from microstructure_assets.figures.clusters import draw_gmm_clusters
from microstructure_assets.figures.components import draw_pca_scores
from microstructure_assets.figures.crystallography import (
    draw_grain_statistics,
    draw_grains,
    draw_ipf_map,
    draw_kernel_average_misorientation,
    draw_orientation_map,
    draw_phase_map,
)
from microstructure_assets.figures.inputs import Drawer
from microstructure_assets.figures.latent_correlations import draw_latent_correlations
from microstructure_assets.figures.latents import (
    draw_latent_bands,
    draw_latent_clusters,
    draw_latent_embedding,
    draw_pattern_vae,
    draw_vae_latents,
)
from microstructure_assets.figures.patterns import draw_pattern_subspace, draw_preprocessed_patterns
from microstructure_assets.figures.quality import draw_pattern_quality
from microstructure_assets.figures.references import draw_reference_windows
from microstructure_assets.figures.scale_curve import draw_nmi_scale_curve
from microstructure_assets.figures.segmentation import draw_segmentation_map
from microstructure_assets.figures.tilings import draw_analysis_tiling
from microstructure_assets.figures.weights import draw_cnmf_weights

DRAWERS: Mapping[str, Drawer] = MappingProxyType(
    {
        "preprocessed_patterns": draw_preprocessed_patterns,
        "pattern_quality": draw_pattern_quality,
        "pattern_subspace": draw_pattern_subspace,
        "nmi_scale_curve": draw_nmi_scale_curve,
        "analysis_tiling": draw_analysis_tiling,
        "pca_scores": draw_pca_scores,
        "gmm_clusters": draw_gmm_clusters,
        "anomalies": draw_anomalies,
        "reference_windows": draw_reference_windows,
        "cnmf_weights": draw_cnmf_weights,
        "weight_boundaries": draw_weight_boundaries,
        "segmentation_map": draw_segmentation_map,
        "orientation_map": draw_orientation_map,
        "phase_map": draw_phase_map,
        "ipf_map": draw_ipf_map,
        "kernel_average_misorientation": draw_kernel_average_misorientation,
        "grains": draw_grains,
        "grain_statistics": draw_grain_statistics,
        "element_maps": draw_element_maps,
        "pattern_vae": draw_pattern_vae,
        "vae_latents": draw_vae_latents,
        "latent_clusters": draw_latent_clusters,
        "latent_embedding": draw_latent_embedding,
        "latent_correlations": draw_latent_correlations,
        "latent_bands": draw_latent_bands,
        "lane_agreement": draw_lane_agreement,
    }
)
"""Artifact name to the function that draws it; `inputs.Drawer` says what all of them take."""
