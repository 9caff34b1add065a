"""Preprocessed patterns as the store holds them, read by rectangles and blocks, in memory or from a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from microstructure_assets.errors import InputError
from microstructure_assets.memory import MemoryLimit
from microstructure_assets.rectangle import Rectangle
from microstructure_assets.store.artifact import Artifact, ArtifactMissing

BLOCK_BYTES = 64 << 20


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
