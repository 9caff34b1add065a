"""How far the lanes agree: their maps against each other, their boundaries against the conventional analysis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from microstructure_assets.assets.crystallography import Oriented, stored_grains
from microstructure_assets.assets.lane import lane
from microstructure_assets.assets.making import Maker
from microstructure_assets.assets.views import ScanView
from microstructure_assets.assets.writing import add_picture
from microstructure_assets.rectangle import Rectangle
from microstructure_assets.store.draft import Draft

# Lanes whose numbers mean something inside a ROI only.
SCORES, WEIGHTS = "clusters of scores", "leading weights"
# Marked points, and the boundaries that they are held against together.
ANOMALIES, CROSSINGS, ALL_POINTS = "anomalies", "crossings of weights", "all points"
ANY = "of grains or phases"


def fill_lane_agreement(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Partitions inside the ROIs and over the scan, boundaries and marked points over the whole scan."""
    from microstructure_assets.methods.lane_agreement import boundary_agreement, edge_classes, partition_agreement
    from microstructure_assets.methods.place_agreement import boundary_distances, values_at_places

    draft, settings = drafts["lane_agreement"], view.settings("crystallography")
    rois, roi = _rois(view)
    maps, places = _tile_maps(view, roi)
    maps |= _scan_maps(view)
    limits = sorted({settings.subgrain_deg, settings.grain_threshold_deg, settings.high_angle_deg})
    names = [_between(low, high) for low, high in zip(limits, [*limits[1:], None], strict=True)] + ["between phases"]
    classes = edge_classes(_angles(view), limits)
    found, made = boundary_agreement(maps, classes, names, view.steps_um, roi=roi, local={SCORES, WEIGHTS})
    grains = range(limits.index(settings.grain_threshold_deg) + 1, len(names) + 1)
    groups = {name: [number] for number, name in enumerate(names, 1)} | {ANY: list(grains)}
    kam, known = view.read("kernel_average_misorientation").array("kam_degrees"), roi >= 0
    tables = {
        "partitions": partition_agreement(maps, rois, {SCORES, WEIGHTS}),
        "boundaries": found,
        "lanes": made,
        "places": boundary_distances({**places, ALL_POINTS: known}, known, classes, groups),
        "kernel_averages": values_at_places(places, known, kam),
    }
    facts = {
        "lanes": ", ".join(maps),
        "indexed": int((classes > 0).any()),
        "anomalies_at_boundaries": _beside(tables["places"], ANOMALIES),
        "crossings_at_boundaries": _beside(tables["places"], CROSSINGS),
        "points_at_boundaries": _beside(tables["places"], ALL_POINTS),
        "unit": view.grid.unit,
    }
    for name, table in tables.items():
        draft.table(name, table)
    draft.document(facts)
    draft.attributes.update(facts)
    shown = {"phase": view.read("phase_map").array("phase"), "kam_degrees": kam}
    shown |= {"anomaly": places[ANOMALIES], "crossing": places[CROSSINGS]}
    inside = tables["partitions"]["over"] == "ROIs"
    pairs = {name: values[inside] for name, values in tables["partitions"].items()}
    add_picture(draft, shown, {"partitions": pairs, "boundaries": found}, view.grid)


def _between(low: float, high: float | None) -> str:
    return f"from {low:g}°" if high is None else f"{low:g}° to {high:g}°"


def _beside(table: Mapping[str, np.ndarray], places: str) -> float | None:
    """Share of these places that lie beside a boundary of grains or phases."""
    own = (table["places"] == places) & (table["boundary"] == ANY)
    share = float(table["beside"][own][0])
    return share if np.isfinite(share) else None


def _rois(view: ScanView) -> tuple[list[Rectangle], np.ndarray]:
    """ROIs of the tiles, and the number of each point's."""
    table = view.read("analysis_tiling").table("tiles")
    bounds = zip(*(table[name] for name in ("row_start", "row_stop", "column_start", "column_stop")), strict=True)
    rois = [Rectangle(*(int(value) for value in bound)) for bound in bounds]
    number = np.full(view.grid_shape, -1, dtype=np.int32)
    for place, own in enumerate(rois):
        number[own.row_start : own.row_stop, own.column_start : own.column_stop] = place
    return rois, number


def _tile_maps(view: ScanView, roi: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Clusters of the scores and leading weights, from 1 in each ROI; anomalies and points of crossing weights."""
    table = view.read("analysis_tiling").table("tiles")
    scores, weights = (np.zeros(roi.shape, dtype=np.int32) for _ in range(2))
    anomaly, crossing = (np.zeros(roi.shape, dtype=bool) for _ in range(2))
    for slot in dict.fromkeys(str(name) for name in table["slot"]):
        own = table["slot"] == slot
        area = np.s_[
            int(table["row_start"][own].min()) : int(table["row_stop"][own].max()),
            int(table["column_start"][own].min()) : int(table["column_stop"][own].max()),
        ]
        scores[area] = view.read("gmm_clusters", slot).array("cluster") + 1
        weight = np.nan_to_num(view.read("cnmf_weights", slot).array("weight"))
        weights[area] = np.where(weight.max(axis=2) > 0, weight.argmax(axis=2) + 1, 0)
        anomaly[area] = view.read("anomalies", slot).array("anomaly") > 0
        crossing[area] = view.read("weight_boundaries", slot).array("boundary") > 0
    return {SCORES: np.maximum(scores, 0), WEIGHTS: weights}, {ANOMALIES: anomaly, CROSSINGS: crossing}


def _scan_maps(view: ScanView) -> dict[str, np.ndarray]:
    """Maps of the whole scan: of those there are, the ones that show something."""
    maps = {
        "regions": view.read("segmentation_map").array("region"),
        "phases": view.read("phase_map").array("phase"),
        "grains": view.read("grains").array("grain"),
    }
    if view.has("element_maps"):
        maps["clusters of elements"] = _element_clusters(view.read("element_maps").array("counts"))
    if view.has("latent_clusters"):
        maps["clusters of latents"] = view.read("latent_clusters").array("cluster")
    return {name: values for name, values in maps.items() if values.any()}


def _element_clusters(counts: np.ndarray) -> np.ndarray:
    """Clusters of the counts; their square roots scatter alike whatever the mean."""
    from microstructure_assets.methods.rows import ArrayRows
    from microstructure_assets.methods.silhouette_clusters import clusters_by_silhouette

    flat = np.moveaxis(counts, 0, 2).reshape(-1, len(counts))
    known = np.isfinite(flat).all(axis=1)
    roots = np.sqrt(np.maximum(np.nan_to_num(flat), 0)).astype(np.float32)
    found = clusters_by_silhouette(ArrayRows(roots), known)
    return found.cluster.reshape(counts.shape[1:])


def _angles(view: ScanView) -> np.ndarray:
    """Misorientation to the right and to the lower neighbour, points that a grain was given as its mean [degrees]."""
    from microstructure_assets.methods.crystallography.grain_statistics import grain_orientations

    own, grains = Oriented(view), stored_grains(view)
    orientations = grain_orientations(grains, own.quaternion, own.phase, own.symmetries)
    angles = own.filled_edges(grains, orientations)
    steps = own.geometry.neighbourhood.forward().offsets[0]
    right, below = (int(np.flatnonzero((steps == step).all(axis=1))[0]) for step in ((0, 1), (1, 0)))
    return np.stack([angles[right], angles[below]])


MAKERS = (Maker(("lane_agreement",), fill_lane_agreement),)

agreement_lane = lane("agreement", "agreement", MAKERS)
"""One artifact; a lane of its own, since it waits for all others."""
