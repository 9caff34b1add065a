"""Hashes of a scan's raw files, which are only read, never changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from microstructure_assets import progress


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


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
