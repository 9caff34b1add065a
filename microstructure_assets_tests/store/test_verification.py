"""Rot in the store is found wherever it is, and nothing else is called rot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import zarr

from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.contract import ARTIFACTS, BY_NAME
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.specs import ArtifactSpec
from microstructure_assets.store.store import Store
from microstructure_assets.store.verification import rotten_parts
from microstructure_assets_tests.store.making import materialise

SIZES = (5, 7, 3, 4)
OTHERS = [spec for spec in ARTIFACTS if spec.form != "page"]


def fill(draft: Draft) -> None:
    """Something for everything that the contract promises."""
    generator = np.random.default_rng(0)
    for number, variable in enumerate(draft.spec.variables):
        shape = SIZES[: len(variable.dimensions)]
        values = generator.random(shape) if number % 2 else generator.integers(0, 200, shape).astype(np.uint8)
        if number % 2 and values.size > 1:
            values.reshape(-1)[0] = np.nan
        draft.array(variable.name, values)
    for table in draft.spec.tables:
        texts = np.array(["a", None, "µ"], dtype=object)
        columns = {name: texts if n % 3 == 0 else np.arange(3) * 0.5 for n, name in enumerate(table.columns)}
        draft.table(table.name, columns)
    for name in draft.spec.files:
        draft.file(name, b"some bytes")
    if draft.spec.form == "document":
        draft.document({"n": 3, "why": "µ", "none": None, "x": 0.1, "caps": {5: 1, 10: (2, 3)}})
    draft.attributes["count"] = 3


def made(store: Store, spec: ArtifactSpec) -> Artifact:
    return materialise(store, "s", None, Recipe(spec.name, "1"), fill).artifact


def content_files(artifact: Artifact) -> list[Path]:
    """Every file that holds content: not pictures, not zarr's own descriptions."""
    names = ("zarr.json", "artifact.json", "figure.png", "thumbnail.png")
    return [path for path in artifact.folder.rglob("*") if path.is_file() and path.name not in names]


def spoil(path: Path) -> None:
    """Turn a byte of a file; of a table a value, as most bytes of a small one are statistics that nobody reads."""
    if path.suffix == ".parquet":
        table = pyarrow.parquet.read_table(path)
        column = table.column(0).to_pylist()
        changed = pyarrow.array([*column[:-1], f"{column[-1]}x" if isinstance(column[-1], str) else column[-1] + 1])
        pyarrow.parquet.write_table(table.set_column(0, table.column_names[0], changed), path)
        return
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("spec", OTHERS, ids=lambda spec: spec.name)
def test_what_was_written_is_what_is_read_and_a_changed_byte_is_found(store: Store, spec: ArtifactSpec) -> None:
    artifact = made(store, spec)
    assert not list(rotten_parts(artifact))
    files = content_files(artifact)
    assert files
    for path in files:
        content = path.read_bytes()
        spoil(path)
        found = [name for name, _ in rotten_parts(Artifact(artifact.folder, spec, artifact.record))]
        assert found, path
        path.write_bytes(content)
    assert not list(rotten_parts(Artifact(artifact.folder, spec, artifact.record)))


def test_a_file_that_is_gone_and_a_record_that_was_edited_are_named(store: Store) -> None:
    artifact = made(store, BY_NAME["gmm_clusters"])
    (artifact.folder / "criteria.parquet").unlink()
    (name, what), *rest = rotten_parts(artifact)
    assert (name, rest) == ("criteria.parquet", [])
    assert "cannot be read" in what
    edited = Artifact(artifact.folder, artifact.spec, {**artifact.record, "attributes": {"count": 4}})
    assert [name for name, _ in rotten_parts(edited)] == ["criteria.parquet", "artifact.json"]


def test_an_array_of_many_shards_is_read_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from microstructure_assets.store import verification

    artifact = made(store, BY_NAME["pattern_quality"])
    whole = {name: verification._hash_of(artifact, name) for name in artifact.record["hashes"]}
    monkeypatch.setattr(verification, "SHARD_BYTES", 1)
    assert {name: verification._hash_of(artifact, name) for name in whole} == whole == artifact.record["hashes"]


def test_a_changed_value_behind_a_sound_codec_is_found(store: Store) -> None:
    artifact = made(store, BY_NAME["pattern_quality"])
    group = zarr.open_group(artifact.folder / "arrays.zarr", mode="r+")
    name = next(iter(artifact.record["hashes"]))
    group[name][0, 0] = 77
    assert [part for part, _ in rotten_parts(Artifact(artifact.folder, artifact.spec, artifact.record))] == [name]
