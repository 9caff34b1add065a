"""Made-up artifacts with the shapes and names of real ones, for the tests of the pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

Artifact = tuple[dict[str, Any], dict[str, dict[str, Any]]]


def cells(height: int, width: int, count: int, seed: int = 0) -> np.ndarray:
    """Nearest-centre label map."""
    centres = np.random.default_rng(seed).random((count, 2)) * [height, width]
    y, x = np.mgrid[:height, :width]
    return ((y[..., None] - centres[:, 0]) ** 2 + (x[..., None] - centres[:, 1]) ** 2).argmin(axis=-1)


def scale_curve() -> dict[str, np.ndarray]:
    """Agreement over n = 2..9 with a peak, which lies further right for the smaller cap."""
    n, k_max = (values.ravel() for values in np.meshgrid(np.arange(2, 10), [10, 20], indexing="xy"))
    mean = 0.9 - 0.2 * np.log(n / np.where(k_max == 20, 4.0, 6.0)) ** 2
    return {
        "n": n,
        "k_max": k_max,
        "roi_height_um": 8.0 / n,
        "roi_width_um": 5.0 / n,
        "nmi_mean": mean,
        "nmi_std": np.full(len(n), 0.05),
        "nmi_max": mean + 0.08,
        "nmi_above_null": 2 * mean / 3,
        "ami_mean": mean - 0.01,
        "nmi_mean_low": np.where(n > 3, mean - 0.02, np.nan),
        "nmi_mean_high": np.where(n > 3, mean + 0.02, np.nan),
        "clusters_mean": np.minimum(k_max, 100 / n**1.5),
        "roi_count": n**2,
        "scored_count": n**2,
        "single_cluster_fraction": 0.01 * n,
    }


def crystallography(label: np.ndarray, random: np.random.Generator) -> dict[str, Artifact]:
    """Maps of the conventional analysis over labels of grains."""
    phase = np.where(random.random(label.shape) < 0.05, 0, 1 + label % 2)
    phases = {"phases": {"phase": np.array([1, 2]), "name": np.array(["Ferrite", "Austenite"], object)}}
    count = int(label.max()) + 1
    key = random.integers(0, 255, (70, 80, 3)).astype(np.uint8)
    table = {"grain": np.arange(1, 1 + count), "orientation_spread_deg": random.random(count)}
    return {
        "orientation_map": ({"confidence": random.random(label.shape), "phase": phase}, {}),
        "phase_map": ({"phase": phase}, phases),
        "ipf_map": ({"rgb": random.integers(0, 255, (count, 3)).astype(np.uint8)[label], "key_1": key}, phases),
        "kernel_average_misorientation": ({"kam_degrees": random.random(label.shape)}, {}),
        "grains": ({"grain": label + 1}, {}),
        "grain_statistics": ({"grain": label + 1}, {"grain_statistics": table}),
    }


def latents(label: np.ndarray, random: np.random.Generator) -> dict[str, Artifact]:
    """Element maps, latents, and how the lanes agree."""
    height, width = label.shape
    cluster = np.where(random.random(label.shape) < 0.1, 0, label + 1)
    maps = random.normal(0, 1, (4, height, width)) + label
    leading = {
        "leading": {"latent": np.array([3, 1, 7, 2]), "divergence_nats": np.arange(4.0), "stability": np.full(4, 0.9)}
    }
    epoch = np.tile(np.arange(1, 9), 2)
    lanes = np.array(["regions", "grains", "phases"], object)
    lines = np.array(["Fe_Ka", "O_Ka", "Al_Ka", "C_Ka"], object)
    return {
        "element_maps": (
            {"counts": np.abs(maps), "rgb": random.integers(0, 255, (height, width, 3)).astype(np.uint8)},
            {
                "elements": {"line": lines, "mean": np.arange(4.0)},
                "colours": {"element": np.array(["Fe", "Al", "O"], object)},
            },
        ),
        "pattern_vae": (
            {},
            {
                "training": {
                    "repeat": np.repeat([1, 2], 8),
                    "epoch": epoch,
                    "loss": -100.0 * epoch,
                    "held_out_loss": -95.0 * epoch,
                },
                "latents": {"divergence_nats": 4.0 / np.arange(1, 17), "stability": np.linspace(1, 0, 16)},
            },
        ),
        "vae_latents": ({"leading": maps}, leading),
        "latent_clusters": (
            {"cluster": cluster},
            {"numbers": {"clusters": np.arange(2, 9), "silhouette": 0.5 - 0.05 * (np.arange(2, 9) - 4.0) ** 2}},
        ),
        "latent_embedding": (
            {
                "embedding": np.where(cluster[..., None] > 0, random.normal(0, 1, (height, width, 2)), np.nan),
                "cluster": cluster,
            },
            {},
        ),
        "latent_correlations": (
            {},
            {
                "correlations": {
                    "latent": np.repeat([1, 2, 3], 2),
                    "map": np.array(["Fe_Ka", "band contrast"] * 3, object),
                    "partial": np.linspace(-0.8, 0.6, 6),
                    "in_phase": np.linspace(0.9, -0.2, 6),
                    "verdict": np.array(["real", "chance", "explained by the baseline"] * 2, object),
                }
            },
        ),
        "latent_bands": ({"band": np.where(cluster > 0, 1 + (maps > 1), 0)}, leading),
        "lane_agreement": (
            {"phase": cluster, "kam_degrees": np.abs(maps), "anomaly": maps > 1, "crossing": maps < -1},
            {
                "partitions": {
                    "lane_a": lanes[[0, 0, 1]],
                    "lane_b": lanes[[1, 2, 2]],
                    "ami": np.array([0.9, 0.4, np.nan]),
                },
                "boundaries": {
                    "lane": np.repeat(lanes, 2),
                    "boundary": np.array(["2° to 15°", "between phases"] * 3, object),
                    "found": np.array([0.9, 0.8, 1.0, np.nan, 0.2, 0.0]),
                    "found_by_chance": np.full(6, 0.1),
                },
            },
        ),
    }


def artifacts(
    height: int = 24, width: int = 30, *, rois: int = 1, clusters: int = 4, seed: int = 0
) -> dict[str, Artifact]:
    """Arrays and tables of all artifacts that are drawn."""
    random = np.random.default_rng(seed)
    label = cells(height, width, clusters, seed)
    roi = (
        np.zeros((height, width), int) if rois == 1 else (np.arange(width)[None] * rois // width).repeat(height, axis=0)
    )
    contrast = 100.0 + 10 * label + random.normal(0, 2, (height, width))
    pattern = random.random((4, 20, 24))
    weight = np.stack([(label == index) + random.normal(0, 0.01, label.shape) for index in range(clusters)], axis=-1)
    tile = {
        "cluster": label,
        "roi": roi,
        "cluster_count": np.full(rois, clusters),
        "score": random.normal(0, 1, (height, width, 5)) + label[..., None],
        "explained_variance_ratio": np.sort(random.random((rois, 12)), axis=1)[:, ::-1] / 12,
        "knee": np.full(rois, 4),
        "explained_variance": np.sort(random.random((rois, 12)), axis=1)[:, ::-1] * 40,
        "noise_edge": np.full(rois, 12.0),
        "mahalanobis_squared": random.chisquare(5, (height, width)),
        "anomaly": random.random((height, width)) < 0.05,
        "threshold": np.full(rois, 11.0705),
        "excess": np.zeros(rois),
        "reference": random.random((rois, clusters, 20, 24)),
        "point_count": np.full((rois, clusters), 9),
        "weight": weight,
        "weight_std": np.full(weight.shape, 0.02),
        "residual": random.random((height, width)),
    }
    k = np.tile(np.arange(1, 9), rois)
    crossing_y, crossing_x = np.nonzero(label[:, 1:] != label[:, :-1])
    tables: dict[str, dict[str, Any]] = {
        "criteria": {
            "roi": np.repeat(np.arange(rois), 8),
            "clusters": k,
            "aic": 1000.0 / k,
            "bic": 1000.0 / k + 30 * k,
            "icl": 1000.0 / k + 31 * k,
            "silhouette": np.where(k > 1, 0.5 - 0.02 * k, np.nan),
            "composite": -((k - 4.0) ** 2),
        },
        "windows": {
            "roi": np.zeros(clusters, int),
            "cluster": np.arange(clusters),
            "window_y": np.arange(clusters) % height,
            "window_x": np.arange(clusters) % width,
            "source": np.array(["core", "cluster", "neighbour"])[np.arange(clusters) % 3],
            "fallback": np.where(np.arange(clusters) == 1, "central_points", "none"),
        },
        "centres": {"y": np.arange(clusters) % height, "x": np.arange(clusters) % width},
        "crossings": {
            "axis": np.full(len(crossing_y), "x"),
            "y": crossing_y,
            "x": crossing_x,
            "position_um": (crossing_x + 0.5) * 0.05,
            "position_std_um": np.full(len(crossing_y), 0.002),
        },
    }
    half = {"slot": ["t00", "t01", "r00"], "name": ["", "", "R1"]}
    bounds = {
        "row_start": [0, 0, 1],
        "row_stop": [height, height, height],
        "column_start": [0, width // 2, 1],
        "column_stop": [width // 2, width, width],
    }
    scan = {
        "preprocessed_patterns": ({"raw": pattern + 3, "corrected": pattern}, {}),
        "pattern_quality": ({"band_contrast": contrast, "mean_intensity": contrast / 2}, {}),
        "pattern_subspace": (
            {
                "loading": random.normal(0, 1, (7, 20, 24)),
                "explained_variance_ratio": 0.3 / np.arange(1, 8) ** 2,
                "residual_energy": random.random((height, width)),
            },
            {},
        ),
        "nmi_scale_curve": ({"k_max": np.array([20]), "n": np.array([5])}, {"curve": scale_curve()}),
        "analysis_tiling": ({"band_contrast": contrast}, {"tiles": half | bounds}),
        "segmentation_map": (
            {"region": label, "anomaly": tile["anomaly"], "trusted": roi == 0, "boundary": tile["anomaly"]},
            {},
        ),
        **crystallography(label, random),
        **latents(label, random),
    }
    names = ("pca_scores", "gmm_clusters", "anomalies", "reference_windows", "cnmf_weights", "weight_boundaries")
    return scan | dict.fromkeys(names, (tile, tables))
