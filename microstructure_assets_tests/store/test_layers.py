from __future__ import annotations

import pytest

from microstructure_assets.settings import SettingsError, parse_setting, settings_groups
from microstructure_assets.store.files import read_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SCAN_GROUPS, TILE_GROUPS, SettingsLayers


def test_layers_override_one_another_and_say_where_a_value_comes_from(home: Home) -> None:
    layers = SettingsLayers(home)
    layers.configure("s", {"knee.minimum": "3"})
    layers.configure("s", {"knee.minimum": "4"}, "t03")
    assert (layers.in_force("s")["knee.minimum"].value, layers.in_force("s")["knee.minimum"].layer) == (3, "scan")
    tile = layers.in_force("s", "t03")["knee.minimum"]
    assert (tile.value, tile.layer) == (4, "tile t03")
    assert layers.in_force("s", "t04")["knee.minimum"].value == 3
    assert layers.in_force("other")["knee.minimum"].layer == "default"


def test_default_takes_a_value_back_and_history_is_kept(home: Home) -> None:
    layers = SettingsLayers(home)
    layers.configure("s", {"knee.minimum": "3"})
    layers.configure("s", {"knee.minimum": "default"})
    assert layers.in_force("s")["knee.minimum"].layer == "default"
    document = read_json(home.store / "settings" / "scans" / "s" / "scan.json")
    assert document is not None
    assert [entry["values"] for entry in document["history"]] == [{"knee.minimum": 3}, {}]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("knee.minimun", "2", "knee.minimum"),
        ("nonsense", "2", "unknown setting"),
        ("knee.minimum", "many", "knee.minimum"),
        ("knee.minimum", "0", "greater than or equal to 1"),
        ("mixture.criterion", "best", "bic"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_expected(home: Home, name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SettingsLayers(home).configure("s", {name: value})
    assert SettingsLayers(home).in_force("s").get("knee.minimum") == SettingsLayers(home).in_force("t")["knee.minimum"]


def test_a_tile_cannot_have_a_setting_of_the_whole_scan(home: Home) -> None:
    with pytest.raises(SettingsError, match="whole scan"):
        SettingsLayers(home).configure("s", {"preprocessing.intensity": "paper"}, "t00")


def test_scan_and_tile_settings_have_hashes_of_their_own_groups_only(home: Home) -> None:
    layers = SettingsLayers(home)
    scan, tile = layers.content_hash("s"), layers.content_hash("s", "t00")
    layers.configure("s", {"knee.minimum": "3"})
    assert layers.content_hash("s") == scan
    assert layers.content_hash("s", "t00") != tile
    layers.configure("s", {"tiling.n": "3"})
    assert layers.content_hash("s") != scan


def test_every_group_belongs_to_exactly_one_stage() -> None:
    assert set(settings_groups()) == SCAN_GROUPS | TILE_GROUPS
    assert not SCAN_GROUPS & TILE_GROUPS


def test_none_is_a_value_where_a_field_allows_it() -> None:
    assert parse_setting("tiling.n", "none") == ("tiling.n", None)
    with pytest.raises(SettingsError):
        parse_setting("knee.minimum", "none")


def test_every_setting_has_a_description() -> None:
    for group, model in settings_groups().items():
        for name, info in model.model_fields.items():
            assert info.description, f"{group}.{name}"
            assert not info.is_required(), f"{group}.{name}"
