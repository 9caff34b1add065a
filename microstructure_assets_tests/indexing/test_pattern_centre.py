"""The pattern centre of twins is found, whatever was declared, and its drift."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from microstructure_assets.indexing.pattern_centre import (
    PatternCentreCheck,
    PatternCentreNotFound,
    check_pattern_centre,
    of_a_tenth,
)
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets_tests.indexing.making import Known, known_scan

SETTINGS = {"centre_regions": 2, "centre_points": 40}
TWIN = {"phases": ("nickel",), "master_pattern": "dynamical_nickel", "noise_nu": 0.7, "rows": 20, "columns": 20}


def checked(known: Known, offset: tuple[float, float, float]) -> PatternCentreCheck:
    x, y, z = (true + off for true, off in zip(known.geometry.pattern_centre, offset, strict=True))
    indexer = known.indexer(maximum_fit_deg=2.5).with_centre((x, y, z))

    def read_points(points: NDArray[np.int64]) -> NDArray[np.float32]:
        return known.patterns[points]

    return check_pattern_centre(read_points, known.shape, indexer, IndexingSettings(**SETTINGS))


@pytest.mark.parametrize("offset", [(0.0, 0.0, 0.0), (0.015, -0.01, 0.02)])
def test_the_true_centre_is_found(offset: tuple[float, float, float]) -> None:
    known = known_scan(**TWIN)
    found = checked(known, offset)
    np.testing.assert_allclose(found.found, known.geometry.pattern_centre, atol=0.005)
    np.testing.assert_allclose(np.subtract(found.declared, known.geometry.pattern_centre), offset, atol=1e-12)
    assert max(found.spread) < 0.01
    assert found.fit_found_deg < 1.0
    assert found.fit_found_deg <= found.fit_declared_deg + 0.05
    assert found.to_use("checked") == found.declared
    if max(offset) > 0:
        assert found.to_use("fitted") == found.found
    assert len(found.facts()) == 17


def test_a_drift_is_found() -> None:
    known = known_scan(**TWIN, pattern_centre_drift_x=0.04, pattern_centre_drift_y=-0.03)
    found = checked(known, (0.02, -0.015, 0.0))
    np.testing.assert_allclose(found.drift_columns, (0.04, 0, 0), atol=0.015)
    np.testing.assert_allclose(found.drift_rows, (0, -0.03, 0), atol=0.015)


def test_patterns_that_cannot_be_indexed_have_no_centre() -> None:
    known = known_scan(**TWIN)
    noise = np.random.default_rng(1).normal(size=known.patterns.shape).astype(np.float32)
    with pytest.raises(PatternCentreNotFound, match=r"acquisition\.pattern_centre_x"):
        check_pattern_centre(lambda points: noise[points], known.shape, known.indexer(), IndexingSettings(**SETTINGS))


@pytest.mark.parametrize(("points", "regions", "patterns"), [(9, 1, 4), (720, 1, 18), (3200, 2, 20), (131_670, 3, 20)])
def test_no_more_than_a_tenth_of_a_scan_is_looked_at(points: int, regions: int, patterns: int) -> None:
    own = of_a_tenth(IndexingSettings(), points)
    assert (own.centre_regions, own.centre_points) == (regions, patterns)
    assert points < 160 or own.centre_regions**2 * own.centre_points * 4 <= points / 10
