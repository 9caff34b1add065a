"""Hashes and states of a scan's raw files, which are only read, never changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import numpy as np

from microstructure_assets import progress
from microstructure_assets.errors import InputError

CHANGED = "the scan changed while it was read; characterize again when nothing writes to it any more"


class RawFilesChanged(InputError):
    """A raw file is not what it was when it was hashed."""


def hash_files(files: Sequence[Path], root: Path) -> dict[str, np.ndarray]:
    """SHA-256 of each file.

    Parameters
    ----------
    files : sequence of Path
    root : Path
        Folder that the paths in the result are relative to.

    Returns
    -------
    dict of ndarray
        ``path`` (text), ``bytes`` (int64) and ``sha256`` (text), sorted by path.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    ordered = sorted(files)
    with progress.bar("hashing raw files", len(ordered)) as bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        digests = []
        for digest in pool.map(_sha256, ordered):
            digests.append(digest)
            bar.update(1)
    return {
        "path": np.asarray([os.path.relpath(path, root) for path in ordered], dtype=object),
        "bytes": np.asarray([path.stat().st_size for path in ordered], dtype=np.int64),
        "sha256": np.asarray(digests, dtype=object),
    }


def file_states(files: Sequence[Path]) -> list[tuple[str, int, int]]:
    """What tells, without reading them, that files may differ.

    Parameters
    ----------
    files : sequence of Path

    Returns
    -------
    list of (name, bytes, time of the last change [ns])
        Sorted.

    Raises
    ------
    RawFilesChanged
        If a file is no longer there.
    """
    states = []
    for path in files:
        try:
            found = os.stat(path)
        except FileNotFoundError as error:
            raise RawFilesChanged(f"{path}: found nothing, expected the file that was there; {CHANGED}") from error
        states.append((os.path.basename(path), found.st_size, found.st_mtime_ns))
    return sorted(states)


def require_same(before: list[tuple[str, int, int]], files: Sequence[Path]) -> None:
    """Refuse to go on with files that changed under the reader, one that is still being copied for example.

    Parameters
    ----------
    before : list of (name, bytes, time of the last change [ns])
        What `file_states` gave.
    files : sequence of Path

    Raises
    ------
    RawFilesChanged
        Naming the first file that differs.
    """
    now = file_states(files)
    if now == before:
        return
    differing = next(pair for pair in zip_longest(before, now) if pair[0] != pair[1])
    then, found = (f"{state[0]} of {state[1]} bytes" if state else "no such file" for state in differing)
    raise RawFilesChanged(f"{found}: expected {then} with its earlier time of change; {CHANGED}")


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
