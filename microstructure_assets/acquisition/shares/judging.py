"""What became of each arrival, after a pass over its share: still moving, whole, changed, gone, or not to be taken.

A scan is ready when all of its files were seen alike twice, a settle time apart. Clocks of the share play no part in
it: files that were copied or restored have times of their own.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from microstructure_assets.acquisition.errors import printable
from microstructure_assets.acquisition.shares import ledger as book
from microstructure_assets.acquisition.shares.candidates import (
    Candidate,
    file_candidates,
    image_candidate,
    is_image_folder,
)
from microstructure_assets.acquisition.shares.ledger import Arrival, State
from microstructure_assets.acquisition.shares.listing import FileState
from microstructure_assets.acquisition.shares.settings import Share

Listing = Mapping[str, Mapping[str, FileState]]
"""Files of each folder by name, with their states."""


@dataclass(frozen=True)
class _Found:
    """A candidate as last seen: a hash of its files' states, and since when they are what they are."""

    candidate: Candidate
    fingerprint: str
    bytes: int
    since: float
    refusal: str


def fingerprint(states: Iterable[tuple[str, FileState]]) -> str:
    """A hash of names, sizes and times of files, in any order."""
    digest = hashlib.sha256()
    for name, state in sorted(states, key=lambda pair: pair[0]):
        digest.update(f"{name}\0{state.bytes}\0{state.changed}\0".encode())
    return digest.hexdigest()


def candidates_in(listing: Mapping[str, Sequence[str]], share: Share, declared: Sequence[str]) -> list[Candidate]:
    """Everything that may be a scan among these files of a share, by folder.

    Parameters
    ----------
    listing : mapping
        Names of the files of each folder; "" is the share itself, whose own images are no scan.
    share : Share
    declared : sequence of str
        Names of files that the instrument's settings add to each scan.
    """
    own = {
        folder: [name for name in names if not (share.sentinel and name.endswith(share.sentinel))]
        for folder, names in listing.items()
    }
    folders = [folder for folder, names in own.items() if folder and is_image_folder(names)]
    images = [image_candidate(folder, own[folder], own.get(folder.rpartition("/")[0], ())) for folder in folders]
    # A map beside a folder of images belongs to it.
    claimed = {member for candidate in images for member in candidate.members}
    files = [one for folder in own if folder not in folders for one in file_candidates(folder, own[folder], declared)]
    return [*images, *(candidate for candidate in files if candidate.path not in claimed)]


def judge(rows: sqlite3.Connection, share: Share, number: int, declared: Sequence[str], now: float) -> None:
    """Bring the arrivals of a share up to what was seen in pass `number`, inside a transaction."""
    rows.execute("delete from files where share = ? and pass < ?", (share.name, number))
    (started,) = rows.execute("select started from passes where share = ?", (share.name,)).fetchone()
    states: dict[str, dict[str, FileState]] = {}
    since: dict[str, float] = {}
    for folder, name, size, changed, first in book.seen_files(rows, share.name):
        states.setdefault(folder, {})[name] = FileState(size, changed)
        since[_joined(folder, name)] = first
    known = book.arrivals_of(rows, share.name)
    for found in _found(states, since, share, declared):
        # Files seen in this pass were seen after its start.
        settled = started - found.since >= share.settle_s
        said = _sentinel_there(found.candidate.path, states, share.sentinel)
        _judge_one(rows, share, found, known.pop(found.candidate.path, None), settled=settled, said=said, now=now)
    for arrival in known.values():
        if arrival.state in ("waiting", "ready", "quarantined"):
            book.forget(rows, arrival, "no longer on the share", now)


def _found(states: Listing, since: Mapping[str, float], share: Share, declared: Sequence[str]) -> Iterable[_Found]:
    for candidate in candidates_in({folder: list(files) for folder, files in states.items()}, share, declared):
        own = [(path, states[path.rpartition("/")[0]][path.rpartition("/")[2]]) for path in candidate.members]
        newest = max(since[path] for path in candidate.members)
        size = sum(max(0, state.bytes) for _, state in own)
        yield _Found(candidate, fingerprint(own), size, newest, _refusal(own, share))
    for folder, files in states.items():
        for name, state in files.items():
            # A link may lead to a folder: then it has no suffix. Links that belong to a scan are told with it.
            if state.bytes == book.NO_FILE and os.path.splitext(name)[1].lower() in ("", ".zspy"):
                path = _joined(folder, name)
                own = [(path, state)]
                yield _Found(Candidate(path, (path,)), fingerprint(own), 0, since[path], _refusal(own, share))


def _refusal(own: Sequence[tuple[str, FileState]], share: Share) -> str:
    """Why something is not to be taken, whatever it holds; "" = nothing known."""
    odd = next(((path, state.changed) for path, state in own if state.bytes == book.NO_FILE), None)
    if odd:
        what = "a link, and links are not followed: they can lead out of the share" if odd[1] == "link" else "no file"
        return f"{printable(odd[0])} is {what}; put the file itself in its place"
    if len(own) > share.most_files:
        return (
            f"it has {len(own):,} files, the share allows {share.most_files:,}; raise most_files of share {share.name}"
        )
    return ""


def _sentinel_there(path: str, states: Listing, ending: str | None) -> bool:
    """Whether the file is there that says that a scan is whole: beside it under its name, or in its folder."""
    if ending is None:
        return True
    folder, _, name = path.rpartition("/")
    beside = {name + ending, os.path.splitext(name)[0] + ending}
    return not beside.isdisjoint(states.get(folder, {})) or any(own.endswith(ending) for own in states.get(path, {}))


def _judge_one(
    rows: sqlite3.Connection,
    share: Share,
    found: _Found,
    known: Arrival | None,
    *,
    settled: bool,
    said: bool,
    now: float,
) -> None:
    changed = known is None or known.fingerprint != found.fingerprint
    if known is not None and (known.state == "taking" or (known.state in ("taken", "quarantined") and not changed)):
        return
    state, reason = _verdict(share, found, settled=settled, said=said)
    if known is not None and (known.state, known.reason) == (state, reason) and not changed:
        return
    path, files = found.candidate.path, len(found.candidate.members)
    fresh = Arrival(share.name, path, state, reason, found.fingerprint, files, found.bytes, now)
    if known is not None:
        # What was taken keeps its scan: whether its content changed is seen when it is read again.
        attempts = 0 if changed else known.attempts
        fresh = replace(fresh, scan=known.scan, wanted_name=known.wanted_name, content=known.content, attempts=attempts)
    book.put(rows, fresh)


def _verdict(share: Share, found: _Found, *, settled: bool, said: bool) -> tuple[State, str]:
    if not settled:
        return "waiting", f"its files must stand still for {share.settle_s:g} s"
    if not said:
        return "waiting", f"no file {found.candidate.path}{share.sentinel} yet, which says that it is whole"
    if found.refusal:
        return "quarantined", found.refusal
    return "ready", "stands still; to be copied and checked"


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
