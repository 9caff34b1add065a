"""Hexagonal maps: where each point lies, and files that lie about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets_tests.acquisition.hexagonal_maps import STEP_UM, write_hexagonal


def test_short_rows_end_with_a_cell_that_is_no_point(tmp_path: Path) -> None:
    write_hexagonal(tmp_path / "map.ang", 3, 4, 3)
    scan = open_scan(tmp_path / "map.ang")
    assert (scan.grid.kind, scan.grid.shape, scan.grid.short_rows) == ("hexagonal", (3, 4), True)
    assert scan.grid.step_x_um == STEP_UM
    assert scan.grid.step_y_um == pytest.approx(STEP_UM * 0.8660254, rel=1e-5)
    assert scan.band_contrast is not None
    assert scan.indexing is not None
    np.testing.assert_array_equal(scan.band_contrast.read(), [[0, 1, 2, 3], [4, 5, 6, np.nan], [7, 8, 9, 10]])
    maps = scan.indexing.read()
    np.testing.assert_array_equal(maps.phase_id, [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]])
    np.testing.assert_array_equal(np.isnan(maps.confidence), ~scan.grid.there)


def test_rows_may_be_equally_long(tmp_path: Path) -> None:
    write_hexagonal(tmp_path / "map.ang", 3, 4, 4)
    scan = open_scan(tmp_path / "map.ang")
    assert (scan.grid.shape, scan.grid.short_rows) == ((3, 4), False)
    assert scan.indexing is not None
    assert (scan.indexing.read().phase_id == 1).all()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("NCOLS_EVEN: 3", "NCOLS_EVEN: 5", "NCOLS_EVEN"),
        ("NCOLS_EVEN: 3", "NCOLS_EVEN: 2", "NCOLS_EVEN"),
        ("NCOLS_EVEN: 3", "NCOLS_EVEN: 4", "number of points"),
        ("NROWS: 3", "NROWS: 4", "number of points"),
        ("NROWS: 3", "NROWS: 1000000000000", "NROWS"),
        ("XSTEP: 0.25", "XSTEP: 0", "XSTEP"),
        ("XSTEP: 0.25", "XSTEP: nan", "XSTEP"),
        ("YSTEP: 0.2165", "YSTEP: 0.25", "YSTEP"),
    ],
)
def test_a_header_that_lies(tmp_path: Path, old: str, new: str, field: str) -> None:
    path = tmp_path / "map.ang"
    write_hexagonal(path, 3, 4, 3)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ScanFormatError) as caught:
        open_scan(path)
    assert caught.value.field == field


def test_rows_that_do_not_alternate_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.ang"
    write_hexagonal(path, 3, 4, 4)
    text = path.read_text()
    for column in range(4):
        shifted, straight = f" {(column + 0.5) * STEP_UM:.5f} 0.21651", f" {column * STEP_UM:.5f} 0.21651"
        assert shifted in text
        text = text.replace(shifted, straight)
    path.write_text(text)
    scan = open_scan(path)
    assert scan.indexing is not None
    with pytest.raises(ScanFormatError, match="row 2 of a hexagonal grid"):
        scan.indexing.read()
