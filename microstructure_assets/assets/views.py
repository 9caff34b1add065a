"""What an asset body sees of a scan or a tile: settings in force, inputs from the store, patterns by blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from microstructure_assets.acquisition.scan import cells_there
from microstructure_assets.assets.stored_patterns import StoredPatterns
from microstructure_assets.assets.writing import Arrays, write_coordinates, write_results
from microstructure_assets.compute import Compute, LocalCompute
from microstructure_assets.figures.grid import Grid
from microstructure_assets.rectangle import Rectangle
from microstructure_assets.settings import settings_group
from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.names import Slot
from microstructure_assets.store.scans import RegisteredScan
from microstructure_assets.store.store import Overtaken, Store
from microstructure_assets.store.tiles import TileBounds


class NotDeclared(RuntimeError):
    """A settings group or an input that an asset body asks for, though the contract does not name it."""


@dataclass(frozen=True)
class ScanView:
    """A scan as an asset body sees it: what the recipes of the artifacts being made say, and nothing else.

    Attributes
    ----------
    store : Store
    scan : RegisteredScan
    recipes : tuple of Recipe
        Of the artifacts that are made together.
    compute : Compute
        Where blocks of work run.
    """

    store: Store
    scan: RegisteredScan
    recipes: tuple[Recipe, ...]
    compute: Compute = field(default_factory=LocalCompute, kw_only=True)

    @property
    def scan_name(self) -> str:
        """Name of the scan."""
        return self.scan.name

    def settings(self, group: str) -> Any:
        """A settings group as the recipes have it.

        Raises
        ------
        NotDeclared
            If it is no part of them.
        SettingsError
            If its values contradict each other.
        """
        values = {name: value for recipe in self.recipes for name, value in recipe.settings.items()}
        own = {name.partition(".")[2]: value for name, value in values.items() if name.startswith(f"{group}.")}
        if not own:
            raise NotDeclared(f"settings {group}: not in the contract of {self._made}")
        return settings_group(group, own)

    def pinned(self, artifact: str) -> Artifact:
        """What an artifact is chosen from when it is first made, as it stands now.

        Raises
        ------
        NotDeclared
            If the contract does not name it.
        ArtifactMissing
            If it has not been made.
        """
        if all(artifact not in artifact_spec(recipe.artifact).pinned for recipe in self.recipes):
            raise NotDeclared(f"{artifact}: not in the contract of {self._made} as what it is chosen from")
        return self.store.read(self.scan_name, artifact)

    def read(self, artifact: str, tile: str | None = None) -> Artifact:
        """An input, as the recipes have it.

        Raises
        ------
        NotDeclared
            If it is no part of them.
        Overtaken
            If another content stands by now.
        """
        name = self._input_name(artifact, tile)
        wanted = next((recipe.inputs[name] for recipe in self.recipes if name in recipe.inputs), None)
        if wanted is None:
            raise NotDeclared(f"input {name}: not in the contract of {self._made}")
        found = self.store.read(self.scan_name, artifact, tile)
        if found.content_hash != wanted:
            raise Overtaken(f"{self._made}: input {name} changed while it was being made; run it again")
        return found

    def has(self, artifact: str) -> bool:
        """Whether an artifact of the scan is among the inputs: a scan lacks what is made of what it does not hold."""
        return any(artifact in recipe.inputs for recipe in self.recipes)

    def standing(self, artifact: str) -> Artifact | None:
        """An artifact of the scan as it stands, whatever the recipes say; only for what decides no content.

        Its notes, for example, or what it holds that need not be worked out again.
        """
        return self.store.find(self.scan_name, artifact)

    @property
    def facts(self) -> Mapping[str, Any]:
        """The further facts of the recipes."""
        return self.recipes[0].extra

    @property
    def _made(self) -> str:
        return ", ".join(recipe.artifact for recipe in self.recipes)

    def _input_name(self, artifact: str, tile: str | None) -> str:
        return f"{artifact}[{tile}]" if tile else artifact

    @property
    def grid_shape(self) -> tuple[int, int]:
        """Rows and columns of the scan."""
        return int(self.facts["grid"]["rows"]), int(self.facts["grid"]["columns"])

    @property
    def steps_um(self) -> tuple[float, float]:
        """Step along y and along x [µm]; one, and so lengths in points, where the manifest says that none is known."""
        return self.grid.step_y, self.grid.step_x

    @property
    def grid(self) -> Grid:
        """Steps and origin of the map, for pictures and coordinates."""
        grid = self.facts["grid"]
        return Grid(grid["step_y_um"], grid["step_x_um"], kind=grid.get("kind", "square"))

    @property
    def there(self) -> np.ndarray:
        """Which cells of the grid are points, (rows, columns)."""
        return cells_there(self.grid_shape, short_rows=self.facts["grid"].get("short_rows", False))

    def save(self, draft: Draft, arrays: Arrays, **more: Any) -> None:
        """Write an artifact of the whole scan: `arrays` and what `write_results` takes."""
        write_coordinates(draft, self.grid_shape, self.grid)
        write_results(draft, arrays, grid=self.grid, **more)

    @cached_property
    def patterns(self) -> StoredPatterns:
        """The preprocessed patterns."""
        return StoredPatterns(self.read("preprocessed_patterns"))


@dataclass(frozen=True)
class TileView(ScanView):
    """A tile as an asset body sees it.

    Attributes
    ----------
    slot : str
    """

    slot: str

    @cached_property
    def tile(self) -> TileBounds:
        """Bounds of the tile and its ROIs; where its references come from, for the artifact that takes them."""
        others = {name for recipe in self.recipes for name in recipe.inputs if name.startswith("reference_windows[")}
        source = next((Slot(name.partition("[")[2].removesuffix("]")) for name in others), None)
        return TileBounds.of(Slot(self.slot), self.facts["rois"], source)

    def _input_name(self, artifact: str, tile: str | None) -> str:
        return super()._input_name(artifact, None if tile == self.slot else tile)

    def own(self, artifact: str) -> Artifact:
        """An input of the same tile."""
        return self.read(artifact, self.slot)

    def roi_patterns(self, roi: Rectangle, margin: int = 0) -> tuple[np.ndarray, tuple[slice, slice]]:
        """Patterns of a ROI and so many points around it, and where the ROI lies in them.

        The patterns, ``(rows, columns, pixels)`` float32, are held in memory up to their share of it, above that in a
        file without a name beside the store, of which the system keeps in memory what it can.
        """
        area = roi.with_margin(margin, self.grid_shape)
        return self.patterns.read_area(area, self.store.home.store, self.compute.memory), roi.inside(area)

    @property
    def grid(self) -> Grid:
        """Steps and origin of the tile."""
        whole, bounds = super().grid, self.tile.bounds
        return replace(
            whole,
            origin_y_um=bounds.row_start * whole.step_y,
            origin_x_um=bounds.column_start * whole.step_x,
        )

    def save(self, draft: Draft, arrays: Arrays, **more: Any) -> None:
        """Write an artifact of this tile: `arrays`, the ROI map and what `write_results` takes."""
        write_coordinates(draft, self.tile.bounds.shape, self.grid)
        write_results(draft, {**arrays, "roi": self.tile.roi_map()}, grid=self.grid, **more)
