"""Settings in layers: default < instrument < scan < tile or named region, each stored with its history."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from microstructure_assets.settings import Settings, SettingsError, parse_setting, settings_groups
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.contract import ARTIFACTS
from microstructure_assets.store.files import read_json, write_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.names import instrument_name, scan_name, slot

TILE_GROUPS: frozenset[str] = frozenset(group for spec in ARTIFACTS if spec.per == "tile" for group in spec.settings)
SCAN_GROUPS: frozenset[str] = frozenset(group for spec in ARTIFACTS if spec.per == "scan" for group in spec.settings)
DEFAULT = "default"


@dataclass(frozen=True)
class SettingInForce:
    """One setting and the layer that it comes from."""

    value: Any
    layer: str


class SettingsLayers:
    """The settings of one home.

    Parameters
    ----------
    home : Home
    """

    def __init__(self, home: Home) -> None:
        self.home = home

    def in_force(self, scan: str, tile: str | None = None, instrument: str | None = None) -> dict[str, SettingInForce]:
        """Every setting by its full name, with the layer that it comes from."""
        layers: list[tuple[str, Mapping[str, Any]]] = []
        if instrument:
            layers.append((f"instrument {instrument}", self._values(self._instrument_path(instrument))))
        layers.append(("scan", self._values(self._scan_path(scan, None))))
        if tile:
            layers.append((f"tile {tile}", self._values(self._scan_path(scan, tile))))
        merged = {
            f"{group}.{field}": SettingInForce(info.default, DEFAULT)
            for group, model in settings_groups().items()
            for field, info in model.model_fields.items()
        }
        for layer, values in layers:
            merged.update({name: SettingInForce(value, layer) for name, value in values.items()})
        return merged

    def group(self, name: str, scan: str, tile: str | None = None, instrument: str | None = None) -> Settings:
        """One settings group as in force."""
        prefix = f"{name}."
        values = {
            key.removeprefix(prefix): setting.value
            for key, setting in self.in_force(scan, tile, instrument).items()
            if key.startswith(prefix)
        }
        return settings_groups()[name](**values)

    def configure(
        self, scan: str, changes: Mapping[str, Any], tile: str | None = None, instrument: str | None = None
    ) -> dict[str, Any]:
        """Change settings of a scan, or of one of its tiles or regions.

        Parameters
        ----------
        scan : str
        changes : mapping
            Values, or their texts, by full name; the text ``default`` takes the layer's value away.
        tile : str, optional
            Slot.
        instrument : str, optional
            The scan's, on whose layer this one stands.

        Returns
        -------
        dict
            The layer's values after the change.

        Raises
        ------
        SettingsError
            If a name is unknown, a value is not allowed, values contradict each other, or a tile is given a setting
            that only the whole scan has.
        """
        for name in changes if tile else ():
            if name.partition(".")[0] not in TILE_GROUPS and name.partition(".")[0] in settings_groups():
                raise SettingsError(f"setting {name}: belongs to the whole scan; leave --tile out")
        above = {key: setting.value for key, setting in self.in_force(scan, None, instrument).items()} if tile else {}
        if instrument and not tile:
            above = self._values(self._instrument_path(instrument))
        return self._change(self._scan_path(scan, tile), changes, above)

    def configure_instrument(self, instrument: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change settings of an instrument, which hold for all its scans where those say nothing else.

        Parameters
        ----------
        instrument : str
        changes : mapping
            As `configure` takes them.

        Returns
        -------
        dict
            The layer's values after the change.

        Raises
        ------
        InvalidName
            If the instrument's name cannot be a file's.
        SettingsError
            As `configure`.
        """
        return self._change(self._instrument_path(instrument), changes, {})

    def of_instrument(self, instrument: str) -> dict[str, Any]:
        """The values of an instrument's layer."""
        return self._values(self._instrument_path(instrument))

    def _change(self, path: Path, changes: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
        """Change one layer; `above` are the values that it stands on, checked together with its own."""
        with self.home.lock("settings"):
            document = read_json(path) or {"version": 0, "values": {}, "history": []}
            values = dict(document["values"])
            for name, text in changes.items():
                if text == DEFAULT and parse_name(name):
                    values.pop(name, None)
                else:
                    checked, value = parse_setting(name, text)
                    values[checked] = value
            if values != document["values"] or not path.exists():
                _check_together({**above, **values})
                entry = {"version": document["version"] + 1, "when": _now(), "values": values}
                write_json(path, {**entry, "history": [*document["history"], entry]})
        return values

    def check(self, changes: Mapping[str, Any]) -> None:
        """Check changes without storing them.

        Raises
        ------
        SettingsError
            As `configure`.
        """
        for name, text in changes.items():
            if text == DEFAULT:
                parse_name(name)
            else:
                parse_setting(name, text)

    def preview(self, group: str, changes: Mapping[str, Any], instrument: str | None = None) -> Any:
        """A settings group with changes on top of the instrument's and the defaults, for a scan not known yet."""
        values = self.of_instrument(instrument) if instrument else {}
        values |= {name: parse_setting(name, value)[1] for name, value in changes.items() if value != DEFAULT}
        return settings_groups()[group](
            **{name.partition(".")[2]: value for name, value in values.items() if name.startswith(f"{group}.")}
        )

    def content_hash(self, scan: str, tile: str | None = None, instrument: str | None = None) -> str:
        """Hash of the settings in force of the stage: the scan's own groups, or those of the tile lane for a tile."""
        groups = TILE_GROUPS if tile else SCAN_GROUPS
        in_force = self.in_force(scan, tile, instrument)
        return hash_json(
            {name: setting.value for name, setting in in_force.items() if name.partition(".")[0] in groups}
        )

    def _values(self, path: Path) -> dict[str, Any]:
        return dict((read_json(path) or {"values": {}})["values"])

    def _instrument_path(self, instrument: str) -> Path:
        return self.home.store / "settings" / "instruments" / f"{instrument_name(instrument)}.json"

    def _scan_path(self, scan: str, tile: str | None) -> Path:
        folder = self.home.store / "settings" / "scans" / scan_name(scan)
        return folder / (f"{slot(tile)}.json" if tile else "scan.json")


def _check_together(values: Mapping[str, Any]) -> None:
    for group, model in settings_groups().items():
        chosen = {name.partition(".")[2]: value for name, value in values.items() if name.startswith(f"{group}.")}
        try:
            model(**chosen)
        except ValidationError as error:
            raise SettingsError(f"settings {group}: {error.errors()[0]['msg']}") from error


def parse_name(name: str) -> str:
    """Check that a setting of this full name exists.

    Raises
    ------
    SettingsError
        If it does not.
    """
    group, _, field = name.partition(".")
    if field not in getattr(settings_groups().get(group), "model_fields", {}):
        parse_setting(name, None)
    return name


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
