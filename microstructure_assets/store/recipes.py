"""The recipe of each artifact as it would be made now: code version, settings in force, inputs, further facts."""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from microstructure_assets.settings import Settings, declared_folder, named_values
from microstructure_assets.store.artifact import ArtifactMissing
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.contract import ARTIFACTS, artifact_spec, needs
from microstructure_assets.store.layers import SettingInForce, SettingsLayers
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.names import REGION_SLOTS, Slot
from microstructure_assets.store.scans import RegisteredScan, ScanRegistry
from microstructure_assets.store.specs import ArtifactSpec
from microstructure_assets.store.store import Head, Store
from microstructure_assets.store.tiles import TileBounds, tile_of, tiles_of


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
        bounds = tile_of(self.store, self.scan, tile) if tile else None
        in_force = self.layers.in_force(self.scan.name, tile, self.scan.instrument)
        return Recipe(
            artifact=artifact,
            code_version=spec.code_version,
            settings={name: item.value for name, item in in_force.items() if spec.uses(name)},
            inputs=self._inputs(spec, bounds),
            extra={**self._extra(spec, bounds), **self._declared_files(spec, in_force)},
            libraries={name: _installed_version(name) for name in spec.libraries},
        )

    def applies(self, artifact: str) -> bool:
        """Whether the scan holds what the artifact needs; true until its manifest tells."""
        return needs(artifact) <= holdings(self.store, self.scan.name)

    def why_stale(self, artifact: str, tile: str | None = None) -> str | None:
        """Why an artifact would be made again; None when it is current."""
        try:
            recipe = self.recipe(artifact, tile)
        except ArtifactMissing as missing:
            return f"waits: {missing}"
        return self.store.why_stale(self.scan.name, tile, recipe)

    def settings_version(self, tile: str | None = None) -> str:
        """What tells that the settings of a stage changed: the scan's own, or those of a tile or named region."""
        version = self.layers.content_hash(self.scan.name, tile, self.scan.instrument)
        region = self.scan.regions.get(tile)  # type: ignore[call-overload]
        if region is None:
            return version
        source = self.scan.region_slot(region.references_from) if region.references_from else None
        # A region that takes its references from another one depends on that one's settings too.
        above = self.settings_version(source) if source else ""
        return f"{version}-{above}-{region.row_start}:{region.row_stop},{region.column_start}:{region.column_stop}"

    def upstream(self, artifact: str, tile: str | None = None) -> str:
        """Hash of all that the asset graph shows above an artifact, whether its key holds it or not."""
        spec, found = artifact_spec(artifact), {}
        for name in spec.dependencies:
            per_tile = artifact_spec(name).per == "tile"
            # Named regions too: the graph knows slots only, and shows their events above what all slots stand above.
            for slot in [None] if not per_tile else [tile] if tile else self.tiles():
                head = self.store.head(self.scan.name, name, slot)
                found[f"{name}[{slot}]"] = head.content_hash if head else None
        return hash_json([found, self.settings_version(tile)])

    def tiles(self, *, regions: bool = True) -> list[Slot]:
        """Slots in use, in order; empty while the tiling is unknown."""
        found = tiles_of(self.store, self.scan) or {}
        return [slot for slot in found if regions or slot not in REGION_SLOTS]

    def standing(self, *, pages: bool = False) -> list[tuple[str, str | None, Head]]:
        """Every artifact of the scan that stands, by name and tile; pages, which say what stands, where asked for."""
        tiles = self.tiles()
        found: list[tuple[str, str | None, Head]] = []
        for spec in ARTIFACTS:
            for tile in tiles if spec.per == "tile" else [None]:
                head = self.store.head(self.scan.name, spec.name, tile)
                if head is not None and (pages or spec.form != "page"):
                    found.append((spec.name, tile, head))
        return found

    def _inputs(self, spec: ArtifactSpec, tile: TileBounds | None) -> dict[str, str]:
        inputs, tiles = {}, [] if tile else self.tiles(regions=False)
        wanted = (*spec.inputs, *(name for name in spec.if_there if self.asked_for(name)))
        for name in filter(self.applies, wanted):
            if artifact_spec(name).per == "scan":
                inputs[name] = self._content(name, None)
            elif tile is not None:
                inputs[name] = self._content(name, tile.slot)
            else:
                inputs.update({f"{name}[{slot}]": self._content(name, slot) for slot in tiles})
        if spec.name == "reference_windows" and tile is not None and tile.references_from is not None:
            inputs[f"{spec.name}[{tile.references_from}]"] = self._content(spec.name, tile.references_from)
        return inputs

    def asked_for(self, name: str) -> bool:
        """Whether an artifact is made by itself, or somebody asked for it."""
        return not artifact_spec(name).on_request or self.store.head(self.scan.name, name) is not None

    def _content(self, name: str, tile: str | None) -> str:
        head = self.store.head(self.scan.name, name, tile)
        if head is None:
            self.store.read(self.scan.name, name, tile)  # raises, with the reason
            raise ArtifactMissing(name)
        return head.content_hash

    def _declared_files(self, spec: ArtifactSpec, in_force: Mapping[str, SettingInForce]) -> dict[str, Any]:
        """What tells that a file which a setting names has changed; nothing where none is named."""
        named = [named_values(str(in_force[name].value)) for name in spec.declared_files]
        folder = declared_folder(Path(self.scan.source))
        files = [folder / file for values in named for _, file in values]
        return {"declared_files": source_fingerprint(files)} if files else {}

    def _extra(self, spec: ArtifactSpec, tile: TileBounds | None) -> dict[str, Any]:
        if spec.name == "scan_manifest":
            acquisition: Any = self.settings("acquisition")
            return {"source": source_fingerprint(acquisition.source_files(Path(self.scan.source)))}
        manifest = self.store.read(self.scan.name, "scan_manifest").document()
        extra: dict[str, Any] = {"grid": manifest["grid"]}
        if spec.raw_files != "none":
            which = "hash" if spec.raw_files == "all" else "hash_but_element_files"
            hashes = manifest["raw_files"]
            extra["raw_files"] = hashes.get(which, hashes["hash"])  # manifests from before there were two
        if spec.pinned:
            extra["scan"] = self.scan.name  # else another scan of the same files would take over this one's choice
        if tile is not None:
            extra["rois"] = tile.fact()
        if spec.form == "page":
            provenance = [[name, slot, head.key, head.reason] for name, slot, head in self.standing()]
            extra |= {
                "scan": self.scan.name,
                "regions": {slot: asdict(region) for slot, region in self.scan.regions.items()},
                "provenance": hash_json(provenance),
            }
        return extra


@lru_cache
def _installed_version(library: str) -> str:
    # Parsed once per process: recipes are asked for hundreds of times in a run, and what is imported does not change.
    return importlib.metadata.version(library)


def holdings(store: Store, scan: str) -> frozenset[str]:
    """What a scan holds of ``patterns`` and ``element_maps``; both until its manifest tells."""
    manifest, kinds = store.find(scan, "scan_manifest"), ("patterns", "element_maps")
    found = dict.fromkeys(kinds, True) if manifest is None else manifest.document()
    return frozenset(kind for kind in kinds if found.get(kind, True))


def source_fingerprint(files: Iterable[Path]) -> str:
    """Hash of names, sizes and times of the files of a source: what tells, without reading them, that they may differ.

    Parameters
    ----------
    files : iterable of Path
        As `AcquisitionSettings.source_files` lists them; one that is gone by now does not count.
    """
    states = []
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            states.append((path.name, found.st_size, found.st_mtime_ns))
    return hash_json(sorted(states))
