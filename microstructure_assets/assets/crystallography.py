"""The conventional analysis of a scan: orientations, phases, their colours, kernel averages, grains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets.assets.indexing import fill_orientations
from microstructure_assets.assets.lane import lane
from microstructure_assets.assets.making import Maker
from microstructure_assets.assets.views import ScanView
from microstructure_assets.store.draft import Draft

if TYPE_CHECKING:
    from microstructure_assets.methods.crystallography.geometry import MapGeometry
    from microstructure_assets.methods.crystallography.grain_statistics import Columns, GrainOrientations
    from microstructure_assets.methods.crystallography.grains import GrainMap
    from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries


def point_groups(phases: Mapping[str, np.ndarray]) -> list[str]:
    """Point group of each phase; a phase that no point has may lack one, as headers list what was only looked for."""
    from microstructure_assets.methods.crystallography.symmetry import symbol_with_axes

    columns = (phases[name] for name in ("point_group", "space_group", "points"))
    return [
        symbol_with_axes(str(group), int(space_group)) if points else "1"
        for group, space_group, points in zip(*columns, strict=True)
    ]


class Oriented:
    """Orientations and phases of a scan as the methods take them."""

    def __init__(self, view: ScanView) -> None:
        from microstructure_assets.methods.crystallography.geometry import MapGeometry
        from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries

        table = view.read("phase_map").table("phases")
        self.quaternion: np.ndarray = view.read("orientation_map").array("quaternion")
        self.phase: np.ndarray = view.read("phase_map").array("phase")
        self.names = [str(name) for name in table["name"]]
        self.point_groups = point_groups(table)
        self.symmetries: PhaseSymmetries = PhaseSymmetries.of(self.point_groups)
        self.geometry: MapGeometry = MapGeometry(view.grid.kind, *view.steps_um)

    def filled_edges(self, grains: GrainMap, orientations: GrainOrientations) -> np.ndarray:
        """Misorientations of neighbours, points that a grain was given counted as the grain's mean [degrees]."""
        from microstructure_assets.methods.crystallography.grain_statistics import filled_orientations
        from microstructure_assets.methods.crystallography.misorientation import edge_misorientations

        quaternion, phase = filled_orientations(grains, orientations, self.quaternion, self.phase)
        return edge_misorientations(quaternion, phase, self.symmetries, self.geometry.neighbourhood)


def stored_grains(view: ScanView) -> GrainMap:
    """The scan's grains."""
    from microstructure_assets.methods.crystallography.grains import GrainMap

    stored = view.read("grains")
    return GrainMap(stored.array("grain"), stored.array("measured") > 0, int(stored.attributes["grains"]), 0)


def fill_ipf_map(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Colours of the orientations."""
    from microstructure_assets.methods.crystallography.colours import colour_key, inverse_pole_figure_colours

    own = Oriented(view)
    direction = view.settings("crystallography").inverse_pole_figure_direction
    rgb = inverse_pole_figure_colours(own.quaternion, own.phase, own.point_groups, direction)
    present = [number for number in range(1, 1 + len(own.names)) if (own.phase == number).any()]
    view.save(
        drafts["ipf_map"],
        {"rgb": rgb},
        facts={"direction": direction},
        shown_arrays={f"key_{number}": colour_key(own.point_groups[number - 1]) for number in present},
        shown_tables={"phases": view.read("phase_map").table("phases")},
    )


def fill_kernel_averages(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Mean misorientation to the neighbours."""
    from microstructure_assets.methods.crystallography.misorientation import kernel_average_misorientation
    from microstructure_assets.methods.crystallography.neighbours import Neighbourhood

    own, settings = Oriented(view), view.settings("crystallography")
    neighbourhood = Neighbourhood.of(
        own.geometry.kind,
        corners=settings.kernel_corners,
        order=settings.kernel_order,
        perimeter=settings.kernel_perimeter,
    )
    kam = kernel_average_misorientation(
        own.quaternion, own.phase, own.symmetries, neighbourhood, settings.kernel_limit_deg
    )
    known = kam[np.isfinite(kam)]
    facts = {
        "neighbours": int(neighbourhood.offsets.shape[1]),
        "limit_deg": settings.kernel_limit_deg,
        "kam_mean_deg": float(known.mean()) if known.size else float("nan"),
        "points_without": int(kam.size - known.size),
    }
    view.save(drafts["kernel_average_misorientation"], {"kam_degrees": kam}, facts=facts)


def fill_grains(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Connected points of nearly the same orientation."""
    from microstructure_assets.methods.crystallography.grains import find_grains
    from microstructure_assets.methods.crystallography.misorientation import edge_misorientations

    own, settings = Oriented(view), view.settings("crystallography")
    neighbourhood = own.geometry.neighbourhood
    found = find_grains(
        edge_misorientations(own.quaternion, own.phase, own.symmetries, neighbourhood),
        own.phase,
        neighbourhood,
        threshold_deg=settings.grain_threshold_deg,
        minimum_points=settings.grain_minimum_points,
        fill_points=settings.grain_fill_points,
        there=view.there,
    )
    facts = {
        "grains": found.count,
        "dissolved": found.dissolved,
        "threshold_deg": settings.grain_threshold_deg,
        "filled_share": float(np.mean((found.grain > 0) & ~found.measured)),
        "without_grain_share": float(np.mean(found.grain[view.there] == 0)),
    }
    view.save(drafts["grains"], {"grain": found.grain, "measured": found.measured.astype(np.uint8)}, facts=facts)


def fill_grain_statistics(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """A row of figures per grain."""
    from microstructure_assets.assets.writing import add_picture
    from microstructure_assets.methods.crystallography.boundaries import grain_sides
    from microstructure_assets.methods.crystallography.grain_statistics import (
        boundary_lengths,
        grain_orientations,
        grain_shapes,
        twin_lengths,
    )
    from microstructure_assets.methods.crystallography.twin_laws import twin_laws

    own, settings, draft = Oriented(view), view.settings("crystallography"), drafts["grain_statistics"]
    grains = stored_grains(view)
    grain, orientations = grains.grain, grain_orientations(grains, own.quaternion, own.phase, own.symmetries)
    sides = grain_sides(
        grain,
        own.filled_edges(grains, orientations),
        own.geometry,
        subgrain_deg=settings.subgrain_deg,
        measured=grains.measured,
    )
    classes = sorted({settings.grain_threshold_deg, settings.high_angle_deg})
    laws = twin_laws(settings.twin_laws)
    twins, per_law = twin_lengths(grains, sides, orientations, laws, own.point_groups, settings.twin_tolerance_deg)
    table: dict[str, Any] = {
        "grain": np.arange(1, grains.count + 1),
        "phase": orientations.phase,
        "phase_name": np.asarray(["", *own.names], object)[orientations.phase],
        **grain_shapes(grains, own.geometry),
        **{f"quaternion_{axis}": orientations.quaternion[:, k] for k, axis in enumerate("wxyz")},
        "orientation_spread_deg": orientations.spread_deg,
        "kernel_average_deg": _grain_means(grain, view.read("kernel_average_misorientation").array("kam_degrees")),
        **boundary_lengths(grain, sides, grains.count, classes),
        **twins,
    }
    draft.table("grain_statistics", table)
    draft.table("twin_laws", per_law)
    facts = _summary(table, per_law)
    mean, (step_y, step_x) = facts["diameter_number_mean_um"], view.steps_um
    facts["diameter_number_mean_points"] = None if mean is None else mean / math.sqrt(step_y * step_x)
    draft.document({**facts, "unit": view.grid.unit})
    draft.attributes.update(facts)
    add_picture(draft, {"grain": grain}, {"grain_statistics": table}, view.grid)


def _grain_means(grain: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of a map over each grain, points without a value left out."""
    known = np.isfinite(values)
    size = int(grain.max(initial=0)) + 1
    count = np.bincount(grain[known], minlength=size)
    total = np.bincount(grain[known], values[known].astype(np.float64), size)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan)[1:])


def _summary(table: Columns, laws: Columns) -> dict[str, Any]:
    """Figures of the scan: means over all grains, and over those that the edge of the map does not cut."""
    diameter, area = (np.asarray(table[name], float) for name in ("equivalent_diameter_um", "area_um2"))
    inner = ~np.asarray(table["touches_edge"], bool)
    return {
        "grains": len(diameter),
        "grains_inside": int(inner.sum()),
        "diameter_number_mean_um": _mean(diameter),
        "diameter_area_mean_um": _mean(diameter, area),
        "diameter_number_mean_inside_um": _mean(diameter[inner]),
        "diameter_area_mean_inside_um": _mean(diameter[inner], area[inner]),
        "twin_share": float(np.nanmax(laws["share"])) if np.isfinite(np.asarray(laws["share"], float)).any() else None,
    }


def _mean(values: np.ndarray, weights: np.ndarray | None = None) -> float | None:
    return float(np.average(values, weights=weights)) if len(values) else None


MAKERS = (
    Maker(("orientation_map", "phase_map"), fill_orientations),
    Maker(("ipf_map",), fill_ipf_map),
    Maker(("kernel_average_misorientation",), fill_kernel_averages),
    Maker(("grains",), fill_grains),
    Maker(("grain_statistics",), fill_grain_statistics),
)

crystallography_lane = lane("crystallography", "crystallography", MAKERS)
