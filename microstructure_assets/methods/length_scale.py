"""The length scale of a scan: the curve of agreement over the tilings, what it recommends and how far it is believed.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization",
   section 3.2.2, Fig. 12.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.scale_curve import Table
from microstructure_assets.methods.scale_peak import FEWEST_ROIS, Recommendation, recommend
from microstructure_assets.methods.scale_resampling import FEWEST_BLOCKS, RoiAgreements, resample
from microstructure_assets.methods.scale_summary import TilingSummary, tiling_summary
from microstructure_assets.methods.settings import ScaleSettings

#: Sides of the blocks that are resampled, in grain diameters: such blocks are about independent.
BLOCK_GRAINS = 3.0
#: Other places of the grid of ROIs, in ROI sizes along y and x.
OFFSETS = ((0.5, 0.0), (0.0, 0.5), (0.5, 0.5))


@dataclass(frozen=True)
class LengthScale:
    """What the agreement in all ROIs says.

    Attributes
    ----------
    summary : TilingSummary
        The curve, by cap and tiling.
    recommendation : Recommendation
    grain_diameter_points : float
        Mean grain diameter from the correlation of patterns [points]; NaN where they are not alike.
    block_side_points : float
        Least side of the blocks that were resampled [points].
    """

    summary: TilingSummary
    recommendation: Recommendation
    grain_diameter_points: float
    block_side_points: float


def length_scale(
    rois: Table, shape: tuple[int, int], settings: ScaleSettings, grain_diameter_points: float
) -> LengthScale:
    """The scale curve of a scan and the tiling that it recommends.

    Parameters
    ----------
    rois
        A row per ROI, tiling and cap, as :func:`~microstructure_assets.methods.scale_curve.band_agreements` gives them.
    shape
        Rows and columns of the scan.
    settings
        Cap in force, number and seed of the draws.
    grain_diameter_points
        As :func:`~microstructure_assets.methods.correlation_length.grain_size` has it; NaN where unknown.
    """
    agreements = RoiAgreements(**{field.name: rois[field.name] for field in fields(RoiAgreements)})
    known = np.isfinite(grain_diameter_points)
    side = BLOCK_GRAINS * grain_diameter_points if known else _largest_side(shape)
    draws = resample(agreements, shape, side, draws=settings.resamplings, seed=settings.seed)
    summary = tiling_summary(agreements, draws)
    return LengthScale(summary, recommend(summary, draws, settings.cluster_cap), grain_diameter_points, side)


def _largest_side(shape: tuple[int, int]) -> float:
    """Side of the largest blocks that can be resampled, for a scan of whose grains nothing is known."""
    sides = range(min(shape), 0, -1)
    return float(next((side for side in sides if (shape[0] // side) * (shape[1] // side) >= FEWEST_BLOCKS), 1))


def places_of_controls(found: LengthScale, cap: int) -> dict[str, int | None]:
    """Eligible tiling where a control is largest under a cap, None without one.

    Returns
    -------
    dict
        ``above_null``, the mean NMI less that after toroidal shifts, and ``adjusted``, the adjusted mutual information.
    """
    summary = found.summary
    eligible = (summary.k_max == cap) & (summary.scored_count >= FEWEST_ROIS)
    places: dict[str, int | None] = {}
    for name, values in (("above_null", summary.nmi_above_null), ("adjusted", summary.ami_mean)):
        known = np.flatnonzero(eligible & np.isfinite(values))
        places[name] = int(summary.n[known[np.argmax(values[known])]]) if known.size else None
    return places


def tilings_around(recommendation: Recommendation, tilings: tuple[int, ...]) -> tuple[int, ...]:
    """The recommended tiling and its neighbours among those of the curve, whose grids are then shifted; or none."""
    if recommendation.n is None:
        return ()
    place = tilings.index(recommendation.n)
    return tilings[max(0, place - 1) : place + 2]


def offset_summary(rois: Table, settings: ScaleSettings) -> Table:
    """Mean agreement of the tilings around the recommended one at four places of the grid, at the cap in force.

    Parameters
    ----------
    rois
        Rows of the shifted grids and of the same tilings in place.
    settings
        Cap in force.

    Returns
    -------
    dict of ndarray
        ``n, offset_y, offset_x, roi_count, scored_count, nmi_mean``, a row per tiling and place.
    """
    kept = rois["k_max"] == settings.cluster_cap
    own = {name: values[kept] for name, values in rois.items()}
    places, group = np.unique(
        np.stack([own["n"], own["offset_y"], own["offset_x"]], axis=1), axis=0, return_inverse=True
    )
    group = group.ravel()
    return {
        "n": places[:, 0].astype(np.int64),
        "offset_y": places[:, 1],
        "offset_x": places[:, 2],
        "roi_count": np.bincount(group, minlength=len(places)),
        "scored_count": np.bincount(group, np.isfinite(own["nmi"]), len(places)).astype(np.int64),
        "nmi_mean": _means(own["nmi"], group, len(places)),
    }


def fixed_points_curve(rois: Table) -> dict[str, NDArray[np.float64]]:
    """Mean agreement with as many points clustered in every ROI, and mean number of clusters; NaN for other caps.

    Returns
    -------
    dict of ndarray
        ``nmi_mean_fixed_points``, ``clusters_mean_fixed_points``: a value per cap and tiling in the order of the curve.
    """
    _, group = np.unique(np.stack([rois["k_max"], rois["n"]], axis=1), axis=0, return_inverse=True)
    group, size = group.ravel(), int(group.max()) + 1
    return {
        f"{name}_mean_fixed_points": _means(rois[f"{name}_fixed_points"], group, size) for name in ("nmi", "clusters")
    }


def _means(values: NDArray[np.float64], group: NDArray[np.intp], size: int) -> NDArray[np.float64]:
    """Means of the finite values of each group; NaN over nothing."""
    known = np.isfinite(values)
    count, total = np.bincount(group, known, size), np.bincount(group, np.where(known, values, 0.0), size)
    return np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
