"""The stitched map of the whole scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets import progress
from microstructure_assets.assets.lane import lane
from microstructure_assets.assets.making import Maker
from microstructure_assets.assets.stored_patterns import StoredPatterns
from microstructure_assets.assets.views import ScanView
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.tiles import tiling_tiles

if TYPE_CHECKING:
    from microstructure_assets.methods.binning import PatternBlocks

PROGRESS_UNITS = 100
LEAST_NOISE_VARIANCE = 1e-9


@dataclass(frozen=True)
class TileMaps:
    """Maps of the tile lane side by side over the scan.

    Attributes
    ----------
    cluster : ndarray of int32, shape (y, x)
        Cluster numbers, unique over the scan.
    anomaly, weight_boundary : ndarray of uint8, shape (y, x)
    noise_variance : float
        Median over the ROIs.
    """

    cluster: np.ndarray
    anomaly: np.ndarray
    weight_boundary: np.ndarray
    noise_variance: float


def gather_tiles(view: ScanView) -> TileMaps:
    """Put the tiles' maps side by side and number the clusters over the whole scan."""
    cluster = np.full(view.grid_shape, -1, dtype=np.int32)
    anomaly, boundary = np.zeros(view.grid_shape, dtype=np.uint8), np.zeros(view.grid_shape, dtype=np.uint8)
    noises, first = [], 0
    for slot, tile in tiling_tiles(view.read("analysis_tiling")).items():
        gmm = view.read("gmm_clusters", slot)
        labels, rois, counts = gmm.array("cluster"), gmm.array("roi"), gmm.array("cluster_count")
        area = (
            slice(tile.bounds.row_start, tile.bounds.row_stop),
            slice(tile.bounds.column_start, tile.bounds.column_stop),
        )
        cluster[area] = labels + (first + np.concatenate([[0], np.cumsum(counts)[:-1]]))[rois]
        anomaly[area] = view.read("anomalies", slot).array("anomaly")
        boundary[area] = view.read("weight_boundaries", slot).array("boundary")
        noises.append(view.read("pca_scores", slot).array("noise_variance"))
        first += int(counts.sum())
    return TileMaps(cluster, anomaly, boundary, float(np.median(np.concatenate(noises))))


def fill_segmentation_map(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Stitch the tiles' clusters to regions."""
    from microstructure_assets.methods.binning import binning_factor
    from microstructure_assets.methods.stitching import stitch

    tiles, settings = gather_tiles(view), view.settings("stitching")
    step_y, step_x = view.steps_um
    patterns, noise = _stitched_patterns(view, tiles.noise_variance)
    with progress.bar("stitching", PROGRESS_UNITS) as bar:
        stitched = stitch(patterns, tiles.cluster, noise, settings, progress=_told_to(bar))
    regions = dict(stitched.regions)
    area = regions["point_count"] * step_y * step_x
    table = {
        "region": regions.pop("region"),
        "point_count": regions.pop("point_count"),
        "area_um2": area,
        "equivalent_diameter_um": np.sqrt(4 * area / np.pi),
        "centroid_y_um": regions.pop("centroid_row") * step_y,
        "centroid_x_um": regions.pop("centroid_column") * step_x,
        **regions,
    }
    trusted = (stitched.confidence >= settings.trusted_confidence) & (stitched.region > 0)
    view.save(
        drafts["segmentation_map"],
        {
            "region": stitched.region.astype(np.int32),
            "anomaly": tiles.anomaly,
            "boundary": stitched.boundary.astype(np.uint8),
            "trusted": trusted.astype(np.uint8),
            "confidence": stitched.confidence.astype(np.float32),
            "weight_boundary": tiles.weight_boundary,
            "edge_strength_x": stitched.edge_strength_x.astype(np.float32),
            "edge_strength_y": stitched.edge_strength_y.astype(np.float32),
        },
        more_dimensions={
            "confidence": ("y", "x"),
            "weight_boundary": ("y", "x"),
            "edge_strength_x": ("y", "x_edge"),
            "edge_strength_y": ("y_edge", "x"),
        },
        tables={"regions": table, "links": stitched.links},
        facts={
            **_facts(table, trusted),
            "beam_y_points": stitched.beam_y,
            "beam_x_points": stitched.beam_x,
            "typical_contrast": stitched.typical_contrast,
            "noise_over_signal": _ratio(np.sqrt(noise), stitched.typical_contrast),
            "detector_binning": binning_factor(view.patterns.pattern_shape),
        },
    )


@dataclass(frozen=True)
class ZeroMeanPatterns:
    """Stored patterns less their means, for those that were brought to 0-1."""

    stored: StoredPatterns

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, pixels."""
        return self.stored.shape

    @property
    def rows_together(self) -> int:
        """As stored."""
        return self.stored.rows_together

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> np.ndarray:
        """Patterns of a rectangle of points, ``(rows, columns, pixels)`` float32."""
        patterns = self.stored.read(row_start, row_stop, column_start, column_stop)
        return np.asarray(patterns - patterns.mean(axis=2, keepdims=True))


def _stitched_patterns(view: ScanView, noise_variance: float) -> tuple[PatternBlocks, float]:
    """What the stitching reads: zero-mean patterns, binned on a large detector, and their noise variance per pixel."""
    from microstructure_assets.methods.scan_noise import scan_noise_variance

    paper, binned = view.settings("preprocessing").intensity == "paper", view.patterns.binned
    patterns: PatternBlocks = ZeroMeanPatterns(binned) if paper else binned
    if binned is not view.patterns:
        noise_variance = scan_noise_variance(patterns)
    # Patterns without any noise (constant ones, copies of a few) still need a level that differences are held against.
    return patterns, max(noise_variance, LEAST_NOISE_VARIANCE)


def _told_to(bar: progress.Bar) -> Callable[[int, int], None]:
    """A listener that turns "so many of so many" into steps of the bar."""
    told = 0

    def listen(done: int, total: int) -> None:
        nonlocal told
        now = PROGRESS_UNITS * done // max(total, 1)
        bar.update(now - told)
        told = now

    return listen


def _ratio(noise: float, signal: float) -> float:
    return float(noise / signal) if signal > 0 else float("inf")


def _facts(table: Mapping[str, np.ndarray], trusted: np.ndarray) -> dict[str, float | int]:
    diameter, area = np.asarray(table["equivalent_diameter_um"]), np.asarray(table["area_um2"])
    found = len(diameter) > 0
    return {
        "regions": len(diameter),
        "mean_diameter_um": float(diameter.mean()) if found else float("nan"),
        "area_weighted_diameter_um": float(np.average(diameter, weights=area)) if found else float("nan"),
        "trusted_share": float(trusted.mean()),
    }


MAKERS = (Maker(("segmentation_map",), fill_segmentation_map),)

segmentation_lane = lane("segmentation", "segmentation", MAKERS)
