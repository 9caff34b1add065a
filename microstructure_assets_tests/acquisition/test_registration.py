"""Maps on the scan's grid, and maps brought there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.registration import MapGrid, differences, require_known, resampled
from microstructure_assets.acquisition.scan import Grid

GRID = Grid(6, 8, 0.5, 0.25)


def map_grid(shape: tuple[int, int] = (6, 8), steps: tuple[float | None, float | None] = (0.5, 0.25),
             offsets: tuple[float | None, float | None] = (0.0, 0.0)) -> MapGrid:  # fmt: skip
    return MapGrid(shape, steps, offsets)


@pytest.mark.parametrize(
    "other",
    [
        map_grid(),
        map_grid(steps=(0.5049, 0.2476)),
        map_grid(offsets=(-0.25, 0.12)),
        map_grid(offsets=(None, None)),
    ],
)
def test_a_map_of_the_same_points_lies_on_the_grid(other: MapGrid) -> None:
    assert differences(GRID, other) == ((), ())
    require_known(Path("map"), GRID, other, (), resample=False)


@pytest.mark.parametrize(
    ("other", "found", "expected"),
    [
        (map_grid((6, 9)), "6×9 points", "6×8 points"),
        (map_grid(steps=(0.51, 0.25)), "step 0.51 µm along y", "0.5 µm"),
        (map_grid(steps=(0.5, 0.1)), "step 0.1 µm along x", "0.25 µm"),
        (map_grid(offsets=(0.0, 0.126)), "offset 0.126 µm along x", "0 within half a step of 0.25 µm"),
    ],
)
def test_a_map_that_differs_is_named_with_the_way_out(other: MapGrid, found: str, expected: str) -> None:
    (one,), unknown = differences(GRID, other)
    assert (one.found, one.expected, unknown) == (found, expected, ())
    with pytest.raises(ScanFormatError, match=r"found .* expected .* acquisition\.eds_resample=true") as raised:
        require_known(Path("map.hspy"), GRID, other, (one,), resample=False)
    assert (raised.value.found, raised.value.expected) == (found, f"{expected} as the scan")
    require_known(Path("map.hspy"), GRID, other, (one,), resample=True)


def test_nothing_is_resampled_without_steps_or_to_hexagonal_grids() -> None:
    other = map_grid((3, 4), (None, 0.5))
    differing, unknown = differences(GRID, other)
    assert unknown == ("step along y",)
    with pytest.raises(ScanFormatError, match=r"unknown, 0\.5 µm, expected known steps"):
        require_known(Path("map"), GRID, other, differing, resample=True)
    hexagonal = Grid(6, 8, 0.5, 0.25, kind="hexagonal")
    with pytest.raises(ScanFormatError, match="not brought to hexagonal grids"):
        require_known(Path("map"), hexagonal, map_grid((3, 4)), differing, resample=True)


def test_binned_by_two_is_the_sum_of_four() -> None:
    fine = np.random.default_rng(1).poisson(5.0, (2, 12, 16)).astype(float)
    found = resampled(fine, GRID, map_grid((12, 16), (0.25, 0.125), (-0.125, -0.0625)))
    np.testing.assert_array_equal(found, fine.reshape(2, 6, 2, 8, 2).sum(axis=(2, 4)))


def test_a_coarse_cell_is_shared_by_the_points_in_it() -> None:
    coarse = np.random.default_rng(1).poisson(50.0, (3, 4)).astype(float)
    found = resampled(coarse, GRID, map_grid((3, 4), (1.0, 0.5), (0.25, 0.125)))
    np.testing.assert_allclose(found, np.repeat(np.repeat(coarse, 2, 0), 2, 1) / 4, rtol=1e-12)


def test_what_reaches_beyond_the_field_is_no_number() -> None:
    """A map shifted by one and a half points: of the first two columns and rows nothing, or half, is measured."""
    found = resampled(np.ones((6, 8)), GRID, map_grid(offsets=(0.75, 0.375)))
    assert np.isnan(found[:2]).all()
    assert np.isnan(found[:, :2]).all()
    np.testing.assert_allclose(found[2:, 2:], 1.0, rtol=1e-12)


@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(1, 30), columns=st.integers(1, 30), step_y=st.floats(0.05, 3), step_x=st.floats(0.05, 3),
    offset_y=st.floats(-3, 3), offset_x=st.floats(-3, 3), seed=st.integers(0, 1000),
)  # fmt: skip
def test_an_even_field_stays_even_and_no_count_is_taken_twice(
    rows: int, columns: int, step_y: float, step_x: float, offset_y: float, offset_x: float, seed: int
) -> None:
    """Counts per area are those of the field; no more is given than there was."""
    other = map_grid((rows, columns), (step_y, step_x), (offset_y, offset_x))
    even = resampled(np.full((rows, columns), step_y * step_x), GRID, other)
    measured = np.isfinite(even)
    np.testing.assert_allclose(even[measured], 0.5 * 0.25, rtol=1e-6)
    low, high = ((np.array(o) - np.array(s) / 2, np.array(o) + (n - 0.5) * np.array(s)) for o, s, n in
                 ((offset_y, step_y, rows), (offset_x, step_x, columns)))  # fmt: skip
    inside_y = (np.arange(6) * 0.5 - 0.25 >= low[0] - 1e-9) & (np.arange(6) * 0.5 + 0.25 <= low[1] + 1e-9)
    inside_x = (np.arange(8) * 0.25 - 0.125 >= high[0] - 1e-9) & (np.arange(8) * 0.25 + 0.125 <= high[1] + 1e-9)
    assert (measured >= inside_y[:, None] & inside_x).all()
    counts = np.random.default_rng(seed).poisson(5.0, (rows, columns)).astype(float)
    given_out = np.nansum(resampled(counts, GRID, other))
    assert given_out <= counts.sum() * (1 + 1e-5) + 1e-9


@settings(max_examples=100, deadline=None)
@given(factor_y=st.integers(1, 7), factor_x=st.integers(1, 7), seed=st.integers(0, 1000))
def test_counts_are_conserved_where_both_cover_one_field(factor_y: int, factor_x: int, seed: int) -> None:
    """Any number of cells over the scan's field: the total is the same."""
    shape, steps = (factor_y, factor_x), (6 * 0.5 / factor_y, 8 * 0.25 / factor_x)
    other = map_grid(shape, steps, ((steps[0] - 0.5) / 2, (steps[1] - 0.25) / 2))
    counts = np.random.default_rng(seed).poisson(1000.0, shape).astype(float)
    found = resampled(counts, GRID, other)
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(counts.sum(), rel=1e-12)
