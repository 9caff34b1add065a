"""Picture of a tile's anomalies: the Mahalanobis distance with its marks, and its distribution against the law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.figures.canvas import Box, Canvas, counted, number, words_in_box
from microstructure_assets.figures.colours import (
    AMBER,
    BLUE,
    MUTED,
    RED,
    finite_limits,
)
from microstructure_assets.figures.grid import POINTS, Grid
from microstructure_assets.figures.inputs import (
    NO_TABLES,
    STANDARD_WIDTH_IN,
    Arrays,
    Tables,
    array,
    columns,
    flags,
    labels,
    never_raises,
    per_roi,
    statement,
    width_px,
    windows,
)
from microstructure_assets.figures.layout import (
    Key,
    foot,
    legend,
    map_with_sides,
    title,
)
from microstructure_assets.figures.panels import MapPanel, Plot, ratio

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAW_SHARE = 1e-3
"""Share of points beyond which the law is not followed further."""


@never_raises("Anomalies")
def draw_anomalies(
    arrays: Arrays,
    *,
    tables: Tables = NO_TABLES,
    grid: Grid = POINTS,
    heading: str = "",
    width_in: float = STANDARD_WIDTH_IN,
) -> Figure:
    """The Mahalanobis distance with anomalies in black, cluster centres in yellow and reference windows in red boxes.

    Parameters
    ----------
    arrays
        `mahalanobis_squared` (y, x), `anomaly` (y, x); optional `roi` (y, x), `cluster` (y, x) (the centres are then
        the points of least distance in each cluster), `threshold` (roi, chi-squared quantile), `dimension`
        (roi, its degrees of freedom), `excess` (roi, share flagged minus the share expected).
    tables
        `centres` with `y`, `x` in points of this map and `windows` as `figures.inputs.windows` reads it, both optional.

    Notes
    -----
    Fig. 9 (iv) of [1]_, and beside it the share of points beyond each distance against the chi-squared law of Eq. 9.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization".
    """
    squared = array(arrays, "mahalanobis_squared", 2)
    if squared is None:
        return statement("Anomalies", "There is no map of the Mahalanobis distance.", heading, width_in)
    shape = (squared.shape[0], squared.shape[1])
    sheet = map_with_sides(width_px(width_in), ratio(shape, grid), 1, bar=True, keys=True)
    canvas = sheet.canvas
    panel = MapPanel(canvas, sheet.map_box, shape, grid)
    distance = np.sqrt(np.maximum(squared.astype(float), 0))
    anomaly = flags(arrays, "anomaly", shape)
    roi, cluster = labels(arrays, "roi", shape), labels(arrays, "cluster", shape)
    share = _expected_share(anomaly, roi, per_roi(arrays, "excess"))
    facts = "no map of anomalies"
    if anomaly is not None:
        amount = int(anomaly.sum())
        facts = f"{counted(amount, 'anomaly', 'anomalies')}, {number(100 * amount / anomaly.size, 2)} %"
        facts += f" (expected {number(100 * share, 2)} %)"
    title(canvas, panel.box, "Mahalanobis distance", facts, sheet.room)
    limits = finite_limits(distance, 0.5, 98)
    keys = []
    if limits is None:
        panel.missing("No point has a distance.")
    else:
        pixels = panel.rois(panel.colours(distance, "ice", limits), roi)
        if anomaly is not None:
            pixels = panel.marked(pixels, anomaly)
            keys.append(Key("outline" if min(panel.point_size) >= 6 else "fill", "#101216", "anomaly"))
        panel.paint(pixels)
        panel.colour_bar("ice", limits)
        for reach, colour, words, (rows, cols) in (
            (1, "#ff5a4f", "window", _windows(tables, grid, shape)),
            (0, AMBER, "centre", _centres(tables, squared, cluster, roi)),
        ):
            if len(rows):
                panel.point_boxes(rows, cols, reach, colour)
                keys.append(Key("outline", colour, words))
    panel.axes()
    legend(canvas, panel.box.left, panel.box.bottom + 84, keys, sheet.map_box.right + 90)
    threshold, given = per_roi(arrays, "threshold"), per_roi(arrays, "dimension")
    dimension = given[np.isfinite(given) & (given >= 1)] if given.size else _degrees(threshold, share)
    _exceedance(canvas, sheet.sides[0], squared, threshold, dimension)
    foot(canvas, sheet.foot, "", heading)
    return canvas.finish()


def _windows(tables: Tables, grid: Grid, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    found = windows(tables, grid, shape)
    if found is None:
        return np.zeros(0), np.zeros(0)
    known = np.isfinite(found["y"])
    return found["y"][known], found["x"][known]


def _centres(
    tables: Tables, squared: np.ndarray, cluster: np.ndarray | None, roi: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the given centres, else of the point of least distance in each cluster of each ROI."""
    given = columns(tables, "centres", ("y", "x"))
    if given is not None:
        return given["y"], given["x"]
    if cluster is None:
        return np.zeros(0), np.zeros(0)
    known = np.flatnonzero(np.isfinite(squared.ravel()) & (cluster.ravel() >= 0))
    place = np.zeros(len(known), np.int64) if roi is None else roi.ravel()[known].astype(np.int64)
    order = np.lexsort((squared.ravel()[known], cluster.ravel()[known], place))
    kinds = np.stack([place[order], cluster.ravel()[known][order]], axis=1)
    first = np.ones(len(order), bool)
    first[1:] = (kinds[1:] != kinds[:-1]).any(axis=1)
    rows, cols = np.divmod(known[order][first], squared.shape[1])
    return rows, cols


def _expected_share(anomaly: np.ndarray | None, roi: np.ndarray | None, excess: np.ndarray) -> float:
    """Share of points that a Gaussian would have beyond the limit: flagged minus excess, 5 % where it is not known."""
    if anomaly is None or not excess.size:
        return 0.05
    flagged = [anomaly[roi == place].mean() if roi is not None and (roi == place).any() else anomaly.mean()
               for place in range(len(excess))]  # fmt: skip
    shares = np.asarray(flagged) - excess
    shares = shares[np.isfinite(shares) & (shares > 1e-6) & (shares < 0.5)]
    return round(float(np.median(shares)), 4) if shares.size else 0.05


def _degrees(threshold: np.ndarray, share: float) -> np.ndarray:
    """Degrees of freedom of the chi-squared laws with these quantiles."""
    from scipy.special import chdtri

    known = threshold[np.isfinite(threshold) & (threshold > 0)]
    candidates = np.arange(1, 301)
    quantiles = chdtri(candidates, share)
    return candidates[np.abs(quantiles[None] - known[:, None]).argmin(axis=1)] if known.size else np.zeros(0)


def _exceedance(canvas: Canvas, box: Box, squared: np.ndarray, threshold: np.ndarray, d: np.ndarray) -> None:
    """Share of points beyond each squared distance, as found and by the chi-squared law."""
    known = np.sort(squared[np.isfinite(squared) & (squared >= 0)].astype(float).ravel())
    if len(known) < 2 or known[-1] <= 0:
        title(canvas, box, "Points beyond D²")
        words_in_box(canvas, box, "Too few distances for a distribution.")
        return
    step = max(1, len(known) // 400)
    beyond = 1 - np.arange(len(known)) / len(known)
    keep = np.unique(np.concatenate([np.arange(0, len(known), step), np.arange(max(0, len(known) - 60), len(known))]))
    high = _highest(known, d)
    keep = keep[known[keep] <= high]
    plot = Plot(canvas, box, (0, high), (max(0.5 / len(known), 1e-5), 1.2), log_y=True)
    plot.curve(known[keep], beyond[keep], BLUE, 1.6)
    keys = [Key("line", BLUE, "found")]
    if d.size:
        from scipy.special import chdtrc

        at = np.linspace(0, high, 160)
        law = np.mean([chdtrc(value, at) for value in d], axis=0)
        plot.curve(at[law > 10 ** plot.y[0]], law[law > 10 ** plot.y[0]], MUTED, 1.1)
        keys.append(Key("line", MUTED, "χ² law"))
        for value in np.unique(threshold[np.isfinite(threshold)])[:4]:
            plot.upright(float(value), RED, 1.0)
        keys.append(Key("line", RED, "limit"))
    degrees = ", ".join(number(value) for value in np.unique(d)[:4])
    facts = f"d = {degrees}" if degrees else "no limit given"
    further = float((known > high).mean())
    facts += f", {number(100 * further, 2)} % beyond {number(high, 2)}" if further >= 0.005 else ""
    title(canvas, box, "Points beyond D²", facts, box.width + 18)
    plot.axes("D²", "share of points", y_count=4)
    legend(canvas, box.left - 30, box.bottom + 84, keys, box.right + 20)


def _highest(known: np.ndarray, d: np.ndarray) -> float:
    """End of the axis: that of the distances, but no further than thrice where the law ends, or it would be a line."""
    high = float(np.percentile(known, 99.8)) * 1.15 + 1e-9
    if not d.size:
        return high
    from scipy.special import chdtri

    return min(high, 3.0 * float(chdtri(d, LAW_SHARE).max()))
