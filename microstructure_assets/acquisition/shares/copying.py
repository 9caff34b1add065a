"""Copies of a share's files on this machine: hashed while they are read, and read again."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from microstructure_assets.acquisition.shares.listing import ShareReader
from microstructure_assets.errors import InputError

BLOCK_BYTES = 8 << 20
COPY_THREADS = 4


class CopyFailed(InputError):
    """A copy is not what was read, or there is no room for it."""


@dataclass(frozen=True)
class CopiedFile:
    """One file of a copy.

    Attributes
    ----------
    path : str
        Relative to the folder of the copy.
    bytes : int
    sha256 : str
    """

    path: str
    bytes: int
    sha256: str


def require_room(folder: Path, wanted_bytes: int, quota_left_bytes: float) -> None:
    """Refuse a copy that would fill the disk (5 % of it stay free), or the share's quota.

    Raises
    ------
    CopyFailed
        Telling what is there and what is wanted.
    """
    if wanted_bytes > quota_left_bytes:
        raise CopyFailed(
            f"it has {_gib(wanted_bytes)}, {_gib(max(0, quota_left_bytes))} of the share's quota are left; raise the "
            "quota, or retire scans"
        )
    disk = shutil.disk_usage(folder)
    free = disk.free - disk.total // 20
    if wanted_bytes > free:
        raise CopyFailed(
            f"it has {_gib(wanted_bytes)}, the disk of {folder} has {_gib(max(0, free))} to give; free some, then "
            "release it"
        )


def copy_files(reader: ShareReader, members: Sequence[str], base: str, folder: Path) -> list[CopiedFile]:
    """Copy files of a share into a folder.

    Parameters
    ----------
    reader : ShareReader
    members : sequence of str
        Files, relative to the share.
    base : str
        The folder on the share that paths in the copy are relative to.
    folder : Path
        Where the copy goes; must not exist.

    Returns
    -------
    list of CopiedFile
        In the order of `members`.

    Raises
    ------
    ShareGone
        If a file vanished.
    CopyFailed
        If what was written is not what was read.
    OSError
        If it cannot be written.
    """
    folder.mkdir(parents=True)

    def copy(member: str) -> CopiedFile:
        relative = member.removeprefix(f"{base}/") if base else member
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        return _copied(reader, member, target, relative)

    with ThreadPoolExecutor(COPY_THREADS) as pool:
        return list(pool.map(copy, members))


def _copied(reader: ShareReader, member: str, target: Path, relative: str) -> CopiedFile:
    digest, size = hashlib.sha256(), 0
    with reader.open(member) as source, target.open("xb") as copy:
        while block := source.read(BLOCK_BYTES):
            digest.update(block)
            copy.write(block)
            size += len(block)
        copy.flush()
        os.fsync(copy.fileno())
    with target.open("rb") as copy:
        again = hashlib.file_digest(copy, "sha256")
    if again.digest() != digest.digest():
        raise CopyFailed(f"{target}: its copy reads differently from the original; check the disk")
    return CopiedFile(relative, size, digest.hexdigest())


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f} GiB"
