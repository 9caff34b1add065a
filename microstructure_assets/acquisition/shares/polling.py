"""One look at a share, bounded in time: what lies there now, written down in the ledger.

A share is gone through in passes, a chunk of files at a time, from where the last look stopped. After each pass what
came is judged anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from microstructure_assets.acquisition.shares import ledger as book
from microstructure_assets.acquisition.shares.judging import judge
from microstructure_assets.acquisition.shares.ledger import Ledger
from microstructure_assets.acquisition.shares.listing import FileState, Kind, ShareGone, ShareReader, visible
from microstructure_assets.acquisition.shares.settings import Share

CHUNK_FILES = 2000
MOST_DEPTH = 12
Clock = Callable[[], float]


@dataclass(frozen=True)
class Look:
    """What one look at a share did.

    Attributes
    ----------
    files : int
        Files looked at.
    finished : bool
        Whether it came to the end of a pass.
    error : str
        What kept the share, or a folder of it, from being read; "" = nothing.
    """

    files: int
    finished: bool
    error: str = ""


def poll(
    share: Share,
    ledger: Ledger,
    reader: ShareReader,
    budget_s: float,
    *,
    declared: Sequence[str] = (),
    clock: Clock = time.time,
) -> Look:
    """Look at a share for about `budget_s`: at least at one chunk of files, at most until the end of a pass.

    Parameters
    ----------
    share : Share
    ledger : Ledger
    reader : ShareReader
    budget_s : float
        [s]
    declared : sequence of str
        Names of files that the instrument's settings add to each scan.
    clock : callable
        Gives the time [s since 1970].
    """
    deadline = clock() + budget_s
    walk = _Walk(share, ledger, reader, clock, deadline, _begin(ledger, share.name, clock()))
    seen, error = 0, ""
    while (step := _next_folder(ledger, share.name)) is not None:
        folder, position = step
        try:
            entries = reader.entries(folder)
        except ShareGone as gone:
            if folder == "":
                return _broken_off(ledger, share.name, str(gone))
            entries, error = [], str(gone)
        seen += walk.look_at(folder, position, entries)
        if clock() >= deadline and _next_folder(ledger, share.name) is not None:
            return Look(seen, finished=False, error=error)
    with ledger.transaction() as rows:
        judge(rows, share, walk.number, declared, clock())
        rows.execute("update passes set finished = ?, error = ? where share = ?", (clock(), error, share.name))
    return Look(seen, finished=True, error=error)


@dataclass(frozen=True)
class _Walk:
    """The going through one share in one pass."""

    share: Share
    ledger: Ledger
    reader: ShareReader
    clock: Clock
    deadline: float
    number: int

    def look_at(self, folder: str, position: str, entries: Sequence[tuple[str, Kind]]) -> int:
        """Write down the files of a folder behind `position`, then its folders as still to be looked at."""
        shown = visible(entries)
        files = [(name, kind) for name, kind in shown if kind != "folder" and name > position]
        for start in range(0, len(files), CHUNK_FILES):
            chunk = files[start : start + CHUNK_FILES]
            states = [(name, state) for name, kind in chunk if (state := self._state(folder, name, kind)) is not None]
            with self.ledger.transaction() as rows:
                book.observe(rows, self.share.name, folder, states, self.number, self.clock())
                rows.execute(
                    "update folders set position = ? where share = ? and folder = ?",
                    (chunk[-1][0], self.share.name, folder),
                )
            if self.clock() >= self.deadline and start + CHUNK_FILES < len(files):
                return start + len(chunk)
        inside = [f"{folder}/{name}" if folder else name for name, kind in shown if kind == "folder"]
        deeper = [(self.share.name, path) for path in inside if path.count("/") < MOST_DEPTH]
        with self.ledger.transaction() as rows:
            rows.executemany("insert or ignore into folders values (?, ?, '')", deeper)
            rows.execute("delete from folders where share = ? and folder = ?", (self.share.name, folder))
        return len(files)

    def _state(self, folder: str, name: str, kind: Kind) -> FileState | None:
        """The state of a file; None where it has vanished since its folder was listed."""
        if kind != "file":
            return FileState(book.NO_FILE, kind)
        try:
            return self.reader.state(f"{folder}/{name}" if folder else name)
        except ShareGone:
            return None


def _begin(ledger: Ledger, share: str, now: float) -> int:
    """The number of the pass that goes on, or of a new one that starts with the share itself."""
    with ledger.transaction() as rows:
        known = rows.execute("select number from passes where share = ?", (share,)).fetchone()
        if known and rows.execute("select 1 from folders where share = ? limit 1", (share,)).fetchone():
            return int(known[0])
        number = int(known[0]) + 1 if known else 1
        rows.execute(
            "insert into passes values (?, ?, ?, null, '') on conflict do update set number = excluded.number, "
            "started = excluded.started",
            (share, number, now),
        )
        rows.execute("insert into folders values (?, '', '')", (share,))
        return number


def _next_folder(ledger: Ledger, share: str) -> tuple[str, str] | None:
    with ledger.transaction() as rows:
        found = rows.execute("select folder, position from folders where share = ? limit 1", (share,)).fetchone()
    return (str(found[0]), str(found[1])) if found else None


def _broken_off(ledger: Ledger, share: str, error: str) -> Look:
    """Give a pass up: nothing that was not seen in it counts as gone."""
    with ledger.transaction() as rows:
        rows.execute("delete from folders where share = ?", (share,))
        rows.execute("update passes set error = ? where share = ?", (error, share))
    return Look(0, finished=False, error=error)
