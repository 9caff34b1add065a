"""Arrays of a draft that are written in bands of rows, by one process or by many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from microstructure_assets.store.content import DIGEST_BYTES, ArrayHasher, slab_digests

SHARD_BYTES = 128 << 20
CHUNK_BYTES = 1 << 20


class DraftGone(RuntimeError):
    """A draft that nobody will finish."""


@dataclass(frozen=True)
class RowWriter:
    """Writes rows of an array of a draft, from any process that sees the store.

    Attributes
    ----------
    group : Path
        Of the draft's arrays.
    name : str
    preferred_rows : int
        Rows that fill whole shards: two writers must never share one.
    """

    group: Path
    name: str
    preferred_rows: int

    def write(self, start: int, block: np.ndarray) -> bytes:
        """Write rows ``(m, ...)`` from row `start` on; gives the digests of their slabs, for :meth:`ArrayStream.take`.

        The same rows may be written again, as by a worker that takes over from a lost one.

        Raises
        ------
        DraftGone
            If the draft was thrown away meanwhile.
        """
        if not self.group.is_dir():
            raise DraftGone(f"{self.group}: not there; what was being made of it has failed or was stopped")
        _opened(self.group, self.name)[start : start + len(block)] = block
        return slab_digests(block)


class ArrayStream:
    """An array of three and more dimensions that is written in blocks along its first axis.

    Parameters
    ----------
    writer : RowWriter
    rows : int
        Of the whole array.
    hasher : ArrayHasher
    """

    def __init__(self, writer: RowWriter, rows: int, hasher: ArrayHasher) -> None:
        self.writer = writer
        self._rows = rows
        self._hasher = hasher
        self._position = 0

    def append(self, block: np.ndarray) -> None:
        """Write the next rows along the first axis; shape ``(m, ...)``."""
        self.take(self.writer.write(self._position, block))

    def take(self, digests: bytes) -> None:
        """Count the next rows as written, whose digests the writer gave; in the order of the rows."""
        self._hasher.update_digests(digests)
        self._position += len(digests) // DIGEST_BYTES

    @property
    def complete(self) -> bool:
        """Whether every row has been written."""
        return self._position == self._rows

    @property
    def preferred_rows(self) -> int:
        """Rows per block that fill whole shards."""
        return self.writer.preferred_rows


@lru_cache(maxsize=8)
def _opened(group: Path, name: str) -> Any:
    import zarr

    return zarr.open_array(group / name, mode="r+")


def chunk_layout(
    shape: tuple[int, ...], itemsize: int, row_multiple: int = 1
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Chunks of about 1 MiB over the two leading axes, in shards of at most about 128 MiB of whole leading rows.

    Parameters
    ----------
    shape : tuple of int
        The first axis is the one that the array is written along.
    itemsize : int
        Bytes of one value.
    row_multiple : int
        Leading rows of a shard are a multiple of these.

    Returns
    -------
    chunks, shards : tuple of int
        `shards` is None where one shard would hold one chunk.
    """
    if len(shape) < 2:
        return shape, None
    cell = itemsize * int(np.prod(shape[2:], dtype=np.int64))
    side = max(1, int(np.sqrt(CHUNK_BYTES / max(cell, 1))))
    columns = min(shape[1], side)
    whole_columns = -(-shape[1] // columns) * columns
    rows = max(1, min(shape[0], side, SHARD_BYTES // max(cell * whole_columns, 1)))
    rows = -(-rows // row_multiple) * row_multiple
    chunks = (rows, columns, *shape[2:])
    shards = (rows, whole_columns, *shape[2:])
    return chunks, None if shards == chunks else shards
