"""The shape of the grid: declared, stored, or beside."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.grids import resolve_grid
from microstructure_assets.acquisition.scan import Grid, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings

FILE = Path("scan.up1")


@given(st.integers(1, 300), st.integers(1, 300))
def test_one_declared_side_is_enough(rows: int, columns: int) -> None:
    for settings in (AcquisitionSettings(rows=rows), AcquisitionSettings(columns=columns)):
        assert resolve_grid(FILE, rows * columns, settings).shape == (rows, columns)


def test_declared_wins_over_stored_and_stored_over_beside() -> None:
    beside = Scan(Path("scan.ang"), "ang", (), Grid(3, 4, None, None))
    none = AcquisitionSettings()
    assert resolve_grid(FILE, 12, none, beside=beside).shape == (3, 4)
    assert resolve_grid(FILE, 12, none, stored=(2, 6), beside=beside).shape == (2, 6)
    declared = AcquisitionSettings(rows=12, columns=1)
    assert resolve_grid(FILE, 12, declared, stored=(2, 6), beside=beside).shape == (12, 1)


def test_unknown_grid_is_an_error_unless_it_is_one_point() -> None:
    with pytest.raises(ScanFormatError, match=r"acquisition\.rows=ROWS --set acquisition\.columns=COLUMNS"):
        resolve_grid(FILE, 12, AcquisitionSettings())
    assert resolve_grid(FILE, 1, AcquisitionSettings()).shape == (1, 1)


@pytest.mark.parametrize("settings", [AcquisitionSettings(rows=5), AcquisitionSettings(rows=4, columns=4)])
def test_contradiction_names_the_number_of_points(settings: AcquisitionSettings) -> None:
    with pytest.raises(ScanFormatError) as caught:
        resolve_grid(FILE, 12, settings)
    assert caught.value.field == "number of points"
    assert caught.value.found == 12


def test_a_claim_of_a_trillion_points_is_only_a_number() -> None:
    with pytest.raises(ScanFormatError, match="expected 1000000000000"):
        resolve_grid(FILE, 9, AcquisitionSettings(), stored=(10**6, 10**6))
