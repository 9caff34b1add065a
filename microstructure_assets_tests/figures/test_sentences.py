"""What the report says of the length scale: its ratios to the diameters, and what keeps it from being believed."""

from __future__ import annotations

from typing import Any

from microstructure_assets.figures.sentences import _length_scale


def facts(grains: tuple[float | None, float | None] = (None, None), **changes: Any) -> dict[str, Any]:
    """A curve whose ROIs are 6 µm long, regions of 3 and 4 µm."""
    found = {"n": 5, "n_low": None, "n_high": None, "kind": "peak", "roi_length_um": 6.0, "set_by_cap": 0}
    found |= {"set_by_limits": 0, "n_above_null": 5, "n_adjusted": 5, **changes}
    own = {"unit": "µm", "mean_diameter_um": 3.0, "area_weighted_diameter_um": 4.0, "grain_diameters_um": grains}
    return {**own, "length_scale": found}


def test_the_length_stands_beside_regions_and_where_there_are_some_beside_grains() -> None:
    (alone,) = _length_scale(facts())
    assert alone.endswith("2 times the mean diameter of the regions and 1.5 times the one weighted by area.")
    (both,) = _length_scale(facts((2.0, 5.0)))
    assert "3 times the mean diameter of the grains and 1.2 times the one weighted by area." in both


def test_doubts_are_said_one_by_one() -> None:
    assert "not by the microstructure" not in _length_scale(facts())[0]
    assert "set by the cap on K, not by" in _length_scale(facts(set_by_cap=1))[0]
    assert "How sure that is cannot be said." in _length_scale(facts(kind="untested"))[0]
    assert "largest at n = 4, as adjusted mutual information at n = 5." in _length_scale(facts(n_above_null=4))[0]
    assert _length_scale(facts(n=None)) == ()
