"""Which function draws which artifact."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from microstructure_assets.figures.curves import draw_anomalies, draw_gmm_clusters, draw_pca_scores
from microstructure_assets.figures.inputs import Drawer
from microstructure_assets.figures.maps import (
    draw_analysis_tiling,
    draw_pattern_quality,
    draw_segmentation_map,
    draw_weight_boundaries,
)
from microstructure_assets.figures.patterns import (
    draw_pattern_subspace,
    draw_preprocessed_patterns,
    draw_reference_windows,
)
from microstructure_assets.figures.weights import draw_cnmf_weights

DRAWERS: Mapping[str, Drawer] = MappingProxyType(
    {
        "preprocessed_patterns": draw_preprocessed_patterns,
        "pattern_quality": draw_pattern_quality,
        "pattern_subspace": draw_pattern_subspace,
        "analysis_tiling": draw_analysis_tiling,
        "pca_scores": draw_pca_scores,
        "gmm_clusters": draw_gmm_clusters,
        "anomalies": draw_anomalies,
        "reference_windows": draw_reference_windows,
        "cnmf_weights": draw_cnmf_weights,
        "weight_boundaries": draw_weight_boundaries,
        "segmentation_map": draw_segmentation_map,
    }
)
"""Artifact name to the function that draws it; all take `arrays`, `tables`, `grid`, `heading` and `width_in`."""
