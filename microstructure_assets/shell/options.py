"""Options that commands share, and what their texts mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from microstructure_assets.errors import InputError
from microstructure_assets.store.home import Home, prepare_home, resolve_home

home_option = click.option("--home", "home_path", type=click.Path(path_type=Path), help="Folder of the home.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Show Dagster's log and full errors.")


def made_home(path: Path | None) -> Home:
    """The home, made where it is missing."""
    home = resolve_home(path)
    try:
        return prepare_home(home)
    except OSError as error:
        raise InputError(
            f"home {home.root}: cannot be made or written ({error.strerror or error}); give another folder with --home"
        ) from error


def known_home(path: Path | None) -> Home:
    """The home of a command that only looks; one that is named is not made."""
    if path is not None and not resolve_home(path).store.is_dir():
        raise InputError(f"--home {path}: there is no home; expected a folder that `characterize` has worked in")
    return resolve_home(path) if path is not None else made_home(path)


def pairs(changes: tuple[str, ...]) -> dict[str, Any]:
    """The values of repeated ``KEY=VALUE``."""
    values = {}
    for text in changes:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"setting {text!r}: expected KEY=VALUE, e.g. tiling.n=6")
        values[name.strip()] = value.strip()
    return values
