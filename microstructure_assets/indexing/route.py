"""Whose indexing a scan gets: the vendor's, that of its patterns here, or none, and why."""

from __future__ import annotations

from dataclasses import dataclass

from microstructure_assets.acquisition.scan import Scan
from microstructure_assets.errors import InputError
from microstructure_assets.indexing.geometry import PatternGeometry
from microstructure_assets.indexing.hough import HoughIndexer
from microstructure_assets.indexing.phases import indexed_phases
from microstructure_assets.indexing.settings import IndexingSettings


@dataclass(frozen=True)
class IndexingRoute:
    """Where orientations and phases come from.

    Attributes
    ----------
    source : {"vendor", "hough", "dictionary", "none"}
    reason : str
        For people: whose indexing it is, or why there is none and what to declare.
    indexer : HoughIndexer or None
        For raw or cropped patterns as `indexing_route` was told, where they are indexed here. By dictionary too, since
        the pattern centre is checked with it.
    """

    source: str
    reason: str
    indexer: HoughIndexer | None = None


def indexing_route(
    scan: Scan, settings: IndexingSettings, pattern_shape: tuple[int, int] | None = None
) -> IndexingRoute:
    """Decide by the settings and by what is known of a scan; nothing is read.

    Parameters
    ----------
    scan : Scan
    settings : IndexingSettings
    pattern_shape : (height, width), optional
        Of the patterns that will be indexed, where they are the central part of the detector's.

    Raises
    ------
    InputError
        If `settings.method` is "hough" or "dictionary" and calibration or phases do not allow it; "auto" then gives
        none, with the same words as its reason.
    """
    asked_here = settings.method in ("hough", "dictionary")
    if scan.indexing is not None and not asked_here:
        return IndexingRoute("vendor", f"the vendor's ({scan.indexing.file.name})")
    if settings.method == "vendor":
        return IndexingRoute("none", "the scan brings no indexing, and indexing.method is vendor")
    try:
        geometry = PatternGeometry.of(scan, settings.detector_tilt_deg)
        if pattern_shape is not None:
            geometry = geometry.cropped(*pattern_shape)
        indexer = HoughIndexer.of(indexed_phases(scan.phases, settings), geometry, settings)
    except InputError as error:
        if asked_here:
            raise
        return IndexingRoute("none", f"the scan brings no indexing, and its patterns cannot be indexed: {error}")
    names = ", ".join(f"{phase.name} ({phase.space_group})" for phase in indexer.phases)
    if settings.method == "dictionary":
        return IndexingRoute("dictionary", f"dictionary indexing of its patterns (kikuchipy), phases {names}", indexer)
    return IndexingRoute("hough", f"Hough indexing of its patterns (PyEBSDIndex), phases {names}", indexer)
