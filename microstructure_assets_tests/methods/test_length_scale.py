from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.methods.length_scale import (
    OFFSETS,
    _largest_side,
    fixed_points_curve,
    length_scale,
    offset_summary,
    places_of_controls,
    tilings_around,
)
from microstructure_assets.methods.scale_curve import Table
from microstructure_assets.methods.settings import CLUSTER_CAPS, ScaleSettings

SHAPE = (300, 240)
DIAMETER = 9.0


def table(
    mean: float = 0.8,
    place: float = 7.0,
    seed: int = 0,
    offset: tuple[float, float] = (0.0, 0.0),
    limited_below: int = 0,
) -> Table:
    """ROIs of tilings 2 to 15 whose NMI peaks at `place`, the same for all caps."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, float]] = []
    for n in range(2, 16):
        for roi in range(n * n):
            own = mean - 0.3 * np.log(n / place) ** 2 + 0.03 * random.standard_normal()
            for cap in CLUSTER_CAPS:
                in_force = cap == 20 and n < 8
                rows.append(
                    {
                        "n": n,
                        "offset_y": offset[0],
                        "offset_x": offset[1],
                        "k_max": cap,
                        "row": (roi // n + 0.5) * SHAPE[0] / n,
                        "column": (roi % n + 0.5) * SHAPE[1] / n,
                        "points": SHAPE[0] * SHAPE[1] // n**2,
                        "clusters_scores": min(cap, max(2, 1500 // n**2)),
                        "clusters_weights": 2,
                        "limited": int(n < limited_below),
                        "nmi": own,
                        "ami": own - 0.1,
                        "nmi_null": 0.2,
                        "nmi_fixed_points": own - 0.2 if in_force else np.nan,
                        "clusters_fixed_points": 4.0 if in_force else np.nan,
                    }
                )
    return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}


def test_a_known_peak_is_found_and_believed() -> None:
    found = length_scale(table(), SHAPE, ScaleSettings(resamplings=500), DIAMETER)
    assert found.recommendation.kind == "peak"
    assert found.recommendation.n in (6, 7, 8)
    assert found.recommendation.caps_apart == ()
    assert len(found.summary.n) == 14 * len(CLUSTER_CAPS)
    assert (found.grain_diameter_points, found.block_side_points) == (DIAMETER, 3 * DIAMETER)


def test_the_seed_and_the_number_of_draws_are_those_of_the_settings() -> None:
    first, again, other, more = (
        length_scale(table(), SHAPE, settings, DIAMETER).summary.nmi_mean_low
        for settings in (
            ScaleSettings(resamplings=200),
            ScaleSettings(resamplings=200),
            ScaleSettings(resamplings=200, seed=1),
            ScaleSettings(resamplings=300),
        )
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other, equal_nan=True)
    assert not np.array_equal(first, more, equal_nan=True)


@pytest.mark.parametrize(("limited_below", "said"), [(0, False), (5, False), (7, True), (16, True)])
def test_a_peak_beyond_which_most_rois_are_limited_is_not_the_microstructures(limited_below: int, said: bool) -> None:
    found = length_scale(table(limited_below=limited_below), SHAPE, ScaleSettings(), DIAMETER).recommendation
    assert found.n == 7
    assert found.set_by_limits is said
    assert ("set by the limits on clusters and components, not by the microstructure" in found.reason) is said


def test_controls_have_places_of_their_own() -> None:
    rows = table(place=7.0)
    found = length_scale(rows, SHAPE, ScaleSettings(), DIAMETER)
    n = found.recommendation.n
    assert places_of_controls(found, 20) == {"above_null": n, "adjusted": n}
    chance = {**rows, "nmi_null": np.where(rows["n"] < 11, 0.9, 0.0), "ami": np.where(rows["n"] == 4, 1.0, 0.1)}
    found = length_scale(chance, SHAPE, ScaleSettings(), DIAMETER)
    assert places_of_controls(found, 20) == {"above_null": 11, "adjusted": 4}
    assert places_of_controls(found, 7) == {"above_null": None, "adjusted": None}


def test_the_cap_in_force_recommends() -> None:
    rows = table(place=11.0)
    moved = {**rows, "nmi": np.where(rows["k_max"] == 40, table(place=5.0)["nmi"], rows["nmi"])}
    assert length_scale(moved, SHAPE, ScaleSettings(), DIAMETER).recommendation.set_by_cap
    own = length_scale(moved, SHAPE, ScaleSettings(cluster_cap=40), DIAMETER).recommendation
    assert own.n in (4, 5, 6)


def test_of_unknown_grains_blocks_are_as_large_as_can_be_resampled() -> None:
    found = length_scale(table(), SHAPE, ScaleSettings(resamplings=200), float("nan"))
    assert found.block_side_points == _largest_side(SHAPE)


def test_a_scan_of_few_grains_is_said_to_be_too_small() -> None:
    found = length_scale(table(), SHAPE, ScaleSettings(resamplings=200), 60.0).recommendation
    assert (found.kind, found.n, found.n_low) == ("untested", 7, None)
    assert "the scan is too small to say how sure that is" in found.reason


@pytest.mark.parametrize("shape", [(31, 31), (100, 150), (327, 401), (100, 300), (20, 400), (500, 500)])
def test_blocks_of_unknown_grains_are_enough_to_be_resampled(shape: tuple[int, int]) -> None:
    side = _largest_side(shape)
    assert 8 <= (shape[0] // side) * (shape[1] // side) < 40


def test_without_clusters_nothing_is_recommended() -> None:
    rows = table()
    single = {**rows, "clusters_scores": np.ones(len(rows["n"]), np.int64)}
    found = length_scale(single, SHAPE, ScaleSettings(), DIAMETER)
    assert found.recommendation.kind == "none"
    assert found.recommendation.n is None


def test_the_tilings_around_are_the_neighbours() -> None:
    found = length_scale(table(), SHAPE, ScaleSettings(resamplings=200), DIAMETER).recommendation
    assert found.n is not None
    tilings = tuple(range(2, 16))
    assert tilings_around(found, tilings) == (found.n - 1, found.n, found.n + 1)
    assert tilings_around(found, (found.n, 20)) == (found.n, 20)


def test_shifted_grids_are_averaged_by_place() -> None:
    first, second = table(seed=1), table(seed=2, offset=OFFSETS[0])
    both = {name: np.concatenate([first[name], second[name]]) for name in first}
    summary = offset_summary(both, ScaleSettings())
    assert len(summary["n"]) == 14 * 2
    own = (second["n"] == 5) & (second["k_max"] == 20)
    place = (summary["n"] == 5) & (summary["offset_y"] == 0.5)
    assert summary["nmi_mean"][place][0] == pytest.approx(second["nmi"][own].mean())
    assert summary["roi_count"][place][0] == 25


def test_the_control_of_fixed_points_stands_beside_its_cap() -> None:
    rows = table()
    curve = fixed_points_curve(rows)
    summary = length_scale(rows, SHAPE, ScaleSettings(resamplings=200), DIAMETER).summary
    known = np.isfinite(curve["nmi_mean_fixed_points"])
    np.testing.assert_array_equal(known, (summary.k_max == 20) & (summary.n < 8))
    np.testing.assert_allclose(curve["nmi_mean_fixed_points"][known], summary.nmi_mean[known] - 0.2)
    np.testing.assert_allclose(curve["clusters_mean_fixed_points"][known], 4.0)
