"""The settings in force, as external assets: people change them, the graph notices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

from microstructure_assets.partitions import scan_partitions, tile_key, tile_partitions
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SettingsLayers
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


def report_settings(instance: dg.DagsterInstance, home: Home, scan: str, tiles: Sequence[str] | None = None) -> None:
    """Tell Dagster which settings are in force, as data versions.

    Parameters
    ----------
    instance : DagsterInstance
    home : Home
    scan : str
    tiles : sequence of str, optional
        The tiles that a change concerns; None = the scan and every tile in use.
    """
    layers, recipes = SettingsLayers(home), Recipes(Store(home), scan)
    instrument = recipes.scan.instrument
    if tiles is None:
        _report(
            instance,
            "scan_settings",
            scan,
            layers.content_hash(scan, None, instrument),
            layers,
            (scan, None, instrument),
        )
    for tile in recipes.tiles() if tiles is None else with_dependants(recipes, tiles):
        region = recipes.scan.regions.get(tile)  # type: ignore[call-overload]
        version = layers.content_hash(scan, tile, instrument)
        if region is not None:
            source = recipes.scan.region_slot(region.references_from) if region.references_from else None
            # A region that takes its references from another one depends on that one's settings too.
            above = layers.content_hash(scan, source, instrument) if source else ""
            version = (
                f"{version}-{above}-{region.row_start}:{region.row_stop},{region.column_start}:{region.column_stop}"
            )
        _report(instance, "tile_settings", tile_key(scan, tile), version, layers, (scan, tile, instrument))


def with_dependants(recipes: Recipes, tiles: Iterable[str]) -> list[str]:
    """The tiles and the named regions that take their references from them."""
    chosen = list(tiles)
    for slot, region in recipes.scan.regions.items():
        source = recipes.scan.region_slot(region.references_from) if region.references_from else None
        if source in chosen and slot not in chosen:
            chosen.append(slot)
    return chosen


def _report(
    instance: dg.DagsterInstance,
    asset: str,
    key: str,
    version: str,
    layers: SettingsLayers,
    where: tuple[str, str | None, str | None],
) -> None:
    changed = {
        name: f"{item.value} ({item.layer})"
        for name, item in layers.in_force(*where).items()
        if item.layer != "default"
    }
    tags = {"dagster/data_version": version}
    metadata = {"changed_from_default": dg.MetadataValue.json(changed)}
    # Automation listens to materialisations of an external asset, the staleness view to its observations.
    for event in (dg.AssetObservation, dg.AssetMaterialization):
        instance.report_runless_asset_event(event(asset, partition=key, tags=tags, metadata=metadata))
