"""Patterns of a rectangle that is worked on from a file: what is read, and what is said where the disk has no room."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from microstructure_assets.assets import stored_patterns
from microstructure_assets.assets.stored_patterns import StoredPatterns
from microstructure_assets.errors import InputError
from microstructure_assets.memory import MemoryLimit
from microstructure_assets.rectangle import Rectangle
from microstructure_assets.store.artifact import Artifact

AREA = Rectangle(1, 7, 2, 8)
SIZE = 4 * 6 * 6 * 20
NONE = MemoryLimit(0)


@pytest.fixture
def patterns(monkeypatch: pytest.MonkeyPatch) -> StoredPatterns:
    """Patterns of 8 x 9 points with 20 pixels, every rectangle of which counts as too large for the memory."""
    monkeypatch.setattr(stored_patterns, "BLOCK_BYTES", 1000)
    draw = np.random.default_rng(0)
    values: dict[str, Any] = {
        "intensity": draw.integers(256, size=(8, 9, 4, 5), dtype=np.uint8),
        "gain": draw.uniform(1, 2, (8, 9)).astype(np.float32),
        "offset": draw.uniform(-1, 1, (8, 9)).astype(np.float32),
    }
    return StoredPatterns(cast("Artifact", SimpleNamespace(group=values, array=values.__getitem__)))


def test_a_file_holds_what_memory_would_in_room_taken_beforehand(
    patterns: StoredPatterns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, taken = os.posix_fallocate, []

    def counted(file: int, start: int, length: int) -> None:
        real(file, start, length)
        taken.append((length, os.fstat(file).st_blocks * 512 >= length))

    monkeypatch.setattr(os, "posix_fallocate", counted)
    found = patterns.read_area(AREA, tmp_path, NONE)
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, patterns.read(1, 7, 2, 8))
    assert taken == [(SIZE, True)]
    assert not list(tmp_path.iterdir())


def test_a_disk_without_room_is_told_before_anything_is_written(
    patterns: StoredPatterns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("asked for room that is known not to be there")

    usage = shutil.disk_usage(tmp_path)._replace(free=SIZE - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(os, "posix_fallocate", refused)
    with pytest.raises(InputError, match=r"patterns of 6 × 6 points: .*tiling\.n.*another --home") as told:
        patterns.read_area(AREA, tmp_path, NONE)
    assert str(tmp_path) in str(told.value)
    assert not list(tmp_path.iterdir())


def test_room_that_another_took_meanwhile_is_told_too(
    patterns: StoredPatterns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match="No space left on device"):
        patterns.read_area(AREA, tmp_path, NONE)
