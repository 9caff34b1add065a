"""`microstructure shares` and `microstructure inbox`."""

from __future__ import annotations

from pathlib import Path

import click

from microstructure_assets.shell.options import home_option, known_home, made_home, pairs


@click.group()
def shares() -> None:
    """Folders that are watched for scans; the home's own `inbox` is one from the start."""


@shares.command("add")
@click.argument("name")
@click.argument("url", metavar="PATH-OR-URL")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="e.g. instrument=sem1, settle_s=120.")
@home_option
def add_share(name: str, url: str, changes: tuple[str, ...], home_path: Path | None) -> None:
    """Watch a folder, a mounted share or a URL that fsspec knows; or change what is declared of it."""
    from microstructure_assets.shell.sharing import declare_share

    declare_share(made_home(home_path), name, url, pairs(changes))


@shares.command("remove")
@click.argument("name")
@home_option
def remove_share(name: str, home_path: Path | None) -> None:
    """Watch a share no longer; scans taken from it stay."""
    from microstructure_assets.acquisition.shares.settings import Shares

    Shares(made_home(home_path)).forget(name)


@shares.command("list")
@home_option
def list_shares(home_path: Path | None) -> None:
    """List the shares, when each was last looked at, and what kept it from being read."""
    from microstructure_assets.shell.sharing import show_shares

    show_shares(known_home(home_path))


@click.group()
def inbox() -> None:
    """What came to the shares and is no scan yet: waited for, or in quarantine with the reason."""


@inbox.command("list")
@click.option("--all", "every", is_flag=True, help="Also what was taken in.")
@home_option
def list_arrivals(every: bool, home_path: Path | None) -> None:
    """List what waits or is in quarantine."""
    from microstructure_assets.shell.sharing import show_arrivals

    show_arrivals(known_home(home_path), every=every)


@inbox.command("history")
@click.argument("arrival", metavar="SHARE/PATH")
@home_option
def show_arrival(arrival: str, home_path: Path | None) -> None:
    """Show everything that happened to one arrival."""
    from microstructure_assets.shell.sharing import show_history

    show_history(known_home(home_path), arrival)


@inbox.command("release")
@click.argument("arrival", metavar="SHARE/PATH")
@click.option("--name", help="Another name for the scan.")
@home_option
def release(arrival: str, name: str | None, home_path: Path | None) -> None:
    """Try again what is in quarantine."""
    from microstructure_assets.shell.sharing import release_arrival

    release_arrival(known_home(home_path), arrival, name)
