"""A finished artifact, read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from microstructure_assets.errors import InputError
from microstructure_assets.store.contract import SCHEMA_VERSION, artifact_spec
from microstructure_assets.store.draft import ARRAYS_FOLDER, DOCUMENT_FILE, PAGE_FILE, RECORD_FILE
from microstructure_assets.store.files import read_json
from microstructure_assets.store.specs import ArtifactSpec


class ArtifactMissing(InputError, LookupError):
    """An artifact that has not been made, or is no longer in its place."""


@dataclass(frozen=True)
class Artifact:
    """One whole artifact on disk.

    Attributes
    ----------
    folder : Path
    spec : ArtifactSpec
    record : dict
        Key, recipe, content hash, attributes and origin.
    """

    folder: Path
    spec: ArtifactSpec
    record: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Artifact | None:
        """The artifact in `folder`, or None when there is none.

        Raises
        ------
        ValueError
            If it was written under a newer schema than this code knows.
        """
        record = read_json(folder / RECORD_FILE)
        if record is None:
            return None
        if record["schema_version"] > SCHEMA_VERSION:
            raise ValueError(
                f"{folder}: schema version {record['schema_version']} found, at most {SCHEMA_VERSION} expected; "
                "it was written by a newer version of this software: update it"
            )
        return cls(folder, artifact_spec(record["artifact"]), record)

    @property
    def content_hash(self) -> str:
        """Hash of what the artifact says."""
        return str(self.record["content_hash"])

    @property
    def attributes(self) -> dict[str, Any]:
        """Scalar facts, part of what it says."""
        return dict(self.record["attributes"])

    @property
    def notes(self) -> dict[str, Any]:
        """Facts of its making, which are no content; empty for one from before there were any."""
        return dict(self.record.get("notes", {}))

    @property
    def path(self) -> Path:
        """What a user opens: the zarr group, the JSON document or the HTML page."""
        return self.folder / {"arrays": ARRAYS_FOLDER, "document": DOCUMENT_FILE, "page": PAGE_FILE}[self.spec.form]

    @cached_property
    def group(self) -> Any:
        """The zarr group."""
        import zarr

        return zarr.open_group(self.folder / ARRAYS_FOLDER, mode="r")

    def array(self, name: str) -> np.ndarray:
        """One array, whole."""
        return np.asarray(self.group[name][...])

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array, whole; for small artifacts."""
        return {name: self.array(name) for name in self.record["hashes"] if "." not in name}

    def table(self, name: str) -> dict[str, np.ndarray]:
        """One table as columns."""
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(self.folder / f"{name}.parquet")
        return {column: table[column].to_numpy(zero_copy_only=False) for column in table.column_names}

    def file(self, name: str) -> bytes:
        """One of the files that the contract names."""
        return (self.folder / name).read_bytes()

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        return dict(read_json(self.folder / DOCUMENT_FILE) or {})

    def figure(self) -> bytes | None:
        """The full picture, PNG."""
        path = self.folder / "figure.png"
        return path.read_bytes() if path.is_file() else None

    def thumbnail(self) -> bytes | None:
        """The small picture, PNG of at most 60 kB."""
        path = self.folder / "thumbnail.png"
        return path.read_bytes() if path.is_file() else None
