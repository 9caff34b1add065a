"""What an asset body sees of a scan or a tile: settings in force, inputs from the store, patterns by blocks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from microstructure_assets.assets.writing import Arrays, write_coordinates, write_results
from microstructure_assets.compute import Compute, LocalCompute
from microstructure_assets.errors import InputError
from microstructure_assets.figures.grid import Grid
from microstructure_assets.memory import MemoryLimit
from microstructure_assets.rectangle import Rectangle
from microstructure_assets.settings import settings_group
from microstructure_assets.store.artifact import Artifact, ArtifactMissing
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.names import Slot
from microstructure_assets.store.scans import RegisteredScan
from microstructure_assets.store.store import Overtaken, Store
from microstructure_assets.store.tiles import TileBounds

BLOCK_BYTES = 64 << 20


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
        return Grid(self.facts["grid"]["step_y_um"], self.facts["grid"]["step_x_um"])

    def save(self, draft: Draft, arrays: Arrays, **more: Any) -> None:
        """Write an artifact of the whole scan: `arrays` and what `write_results` takes."""
        write_coordinates(draft, self.grid_shape, self.grid)
        write_results(draft, arrays, grid=self.grid, **more)

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
    prefix : str
        ``binned_`` for the binned patterns of a large detector.
    """

    _place: tuple[Path, str, str]

    def __init__(self, artifact: Artifact, prefix: str = "") -> None:
        self._artifact: Artifact | None = artifact
        self._prefix = prefix

    @classmethod
    def at(cls, folder: Path, content_hash: str, prefix: str) -> StoredPatterns:
        """Patterns of a place, opened at their first use: who only passes them on, as a scheduler, opens nothing."""
        patterns = cls.__new__(cls)
        patterns._artifact, patterns._prefix, patterns._place = None, prefix, (folder, content_hash, prefix)
        return patterns

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets the place."""
        if self._artifact is None:
            return StoredPatterns.at, self._place
        return StoredPatterns.at, (self._artifact.folder, self._artifact.content_hash, self._prefix)

    @cached_property
    def _arrays(self) -> tuple[Any, np.ndarray, np.ndarray]:
        """Codes, which are read when asked for, gain and offset."""
        if self._artifact is None:
            return _opened(*self._place)
        return _arrays_of(self._artifact, self._prefix)

    @property
    def _codes(self) -> Any:
        return self._arrays[0]

    @property
    def pattern_shape(self) -> tuple[int, int]:
        """Height and width of a pattern."""
        height, width = self._codes.shape[2:]
        return int(height), int(width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and pixels."""
        rows, columns, height, width = self._codes.shape
        return int(rows), int(columns), int(height * width)

    @property
    def rows_together(self) -> int:
        """Rows of points in a chunk: reading fewer decodes the chunk all the same."""
        return int(self._codes.chunks[0])

    @cached_property
    def binned(self) -> StoredPatterns:
        """Patterns averaged over blocks of pixels where the detector is large; else these patterns."""
        assert self._artifact is not None, "asked for where the patterns were opened"
        return StoredPatterns(self._artifact, "binned_") if "binned_intensity" in self._artifact.group else self

    def read(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> np.ndarray:
        """Patterns of a rectangle, ``(rows, columns, pixels)`` float32."""
        from microstructure_assets.methods.background import decode

        area = slice(row_start, row_stop), slice(column_start, column_stop)
        stored, gain, offset = self._arrays
        codes = np.asarray(stored[area])
        rows, columns = codes.shape[:2]
        flat = decode(codes.reshape(rows * columns, *self.pattern_shape), gain[area].ravel(), offset[area].ravel())
        return flat.reshape(rows, columns, -1)

    def read_area(self, area: Rectangle, scratch: Path, memory: MemoryLimit) -> np.ndarray:
        """Patterns of a rectangle that may be larger than the memory: a file in `scratch` then holds them.

        Raises
        ------
        InputError
            If there is no room for the file.
        """
        rows, columns = area.shape
        pixels = self.shape[2]
        if 4 * rows * columns * pixels <= memory.area_bytes:
            return self.read(area.row_start, area.row_stop, area.column_start, area.column_stop)
        whole = room_for_patterns((rows, columns, pixels), scratch, memory)
        step = max(1, BLOCK_BYTES // (4 * columns * pixels))
        for start in range(0, rows, step):
            stop = min(rows, start + step)
            whole[start:stop] = self.read(
                area.row_start + start, area.row_start + stop, area.column_start, area.column_stop
            )
        return whole

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


def _arrays_of(artifact: Artifact, prefix: str) -> tuple[Any, np.ndarray, np.ndarray]:
    return (
        artifact.group[f"{prefix}intensity"],
        artifact.array(f"{prefix}gain"),
        artifact.array(f"{prefix}offset"),
    )


@lru_cache(maxsize=4)
def _opened(folder: Path, content_hash: str, prefix: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """Arrays in another process; one that works on many blocks opens them once."""
    artifact = Artifact.load(folder)
    if artifact is None or artifact.content_hash != content_hash:
        raise ArtifactMissing(
            f"{folder}: {'another artifact' if artifact else 'no artifact'} there; every worker must see the store "
            "under this path"
        )
    return _arrays_of(artifact, prefix)


def room_for_patterns(shape: tuple[int, int, int], scratch: Path, memory: MemoryLimit) -> np.ndarray:
    """An array for patterns ``(rows, columns, pixels)`` float32: in memory, above its share in a file without a name.

    Raises
    ------
    InputError
        If there is no room for the file.
    """
    size = 4 * shape[0] * shape[1] * shape[2]
    if size <= memory.area_bytes:
        return np.empty(shape, dtype=np.float32)
    with TemporaryFile(dir=scratch) as file:
        _reserve(file.fileno(), size, shape, scratch)
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)


def _reserve(file: int, size: int, shape: tuple[int, int, int], scratch: Path) -> None:
    """Take the room of a file before it is written: writing to a map that the disk has no room for ends the process."""
    free = shutil.disk_usage(scratch).free
    try:
        if free >= size:
            os.posix_fallocate(file, 0, size)
            return
        cause = None
    except OSError as error:
        cause = error
    raise InputError(
        f"patterns of {shape[0]} × {shape[1]} points: they take {size / 1e9:,.1f} GB on the disk of {scratch} while "
        f"they are worked on, and {free / 1e9:,.1f} GB are free there{f' ({cause.strerror})' if cause else ''}; make "
        "room, take smaller ROIs (a larger tiling.n or scale.coarsest_tiling, a smaller region), or choose another "
        "--home"
    ) from cause


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
