"""Reading a share: names of a folder, the state of a file, its bytes. Nothing here can write."""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol, cast

from microstructure_assets.acquisition.shares.settings import Share, ShareError

Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True)
class FileState:
    """What tells, without reading it, that a file may have changed.

    Attributes
    ----------
    bytes : int
    changed : str
        Time of the last change or whatever else the share says changes with the content; compared, never computed with.
    """

    bytes: int
    changed: str


class ShareGone(ShareError):
    """The share, or something on it, is not there (any more)."""


class ShareReader(Protocol):
    """How a share is read. Paths are relative to the share, with slashes; "" is the share itself."""

    def entries(self, folder: str) -> list[tuple[str, Kind]]:
        """Names and kinds of what a folder holds, sorted by name."""

    def state(self, path: str) -> FileState:
        """The state of a file."""

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file."""


def reader_of(share: Share) -> ShareReader:
    """The reader of a share."""
    return LocalReader(share.folder) if share.folder is not None else RemoteReader(share.url)


class LocalReader:
    """A folder of this machine, mounted shares among them; links are told, never followed.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def entries(self, folder: str) -> list[tuple[str, Kind]]:
        """Names and kinds; no file is looked at, as that costs a round trip each on a network."""
        try:
            with os.scandir(self._place(folder)) as found:
                return sorted((entry.name, _kind(entry)) for entry in found)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ShareGone(f"{self._place(folder)}: no such folder") from error
        except OSError as error:
            raise ShareGone(f"{self._place(folder)}: cannot be listed ({error.strerror or error})") from error

    def state(self, path: str) -> FileState:
        """The state of the file itself, were it a link."""
        try:
            found = os.stat(self._place(path), follow_symlinks=False)
        except OSError as error:
            raise ShareGone(f"{self._place(path)}: {error.strerror or error}") from error
        return FileState(found.st_size, f"{found.st_mtime_ns}")

    def open(self, path: str) -> BinaryIO:
        """The bytes; a link put in the file's place meanwhile is refused, as is a pipe or device, which never ends."""
        try:
            handle = os.open(self._place(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise ShareGone(f"{self._place(path)}: {error.strerror or error}") from error
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise ShareGone(f"{self._place(path)}: not a plain file")
        return os.fdopen(handle, "rb")

    def _place(self, path: str) -> str:
        # Texts: a share may hold 131,670 images, and a path object for each doubles the time of a look.
        return os.path.join(self._root, path)


class RemoteReader:
    """A share that fsspec reaches.

    Parameters
    ----------
    url : str
    """

    def __init__(self, url: str) -> None:
        import fsspec  # type: ignore[import-untyped]

        try:
            self._system, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ShareError(f"share {url}: {error}") from error
        self._states: dict[str, FileState] = {}

    def entries(self, folder: str) -> list[tuple[str, Kind]]:
        """Names and kinds; the states of the files come with them and are kept."""
        place = f"{self._root}/{folder}" if folder else self._root
        try:
            self._system.invalidate_cache(place)
            found = self._system.ls(place, detail=True)
        except FileNotFoundError as error:
            raise ShareGone(f"{place}: no such folder") from error
        except Exception as error:  # each protocol has errors of its own
            raise ShareGone(f"{place}: cannot be listed ({type(error).__name__}: {error})") from error
        listed = []
        for info in found:
            name = str(info["name"]).rstrip("/").rpartition("/")[2]
            kind = cast("Kind", {"file": "file", "directory": "folder", "link": "link"}.get(info["type"], "other"))
            if info.get("islink"):
                kind = "link"
            listed.append((name, kind))
            if kind == "file":
                self._states[f"{folder}/{name}" if folder else name] = _remote_state(info)
        return sorted(listed)

    def state(self, path: str) -> FileState:
        """The state as listed a moment ago, else asked for."""
        if path in self._states:
            return self._states.pop(path)
        try:
            return _remote_state(self._system.info(f"{self._root}/{path}"))
        except Exception as error:
            raise ShareGone(f"{self._root}/{path}: {type(error).__name__}: {error}") from error

    def open(self, path: str) -> BinaryIO:
        """The bytes."""
        try:
            return cast("BinaryIO", self._system.open(f"{self._root}/{path}", "rb"))
        except Exception as error:
            raise ShareGone(f"{self._root}/{path}: {type(error).__name__}: {error}") from error


def visible(entries: Sequence[tuple[str, Kind]]) -> list[tuple[str, Kind]]:
    """What counts of a folder: no hidden files, none that an office program has open, and no name that is not text
    (such a name cannot be shown, stored or typed, and no microscope writes one)."""
    return [(name, kind) for name, kind in entries if not name.startswith((".", "~$")) and name.isprintable()]


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _remote_state(info: dict[str, Any]) -> FileState:
    marks = ("mtime", "LastModified", "last_modified", "updated", "modified", "ETag", "etag", "created")
    changed = next((info[mark] for mark in marks if info.get(mark) is not None), "")
    # Some systems list seconds and tell dates, or the other way round.
    changed = changed.timestamp() if isinstance(changed, datetime.datetime) else changed
    return FileState(int(info.get("size") or 0), f"{changed:.6f}" if isinstance(changed, float) else str(changed))
