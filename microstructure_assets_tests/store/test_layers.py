from __future__ import annotations

from pathlib import Path

import pytest

from microstructure_assets.assets.views import ScanView
from microstructure_assets.settings import SettingsError, parse_setting, settings_group, settings_groups
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.files import read_json, write_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SCAN_GROUPS, TILE_GROUPS, SettingsLayers
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.names import InvalidName
from microstructure_assets.store.scans import RegisteredScan, ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets_tests.automation.conftest import make_tiling


@pytest.fixture
def scan(home: Home, tmp_path: Path) -> RegisteredScan:
    """A scan named ``s`` of the instrument ``sem-1``."""
    (tmp_path / "s.h5").touch()
    return ScanRegistry(home).register("s", tmp_path / "s.h5", "sem-1")


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


def test_an_instrument_holds_for_its_scans_that_say_nothing_else(home: Home) -> None:
    layers = SettingsLayers(home)
    layers.configure_instrument("sem-1", {"knee.minimum": "5", "acquisition.rows": "7"})
    layers.configure("s", {"knee.minimum": "3"})
    assert layers.in_force("s", None, "sem-1")["knee.minimum"].value == 3
    other = layers.in_force("t", None, "sem-1")["knee.minimum"]
    assert (other.value, other.layer) == (5, "instrument sem-1")
    assert layers.in_force("t")["knee.minimum"].layer == "default"
    assert layers.preview("acquisition", "new", {}, "sem-1").rows == 7
    assert layers.preview("acquisition", "new", {"acquisition.rows": "8"}, "sem-1").rows == 8
    with pytest.raises(InvalidName):
        layers.configure_instrument("../../etc/x", {"knee.minimum": "5"})


def test_what_contradicts_the_instruments_settings_is_refused(home: Home, scan: RegisteredScan) -> None:
    layers = SettingsLayers(home)
    layers.configure_instrument("sem-1", {"mixture.maximum_clusters": "4"})
    with pytest.raises(SettingsError, match="scan s: settings mixture"):
        layers.configure(scan.name, {"mixture.minimum_clusters": "6"})
    with pytest.raises(SettingsError, match="tile t00 of scan s: settings mixture"):
        layers.configure(scan.name, {"mixture.minimum_clusters": "6"}, "t00")
    layers.configure("of-no-instrument", {"mixture.minimum_clusters": "6"})


def test_what_contradicts_a_layer_below_is_refused_and_that_one_named(home: Home, scan: RegisteredScan) -> None:
    layers = SettingsLayers(home)
    layers.configure(scan.name, {"knee.maximum": "3"})
    with pytest.raises(SettingsError, match=r"scan s: settings knee: .*minimum 5 is larger than maximum 3"):
        layers.configure_instrument("sem-1", {"knee.minimum": "5"})
    assert layers.of_instrument("sem-1") == {}
    layers.configure(scan.name, {"knee.maximum": "default"})
    layers.configure(scan.name, {"knee.minimum": "6"}, "t00")
    with pytest.raises(SettingsError, match=r"tile t00 of scan s: settings knee: .*minimum 6 is larger than maximum 3"):
        layers.configure(scan.name, {"knee.maximum": "3"})
    with pytest.raises(SettingsError, match=r"tile t00 of scan s: settings knee: .*minimum 6 is larger than maximum 3"):
        layers.configure_instrument("sem-1", {"knee.maximum": "3"})
    layers.configure_instrument("sem-2", {"knee.maximum": "3"})
    assert layers.of_instrument("sem-1") == {}


def test_changes_are_checked_on_their_instrument_before_the_scan_is_known(home: Home) -> None:
    layers = SettingsLayers(home)
    layers.configure_instrument("sem-1", {"knee.maximum": "3"})
    with pytest.raises(SettingsError, match="scan s: settings knee"):
        layers.check("s", {"knee.minimum": "5"}, "sem-1")
    layers.check("s", {"knee.minimum": "5"})
    assert layers.in_force("s")["knee.minimum"].layer == "default"


def test_a_contradiction_that_is_there_already_is_told_as_one_and_can_be_mended(
    home: Home, scan: RegisteredScan
) -> None:
    layers = SettingsLayers(home)
    layers.configure(scan.name, {"knee.maximum": "3"})
    path = home.store / "settings" / "scans" / "s" / "t00.json"
    write_json(path, {"version": 1, "values": {"knee.minimum": 6}, "history": []})
    with pytest.raises(SettingsError, match=r"settings knee: .*minimum 6 is larger than maximum 3"):
        layers.group("knee", scan.name, "t00")
    recipe = Recipe("gmm_clusters", "1", {"knee.minimum": 6, "knee.maximum": 3})
    with pytest.raises(SettingsError, match=r"settings knee: .*minimum 6 is larger than maximum 3"):
        ScanView(Store(home), scan, (recipe,)).settings("knee")
    layers.configure(scan.name, {"mixture.minimum_clusters": "2"})
    layers.configure(scan.name, {"knee.minimum": "default"}, "t00")
    assert layers.group("knee", scan.name, "t00").model_dump()["maximum"] == 3


def test_a_slot_left_behind_does_not_stand_in_the_way(home: Home, scan: RegisteredScan) -> None:
    layers = SettingsLayers(home)
    layers.configure(scan.name, {"knee.minimum": "6"}, "t08")
    make_tiling(Store(home), scan.name, 2)
    layers.configure(scan.name, {"knee.maximum": "3"})
    make_tiling(Store(home), scan.name, 3)
    with pytest.raises(SettingsError, match="tile t08 of scan s"):
        layers.configure(scan.name, {"knee.maximum": "4"})


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", float("inf"), float("nan")])
@pytest.mark.parametrize(
    "name",
    [
        "acquisition.step_x_um",
        "acquisition.pattern_centre_x",
        "preprocessing.dynamic_std_px",
        "references.weight_mean",
    ],
)
def test_numbers_are_finite_at_both_doors(name: str, value: str | float) -> None:
    with pytest.raises(SettingsError, match=name):
        parse_setting(name, value)
    group, _, field = name.partition(".")
    with pytest.raises(SettingsError, match=name):
        settings_group(group, {field: value})


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


def test_none_is_a_word_where_the_field_knows_it_and_no_value_where_it_may_be_missing(home: Home) -> None:
    assert parse_setting("preprocessing.static_background", "none") == ("preprocessing.static_background", "none")
    assert parse_setting("preprocessing.dynamic_std_px", "none") == ("preprocessing.dynamic_std_px", None)
    with pytest.raises(SettingsError, match=r"knee\.minimum"):
        parse_setting("knee.minimum", "none")


def test_settings_that_belong_together_are_checked_together(home: Home) -> None:
    layers = SettingsLayers(home)
    with pytest.raises(SettingsError, match="minimum 99 is larger than maximum 10"):
        layers.configure("s", {"knee.minimum": "99"})
    layers.configure("s", {"knee.minimum": "12", "knee.maximum": "20"})
    assert layers.in_force("s")["knee.minimum"].value == 12
    with pytest.raises(SettingsError, match="minimum 12 is larger than maximum 11"):
        layers.configure("s", {"knee.maximum": "11"})
    with pytest.raises(SettingsError, match="minimum 12 is larger than maximum 11"):
        layers.configure("s", {"knee.maximum": "11"}, "t00")
    with pytest.raises(SettingsError, match="cluster_cap 7 is none of 5, 10, 20, 40"):
        layers.configure("s", {"scale.cluster_cap": "7"})
    layers.configure("s", {"scale.cluster_cap": "10"})
    assert layers.in_force("s")["scale.cluster_cap"].value == 10


def test_a_tile_cannot_have_a_setting_of_the_whole_scan(home: Home) -> None:
    with pytest.raises(SettingsError, match="whole scan"):
        SettingsLayers(home).configure("s", {"preprocessing.intensity": "paper"}, "t00")


def test_scan_and_tile_settings_have_hashes_of_their_own_groups_only(home: Home) -> None:
    layers = SettingsLayers(home)
    scan, tile = layers.content_hash("s"), layers.content_hash("s", "t00")
    layers.configure("s", {"boundaries.interpolation": "linear"})
    assert layers.content_hash("s") == scan
    assert layers.content_hash("s", "t00") != tile
    layers.configure("s", {"tiling.n": "3"})
    assert layers.content_hash("s") != scan


def test_settings_of_the_tiles_that_the_scale_curve_uses_count_for_the_scan_but_not_those_of_one_tile(
    home: Home,
) -> None:
    layers = SettingsLayers(home)
    scan = layers.content_hash("s")
    layers.configure("s", {"knee.minimum": "3"}, "t00")
    assert layers.content_hash("s") == scan
    layers.configure("s", {"knee.minimum": "3"})
    assert layers.content_hash("s") != scan


def test_every_group_is_used_and_whole_scans_share_only_what_the_scale_curve_does_in_its_rois() -> None:
    assert set(settings_groups()) == SCAN_GROUPS | TILE_GROUPS
    curve = artifact_spec("nmi_scale_curve").groups
    assert curve >= SCAN_GROUPS & TILE_GROUPS
    assert curve - TILE_GROUPS == {"scale"}


def test_none_is_a_value_where_a_field_allows_it() -> None:
    assert parse_setting("tiling.n", "none") == ("tiling.n", None)
    with pytest.raises(SettingsError):
        parse_setting("knee.minimum", "none")


def test_every_setting_has_a_description() -> None:
    for group, model in settings_groups().items():
        for name, info in model.model_fields.items():
            assert info.description, f"{group}.{name}"
            assert not info.is_required(), f"{group}.{name}"
