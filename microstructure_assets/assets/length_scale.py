"""The length scale of a scan: the curve of agreement over the tilings, and the tiling that the scan is analysed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets.assets.lane import lane
from microstructure_assets.assets.making import Maker
from microstructure_assets.assets.scale_work import CurveWork, joined
from microstructure_assets.assets.stored_patterns import StoredPatterns
from microstructure_assets.assets.views import ScanView
from microstructure_assets.assets.writing import add_picture
from microstructure_assets.store.draft import Draft

if TYPE_CHECKING:
    from microstructure_assets.methods.length_scale import LengthScale
    from microstructure_assets.methods.scale_curve import Table

GROUPS = ("components", "knee", "mixture", "anomalies", "references", "factorization", "scale")


def fill_nmi_scale_curve(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """The whole workflow in every ROI of every tiling, and what the agreement says of the length scale."""
    from microstructure_assets.methods.correlation_length import grain_size
    from microstructure_assets.methods.length_scale import (
        OFFSETS,
        fixed_points_curve,
        length_scale,
        offset_summary,
        tilings_around,
    )
    from microstructure_assets.methods.roi_agreement import WorkflowSettings
    from microstructure_assets.methods.scale_curve import curve_tilings

    draft, scale = drafts["nmi_scale_curve"], view.settings("scale")
    settings = WorkflowSettings(**{group: view.settings(group) for group in GROUPS})
    tilings = curve_tilings(*view.grid_shape, scale)
    if not tilings.n:
        _nothing(view, draft, tilings.limit)
        return
    patterns, route = _patterns(view)
    work = CurveWork.on(view.compute, patterns, settings, view.store.home.store)
    rois = work([(n, (0.0, 0.0)) for n in tilings.n])
    found = length_scale(rois, view.grid_shape, scale, grain_size(patterns).diameter)
    around = tilings_around(found.recommendation, tilings.n)
    shifted = [rois_of(rois, around)]
    if around:
        shifted.append(work([(n, offset) for n in around for offset in OFFSETS]))
    tables = {
        "curve": {**_curve(found, view), **fixed_points_curve(rois)},
        "rois": rois,
        "offsets": offset_summary(joined(shifted), scale),
    }
    for name, table in tables.items():
        draft.table(name, table)
    facts = {**_facts(found, view), "route": route, "limit": tilings.limit}
    draft.document({**facts, **asdict(found.recommendation)})
    draft.attributes.update(facts)
    draft.notes["compute"] = work.account()
    chosen = found.recommendation.n
    shown = {
        "k_max": np.asarray([scale.cluster_cap]),
        "n": np.asarray([np.nan if chosen is None else chosen]),
        "grain_diameter": np.asarray([found.grain_diameter_points * np.prod(view.steps_um) ** 0.5]),
    }
    add_picture(draft, shown, tables, view.grid)


def rois_of(rois: Table, tilings: Sequence[int]) -> Table:
    """The rows of some tilings."""
    kept = np.isin(rois["n"], tilings)
    return {name: values[kept] for name, values in rois.items()}


def _patterns(view: ScanView) -> tuple[StoredPatterns, str]:
    """What the ROIs are made of, and what that is in words."""
    from microstructure_assets.methods.binning import binning_factor
    from microstructure_assets.methods.scan_noise import binned_signal_share

    scale, binned, factor = view.settings("scale"), view.patterns.binned, binning_factor(view.patterns.pattern_shape)
    if binned is view.patterns or scale.route == "exact":
        return view.patterns, "patterns as preprocessed"
    share = binned_signal_share(view.patterns, binned, factor)
    said = f"patterns binned {factor} × {factor} keep {100 * share:.2f} % of the signal"
    return (
        (binned, said) if share >= scale.least_binned_signal else (view.patterns, f"patterns as preprocessed: {said}")
    )


def _curve(found: LengthScale, view: ScanView) -> dict[str, np.ndarray]:
    (rows, columns), (step_y, step_x) = view.grid_shape, view.steps_um
    summary = vars(found.summary)
    n = summary["n"]
    return {
        "n": n,
        "k_max": summary["k_max"],
        "roi_height_points": rows / n,
        "roi_width_points": columns / n,
        "roi_height_um": rows / n * step_y,
        "roi_width_um": columns / n * step_x,
        **{name: values for name, values in summary.items() if name not in ("n", "k_max")},
    }


def _facts(found: LengthScale, view: ScanView) -> dict[str, Any]:
    """Figures of the recommended tiling; none where nothing is recommended."""
    from microstructure_assets.methods.length_scale import places_of_controls

    (rows, columns), (step_y, step_x) = view.grid_shape, view.steps_um
    chosen, n, diameter = found.recommendation, found.recommendation.n, found.grain_diameter_points
    facts: dict[str, Any] = {
        "kind": chosen.kind,
        "why": chosen.reason,
        "set_by_cap": int(chosen.set_by_cap),
        "set_by_limits": int(chosen.set_by_limits),
        "tilings": len(np.unique(found.summary.n)),
        "grain_diameter_points": diameter if np.isfinite(diameter) else None,
        "grain_diameter_um": diameter * (step_y * step_x) ** 0.5 if np.isfinite(diameter) else None,
        "block_side_points": found.block_side_points,
    }
    controls = places_of_controls(found, view.settings("scale").cluster_cap)
    facts |= {f"n_{name}": place for name, place in controls.items()}
    if n is None:
        return facts
    length = (rows * columns) ** 0.5 / n
    return {
        **facts,
        "n": n,
        "n_low": chosen.n_low,
        "n_high": chosen.n_high,
        "roi_length_points": length,
        "roi_length_um": length * (step_y * step_x) ** 0.5,
        "roi_over_grain_diameter": length / diameter if np.isfinite(diameter) else None,
        "nmi": float(np.nanmax(found.summary.nmi_mean[_in_force(found, view) & (found.summary.n == n)])),
    }


def _in_force(found: LengthScale, view: ScanView) -> np.ndarray:
    return np.asarray(found.summary.k_max == view.settings("scale").cluster_cap)


def _nothing(view: ScanView, draft: Draft, limit: str) -> None:
    """A scan without any ROI that is large enough."""
    empty = {table.name: {name: np.empty(0) for name in table.columns} for table in draft.spec.tables}
    for name, table in empty.items():
        draft.table(name, table)
    facts = {"kind": "none", "why": limit, "set_by_cap": 0, "set_by_limits": 0, "tilings": 0}
    draft.document({**facts, "n": None, "limit": limit})
    draft.attributes.update(facts)
    add_picture(draft, {}, empty, view.grid)


def fill_analysis_tiling(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """The ROIs and tiles that the scan is analysed in."""
    from microstructure_assets.methods.tiling import analysis_tiling

    draft, settings = drafts["analysis_tiling"], view.settings("tiling")
    rows, columns = view.grid_shape
    step_y, step_x = view.steps_um
    advice = None
    if settings.n is None and settings.choice == "scale_curve":
        advice = _advice(view.pinned("nmi_scale_curve").document())
    tiling = analysis_tiling(rows, columns, settings, advice)
    bounds = [(tile.slot, index, roi) for tile in tiling.tiles for index, roi in enumerate(tile.rois)]
    table = {
        "slot": np.asarray([slot for slot, _, _ in bounds], dtype=object),
        "roi": np.asarray([index for _, index, _ in bounds], dtype=np.int32),
        **{
            name: np.asarray([getattr(roi, name) for _, _, roi in bounds], dtype=np.int64)
            for name in ("row_start", "row_stop", "column_start", "column_stop")
        },
    }
    height, width = rows / tiling.n, columns / tiling.n
    facts = {
        "n": tiling.n,
        "roi_count": len(bounds),
        "tile_count": len(tiling.tiles),
        "roi_height_points": height,
        "roi_width_points": width,
        "roi_height_um": height * step_y,
        "roi_width_um": width * step_x,
        "why": tiling.reason,
        "chosen_by": tiling.chosen_by,
    }
    draft.table("tiles", table)
    draft.document(facts)
    draft.attributes.update(facts)
    add_picture(draft, {"shape": np.asarray([rows, columns])}, {"tiles": table}, view.grid)


def _advice(curve: Mapping[str, Any]) -> tuple[int | None, str]:
    """The tiling that the curve recommends, unless the cap on K made it, and the first of the curve's own words."""
    if curve["set_by_cap"]:
        return None, "its length scale is set by the cap on K"
    return curve["n"], str(curve["why"]).partition(";")[0]


MAKERS = (Maker(("nmi_scale_curve",), fill_nmi_scale_curve), Maker(("analysis_tiling",), fill_analysis_tiling))

length_scale_lane = lane("length_scale", "length_scale", MAKERS)
