from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microstructure_assets.store.names import SLOTS, InvalidName, scan_name, slot, slots_in_order, slugify

HOSTILE = [
    "",
    ".",
    "..",
    "a/b",
    "../x",
    "a|b",
    "a...b",
    "-a",
    "a\nb",
    "a" * 81,
    "a b",
    "é",
    "a\x00",
    "'; drop table x",
    "a,b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_scan_names_are_refused_with_their_text(text: str) -> None:
    with pytest.raises(InvalidName, match="scan name"):
        scan_name(text)


@pytest.mark.parametrize("text", ["a", "Ni_3x3", "0.5-um", "a" * 80])
def test_good_scan_names_pass_unchanged(text: str) -> None:
    assert scan_name(text) == text


@given(st.text(max_size=200))
def test_slugify_always_gives_a_valid_name(text: str) -> None:
    assert scan_name(slugify(text)) == slugify(text)


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=80))
def test_slugify_keeps_what_is_valid(text: str) -> None:
    assert slugify(text) == text


def test_regions_and_tiles_are_one_contiguous_range() -> None:
    assert SLOTS[15:17] == ("r00", "t00")
    assert slots_in_order(frozenset({"t00", "r01", "r00"})) == ["r01", "r00", "t00"]


@pytest.mark.parametrize("text", ["t64", "t1", "r16", "", "t00|x"])
def test_unknown_slots_are_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="t00 to t63"):
        slot(text)
