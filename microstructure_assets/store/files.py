"""Durable small files: written beside their place, synced, renamed."""

from __future__ import annotations

import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

SYNC_THREADS = 8


def sync(path: str | Path) -> None:
    """Make a file, or the entries of a folder, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Make every file and folder below `folder` durable.

    Several at once: the file system's journal then takes many in one commit.
    """
    folders, files = [], []
    for parent, _, names in os.walk(folder):
        folders.append(parent)
        files += [os.path.join(parent, name) for name in names]
    with ThreadPoolExecutor(SYNC_THREADS) as pool:
        for paths in (files, folders):
            for _ in pool.map(sync, paths):
                pass


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document so that a reader sees the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    with draft.open("w", encoding="utf-8") as handle:
        json.dump(value, handle, indent=1, ensure_ascii=False, sort_keys=False)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)
    sync(path.parent)


def read_json(path: Path) -> Any | None:
    """The JSON document at `path`, or None when there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
