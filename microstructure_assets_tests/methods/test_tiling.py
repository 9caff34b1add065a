"""Tilings partition the scan exactly, in at most 64 tiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.methods.settings import TilingSettings
from microstructure_assets.methods.tiling import analysis_tiling, bounds, rois, tiles


@st.composite
def grids(draw: st.DrawFn) -> tuple[int, int, int]:
    rows, columns = draw(st.integers(1, 200)), draw(st.integers(1, 200))
    return rows, columns, draw(st.integers(1, min(rows, columns, 64)))


@settings(max_examples=100, deadline=None)
@given(grids())
def test_every_point_is_in_one_roi_of_one_tile(grid: tuple[int, int, int]) -> None:
    rows, columns, n = grid
    seen = np.zeros((rows, columns), int)
    in_tile = np.zeros((rows, columns), int)
    own = tiles(rows, columns, n)
    for tile in own:
        in_tile[tile.row_start : tile.row_stop, tile.column_start : tile.column_stop] += 1
        for roi in tile.rois:
            seen[roi.row_start : roi.row_stop, roi.column_start : roi.column_stop] += 1
            assert tile.row_start <= roi.row_start < roi.row_stop <= tile.row_stop
            assert tile.column_start <= roi.column_start < roi.column_stop <= tile.column_stop
        assert [roi.index for roi in tile.rois] == list(range(len(tile.rois)))
    assert (seen == 1).all()
    assert (in_tile == 1).all()
    assert len(own) <= 64
    assert [tile.slot for tile in own] == [f"t{number:02d}" for number in range(len(own))]
    corners = [(tile.row_start, tile.column_start) for tile in own]
    assert corners == sorted(corners)
    assert sorted((roi.row, roi.column) for tile in own for roi in tile.rois) == sorted(np.ndindex(n, n))


@settings(max_examples=100, deadline=None)
@given(grids())
def test_rois_differ_by_at_most_one_point(grid: tuple[int, int, int]) -> None:
    rows, columns, n = grid
    table = rois(rows, columns, n)
    for start, stop in ((0, 1), (2, 3)):
        sizes = table[..., stop] - table[..., start]
        assert sizes.min() >= 1
        assert sizes.max() - sizes.min() <= 1


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 600), st.integers(1, 600), st.integers(9, 2000))
def test_default_always_works(rows: int, columns: int, points: int) -> None:
    tiling = analysis_tiling(rows, columns, TilingSettings(points_per_roi=points))
    assert len(tiling.tiles) <= 64
    smallest = min(roi.shape[0] * roi.shape[1] for tile in tiling.tiles for roi in tile.rois)
    assert tiling.n == 1 or smallest >= 9
    assert analysis_tiling(rows, columns, TilingSettings(n=tiling.n)).tiles == tiling.tiles


def test_examples() -> None:
    assert analysis_tiling(3, 3, TilingSettings()).n == 1
    assert analysis_tiling(1, 1, TilingSettings()).tiles[0].shape == (1, 1)
    paper = analysis_tiling(266, 495, TilingSettings())
    assert paper.n == 15
    assert len(paper.tiles) == 64
    assert [len(tile.rois) for tile in paper.tiles[:2]] == [4, 4]
    assert len(paper.tiles[-1].rois) == 1
    four = analysis_tiling(100, 100, TilingSettings(n=4))
    assert len(four.tiles) == 16
    assert all(len(tile.rois) == 1 for tile in four.tiles)
    assert four.tiles[5].shape == (25, 25)
    assert len(tiles(90, 90, 9)) == 25


def test_reason_is_told() -> None:
    assert "points_per_roi" in analysis_tiling(100, 100, TilingSettings()).reason
    assert "limited" in analysis_tiling(2, 5000, TilingSettings()).reason
    assert "tiling.n" in analysis_tiling(100, 100, TilingSettings(n=3)).reason


def test_impossible_tilings_are_refused() -> None:
    with pytest.raises(ValueError, match="found 4, but the scan has 3 rows and 90 columns"):
        analysis_tiling(3, 90, TilingSettings(n=4))
    with pytest.raises(ValueError, match=r"ROIs of 2 × 2 points .* choose at most 6"):
        analysis_tiling(20, 20, TilingSettings(n=10))
    assert analysis_tiling(20, 20, TilingSettings(n=6)).n == 6
    with pytest.raises(ValueError, match="rows, columns"):
        analysis_tiling(0, 5, TilingSettings())
    with pytest.raises(ValueError, match="parts"):
        bounds(3, 4)
