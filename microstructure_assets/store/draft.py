"""An artifact in the making: a folder that nobody reads until it is whole, synced and renamed into its place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microstructure_assets.store.content import ArrayHasher, hash_bytes, hash_columns, hash_json
from microstructure_assets.store.contract import SCHEMA_VERSION
from microstructure_assets.store.files import sync, sync_tree
from microstructure_assets.store.specs import ArtifactSpec
from microstructure_assets.store.streams import SHARD_BYTES, ArrayStream, RowWriter, chunk_layout

ARRAYS_FOLDER = "arrays.zarr"
DOCUMENT_FILE = "document.json"
PAGE_FILE = "page.html"
RECORD_FILE = "artifact.json"


class ContractError(ValueError):
    """What was written is not what the contract promises."""


class Draft:
    """The artifact being written.

    Parameters
    ----------
    folder : Path
        Temporary folder on the store's file system; made here.
    spec : ArtifactSpec

    Attributes
    ----------
    attributes : dict
        Scalar facts of the content; they are part of its hash, as others compute from them.
    notes : dict
        Facts of this making, which are no content: equal content may come with others.
    """

    def __init__(self, folder: Path, spec: ArtifactSpec) -> None:
        self.folder = folder
        self.spec = spec
        self.attributes: dict[str, Any] = {}
        self.notes: dict[str, Any] = {}
        self._hashes: dict[str, str] = {}
        self._streams: dict[str, tuple[ArrayStream, ArrayHasher]] = {}
        self._group: Any = None
        folder.mkdir(parents=True)

    def stream(
        self,
        name: str,
        shape: Sequence[int],
        dtype: Any,
        *,
        dimensions: Sequence[str] | None = None,
        units: str | None = None,
        row_multiple: int = 1,
    ) -> ArrayStream:
        """Open an array that arrives in blocks along its first axis; 8-bit codes are mostly noise: not compressed.

        Its shards hold a multiple of `row_multiple` rows, so that those of two arrays may be filled together.
        """
        dimensions, units, description = self._promise(name, dimensions, units)
        shape, dtype = tuple(int(item) for item in shape), np.dtype(dtype)
        chunks, shards = chunk_layout(shape, dtype.itemsize, row_multiple)
        self._open_group().create_array(
            name,
            shape=shape,
            dtype=dtype,
            chunks=chunks,
            shards=shards,
            compressors=None if dtype == np.uint8 else "auto",
            dimension_names=dimensions,
            fill_value=_fill_value(dtype),
            attributes={"units": units, "description": description},
        )
        hasher = ArrayHasher(name, dimensions, shape, dtype, units)
        writer = RowWriter(self.folder / ARRAYS_FOLDER, name, (shards or chunks)[0])
        stream = ArrayStream(writer, shape[0], hasher)
        self._streams[name] = (stream, hasher)
        return stream

    def array(
        self, name: str, values: np.ndarray, *, dimensions: Sequence[str] | None = None, units: str | None = None
    ) -> None:
        """Write a whole array."""
        values = np.asarray(values)
        dimensions, units, description = self._promise(name, dimensions, units)
        if values.ndim != len(dimensions):
            raise ContractError(
                f"{self.spec.name}.{name}: found {values.ndim} dimensions {values.shape}, expected {tuple(dimensions)}"
            )
        self._open_group().create_array(
            name,
            data=values,
            chunks=values.shape if values.nbytes <= SHARD_BYTES else "auto",
            dimension_names=dimensions,
            fill_value=_fill_value(values.dtype),
            attributes={"units": units, "description": description},
        )
        hasher = ArrayHasher(name, dimensions, values.shape, values.dtype, units)
        hasher.update(values)
        self._hashes[name] = hasher.hexdigest()

    def table(self, name: str, columns: Mapping[str, np.ndarray]) -> None:
        """Write a parquet table of columns of equal length."""
        import pyarrow
        import pyarrow.parquet

        promised = next((table.columns for table in self.spec.tables if table.name == name), None)
        missing = [column for column in promised or () if column not in columns]
        if promised is None or missing:
            raise ContractError(f"{self.spec.name}: table {name!r} lacks {missing or 'a place in the contract'}")
        pyarrow.parquet.write_table(pyarrow.table(dict(columns)), self.folder / f"{name}.parquet")
        self._hashes[f"{name}.parquet"] = hash_columns(name, columns)

    def file(self, name: str, content: bytes) -> None:
        """Write a file that the contract names."""
        if name not in self.spec.files:
            raise ContractError(f"{self.spec.name}: file {name!r} has no place in the contract")
        (self.folder / name).write_bytes(content)
        self._hashes[name] = hash_bytes(content)

    def document(self, value: Mapping[str, Any]) -> None:
        """Write the artifact's JSON document."""
        text = json.dumps(value, indent=1, ensure_ascii=False)
        (self.folder / DOCUMENT_FILE).write_text(text, encoding="utf-8")
        # As it will be read: JSON has no numbers for keys, and texts of numbers sort otherwise.
        self._hashes[DOCUMENT_FILE] = hash_json(json.loads(text))

    def page(self, html: str) -> None:
        """Write the artifact's HTML page; its content is that of its inputs, so it is not hashed."""
        (self.folder / PAGE_FILE).write_text(html, encoding="utf-8")

    def figure(self, png: bytes, thumbnail: bytes) -> None:
        """Add the artifact's picture; pictures are not content."""
        (self.folder / "figure.png").write_bytes(png)
        (self.folder / "thumbnail.png").write_bytes(thumbnail)

    def finish(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Check the contract, write the record, make everything durable.

        Returns
        -------
        dict
            The record with ``content_hash``, ``attributes``, ``notes`` and ``hashes``.
        """
        for left_behind in self.folder.rglob("*.partial"):  # by a writer that was killed on the way
            left_behind.unlink()
        for name, (stream, hasher) in self._streams.items():
            if not stream.complete:
                raise ContractError(f"{self.spec.name}.{name}: fewer rows were written than its shape says")
            self._hashes[name] = hasher.hexdigest()
        self._check()
        content = {**self._hashes, "attributes": hash_json(self.attributes)}
        record = {
            "schema_version": SCHEMA_VERSION,
            "artifact": self.spec.name,
            **record,
            "content_hash": record["key"] if self.spec.form == "page" else hash_json(content),
            "hashes": self._hashes,
            "attributes": self.attributes,
            "notes": self.notes,
        }
        if self._group is not None:
            self._close_group(record)
        (self.folder / RECORD_FILE).write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
        sync_tree(self.folder)
        return record

    def publish(self, place: Path) -> bool:
        """Rename the finished folder to `place`; False if somebody else's whole artifact is there already."""
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.rename(self.folder, place)
        except OSError:
            if not (place / RECORD_FILE).is_file():
                raise
            self.discard()
            return False
        sync(place.parent)
        return True

    def discard(self) -> None:
        """Remove the temporary folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _open_group(self) -> Any:
        if self._group is None:
            import zarr

            self._group = zarr.create_group(self.folder / ARRAYS_FOLDER, zarr_format=3)
        return self._group

    def _close_group(self, record: Mapping[str, Any]) -> None:
        import warnings

        import zarr

        provenance = {
            key: record.get(key) for key in ("schema_version", "artifact", "key", "content_hash", "recipe", "created")
        }
        self._group.attrs.update({"title": self.spec.title, "provenance": provenance, **self.attributes})
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # consolidated metadata is what xarray reads first, though zarr calls it young
            zarr.consolidate_metadata(self._group.store)

    def _promise(
        self, name: str, dimensions: Sequence[str] | None, units: str | None
    ) -> tuple[tuple[str, ...], str, str]:
        for variable in self.spec.variables:
            if variable.name == name:
                return variable.dimensions, units or variable.units, variable.description
        if dimensions is None:
            raise ContractError(f"{self.spec.name}.{name}: not in the contract, so its dimensions must be given")
        return tuple(dimensions), units or "1", ""

    def _check(self) -> None:
        promised = [variable.name for variable in self.spec.variables] + [f"{t.name}.parquet" for t in self.spec.tables]
        promised += self.spec.files
        if self.spec.form == "document":
            promised.append(DOCUMENT_FILE)
        missing = [name for name in promised if name not in self._hashes]
        if self.spec.form == "page" and not (self.folder / PAGE_FILE).is_file():
            missing.append(PAGE_FILE)
        if missing:
            raise ContractError(
                f"{self.spec.name}: not written, though the contract promises them: {', '.join(missing)}"
            )


def _fill_value(dtype: np.dtype) -> Any:
    # A float array's fill value is NaN, else xarray would turn every zero into a missing value.
    return np.nan if dtype.kind == "f" else None
