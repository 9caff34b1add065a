"""Scans to run the whole job on, and the job in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from microstructure_assets.assets.settings import report_settings, settings_versions
from microstructure_assets.jobs import register_scan, run_job
from microstructure_assets.resources import open_instance
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.twin import make_twin
from microstructure_assets.store.contract import ARTIFACTS, needs
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Head, Store

#: What a scan that holds patterns and nothing else has without anybody asking for it.
BY_ITSELF = tuple(spec for spec in ARTIFACTS if not spec.on_request and needs(spec.name) <= {"patterns"})


@dataclass(frozen=True)
class Lab:
    """A home, its instance, and the things a user does there."""

    home: Home
    instance: dg.DagsterInstance

    @property
    def store(self) -> Store:
        """The store of the home."""
        return Store(self.home)

    def characterize(self, path: Path, scan: str, settings: Mapping[str, Any] | None = None) -> None:
        """What `microstructure characterize` does, in this process."""
        ScanRegistry(self.home).register(scan, path)
        register_scan(self.instance, scan)
        if settings:
            self.configure(scan, settings)
        run_job(self.instance, scan)

    def configure(self, scan: str, settings: Mapping[str, Any], tile: str | None = None) -> None:
        """What `microstructure configure` does, in this process."""
        before = settings_versions(self.home, scan)
        SettingsLayers(self.home).configure(scan, settings, tile)
        report_settings(self.instance, self.home, scan, before)

    def heads(self, scan: str) -> dict[tuple[str, str | None], Head]:
        """The head of every artifact that stands."""
        recipes = Recipes(self.store, scan)
        slots = {spec.name: recipes.tiles() if spec.per == "tile" else [None] for spec in ARTIFACTS}
        found = {(name, slot): self.store.head(scan, name, slot) for name, tiles in slots.items() for slot in tiles}
        return {place: head for place, head in found.items() if head is not None}

    def events(self) -> int:
        """Number of materialisation events of computed assets so far."""
        return sum(len(page) for page in self.events_by_asset().values())

    def events_by_asset(self) -> dict[str, list[str]]:
        """Partition of each materialisation event, by asset, oldest first."""
        events: dict[str, list[str]] = {}
        for spec in ARTIFACTS:
            records = self.instance.fetch_materializations(dg.AssetKey(spec.name), limit=1000).records
            events[spec.name] = [str(record.partition_key) for record in reversed(records)]
        return events


@pytest.fixture
def lab(home: Home) -> Any:
    """A lab of its own for a test."""
    with open_instance(home) as instance:
        yield Lab(home, instance)


@pytest.fixture(scope="session")
def small_twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin of 24 x 30 points with grains of about 10 points."""
    folder = tmp_path_factory.mktemp("twin")
    settings = TwinSettings(rows=24, columns=30, mean_grain_diameter_points=10, noise_nu=0.7, seed=3)
    return without_phases(make_twin(settings, folder / "twin.h5").path)


def without_phases(path: Path) -> Path:
    """A twin whose file names no phase, so that it is not indexed, which takes as long as all else of a small scan."""
    import h5py

    with h5py.File(path, "r+") as file:
        phases = file["Scan 1/EBSD/CrystalMap/crystal_map/header/phases"]
        for number in list(phases):
            del phases[number]
    return path


@pytest.fixture(scope="session")
def vendor_file() -> Callable[[str], Path]:
    """A file of the nine nickel patterns as it lies in kikuchipy's wheel."""
    import kikuchipy.data

    folder = Path(kikuchipy.data.__file__).parent

    def find(name: str) -> Path:
        path = folder / name
        assert path.exists(), path
        return path

    return find
