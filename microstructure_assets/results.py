"""Results for other programs: where an artifact lies, and the tables of all scans."""

from __future__ import annotations

import os
from pathlib import Path

from microstructure_assets.errors import InputError
from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.catalogue import connect
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.home import Home, resolve_home
from microstructure_assets.store.names import SLOTS
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets.store.tiles import TileUnknown, tile_of

__all__ = ["connect", "find_artifact", "path", "slot_of"]


def path(scan: str, asset: str, tile: str | None = None, *, home: str | os.PathLike[str] | None = None) -> Path:
    """Where an artifact lies: a zarr group for arrays, a page, a document.

    Parameters
    ----------
    scan : str
        Name of the scan.
    asset : str
        Name of the asset, as docs/artifacts.md lists them.
    tile : str, optional
        Slot of a tile (``t03``) or name of a region, for assets that there is one of per tile.
    home : path, optional
        Folder of the home; ``MICROSTRUCTURE_HOME``, or ``data`` of the checkout, by default.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If there is no such scan, asset, tile or artifact.
    """
    store = Store(resolve_home(None if home is None else Path(home)))
    return find_artifact(store, scan, asset, tile).path


def find_artifact(store: Store, scan: str, asset: str, tile: str | None) -> Artifact:
    """An artifact by what a user says.

    Parameters
    ----------
    store : Store
    scan : str
    asset : str
    tile : str or None
        Slot, or name of a region.

    Raises
    ------
    InputError
        If there is no such scan, asset, tile or artifact, or a tile is given for an asset of the whole scan or missing
        for another.
    """
    spec = artifact_spec(asset)
    if (spec.per == "tile") != (tile is not None):
        need = "one per tile: give a tile" if spec.per == "tile" else "one per scan: leave the tile out"
        raise InputError(f"{asset}: there is {need}")
    return store.read(ScanRegistry(store.home).get(scan).name, asset, slot_of(store.home, scan, tile))


def slot_of(home: Home, scan: str, tile: str | None) -> str | None:
    """The slot that a tile or region name stands for.

    Raises
    ------
    TileUnknown
        If the scan has no such tile or region, or no longer uses it.
    """
    if tile is None:
        return None
    registered = ScanRegistry(home).get(scan)
    slot = registered.region_slot(tile) or tile
    if slot not in SLOTS:
        regions = ", ".join(region.name for region in registered.regions.values()) or "none"
        raise TileUnknown(f"tile {tile!r} of {scan}: expected t00 to t63, r00 to r15, or a named region ({regions})")
    return tile_of(Store(home), registered, slot).slot
