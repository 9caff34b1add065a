"""The settings in force, as external assets: people change them, the graph notices."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from microstructure_assets.partitions import scan_partitions, tile_key, tile_partitions
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import DEFAULT, SettingInForce
from microstructure_assets.store.names import Slot
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.store import Store

scan_settings = dg.AssetSpec(
    "scan_settings",
    description="The settings in force for the whole scan and where each comes from. Set by "
    "`microstructure configure`, `--set` and the `configure` job; without an event the defaults hold.",
    group_name="settings",
    kinds={"json"},
    owners=["team:microscopy"],
    partitions_def=scan_partitions,
)
tile_settings = dg.AssetSpec(
    "tile_settings",
    description="The settings in force for a tile or a named region, and where each comes from.",
    group_name="settings",
    kinds={"json"},
    owners=["team:microscopy"],
    partitions_def=tile_partitions,
)


def settings_versions(home: Home, scan: str) -> dict[Slot | None, str]:
    """What tells whether settings change: a version for the scan (None) and for each tile and named region in use."""
    recipes = Recipes(Store(home), scan)
    return {tile: recipes.settings_version(tile) for tile in (None, *recipes.tiles())}


def report_settings(instance: dg.DagsterInstance, home: Home, scan: str, before: Mapping[Slot | None, str]) -> None:
    """Tell Dagster which settings changed.

    Parameters
    ----------
    instance : DagsterInstance
    home : Home
    scan : str
    before : mapping
        What `settings_versions` gave before the change, which counts where Dagster was never told anything. Where the
        version is still the same nothing is said: an event would make Dagster show what was made before it as stale.
    """
    recipes = Recipes(Store(home), scan)
    for tile, version in settings_versions(home, scan).items():
        asset, key = ("tile_settings", tile_key(scan, tile)) if tile else ("scan_settings", scan)
        if version != (_told(instance, asset, key) or before.get(tile)):
            _report(instance, asset, key, version, recipes.layers.in_force(scan, tile, recipes.scan.instrument))


def _told(instance: dg.DagsterInstance, asset: str, key: str) -> str | None:
    """The version that Dagster was last told, None for none: a process may end between a change and its event."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[key])
    found = instance.fetch_materializations(wanted, limit=1).records
    event = found[0].asset_materialization if found else None
    return (event.tags or {}).get("dagster/data_version") if event else None


def _report(
    instance: dg.DagsterInstance, asset: str, key: str, version: str, in_force: Mapping[str, SettingInForce]
) -> None:
    changed = {name: f"{item.value} ({item.layer})" for name, item in in_force.items() if item.layer != DEFAULT}
    tags = {"dagster/data_version": version}
    metadata = {"changed_from_default": dg.MetadataValue.json(changed)}
    # Automation listens to materialisations of an external asset, the staleness view to its observations.
    for event in (dg.AssetObservation, dg.AssetMaterialization):
        instance.report_runless_asset_event(event(asset, partition=key, tags=tags, metadata=metadata))
