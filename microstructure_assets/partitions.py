"""The two partition dimensions, scan and tile, and the key made of both."""

from __future__ import annotations

import dagster as dg

from microstructure_assets.store.names import SLOTS, ScanName, Slot, scan_name, slot

scan_partitions = dg.DynamicPartitionsDefinition(name="scan")
tile_partitions = dg.MultiPartitionsDefinition(
    {"scan": scan_partitions, "tile": dg.StaticPartitionsDefinition(list(SLOTS))}
)


def tile_key(scan: str, tile: str) -> str:
    """The partition key of one tile of one scan."""
    return f"{scan_name(scan)}|{slot(tile)}"


def split_key(key: str) -> tuple[ScanName, Slot | None]:
    """Scan and tile of a partition key; the tile is None for a key of the scan dimension."""
    scan, _, tile = key.partition("|")
    return scan_name(scan), slot(tile) if tile else None
