from __future__ import annotations

import pytest
from pydantic import ValidationError

from microstructure_assets.indexing.settings import IndexingSettings, declared_reflectors, declared_space_groups


def test_names_keep_their_colons_and_lose_their_case() -> None:
    assert declared_space_groups("Iron: alpha : 229; γ: 225;") == {"iron: alpha": 229, "γ": 225}


def test_families_are_read() -> None:
    assert declared_reflectors("Ferrite: 0 1 1, 0 -2 0") == {"ferrite": ((0, 1, 1), (0, -2, 0))}


@pytest.mark.parametrize("text", ["Ferrite 229", "Ferrite: 231", "Ferrite: Im-3m", ": 229"])
def test_unreadable_space_groups_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="expected"):
        IndexingSettings(space_groups=text)


@pytest.mark.parametrize("text", ["Ferrite: 0 1", "Ferrite: 0 0 0", "Ferrite: 011", "0 1 1"])
def test_unreadable_families_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match=r"expected|no lattice plane"):
        IndexingSettings(reflectors=text)


def test_every_field_is_described() -> None:
    assert all(field.description for field in IndexingSettings.model_fields.values())
