"""Which tiling the bench takes for the recommended one, and that its row says what the maps say."""

from __future__ import annotations

import pytest

from benchmarks.accuracy import best_tiling
from benchmarks.accuracy.lane import LaneSettings, preprocess, run_lane
from benchmarks.accuracy.length_scale import DETECTOR_PX, NOISE_NU
from benchmarks.accuracy.metrics import rand_index
from benchmarks.accuracy.twins import twin_settings
from microstructure_assets.methods.scale_peak import Recommendation
from microstructure_assets.simulation.twin import simulate


def recommended(n: int | None, *, set_by_cap: bool) -> Recommendation:
    """A recommendation of this tiling."""
    return Recommendation(n, None, None, "peak", "a reason", {20: n}, (), set_by_cap, False, ())


@pytest.mark.parametrize(
    ("n", "set_by_cap", "expected", "chosen_by"),
    [(5, False, 5, "scale_curve"), (5, True, 7, "points_per_roi"), (None, False, 7, "points_per_roi")],
)
def test_the_rule_stands_in_where_the_curve_recommends_nothing(
    n: int | None, set_by_cap: bool, expected: int, chosen_by: str
) -> None:
    tiling = best_tiling.product_tiling((160, 160), recommended(n, set_by_cap=set_by_cap))
    assert (tiling.n, tiling.chosen_by) == (expected, chosen_by)


def test_a_row_holds_the_maps_of_all_tilings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_tiling, "LADDER", (2, 4))
    monkeypatch.setattr(best_tiling, "recommendation", lambda patterns: recommended(3, set_by_cap=False))
    given = {"sizes": "Voronoi", "diameter": 8.0, "shape": [40, 40]}
    (row,) = best_tiling.measure(given, 0)
    assert row["tilings"] == [2, 3, 4]
    assert (row["n"], row["n_rule"], row["by_curve"]) == (3, 2, 1)
    assert row["loss"] == max(row["all"]) - row["all"][1] >= 0
    assert row["index_best"] == max(row["all"]) > 0.9
    detector = {"detector_height_px": DETECTOR_PX, "detector_width_px": DETECTOR_PX}
    twin = simulate(twin_settings((40, 40), 8.0, NOISE_NU, 0, **detector))
    settings = LaneSettings()
    stitched = run_lane(preprocess(twin, settings.preprocessing), 3, settings).stitched
    assert stitched is not None
    assert row["index"] == rand_index(twin.truth.region, stitched.region)
