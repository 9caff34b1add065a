"""The scans that a home knows: name, source, instrument and named regions."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from microstructure_assets.errors import InputError
from microstructure_assets.store.files import read_json, write_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.names import REGION_SLOTS, SLOTS, ScanName, Slot, instrument_name, scan_name

FEWEST_REGION_POINTS = 9


class ScanUnknown(InputError, LookupError):
    """A scan that the home does not know."""


class RegistryError(InputError):
    """A registration that contradicts what is there."""


@dataclass(frozen=True)
class NamedRegion:
    """A rectangle that the user gives.

    Attributes
    ----------
    name : str
    row_start, row_stop, column_start, column_stop : int
        Bounds in points, the stops excluded.
    references_from : str or None
        Name of the region whose references this one takes.
    """

    name: str
    row_start: int
    row_stop: int
    column_start: int
    column_stop: int
    references_from: str | None = None


@dataclass(frozen=True)
class RegisteredScan:
    """One scan of the home.

    Attributes
    ----------
    name : ScanName
    source : str
        Absolute path of the file or folder; it is only read.
    instrument : str or None
    registered : str
        UTC time, ISO 8601.
    regions : dict of str
        Named regions by slot.
    """

    name: ScanName
    source: str
    instrument: str | None
    registered: str
    regions: dict[Slot, NamedRegion] = field(default_factory=dict)

    def region_slot(self, region_name: str) -> Slot | None:
        """The slot of a named region."""
        return next((slot for slot, region in self.regions.items() if region.name == region_name), None)

    def reference_depth(self, slot: str | None) -> int:
        """How many regions stand between a slot and its own references; 0 for one that makes its own.

        Raises
        ------
        RegistryError
            If regions take their references from one another in a circle.
        """
        by_name = {region.name: region for region in self.regions.values()}
        region = self.regions.get(Slot(slot)) if slot else None
        depth = 0
        while region is not None and region.references_from is not None:
            region, depth = by_name.get(region.references_from), depth + 1
            if depth > len(by_name):
                raise RegistryError(f"regions of {self.name}: they take their references from one another in a circle")
        return depth


class ScanRegistry:
    """The scans of one home.

    Parameters
    ----------
    home : Home
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._folder = home.store / "scans"

    def names(self) -> list[ScanName]:
        """Every scan, in alphabetical order."""
        return sorted(ScanName(path.stem) for path in self._folder.glob("*.json"))

    def get(self, name: str) -> RegisteredScan:
        """One scan.

        Raises
        ------
        ScanUnknown
            If there is none of this name.
        """
        value = read_json(self._folder / f"{scan_name(name)}.json")
        if value is None:
            known = ", ".join(self.names()[:10]) or "none yet"
            raise ScanUnknown(f"scan {name!r}: not in the home {self.home.root}; known: {known}")
        regions = {Slot(slot): NamedRegion(**region) for slot, region in value.pop("regions").items()}
        return RegisteredScan(**value, regions=regions)

    def register(self, name: str, source: Path, instrument: str | None = None) -> RegisteredScan:
        """Enter a scan; the same name with the same source is the same scan.

        Raises
        ------
        FileNotFoundError
            If `source` does not exist.
        RegistryError
            If the name stands for another source already.
        """
        checked, source = scan_name(name), source.expanduser().resolve()
        instrument = None if instrument is None else instrument_name(instrument)
        if not source.exists():
            raise FileNotFoundError(f"{source}: no such file or folder")
        with self.home.lock("scans"):
            if checked in self.names():
                known = self.get(checked)
                if known.source != str(source):
                    raise RegistryError(
                        f"scan name {checked!r}: found it standing for {known.source}, asked for {source}; "
                        "give the new scan another name with --name"
                    )
                if instrument is not None and known.instrument != instrument:
                    raise RegistryError(
                        f"scan {checked!r}: found it registered for instrument {known.instrument}, asked for "
                        f"{instrument}; give it another name with --name"
                    )
                return known
            scan = RegisteredScan(checked, str(source), instrument, _now())
            self._write(scan)
        return scan

    def set_region(self, name: str, region: NamedRegion) -> tuple[RegisteredScan, Slot]:
        """Add a named region, or move the one of this name; it keeps its slot.

        Raises
        ------
        RegistryError
            If the bounds are empty, the name is that of a slot, the rectangle holds fewer than nine points, all slots
            are taken, or the region that gives the references is unknown.
        """
        if (
            region.row_stop <= region.row_start
            or region.column_stop <= region.column_start
            or min(region.row_start, region.column_start) < 0
        ):
            raise RegistryError(
                f"region {region.name!r}: found rows {region.row_start}:{region.row_stop}, columns "
                f"{region.column_start}:{region.column_stop}; expected 0 or more, and each start below its stop"
            )
        if region.name in SLOTS:
            raise RegistryError(f"region {region.name!r}: a tile is called that; give it another name")
        points = (region.row_stop - region.row_start) * (region.column_stop - region.column_start)
        if points < FEWEST_REGION_POINTS:
            raise RegistryError(
                f"region {region.name!r}: found {points} points, expected at least {FEWEST_REGION_POINTS} (3 × 3)"
            )
        with self.home.lock("scans"):
            scan = self.get(name)
            source = region.references_from
            if source is not None and (source == region.name or scan.region_slot(source) is None):
                raise RegistryError(
                    f"region {region.name!r}: its references are to come from {source!r}, not a region of {name}"
                )
            slot = scan.region_slot(region.name) or next(
                (slot for slot in REGION_SLOTS if slot not in scan.regions), None
            )
            if slot is None:
                raise RegistryError(
                    f"region {region.name!r}: all {len(REGION_SLOTS)} places for named regions are taken; remove one"
                )
            scan = replace(scan, regions={**scan.regions, slot: region})
            scan.reference_depth(slot)
            self._write(scan)
        return scan, slot

    def remove_region(self, name: str, region_name: str) -> RegisteredScan:
        """Forget a named region; its artifacts stay in the store.

        Raises
        ------
        RegistryError
            If there is no such region, or another one takes its references from it.
        """
        with self.home.lock("scans"):
            scan = self.get(name)
            slot = scan.region_slot(region_name)
            users = [region.name for region in scan.regions.values() if region.references_from == region_name]
            if slot is None or users:
                found = f"{', '.join(users)} takes its references from it" if users else "there is none of this name"
                raise RegistryError(f"region {region_name!r} of {name}: cannot be removed, {found}")
            scan = replace(scan, regions={key: value for key, value in scan.regions.items() if key != slot})
            self._write(scan)
        return scan

    def _write(self, scan: RegisteredScan) -> None:
        value: Mapping[str, Any] = asdict(scan)
        write_json(self._folder / f"{scan.name}.json", value)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
