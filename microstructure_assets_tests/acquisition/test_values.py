"""Numbers of headers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.values import (
    natural_key,
    parse_decimal,
    positive_or_none,
    require_count,
    require_decimal,
    require_step_um,
)

FILE = Path("scan.ctf")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimal_point_and_comma_mean_the_same(value: float) -> None:
    assert parse_decimal(repr(value)) == value
    assert parse_decimal(repr(value).replace(".", ",")) == value


@given(st.text())
def test_any_text_gives_a_finite_number_or_none(text: str) -> None:
    value = parse_decimal(text)
    assert value is None or math.isfinite(value)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1,2,3", "1.2,3", "0x10", "١٢", "1e99999", "--1"])
def test_what_is_no_number_is_refused(text: str) -> None:
    assert parse_decimal(text) is None
    with pytest.raises(ScanFormatError, match="XStep"):
        require_decimal(FILE, "XStep", text)


@pytest.mark.parametrize(
    "value", ["0", "-3", "2147483648", "123456789123456789", "4.0", "1e3", "", None, True, 2.5, 1e30]
)
def test_counts_out_of_bounds_are_refused(value: object) -> None:
    with pytest.raises(ScanFormatError, match="from 1 to 2147483647"):
        require_count(FILE, "XCells", value)


def test_counts_are_read() -> None:
    assert [require_count(FILE, "XCells", value) for value in (" 40 ", 40, 40.0, "+40")] == [40] * 4


@pytest.mark.parametrize("step", [math.nan, math.inf, 0.0, -0.5])
def test_step_must_be_positive_unless_the_axis_is_one_point(step: float) -> None:
    with pytest.raises(ScanFormatError, match="a positive step"):
        require_step_um(FILE, "XStep", step, 2)
    assert require_step_um(FILE, "XStep", step, 1) is None
    assert positive_or_none(step) is None


def test_names_sort_by_their_numbers() -> None:
    assert sorted(["scan 10", "Scan 2", "scan 1"], key=natural_key) == ["scan 1", "Scan 2", "scan 10"]
