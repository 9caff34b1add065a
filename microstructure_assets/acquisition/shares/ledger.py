"""What a home knows of its shares: every file as last seen, and every scan with its state and the reason for it.

One SQLite file: observations of 100,000 files are written a share at a time, and several processes read and write at
once (sensor, runs, command line). Times are seconds since 1970.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Literal

from microstructure_assets.acquisition.shares.listing import FileState
from microstructure_assets.store.home import Home

State = Literal["waiting", "ready", "taking", "taken", "quarantined"]
"""Not still for long enough yet; whole as far as can be seen; being copied; a scan of the home; set aside."""

_SCHEMA = """
create table if not exists files (
    share text, folder text, name text, bytes integer, changed text, since real, pass integer,
    primary key (share, folder, name)
) without rowid;
create table if not exists folders (
    share text, folder text, position text, primary key (share, folder)
) without rowid;
create table if not exists passes (
    share text primary key, number integer, started real, finished real, error text
) without rowid;
create table if not exists arrivals (
    share text, path text, state text, reason text, fingerprint text, files integer, bytes integer, since real,
    attempts integer, scan text, wanted_name text, content text,
    primary key (share, path)
) without rowid;
create table if not exists history (share text, path text, moment real, state text, reason text);
"""
_WAIT_S = 60

NO_FILE = -1
"""Size of what is no file: a link, a pipe, a device."""


@dataclass(frozen=True)
class Arrival:
    """What came to a share and may be a scan.

    Attributes
    ----------
    share, path : str
        Where it lies; the path is relative to the share.
    state : str
    reason : str
        Why it is in this state, for a person.
    fingerprint : str
        Changes when any of its files does.
    files, bytes : int
        How many files it consists of, and their size.
    since : float
        When it came to this state.
    attempts : int
        How often taking it in was broken off.
    scan : str or None
        The scan that it became.
    wanted_name : str or None
        Name of the scan that a person chose.
    content : str or None
        Hash over the contents of its files, once they were read.
    """

    share: str
    path: str
    state: State
    reason: str
    fingerprint: str
    files: int
    bytes: int
    since: float
    attempts: int = 0
    scan: str | None = None
    wanted_name: str | None = None
    content: str | None = None

    @property
    def key(self) -> str:
        """Share and path, as a person types them."""
        return f"{self.share}/{self.path}"


_FIELDS = tuple(field.name for field in fields(Arrival))
_COLUMNS = ", ".join(_FIELDS)


class Ledger:
    """The ledger of one home.

    Parameters
    ----------
    home : Home
    """

    def __init__(self, home: Home) -> None:
        self._path = home.store / "shares" / "ledger.sqlite"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self.transaction() as rows:
            rows.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection whose changes are kept together, or not at all when an error is raised."""
        rows = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
        try:
            rows.execute("pragma journal_mode=wal")
            rows.execute("begin immediate")
            yield rows
            if rows.in_transaction:
                rows.execute("commit")
        finally:
            rows.close()

    def arrivals(self, *states: State, share: str | None = None) -> list[Arrival]:
        """What came, by share and path; only that in the given states where some are given."""
        with self.transaction() as rows:
            found = rows.execute(f"select {_COLUMNS} from arrivals order by share, path").fetchall()
        return [
            arrival
            for arrival in (Arrival(*row) for row in found)
            if (not states or arrival.state in states) and share in (None, arrival.share)
        ]

    def arrival(self, share: str, path: str) -> Arrival | None:
        """One arrival."""
        with self.transaction() as rows:
            found = rows.execute(
                f"select {_COLUMNS} from arrivals where share = ? and path = ?", (share, path)
            ).fetchone()
        return Arrival(*found) if found else None

    def move(self, arrival: Arrival, state: State, reason: str, now: float, **changes: Any) -> bool:
        """Bring an arrival to another state, unless it changed since it was read; the answer says whether it did."""
        with self.transaction() as rows:
            return move(rows, arrival, state, reason, now, **changes)

    def history(self, share: str, path: str) -> list[tuple[float, str, str]]:
        """Moments, states and reasons of an arrival, the oldest first."""
        with self.transaction() as rows:
            return rows.execute(
                "select moment, state, reason from history where share = ? and path = ? order by rowid", (share, path)
            ).fetchall()

    def progress(self, share: str) -> tuple[int, float | None, str]:
        """How often a share was gone through, when last to the end, and what kept it from being read ("" = nothing)."""
        with self.transaction() as rows:
            found = rows.execute("select number, finished, error from passes where share = ?", (share,)).fetchone()
        return (found[0], found[1], found[2] or "") if found else (0, None, "")


def move(rows: sqlite3.Connection, arrival: Arrival, state: State, reason: str, now: float, **changes: Any) -> bool:
    """As `Ledger.move`, inside a transaction."""
    values = {"state": state, "reason": reason, "since": now, **changes}
    settings = ", ".join(f"{name} = ?" for name in values)
    done = rows.execute(
        f"update arrivals set {settings} where share = ? and path = ? and state = ? and fingerprint = ?",
        (*values.values(), arrival.share, arrival.path, arrival.state, arrival.fingerprint),
    )
    if done.rowcount:
        tell(rows, arrival.share, arrival.path, state, reason, now)
    return bool(done.rowcount)


def tell(rows: sqlite3.Connection, share: str, path: str, state: str, reason: str, now: float) -> None:
    """Add a line to the history of an arrival."""
    rows.execute("insert into history values (?, ?, ?, ?, ?)", (share, path, now, state, reason))


def put(rows: sqlite3.Connection, arrival: Arrival) -> None:
    """Enter an arrival, in place of what stood under its path."""
    values = tuple(getattr(arrival, name) for name in _FIELDS)
    rows.execute(f"insert or replace into arrivals ({_COLUMNS}) values ({', '.join('?' * len(_FIELDS))})", values)
    tell(rows, arrival.share, arrival.path, arrival.state, arrival.reason, arrival.since)


def observe(
    rows: sqlite3.Connection,
    share: str,
    folder: str,
    states: Sequence[tuple[str, FileState]],
    number: int,
    now: float,
) -> None:
    """Write down files as seen in this pass; `since` stays where a file is as it was."""
    rows.executemany(
        "insert into files values (?, ?, ?, ?, ?, ?, ?) on conflict do update set pass = excluded.pass, "
        "since = case when bytes = excluded.bytes and changed = excluded.changed then since else excluded.since end, "
        "bytes = excluded.bytes, changed = excluded.changed",
        [(share, folder, name, state.bytes, state.changed, now, number) for name, state in states],
    )


def seen_files(rows: sqlite3.Connection, share: str) -> Iterable[tuple[str, str, int, str, float]]:
    """Folder, name, bytes, change and since of every file of a share, by folder and name."""
    return rows.execute(
        "select folder, name, bytes, changed, since from files where share = ? order by folder, name", (share,)
    )


def arrivals_of(rows: sqlite3.Connection, share: str) -> dict[str, Arrival]:
    """What came to a share, by path."""
    found = rows.execute(f"select {_COLUMNS} from arrivals where share = ?", (share,)).fetchall()
    return {arrival.path: arrival for arrival in (Arrival(*row) for row in found)}


def forget(rows: sqlite3.Connection, arrival: Arrival, reason: str, now: float) -> None:
    """Strike an arrival off; its history stays."""
    rows.execute("delete from arrivals where share = ? and path = ?", (arrival.share, arrival.path))
    tell(rows, arrival.share, arrival.path, "gone", reason, now)
