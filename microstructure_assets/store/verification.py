"""Hashing what lies in the store again: what a disk, a copy or a hand has changed is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.content import ArrayHasher, hash_bytes, hash_columns, hash_json
from microstructure_assets.store.draft import DOCUMENT_FILE, PAGE_FILE
from microstructure_assets.store.streams import SHARD_BYTES

TABLE_ENDING = ".parquet"


def rotten_parts(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """What of an artifact no longer is what was written: arrays, tables, files, and the record itself.

    Pictures are not looked at: they are no content, and are drawn anew with it.

    Yields
    ------
    (str, str)
        Name of the part, and what is wrong with it.
    """
    if artifact.spec.form == "page":
        if not (artifact.folder / PAGE_FILE).is_file():
            yield PAGE_FILE, "is not there"
        return
    hashes: dict[str, str] = artifact.record["hashes"]
    for name, expected in hashes.items():
        try:
            found = _hash_of(artifact, name)
        except Exception as error:  # whatever zarr, its codecs and pyarrow raise of damaged files
            yield name, f"cannot be read ({type(error).__name__}: {error})"
        else:
            if found != expected:
                yield name, f"its content has hash {found}, the record says {expected}"
    content = hash_json({**hashes, "attributes": hash_json(artifact.attributes)})
    if content != artifact.content_hash:
        yield "artifact.json", f"what it lists has hash {content}, it says {artifact.content_hash}"


def _hash_of(artifact: Artifact, name: str) -> str:
    if name == DOCUMENT_FILE:
        return hash_json(artifact.document())
    if name in artifact.spec.files:
        return hash_bytes(artifact.file(name))
    if name.endswith(TABLE_ENDING):
        table = name.removesuffix(TABLE_ENDING)
        return hash_columns(table, artifact.table(table))
    return _hash_of_array(artifact.group[name], name)


def _hash_of_array(array: Any, name: str) -> str:
    """Hash of a stored array, read a few rows at a time."""
    hasher = ArrayHasher(name, array.metadata.dimension_names, array.shape, array.dtype, array.attrs["units"])
    if array.ndim == 0:
        hasher.update(np.asarray(array[...]))
        return hasher.hexdigest()
    row_bytes = max(1, int(np.prod(array.shape[1:], dtype=np.int64)) * array.dtype.itemsize)
    together = int((array.shards or array.chunks)[0])
    step = max(1, SHARD_BYTES // row_bytes // together) * together
    for start in range(0, array.shape[0], step):
        hasher.update(np.asarray(array[start : start + step]))
    return hasher.hexdigest()
