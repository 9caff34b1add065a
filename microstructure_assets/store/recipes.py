"""The recipe of each artifact as it would be made now: code version, settings in force, inputs, further facts."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from typing import Any

from microstructure_assets.settings import Settings
from microstructure_assets.store.artifact import ArtifactMissing
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.contract import ArtifactSpec, artifact_spec
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.names import REGION_SLOTS
from microstructure_assets.store.scans import RegisteredScan, ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets.store.tiles import tile_of, tiles_of


class Recipes:
    """Recipes of one scan.

    Parameters
    ----------
    store : Store
    scan : str
        Name of a registered scan.
    """

    def __init__(self, store: Store, scan: str) -> None:
        self.store = store
        self.layers = SettingsLayers(store.home)
        self.scan: RegisteredScan = ScanRegistry(store.home).get(scan)

    def settings(self, group: str, tile: str | None = None) -> Settings:
        """A settings group as in force."""
        return self.layers.group(group, self.scan.name, tile, self.scan.instrument)

    def recipe(self, artifact: str, tile: str | None = None) -> Recipe:
        """The recipe of an artifact.

        Raises
        ------
        ArtifactMissing
            If an input has not been made.
        TileUnknown
            If the scan does not use the tile.
        """
        spec = artifact_spec(artifact)
        in_force = self.layers.in_force(self.scan.name, tile, self.scan.instrument)
        return Recipe(
            artifact=artifact,
            code_version=spec.code_version,
            settings={name: item.value for name, item in in_force.items() if name.partition(".")[0] in spec.settings},
            inputs=self._inputs(spec, tile),
            extra=self._extra(spec, tile),
            libraries={name: importlib.metadata.version(name) for name in spec.libraries},
        )

    def why_stale(self, artifact: str, tile: str | None = None) -> str | None:
        """Why an artifact would be made again; None when it is current."""
        try:
            recipe = self.recipe(artifact, tile)
        except ArtifactMissing as missing:
            return f"waits: {missing}"
        return self.store.why_stale(self.scan.name, tile, recipe)

    def tiles(self, *, regions: bool = True) -> list[str]:
        """Slots in use, in order; empty while the tiling is unknown."""
        found = tiles_of(self.store, self.scan) or {}
        return [slot for slot in found if regions or slot not in REGION_SLOTS]

    def _inputs(self, spec: ArtifactSpec, tile: str | None) -> dict[str, str]:
        inputs = {}
        for name in spec.inputs:
            if artifact_spec(name).per == "scan":
                inputs[name] = self._content(name, None)
            elif tile is not None:
                inputs[name] = self._content(name, tile)
            else:
                inputs.update({f"{name}[{slot}]": self._content(name, slot) for slot in self.tiles(regions=False)})
        return inputs

    def _content(self, name: str, tile: str | None) -> str:
        head = self.store.head(self.scan.name, name, tile)
        if head is None:
            self.store.read(self.scan.name, name, tile)  # raises, with the reason
            raise ArtifactMissing(name)
        return head.content_hash

    def _extra(self, spec: ArtifactSpec, tile: str | None) -> dict[str, Any]:
        if spec.name == "scan_manifest":
            return {"source": source_fingerprint(Path(self.scan.source))}
        if tile is None:
            return {}
        bounds = tile_of(self.store, self.scan, tile)
        extra: dict[str, Any] = {"rois": bounds.fact()}
        if spec.name == "reference_windows" and bounds.references_from:
            extra["references"] = self._content("reference_windows", bounds.references_from)
        return extra


def source_fingerprint(source: Path) -> str:
    """Hash of names, sizes and times of the files of a source: what tells, without reading them, that they may differ.

    Files beside a single file that share its stem count, as they may belong to the scan.
    """
    if source.is_dir():
        with os.scandir(source) as entries:
            files = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    else:
        with os.scandir(source.parent) as entries:
            files = [
                (entry.name, entry.stat())
                for entry in entries
                if Path(entry.name).stem == source.stem and entry.is_file()
            ]
    return hash_json(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in files))
