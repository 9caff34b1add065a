"""Results for other programs: where an artifact lies, and the tables of all scans."""

from __future__ import annotations

import os
from pathlib import Path

from microstructure_assets.errors import InputError
from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.catalogue import connect
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.home import resolve_home
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Store

__all__ = ["connect", "find_artifact", "path"]


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
    registered = ScanRegistry(store.home).get(scan)
    slot = None if tile is None else registered.region_slot(tile) or tile
    return find_artifact(store, scan, asset, slot).path


def find_artifact(store: Store, scan: str, asset: str, slot: str | None) -> Artifact:
    """An artifact by what a user says.

    Raises
    ------
    InputError
        If there is no such asset or artifact, or a tile is given for an asset of the whole scan or missing for another.
    """
    spec = artifact_spec(asset)
    if (spec.per == "tile") != (slot is not None):
        need = "one per tile: give a tile" if spec.per == "tile" else "one per scan: leave the tile out"
        raise InputError(f"{asset}: there is {need}")
    return store.read(ScanRegistry(store.home).get(scan).name, asset, slot)
