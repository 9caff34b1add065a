"""Commands about shares: which are polled, what came to them, what is in quarantine and why."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from microstructure_assets.acquisition.shares.intake import release
from microstructure_assets.acquisition.shares.ledger import Arrival, Ledger
from microstructure_assets.acquisition.shares.settings import Share, ShareError, Shares
from microstructure_assets.errors import InputError
from microstructure_assets.store.home import Home


def show_shares(home: Home) -> None:
    """A line per share: where it lies, whose scans it holds, when it was last gone through."""
    ledger = Ledger(home)
    for share in Shares(home).all():
        _, finished, error = ledger.progress(share.name)
        looked = f"looked at {_moment(finished)}" if finished else "not looked at yet (is `microstructure ui` running?)"
        click.echo(f"{share.name:<20} {share.url}  instrument {share.instrument or '–'}; {error or looked}")


def declare_share(home: Home, name: str, url: str, changes: Mapping[str, Any]) -> None:
    """Declare a share, or change it."""
    unknown = set(changes) - set(Share.model_fields) | (set(changes) & {"name", "url"})
    if unknown:
        known = ", ".join(sorted(set(Share.model_fields) - {"name", "url"}))
        raise ShareError(f"share {name}: unknown setting {sorted(unknown)[0]!r}; known: {known}")
    share = Shares(home).declare(name=name, url=url, **changes)
    click.echo(f"share {share.name}: {share.url}; a scan that stands still for {share.settle_s:g} s is taken in")


def show_arrivals(home: Home, *, every: bool) -> None:
    """What waits or is in quarantine, with the reason; also what was taken in if asked for."""
    arrivals = [arrival for arrival in Ledger(home).arrivals() if every or arrival.state != "taken"]
    for arrival in arrivals:
        click.echo(f"{arrival.state:<12} {arrival.key}  ({arrival.files} files, {_size(arrival.bytes)})")
        click.echo(f"    {arrival.reason}")
    if not arrivals:
        click.echo("nothing waits and nothing is in quarantine" if not every else "nothing has come yet")


def show_history(home: Home, key: str) -> None:
    """Everything that happened to one arrival."""
    share, path = _split(key)
    lines = Ledger(home).history(share, path)
    if not lines:
        raise InputError(f"{key}: nothing of this name has come; `microstructure inbox list --all` lists what has")
    for moment, state, reason in lines:
        click.echo(f"{_moment(moment)}  {state:<12} {reason}")


def release_arrival(home: Home, key: str, name: str | None) -> None:
    """Try again what is in quarantine."""
    arrival: Arrival = release(home, *_split(key), time.time(), name)
    click.echo(f"{arrival.key}: {arrival.reason}; the daemon takes it in at its next look")


def _split(key: str) -> tuple[str, str]:
    share, slash, path = key.partition("/")
    if not slash or not path:
        raise InputError(f"arrival {key!r}: expected SHARE/PATH, as `microstructure inbox list` shows it")
    return share, path


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
