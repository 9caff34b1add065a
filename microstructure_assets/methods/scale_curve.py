"""Agreement of the two clusterings of every ROI, for every tiling of a scan: what the length scale is read from.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization",
   section 3.2.2, Fig. 12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.binning import PatternBlocks
from microstructure_assets.methods.local_subspace import LocalSubspaces, Rectangle
from microstructure_assets.methods.parallel import map_blocks
from microstructure_assets.methods.roi_agreement import Agreement, RoiPatterns, WorkflowSettings, agreements
from microstructure_assets.methods.settings import ScaleSettings
from microstructure_assets.methods.tiling import bounds

BAND_BYTES = 256 << 20
#: Points whose coordinates are worked on at once.
BAND_POINTS = 40_000

Table = dict[str, NDArray]


@dataclass(frozen=True)
class Tilings:
    """The tilings of a curve.

    Attributes
    ----------
    n : tuple of int
        ROIs along each axis.
    limit : str
        Why there are no finer ones, a sentence; empty where the finest asked for is there.
    """

    n: tuple[int, ...]
    limit: str


def curve_tilings(rows: int, columns: int, settings: ScaleSettings) -> Tilings:
    """Tilings whose smallest ROI holds enough points.

    Parameters
    ----------
    rows, columns : int
        Points along y and along x.
    settings : ScaleSettings
        Coarsest and finest tiling, fewest points of a ROI.
    """
    wanted = range(settings.coarsest_tiling, settings.finest_tiling + 1)
    kept = tuple(
        n for n in wanted if n <= min(rows, columns) and (rows // n) * (columns // n) >= settings.fewest_points
    )
    if kept and kept[-1] == settings.finest_tiling:
        return Tilings(kept, "")
    finest = f"{kept[-1]} × {kept[-1]}" if kept else "none"
    return Tilings(
        kept,
        f"the finest tiling is {finest}, not {settings.finest_tiling} × {settings.finest_tiling}: of {rows} × "
        f"{columns} points a ROI must hold {settings.fewest_points} (scale.fewest_points)",
    )


def tiling_agreements(
    patterns: PatternBlocks,
    subspaces: LocalSubspaces,
    n: int,
    settings: WorkflowSettings,
    offset: tuple[float, float] = (0.0, 0.0),
    done: Callable[[int], None] | None = None,
) -> Table:
    """Agreement in every ROI of one tiling.

    Parameters
    ----------
    patterns
        Preprocessed patterns of the scan, read in bands of ROIs.
    subspaces
        Of the same scan; ROIs of more than ``scale.exact_points`` points are worked on in their coordinates.
    n
        ROIs along each axis.
    settings
        Of the workflow.
    offset
        Shift of the grid of ROIs in ROI sizes along y and x, 0 to 1; ROIs that the edge of the scan would cut are left
        out.
    done
        Told how many points are done, after each band.

    Returns
    -------
    dict of ndarray
        A row per ROI and cap: ``n, k_max, roi, row_start, row_stop, column_start, column_stop, points, row, column``
        (centre [points]), ``components, clusters_scores, clusters_weights, nmi, ami, nmi_null, exact`` (1 where the
        patterns themselves were used).
    """
    columns: dict[str, list[float]] = {}
    for band in _bands(_rois(subspaces.shape, n, offset), settings.scale.exact_points, subspaces.pixel_count):
        found = agreements(_patterns_of(patterns, subspaces, band, settings.scale.exact_points), settings)
        for (index, roi), caps in zip(band, found, strict=True):
            for agreement in caps:
                for name, value in _row(n, index, roi, agreement, settings.scale.exact_points).items():
                    columns.setdefault(name, []).append(value)
        if done is not None:
            done(sum(roi.shape[0] * roi.shape[1] for _, roi in band))
    return {name: np.asarray(values) for name, values in columns.items()}


def _row(n: int, index: int, roi: Rectangle, found: Agreement, exact_points: int) -> dict[str, float]:
    points = roi.shape[0] * roi.shape[1]
    return {
        "n": n,
        "k_max": found.cap,
        "roi": index,
        "row_start": roi.row_start,
        "row_stop": roi.row_stop,
        "column_start": roi.column_start,
        "column_stop": roi.column_stop,
        "points": points,
        "row": (roi.row_start + roi.row_stop) / 2,
        "column": (roi.column_start + roi.column_stop) / 2,
        "components": found.components,
        "clusters_scores": found.clusters_scores,
        "clusters_weights": found.clusters_weights,
        "nmi": found.nmi,
        "ami": found.ami,
        "nmi_null": found.nmi_null,
        "exact": int(points <= exact_points),
    }


def _rois(shape: tuple[int, int], n: int, offset: tuple[float, float]) -> list[tuple[int, Rectangle]]:
    """ROIs, numbered row-major, shifted by a part of their size; those that no longer lie inside are left out."""
    shift = tuple(round(part * length / n) for part, length in zip(offset, shape, strict=True))
    y, x = bounds(shape[0], n) + shift[0], bounds(shape[1], n) + shift[1]
    places = [(i, j) for i in range(n) for j in range(n) if y[i + 1] <= shape[0] and x[j + 1] <= shape[1]]
    return [(i * n + j, Rectangle(*(int(edge) for edge in (y[i], y[i + 1], x[j], x[j + 1])))) for i, j in places]


def _bands(rois: list[tuple[int, Rectangle]], exact_points: int, pixels: int) -> Iterator[list[tuple[int, Rectangle]]]:
    """ROIs in groups that fit in memory together: whole rows of ROIs, so that the patterns are read once."""
    band: list[tuple[int, Rectangle]] = []
    for place, (index, roi) in enumerate(rois):
        band.append((index, roi))
        row_ends = place + 1 == len(rois) or rois[place + 1][1].row_start != roi.row_start
        points = sum(item.shape[0] * item.shape[1] for _, item in band)
        exact = roi.shape[0] * roi.shape[1] <= exact_points
        full = 2 * 4 * points * pixels > BAND_BYTES if exact else 2 * points > BAND_POINTS
        if row_ends and (full or place + 1 == len(rois)):
            yield band
            band = []
    if band:
        yield band


def _patterns_of(
    patterns: PatternBlocks, subspaces: LocalSubspaces, band: list[tuple[int, Rectangle]], exact_points: int
) -> list[RoiPatterns]:
    exact = [roi.shape[0] * roi.shape[1] <= exact_points for _, roi in band]
    block, top = None, band[0][1].row_start
    if any(exact):
        block = patterns.read(top, band[-1][1].row_stop, 0, subspaces.shape[1])

    def one(index: int) -> RoiPatterns:
        roi = band[index][1]
        noise = subspaces.noise(roi)
        if exact[index]:
            assert block is not None
            own = block[roi.row_start - top : roi.row_stop - top, roi.column_start : roi.column_stop]
            return RoiPatterns(np.ascontiguousarray(own), noise, subspaces.pixel_count)
        found = subspaces.coordinates(roi)
        return RoiPatterns(found.value, noise, subspaces.pixel_count, found.noise_pixels)

    return map_blocks(one, range(len(band)))
