"""Agreement of the two clusterings of every ROI, for every tiling of a scan: what the length scale is read from.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization",
   section 3.2.2, Fig. 12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.binning import PatternBlocks
from microstructure_assets.methods.device import COMPILED
from microstructure_assets.methods.noise import noise_variance
from microstructure_assets.methods.parallel import map_blocks, single_blas_thread
from microstructure_assets.methods.roi_agreement import Agreement, RoiPatterns, WorkflowSettings, agreements
from microstructure_assets.methods.settings import ScaleSettings
from microstructure_assets.methods.tiling import bounds
from microstructure_assets.rectangle import Rectangle

#: Patterns of ROIs that are worked on together.
BAND_BYTES = 512 << 20
# Small enough to stay in the cache between reading and handing out.
_STRIP_BYTES = 4 << 20

Table = dict[str, NDArray]
Allocate = Callable[[tuple[int, int, int]], NDArray[np.float32]]


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
    asked = settings.finest_tiling if kept else settings.coarsest_tiling
    found = f"the finest tiling is {kept[-1]} × {kept[-1]}, not" if kept else "there is no tiling, not even"
    return Tilings(
        kept,
        f"{found} {asked} × {asked}: of {rows} × {columns} points a ROI must hold {settings.fewest_points} "
        "(scale.fewest_points)",
    )


@dataclass(frozen=True)
class Band:
    """ROIs of one tiling that are worked on together: whole rows of them, or a part of one row.

    Attributes
    ----------
    n : int
        Tiling: ROIs along each axis.
    offset : (float, float)
        Shift of the grid of ROIs in ROI sizes along y and x.
    rois : tuple of (int, Rectangle)
        Number, row-major in the tiling, and place.
    """

    n: int
    offset: tuple[float, float]
    rois: tuple[tuple[int, Rectangle], ...]

    @property
    def points(self) -> int:
        """Points of all ROIs."""
        return sum(roi.points for _, roi in self.rois)


def tiling_bands(
    shape: tuple[int, int, int], n: int, offset: tuple[float, float] = (0.0, 0.0), *, memory_bytes: int = BAND_BYTES
) -> list[Band]:
    """The ROIs of a tiling in bands whose patterns fit in memory together.

    Parameters
    ----------
    shape
        Rows, columns and pixels of the scan.
    n
        ROIs along each axis.
    offset
        Shift of the grid in ROI sizes along y and x, 0 to 1; ROIs that the edge of the scan would cut are left out.
    memory_bytes
        Of the patterns of a band. A single ROI that needs more is a band of its own.
    """
    rows, columns, pixels = shape
    found: list[list[tuple[int, Rectangle]]] = []
    most = memory_bytes // (4 * pixels)
    for _, members in groupby(_rois((rows, columns), n, offset), key=lambda item: item[1].row_start):
        line = list(members)
        parts = _packed([[item] for item in line], most) if _points(line) > most else [line]
        found += parts
    return [Band(n, offset, tuple(part)) for part in _packed(found, most)]


def _packed(parts: Sequence[list[tuple[int, Rectangle]]], most: int) -> list[list[tuple[int, Rectangle]]]:
    """Neighbouring parts put together while they hold no more than so many points."""
    packed: list[list[tuple[int, Rectangle]]] = []
    for part in parts:
        if packed and _points(packed[-1]) + _points(part) <= most:
            packed[-1] = packed[-1] + part
        else:
            packed.append(list(part))
    return packed


def _points(rois: Sequence[tuple[int, Rectangle]]) -> int:
    return sum(roi.points for _, roi in rois)


def _rois(shape: tuple[int, int], n: int, offset: tuple[float, float]) -> list[tuple[int, Rectangle]]:
    """ROIs, numbered row-major, shifted by a part of their size; those that no longer lie inside are left out."""
    shift = tuple(round(part * length / n) for part, length in zip(offset, shape, strict=True))
    y, x = bounds(shape[0], n) + shift[0], bounds(shape[1], n) + shift[1]
    places = [(i, j) for i in range(n) for j in range(n) if y[i + 1] <= shape[0] and x[j + 1] <= shape[1]]
    return [(i * n + j, Rectangle(*(int(edge) for edge in (y[i], y[i + 1], x[j], x[j + 1])))) for i, j in places]


def band_agreements(
    patterns: PatternBlocks,
    band: Band,
    settings: WorkflowSettings,
    allocate: Allocate | None = None,
    device: str = COMPILED,
) -> Table:
    """Agreement in every ROI of a band; in a shifted grid, which is a control, under the cap in force only.

    Parameters
    ----------
    patterns
        Preprocessed patterns of the scan; those of the band are read once.
    band
        From :func:`tiling_bands`.
    settings
        Of the workflow.
    allocate
        Gives room for the patterns of a ROI, an array of the shape asked for; memory if not given.
    device
        Where mixtures are iterated and weights are solved, as `torch_device` takes it.

    Returns
    -------
    dict of ndarray
        A row per ROI and cap: ``n, offset_y, offset_x, k_max, roi, row_start, row_stop, column_start, column_stop,
        points, row, column`` (centre [points]), ``components, clusters_scores, clusters_weights, limited, nmi, ami,
        nmi_null, clusters_fixed_points, nmi_fixed_points``.
    """
    with single_blas_thread():  # ROIs are worked on in threads; each of them with threads of its own would be slower
        read = _read(patterns, band, allocate or _in_memory)
        found = agreements(read, settings, device, only_in_force=any(band.offset))
    rows = [
        _row(band, index, roi, agreement)
        for (index, roi), caps in zip(band.rois, found, strict=True)
        for agreement in caps
    ]
    return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}


def _in_memory(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    return np.empty(shape, dtype=np.float32)


def _read(patterns: PatternBlocks, band: Band, allocate: Allocate) -> list[RoiPatterns]:
    """Patterns of the ROIs and their noise; read in strips of rows, which a stored scan keeps together."""
    pixels = patterns.shape[2]
    rooms = [(roi, allocate((*roi.shape, pixels))) for _, roi in band.rois]
    strips = []
    for _, members in groupby(rooms, key=lambda room: room[0].row_start):
        line = list(members)
        width = line[-1][0].column_stop - line[0][0].column_start
        least = max(1, _STRIP_BYTES // (4 * pixels * width))
        step = -(-least // patterns.rows_together) * patterns.rows_together
        top, bottom = line[0][0].row_start, line[0][0].row_stop
        edges = [top, *range(top - top % step + step, bottom, step), bottom]
        strips += [(line, start - top, stop - top) for start, stop in pairwise(edges)]

    def fill(strip: tuple[list[tuple[Rectangle, NDArray[np.float32]]], int, int]) -> None:
        line, start, stop = strip
        first, last = line[0][0], line[-1][0]
        read = patterns.read(first.row_start + start, first.row_start + stop, first.column_start, last.column_stop)
        for roi, room in line:
            left = roi.column_start - first.column_start
            room[start:stop] = read[:, left : left + roi.shape[1]]

    map_blocks(fill, strips)
    return map_blocks(lambda room: RoiPatterns(room[1], noise_variance(room[1])), rooms)


def _row(band: Band, index: int, roi: Rectangle, found: Agreement) -> dict[str, float]:
    row_start, row_stop, column_start, column_stop = astuple(roi)
    return {
        "n": band.n,
        "offset_y": band.offset[0],
        "offset_x": band.offset[1],
        "k_max": found.cap,
        "roi": index,
        "row_start": row_start,
        "row_stop": row_stop,
        "column_start": column_start,
        "column_stop": column_stop,
        "points": roi.points,
        "row": (row_start + row_stop) / 2,
        "column": (column_start + column_stop) / 2,
        "components": found.components,
        "clusters_scores": found.clusters_scores,
        "clusters_weights": found.clusters_weights,
        "limited": int(found.limited),
        "nmi": found.nmi,
        "ami": found.ami,
        "nmi_null": found.nmi_null,
        "clusters_fixed_points": found.clusters_fixed_points,
        "nmi_fixed_points": found.nmi_fixed_points,
    }
