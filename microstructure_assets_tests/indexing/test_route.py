from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.acquisition.scan import Detector, Grid, Indexing, IndexingMaps, Phase, Scan
from microstructure_assets.indexing.geometry import CalibrationUnknown
from microstructure_assets.indexing.phases import PhaseNotIndexable
from microstructure_assets.indexing.route import indexing_route
from microstructure_assets.indexing.settings import IndexingSettings

NICKEL = Phase("Nickel", "m-3m", 225, (3.52, 3.52, 3.52), (90.0, 90.0, 90.0))


class Patterns:
    """Patterns that nobody reads."""

    shape = (2, 3, 60, 80)
    dtype = np.dtype(np.uint8)

    def read_points(self, points: np.ndarray) -> np.ndarray:
        raise AssertionError("read")

    def read_rows(self, start: int, stop: int) -> np.ndarray:
        raise AssertionError("read")


def unread() -> IndexingMaps:
    raise AssertionError("read")


SCAN = Scan(
    Path("a.h5"), "x", (), Grid(2, 3, 1.0, 1.0), Detector(60, 80, (0.5, 0.25, 0.55)), 70.0, 20.0, (NICKEL,), Patterns()
)
INDEXED = replace(SCAN, indexing=Indexing(Path("a.ang"), (2, 3), "confidence index", unread))


@pytest.mark.parametrize(
    ("scan", "method", "source"),
    [
        (SCAN, "auto", "hough"),
        (SCAN, "vendor", "none"),
        (INDEXED, "auto", "vendor"),
        (INDEXED, "vendor", "vendor"),
        (INDEXED, "hough", "hough"),
        (INDEXED, "dictionary", "dictionary"),
        (replace(SCAN, patterns=None), "auto", "none"),
        (replace(SCAN, detector=Detector(60, 80)), "auto", "none"),
        (replace(SCAN, phases=()), "auto", "none"),
    ],
)
def test_the_vendors_comes_first_then_ours_then_none(scan: Scan, method: str, source: str) -> None:
    route = indexing_route(scan, IndexingSettings(method=method))
    assert route.source == source
    assert (route.indexer is not None) == (source in ("hough", "dictionary"))
    assert route.reason


@pytest.mark.parametrize(
    ("scan", "words"),
    [
        (replace(SCAN, patterns=None), "no patterns"),
        (replace(SCAN, detector=Detector(60, 80)), r"acquisition\.pattern_centre_x.*_y.*_z"),
        (replace(SCAN, sample_tilt_deg=None), r"declare acquisition\.sample_tilt_deg"),
    ],
)
def test_a_missing_calibration_names_what_to_declare(scan: Scan, words: str) -> None:
    with pytest.raises(CalibrationUnknown, match=words):
        indexing_route(scan, IndexingSettings(method="hough"))
    with pytest.raises(CalibrationUnknown, match=words):
        indexing_route(scan, IndexingSettings(method="dictionary"))
    assert "declare" in indexing_route(scan, IndexingSettings()).reason or "no patterns" in words


def test_an_unknown_phase_is_not_left_out_silently() -> None:
    scan = replace(SCAN, phases=(NICKEL, replace(NICKEL, name="Other", space_group=None)))
    with pytest.raises(PhaseNotIndexable, match="'Other'"):
        indexing_route(scan, IndexingSettings(method="hough"))
    assert "'Other'" in indexing_route(scan, IndexingSettings()).reason


def test_patterns_that_are_the_central_part_have_its_centre() -> None:
    route = indexing_route(SCAN, IndexingSettings(), (60, 60))
    assert route.indexer is not None
    assert route.indexer.geometry.pattern_centre == ((0.5 * 80 - 10) / 60, 0.25, 0.55)
