"""Arrays written in bands of rows, by others and twice; the layout of their shards."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr

from microstructure_assets.store import contract
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.streams import DraftGone, chunk_layout


def test_rows_written_by_others_and_written_twice_have_the_hash_of_one_writer(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(256, size=(10, 4, 30, 40), dtype=np.uint8)
    drafts = [Draft(tmp_path / name, contract.BY_NAME["preprocessed_patterns"]) for name in ("one", "many")]
    one, many = (draft.stream("intensity", values.shape, np.uint8, row_multiple=2) for draft in drafts)
    one.append(values)
    writer = pickle.loads(pickle.dumps(many.writer))
    bands = [(0, 4), (4, 8), (8, 10)]
    writer.write(4, values[4:8] + 1)  # a worker that was lost
    digests = [writer.write(start, values[start:stop]) for start, stop in reversed(bands)]
    for digest in reversed(digests):
        many.take(digest)
    assert many.complete
    assert one._hasher.hexdigest() == many._hasher.hexdigest()
    np.testing.assert_array_equal(zarr.open_array(writer.group / "intensity")[:], values)


def test_nothing_is_written_to_a_draft_that_was_thrown_away(tmp_path: Path) -> None:
    draft = Draft(tmp_path / "draft", contract.BY_NAME["preprocessed_patterns"])
    writer = draft.stream("intensity", (4, 2, 3, 3), np.uint8).writer
    draft.discard()
    with pytest.raises(DraftGone, match="has failed or was stopped"):
        writer.write(0, np.zeros((2, 2, 3, 3), np.uint8))
    assert not (tmp_path / "draft").exists()


@pytest.mark.parametrize(("shape", "multiple"), [((100, 50, 60, 60), 3), ((266, 495, 80, 100), 2), ((5, 3, 8, 8), 4)])
def test_shards_hold_a_multiple_of_the_rows_asked_for(shape: tuple[int, ...], multiple: int) -> None:
    chunks, shards = chunk_layout(shape, 1, multiple)
    assert (shards or chunks)[0] % multiple == 0
    assert (shards or chunks)[0] % chunks[0] == 0
