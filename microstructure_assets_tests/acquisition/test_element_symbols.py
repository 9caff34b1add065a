"""Symbols of elements, and the setting that takes them."""

from __future__ import annotations

import pytest

from microstructure_assets.acquisition.element_symbols import MOST_ELEMENTS, SYMBOLS, ElementsUnknown, element_symbols
from microstructure_assets.settings import SettingsError, settings_group


def test_the_table_is_that_of_the_elements_by_number() -> None:
    from exspy.material import elements

    assert len(set(SYMBOLS)) == 118
    known = {element: elements[element].General_properties.Z for element in SYMBOLS if element in elements}
    assert len(known) > 90
    assert {element: SYMBOLS.index(element) + 1 for element in known} == known


def test_symbols_between_spaces_in_their_order() -> None:
    assert element_symbols(" Fe  Al O\n") == ("Fe", "Al", "O")
    assert settings_group("acquisition", {"eds_elements": " Fe  Al "}).eds_elements == "Fe Al"


@pytest.mark.parametrize(
    "text", ["", "  ", "Xx", "fe", "Fe,Al", "Fe Fe", "Fe_Ka", " ".join(SYMBOLS[: MOST_ELEMENTS + 1])]
)
def test_what_names_no_elements_is_refused_at_the_door(text: str) -> None:
    with pytest.raises(ElementsUnknown, match="different symbols between spaces"):
        element_symbols(text)
    with pytest.raises(
        SettingsError, match=r"settings acquisition\.eds_elements: .*expected 1 to 40 different symbols"
    ):
        settings_group("acquisition", {"eds_elements": text})
