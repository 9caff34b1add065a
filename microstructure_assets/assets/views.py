"""What an asset body sees of a scan or a tile: settings in force, inputs from the store, patterns by blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from microstructure_assets.assets.writing import Arrays, write_coordinates, write_results
from microstructure_assets.figures.grid import Grid
from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import RegisteredScan
from microstructure_assets.store.store import Store
from microstructure_assets.store.tiles import Bounds, TileBounds, tile_of

BLOCK_BYTES = 64 << 20


@dataclass(frozen=True)
class ScanView:
    """A scan as an asset body sees it.

    Attributes
    ----------
    store : Store
    scan_name : str
    """

    store: Store
    scan_name: str

    @cached_property
    def recipes(self) -> Recipes:
        """Recipes and settings of the scan."""
        return Recipes(self.store, self.scan_name)

    @property
    def scan(self) -> RegisteredScan:
        """The scan's registration."""
        return self.recipes.scan

    def settings(self, group: str) -> Any:
        """A settings group as in force for the scan."""
        return self.recipes.settings(group)

    def read(self, artifact: str, tile: str | None = None) -> Artifact:
        """An input."""
        return self.store.read(self.scan_name, artifact, tile)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The scan's manifest."""
        return self.read("scan_manifest").document()

    @property
    def grid_shape(self) -> tuple[int, int]:
        """Rows and columns of the scan."""
        return int(self.manifest["grid"]["rows"]), int(self.manifest["grid"]["columns"])

    @property
    def steps_um(self) -> tuple[float, float]:
        """Step along y and along x [µm]; one, and so lengths in points, where the manifest says that none is known."""
        return self.grid.step_y, self.grid.step_x

    @property
    def grid(self) -> Grid:
        """Steps and origin of the map, for pictures and coordinates."""
        known = self.manifest["grid"]
        return Grid(known["step_y_um"], known["step_x_um"])

    @property
    def heading(self) -> str:
        """What a picture of this scan is of."""
        return self.scan_name

    def save(self, draft: Draft, arrays: Arrays, **more: Any) -> None:
        """Write an artifact of the whole scan: `arrays` and what `write_results` takes."""
        write_coordinates(draft, self.grid_shape, self.grid)
        write_results(draft, arrays, grid=self.grid, heading=self.heading, **more)

    @cached_property
    def patterns(self) -> StoredPatterns:
        """The preprocessed patterns."""
        return StoredPatterns(self.read("preprocessed_patterns"))


class StoredPatterns:
    """Preprocessed patterns read by blocks of points and decoded to float32.

    Parameters
    ----------
    artifact : Artifact
        ``preprocessed_patterns``.
    """

    def __init__(self, artifact: Artifact) -> None:
        self._codes = artifact.group["intensity"]
        self._gain = artifact.array("gain")
        self._offset = artifact.array("offset")
        self.pattern_shape: tuple[int, int] = tuple(self._codes.shape[2:])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and pixels."""
        rows, columns, height, width = self._codes.shape
        return int(rows), int(columns), int(height * width)

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> np.ndarray:
        """Patterns of a rectangle, ``(rows, columns, pixels)`` float32."""
        from microstructure_assets.methods.background import decode

        area = slice(row_start, row_stop), slice(column_start, column_stop)
        codes = np.asarray(self._codes[area])
        rows, columns = codes.shape[:2]
        flat = decode(
            codes.reshape(rows * columns, *self.pattern_shape), self._gain[area].ravel(), self._offset[area].ravel()
        )
        return flat.reshape(rows, columns, -1)

    def rows_per_block(self) -> int:
        """Scan rows that fill about 64 MiB as float32."""
        _, columns, pixels = self.shape
        return max(1, BLOCK_BYTES // (columns * pixels * 4))

    def blocks(self) -> Iterator[np.ndarray]:
        """All patterns in blocks of whole rows, each ``(points, pixels)`` float32."""
        rows, columns, pixels = self.shape
        step = self.rows_per_block()
        for start in range(0, rows, step):
            yield self.read(start, min(rows, start + step), 0, columns).reshape(-1, pixels)


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
        """Bounds of the tile and its ROIs."""
        return tile_of(self.store, self.scan, self.slot)

    def settings(self, group: str) -> Any:
        """A settings group as in force for the tile."""
        return self.recipes.settings(group, self.slot)

    def own(self, artifact: str) -> Artifact:
        """An input of the same tile."""
        return self.read(artifact, self.slot)

    def roi_patterns(self, roi: Bounds) -> np.ndarray:
        """Patterns of a ROI, ``(rows, columns, pixels)`` float32, kept while the tile is worked on."""
        if roi not in self._kept:
            self._kept.clear() if len(self.tile.rois) > 1 else None
            self._kept[roi] = self.patterns.read(roi.row_start, roi.row_stop, roi.column_start, roi.column_stop)
        return self._kept[roi]

    @cached_property
    def _kept(self) -> dict[Bounds, np.ndarray]:
        return {}

    @property
    def grid(self) -> Grid:
        """Steps and origin of the tile."""
        whole, bounds = super().grid, self.tile.bounds
        return replace(
            whole,
            origin_y_um=bounds.row_start * whole.step_y,
            origin_x_um=bounds.column_start * whole.step_x,
        )

    @property
    def heading(self) -> str:
        """What a picture of this tile is of."""
        return f"{self.scan_name} · {self.slot}"

    def save(self, draft: Draft, arrays: Arrays, **more: Any) -> None:
        """Write an artifact of this tile: `arrays`, the ROI map and what `write_results` takes."""
        write_coordinates(draft, self.tile.bounds.shape, self.grid)
        write_results(draft, {**arrays, "roi": self.tile.roi_map()}, grid=self.grid, heading=self.heading, **more)
