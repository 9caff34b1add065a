"""Taking in what is ready: copied, held against its headers, made a scan of the home; or set aside with a reason."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from microstructure_assets.acquisition.errors import printable
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.shares.candidates import Candidate
from microstructure_assets.acquisition.shares.copying import CopiedFile, copy_files, require_room
from microstructure_assets.acquisition.shares.judging import candidates_in, fingerprint
from microstructure_assets.acquisition.shares.ledger import Arrival, Ledger
from microstructure_assets.acquisition.shares.listing import ShareGone, ShareReader, reader_of, visible
from microstructure_assets.acquisition.shares.settings import Share
from microstructure_assets.errors import InputError
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.files import read_json, sync_tree, write_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.names import ScanName, scan_name, slugify
from microstructure_assets.store.scans import ScanRegistry

MOST_ATTEMPTS = 3
RAW_FOLDER = "raw"
RECORD_FILE = "taken.json"


class SetAside(InputError):
    """Something that cannot become a scan as it is; the message is the reason that a person reads."""


class StillMoving(InputError):
    """Something that changed while it was looked at; it is waited for again."""


@dataclass(frozen=True)
class Outcome:
    """What became of an arrival.

    Attributes
    ----------
    arrival : Arrival
        As it stands now.
    new : bool
        Whether it is a scan that the home did not have.
    """

    arrival: Arrival
    new: bool


def take_in_all(home: Home, share: Share, clock: Callable[[], float] = time.time) -> Iterable[Outcome]:
    """Take in everything of a share that is ready, one after another.

    What is not the scan's fault (a disk that fails, a process that is killed) is tried again, three times in all.
    """
    ledger, reader = Ledger(home), reader_of(share)
    with home.lock(f"share-{share.name}"):
        _sweep_drafts(home, share)
        for arrival in ledger.arrivals("ready", share=share.name):
            if ledger.move(arrival, "taking", "being copied and checked", clock()):
                taking = replace(arrival, state="taking")
                yield _taken(home, share, ledger, reader, taking, clock)


def put_back(ledger: Ledger, share: str, now: float) -> list[Arrival]:
    """Make ready again what a process that is no more was taking in; after three times it is set aside.

    To be called while nothing is being taken in from the share.
    """
    left = ledger.arrivals("taking", share=share)
    for arrival in left:
        _try_again(ledger, arrival, "its process ended; the runs of `take_in` say more", now)
    return left


def release(home: Home, share: str, path: str, now: float, name: str | None = None) -> Arrival:
    """Try again what was set aside, on a person's word; under another name if one is given.

    Raises
    ------
    InputError
        If nothing of this path is set aside.
    """
    ledger = Ledger(home)
    arrival = ledger.arrival(share, path)
    if arrival is None or arrival.state != "quarantined":
        state = "nothing of this path" if arrival is None else f"it {arrival.state}: {arrival.reason}"
        raise InputError(f"{share}/{printable(path)}: found {state}; expected something in quarantine")
    wanted = str(scan_name(name)) if name else arrival.wanted_name
    # A new name says that changed files are a scan of their own; the one taken before stays as it is.
    forgotten = {"scan": None, "content": None} if name else {}
    ledger.move(arrival, "ready", "released by a person", now, wanted_name=wanted, attempts=0, **forgotten)
    return ledger.arrival(share, path) or arrival


def declared_files(home: Home, share: Share) -> list[str]:
    """Files beside each scan that the settings of the share's instrument name."""
    values = SettingsLayers(home).of_instrument(share.instrument) if share.instrument else {}
    named = [values.get("acquisition.static_background"), values.get("acquisition.eds_file")]
    return [name for name in named if name and "/" not in name]


def _sweep_drafts(home: Home, share: Share) -> None:
    """Remove copies that were broken off; the lock is the caller's."""
    for left in (home.root / RAW_FOLDER).glob(f".draft-{share.name}-*"):
        if re.fullmatch(rf"\.draft-{re.escape(share.name)}-[0-9a-f]{{12}}", left.name):
            shutil.rmtree(left, ignore_errors=True)


def _try_again(ledger: Ledger, arrival: Arrival, why: str, now: float) -> None:
    attempts = arrival.attempts + 1
    if attempts < MOST_ATTEMPTS:
        ledger.move(arrival, "ready", f"broken off {attempts} times: {why}; tried again", now, attempts=attempts)
    else:
        ledger.move(arrival, "quarantined", f"broken off {attempts} times: {why}; release it to try again", now)


def _taken(
    home: Home, share: Share, ledger: Ledger, reader: ShareReader, arrival: Arrival, clock: Callable[[], float]
) -> Outcome:
    try:
        scan, content, new = _take_in(home, share, ledger, reader, arrival)
    except (StillMoving, ShareGone) as error:
        ledger.move(arrival, "waiting", str(error), clock())
    except InputError as error:
        ledger.move(arrival, "quarantined", str(error), clock())
    except OSError as error:  # of the disk here or of the share: not the scan's
        _try_again(ledger, arrival, f"{error.strerror or error} ({error.filename or 'no file named'})", clock())
    else:
        ledger.move(arrival, "taken", f"scan {scan}", clock(), scan=scan, content=content, attempts=0)
        return Outcome(ledger.arrival(share.name, arrival.path) or arrival, new)
    return Outcome(ledger.arrival(share.name, arrival.path) or arrival, new=False)


def _take_in(
    home: Home, share: Share, ledger: Ledger, reader: ShareReader, arrival: Arrival
) -> tuple[ScanName, str, bool]:
    """Name and content of the scan that an arrival became, and whether it is new."""
    candidate = _whole(home, share, reader, arrival)
    in_place = _registered_in_place(home, share, candidate)
    if in_place is not None:
        return in_place, "", False
    base = candidate.path.rpartition("/")[0]
    settings = _acquisition(home, share)
    if share.folder is not None:  # before 45 GB are copied
        _require_scan(share.folder / candidate.path, settings, share)
    require_room(home.root, arrival.bytes, _quota_left(home, share, ledger))
    draft = home.root / RAW_FOLDER / f".draft-{share.name}-{uuid.uuid4().hex[:12]}"
    try:
        copied = copy_files(reader, candidate.members, base, draft)
        _whole(home, share, reader, arrival)
        _require_scan(draft / candidate.path.removeprefix(f"{base}/"), settings, share)
        content = _content(candidate, copied)
        if arrival.scan is not None and arrival.content == content:
            return ScanName(arrival.scan), content, False
        scan = _free_name(home, ledger, arrival, content)
        _publish(home, share, draft, scan, candidate, {"content": content, "files": [asdict(file) for file in copied]})
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return scan, content, True


def _whole(home: Home, share: Share, reader: ShareReader, arrival: Arrival) -> Candidate:
    """The files of an arrival as they lie there now.

    Raises
    ------
    StillMoving
        If they are not those that stood still.
    """
    folder, _, _ = arrival.path.rpartition("/")
    listing = {folder: _names(reader, folder)}
    with contextlib.suppress(ShareGone):  # a file, no folder
        listing[arrival.path] = _names(reader, arrival.path)
    found = {one.path: one for one in candidates_in(listing, share, declared_files(home, share))}
    candidate = found.get(arrival.path)
    states = [(path, reader.state(path)) for path in candidate.members] if candidate else []
    if candidate is None or fingerprint(states) != arrival.fingerprint:
        raise StillMoving("its files changed after they had stood still")
    return candidate


def _registered_in_place(home: Home, share: Share, candidate: Candidate) -> ScanName | None:
    """The scan that a person has registered where it lies on the share (`microstructure characterize PATH`)."""
    if share.folder is None:
        return None
    place, registry = str((share.folder / candidate.path).resolve()), ScanRegistry(home)
    return next((name for name in registry.names() if registry.get(name).source == place), None)


def _names(reader: ShareReader, folder: str) -> list[str]:
    return [name for name, kind in visible(reader.entries(folder)) if kind != "folder"]


def _require_scan(path: Path, settings: AcquisitionSettings, share: Share) -> None:
    """Hold a scan's headers against its files.

    Raises
    ------
    ScanFormatError
        If it is not whole, or no scan.
    SetAside
        If it has more points than the share allows, or its reader fails in another way.
    """
    try:
        scan = open_scan(path, settings)
    except FileNotFoundError as error:
        raise StillMoving(f"{path.name}: it vanished while it was looked at") from error
    except (InputError, OSError):
        raise
    except Exception as error:  # no file may stop those behind it
        raise SetAside(f"{path.name}: its reader failed ({type(error).__name__}: {printable(error)})") from error
    if scan.grid.points > share.most_points:
        raise SetAside(
            f"{path.name}: it has {scan.grid.points:,} points, the share allows {share.most_points:,}; raise "
            f"most_points of share {share.name} if they are meant"
        )


def _acquisition(home: Home, share: Share) -> AcquisitionSettings:
    prefix = "acquisition."
    values = SettingsLayers(home).of_instrument(share.instrument) if share.instrument else {}
    return AcquisitionSettings(
        **{name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
    )


def _content(candidate: Candidate, copied: Iterable[CopiedFile]) -> str:
    """A hash of what the files hold and what they are to the scan, but not of its name."""
    own = os.path.splitext(candidate.path.rpartition("/")[2])[0]
    return hash_json(sorted([file.path.removeprefix(own), file.sha256] for file in copied))


def _free_name(home: Home, ledger: Ledger, arrival: Arrival, content: str) -> ScanName:
    """The name that the scan gets.

    Raises
    ------
    SetAside
        If the same scan is there under another path, the name is taken, or what was taken before has changed.
    """
    if arrival.scan is not None:
        raise SetAside(
            f"its content changed after it was taken in as scan {arrival.scan}; release it with a name of its own to "
            "have it as another scan"
        )
    same = next((other for other in ledger.arrivals("taken") if other.content == content), None)
    if same is not None:
        raise SetAside(f"the same content as {same.key}, which is scan {same.scan}; delete one of them")
    name = scan_name(arrival.wanted_name) if arrival.wanted_name else slugify(Path(arrival.path).stem)
    place = home.root / RAW_FOLDER / name
    record = read_json(place / RECORD_FILE) or {}
    # Its own copy, whose process ended before it could say so.
    mine = record.get("origin") == [arrival.share, arrival.path] and record.get("content") == content
    if (name in ScanRegistry(home).names() or place.exists()) and not mine:
        raise SetAside(f"a scan is called {name} already; release it with another name")
    return name


def _publish(
    home: Home, share: Share, draft: Path, scan: ScanName, candidate: Candidate, record: Mapping[str, Any]
) -> None:
    """Give a copy its place and register it; doing so twice is the same as once."""
    place = home.root / RAW_FOLDER / scan
    opened = candidate.path.rpartition("/")[2]
    if not place.exists():
        write_json(draft / RECORD_FILE, {"origin": [share.name, candidate.path], "url": share.url, **record})
        sync_tree(draft)
        draft.rename(place)
    ScanRegistry(home).register(scan, place / opened, share.instrument)


def _quota_left(home: Home, share: Share, ledger: Ledger) -> float:
    if share.quota_gib is None:
        return float("inf")
    used = sum(arrival.bytes for arrival in ledger.arrivals("taken", share=share.name))
    return share.quota_gib * 2**30 - used
