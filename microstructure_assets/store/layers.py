"""Settings in layers: default < instrument < scan < tile or named region, each stored with its history."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microstructure_assets.settings import Settings, SettingsError, parse_setting, settings_group, settings_groups
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.contract import ARTIFACTS
from microstructure_assets.store.files import read_json, write_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.names import instrument_name, scan_name, slot
from microstructure_assets.store.scans import RegisteredScan, ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets.store.tiles import tiles_of

TILE_GROUPS: frozenset[str] = frozenset(group for spec in ARTIFACTS if spec.per == "tile" for group in spec.groups)
SCAN_GROUPS: frozenset[str] = frozenset(group for spec in ARTIFACTS if spec.per == "scan" for group in spec.groups)
DEFAULT = "default"


@dataclass(frozen=True)
class Place:
    """Where settings are in force: a tile, a scan, or an instrument by itself."""

    scan: str | None
    tile: str | None
    instrument: str | None

    def __str__(self) -> str:
        if self.scan is None:
            return f"instrument {self.instrument}"
        return f"tile {self.tile} of scan {self.scan}" if self.tile else f"scan {self.scan}"


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
        merged = {
            f"{group}.{field}": SettingInForce(info.default, DEFAULT)
            for group, model in settings_groups().items()
            for field, info in model.model_fields.items()
        }
        for layer, path in self._layers(Place(scan, tile, instrument)):
            merged.update({name: SettingInForce(value, layer) for name, value in self._values(path).items()})
        return merged

    def group(self, name: str, scan: str, tile: str | None = None, instrument: str | None = None) -> Settings:
        """One settings group as in force.

        Raises
        ------
        SettingsError
            If the layers contradict each other.
        """
        values = {key: setting.value for key, setting in self.in_force(scan, tile, instrument).items()}
        return settings_group(name, _fields(name, values))

    def configure(self, scan: str, changes: Mapping[str, Any], tile: str | None = None) -> dict[str, Any]:
        """Change settings of a scan, or of one of its tiles or regions.

        Parameters
        ----------
        scan : str
        changes : mapping
            Values, or their texts, by full name; the text ``default`` takes the layer's value away.
        tile : str, optional
            Slot.

        Returns
        -------
        dict
            The layer's values after the change.

        Raises
        ------
        SettingsError
            If a name is unknown, a value is not allowed, values contradict each other or those of a layer above or
            below, or a tile is given a setting that only the whole scan has.
        """
        for name in changes if tile else ():
            if name.partition(".")[0] not in TILE_GROUPS and name.partition(".")[0] in settings_groups():
                raise SettingsError(f"setting {name}: belongs to the whole scan; leave --tile out")
        path = self._scan_path(scan, tile)
        with self.home.lock("settings"):
            registered = self._registered(scan)
            instrument = registered.instrument if registered else None
            places = [Place(scan, tile, instrument)] if tile else self._places(scan, instrument)
            return self._change(path, changes, places)

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
        path = self._instrument_path(instrument)
        with self.home.lock("settings"):
            places = [Place(None, None, instrument)]
            registry = ScanRegistry(self.home)
            for scan in registry.names():
                if registry.get(scan).instrument == instrument:
                    places.extend(self._places(scan, instrument))
            return self._change(path, changes, places)

    def of_instrument(self, instrument: str) -> dict[str, Any]:
        """The values of an instrument's layer."""
        return self._values(self._instrument_path(instrument))

    def check(self, scan: str, changes: Mapping[str, Any], instrument: str | None = None) -> None:
        """Check changes of a scan without storing them; it need not be registered yet.

        Raises
        ------
        SettingsError
            As `configure`.
        """
        path = self._scan_path(scan, None)
        self._check(path, _changed(self._values(path), changes), changes, self._places(scan, instrument))

    def _change(self, path: Path, changes: Mapping[str, Any], places: Iterable[Place]) -> dict[str, Any]:
        """Change one layer, whose settings are in force at `places`; the lock is the caller's."""
        document = read_json(path) or {"version": 0, "values": {}, "history": []}
        values = _changed(document["values"], changes)
        if values != document["values"] or not path.exists():
            self._check(path, values, changes, places)
            entry = {"version": document["version"] + 1, "when": _now(), "values": values}
            write_json(path, {**entry, "history": [*document["history"], entry]})
        return values

    def _check(
        self, path: Path, values: Mapping[str, Any], changes: Mapping[str, Any], places: Iterable[Place]
    ) -> None:
        """Check the groups of `changes` at each place with `values` in the layer at `path`."""
        groups = sorted({name.partition(".")[0] for name in changes})
        for place in places:
            merged: dict[str, Any] = {}
            for _, layer in self._layers(place):
                merged.update(values if layer == path else self._values(layer))
            for group in groups:
                try:
                    settings_group(group, _fields(group, merged))
                except SettingsError as error:
                    raise SettingsError(f"{place}: {error}") from error

    def _places(self, scan: str, instrument: str | None) -> Iterator[Place]:
        """Where a scan's settings are in force: the scan, and the tiles in use that have some of their own."""
        yield Place(scan, None, instrument)
        registered = self._registered(scan)
        # A slot that is left behind cannot be configured, so it must not stand in the way.
        in_use = tiles_of(Store(self.home), registered) if registered else None
        for path in sorted(self._scan_path(scan, None).parent.glob("[rt]*.json")):
            if in_use is None or path.stem in in_use:
                yield Place(scan, path.stem, instrument)

    def _registered(self, scan: str) -> RegisteredScan | None:
        registry = ScanRegistry(self.home)
        return registry.get(scan) if scan in registry.names() else None

    def _layers(self, place: Place) -> Iterator[tuple[str, Path]]:
        """The layers of a place, each with its name; a later one overrides those before it."""
        if place.instrument:
            yield f"instrument {place.instrument}", self._instrument_path(place.instrument)
        if place.scan:
            yield "scan", self._scan_path(place.scan, None)
        if place.scan and place.tile:
            yield f"tile {place.tile}", self._scan_path(place.scan, place.tile)

    def preview(self, group: str, scan: str, changes: Mapping[str, Any], instrument: str | None = None) -> Any:
        """A settings group as it would be after changes of a scan, which need not be known yet."""
        values = self.of_instrument(instrument) if instrument else {}
        values |= _changed(self._values(self._scan_path(scan, None)), changes)
        return settings_group(group, _fields(group, values))

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


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a layer after changes to it, each checked by itself."""
    changed = dict(values)
    for name, text in changes.items():
        if text == DEFAULT and parse_name(name):
            changed.pop(name, None)
        else:
            checked, value = parse_setting(name, text)
            changed[checked] = value
    return changed


def _fields(group: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of one group, by field."""
    return {name.partition(".")[2]: value for name, value in values.items() if name.startswith(f"{group}.")}


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
