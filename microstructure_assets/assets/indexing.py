"""Orientations and phases of a scan: the vendor's, those of its patterns, or none, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets import progress
from microstructure_assets.assets.network_patterns import points_of
from microstructure_assets.assets.raw_states import states_of_manifest
from microstructure_assets.assets.views import ScanView
from microstructure_assets.settings import declared_folder
from microstructure_assets.store.draft import Draft

if TYPE_CHECKING:
    from microstructure_assets.acquisition.scan import IndexingMaps, Scan
    from microstructure_assets.indexing.dictionary import DictionaryIndexer
    from microstructure_assets.indexing.hough import HoughIndexer
    from microstructure_assets.indexing.route import IndexingRoute


def fill_orientations(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Whose indexing it is follows from the settings and from what the scan says of itself."""
    from microstructure_assets.acquisition.formats import open_without_spectra
    from microstructure_assets.acquisition.raw_files import require_same
    from microstructure_assets.indexing.route import indexing_route

    scan = open_without_spectra(Path(view.scan.source), view.settings("acquisition"))
    states = states_of_manifest(view, scan)
    shape = view.patterns.pattern_shape if view.has("preprocessed_patterns") else None
    route = indexing_route(scan, view.settings("indexing"), shape)
    extra: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {"indexing": route.source, "source": route.reason, "confidence_name": "none"}
    if route.source == "vendor":
        assert scan.indexing is not None
        maps = scan.indexing.read()
        facts["confidence_name"] = scan.indexing.confidence_name
    elif route.indexer is not None:
        maps, extra, more = _indexed_here(view, route, scan)
        facts |= more
    else:
        maps = _none(scan.grid.shape)
    indexed = maps.phase_id > 0
    facts["indexed_share"] = float(np.mean(indexed[view.there]))
    confidence = maps.confidence[indexed & np.isfinite(maps.confidence)]
    facts["confidence_median"] = float(np.median(confidence)) if confidence.size else None
    if "orientation_map" in drafts:
        view.save(
            drafts["orientation_map"],
            {"quaternion": maps.quaternion, "confidence": maps.confidence, **extra},
            facts=facts,
            more_dimensions=dict.fromkeys(extra, ("y", "x")),
            shown_arrays={"phase": maps.phase_id},
        )
    if "phase_map" in drafts:
        points = np.bincount(maps.phase_id.ravel(), minlength=1 + len(scan.phases))
        table = {
            "phase": np.arange(1, 1 + len(scan.phases)),
            "name": np.asarray([phase.name for phase in scan.phases], object),
            "point_group": np.asarray([phase.point_group for phase in scan.phases], object),
            "space_group": np.asarray(_space_groups(scan, view), np.int64),
            "points": points[1:],
        }
        view.save(
            drafts["phase_map"],
            {"phase": maps.phase_id},
            tables={"phases": table},
            facts={**facts, **_shares(points[1:])},
        )
    require_same(states, scan.files)


def _indexed_here(
    view: ScanView, route: IndexingRoute, scan: Scan
) -> tuple[IndexingMaps, dict[str, np.ndarray], dict[str, Any]]:
    """Maps, the fit of bands or simulated patterns, and what the check of the pattern centre found."""
    from microstructure_assets.indexing import dictionary, hough
    from microstructure_assets.indexing.master_files import declared_masters
    from microstructure_assets.indexing.points import indexed
    from microstructure_assets.indexing.refinement import Refiner

    settings, energy = view.settings("indexing"), scan.beam_energy_kev
    bands, facts = _with_centre(view, route)
    masters = declared_masters(bands.phases, energy, settings, declared_folder(scan.path))
    chosen: HoughIndexer | DictionaryIndexer = bands
    facts["confidence_name"] = hough.CONFIDENCE_NAME
    if route.source == "dictionary":
        chosen = dictionary.DictionaryIndexer.of(bands.phases, masters, bands.geometry, energy, settings)
        facts["confidence_name"] = dictionary.CONFIDENCE_NAME
    refine = None
    if masters:
        assert energy is not None, "without it no master pattern is read"
        own = chosen.geometry.averaged(chosen.averaged)
        refine = Refiner(masters, own, energy, settings.refinement_reach_deg).refined
    found = indexed(_told(view), chosen, refine)
    extra = {}
    if route.source == "hough":
        extra["fit_deg"] = found.fit_deg.reshape(view.grid_shape)
        facts["fit_median_deg"] = _median(found.fit_deg)
    if masters:
        extra["similarity"] = found.similarity.reshape(view.grid_shape)
        facts["similarity_median"] = _median(found.similarity)
    return found.maps(view.grid_shape), extra, facts


def _with_centre(view: ScanView, route: IndexingRoute) -> tuple[HoughIndexer, dict[str, Any]]:
    """The indexer with the pattern centre to use, and what the check of the centre found."""
    from microstructure_assets.indexing.pattern_centre import PatternCentreNotFound, check_pattern_centre, of_a_tenth

    assert route.indexer is not None
    settings, indexer, patterns = view.settings("indexing"), route.indexer, view.patterns
    if settings.pattern_centre == "declared":
        return indexer, {}
    own = of_a_tenth(settings, int(np.prod(view.grid_shape)))
    try:
        check = check_pattern_centre(lambda points: points_of(patterns, points), view.grid_shape, indexer, own)
    except PatternCentreNotFound as error:
        return indexer, {"pattern_centre": str(error)}
    facts = {name: value for name, value in check.facts().items() if np.isfinite(value)}
    return indexer.with_centre(check.to_use(settings.pattern_centre)), dict(facts)


def _space_groups(scan: Scan, view: ScanView) -> list[int]:
    """Number of each phase's space group, as declared or as the file says; 0 = not known."""
    from microstructure_assets.indexing.settings import declared_space_groups

    declared = declared_space_groups(view.settings("indexing").space_groups)
    return [declared.get(phase.name.lower()) or phase.space_group or 0 for phase in scan.phases]


def _median(values: np.ndarray) -> float | None:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else None


def _told(view: ScanView) -> Iterator[np.ndarray]:
    """All patterns in blocks, with a bar."""
    height, width = view.patterns.pattern_shape
    with progress.bar("indexing", int(np.prod(view.grid_shape))) as bar:
        for block in view.patterns.blocks():
            yield block.reshape(-1, height, width)
            bar.update(len(block))


def _none(shape: tuple[int, int]) -> IndexingMaps:
    """Maps without any orientation."""
    from microstructure_assets.acquisition.scan import IndexingMaps

    quaternion = np.zeros((*shape, 4))
    quaternion[..., 0] = 1
    return IndexingMaps(quaternion, np.zeros(shape, np.int32), np.full(shape, np.nan))


def _shares(points: np.ndarray) -> dict[str, float]:
    """Share of each phase in the indexed points."""
    return {f"share_of_phase_{number}": float(own / max(1, points.sum())) for number, own in enumerate(points, 1)}
