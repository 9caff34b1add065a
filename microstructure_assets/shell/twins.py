"""The command that writes a simulated scan."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click
from pydantic import ValidationError

from microstructure_assets import progress
from microstructure_assets.settings import SettingsError
from microstructure_assets.shell.running import Bars


def show_twin_settings() -> None:
    """Every setting of a twin with default and meaning."""
    from microstructure_assets.simulation.settings import TwinSettings

    for name, info in TwinSettings.model_fields.items():
        click.echo(f"{name:<34} {'none' if info.default is None else info.default!s:<20} {info.description}")


def write_twin(path: Path, form: Literal["h5", "tiff"], changes: Mapping[str, Any]) -> None:
    """Simulate and write.

    Raises
    ------
    SettingsError
        If a setting is unknown or not allowed.
    """
    from microstructure_assets.simulation.settings import TwinSettings
    from microstructure_assets.simulation.twin import make_twin

    try:
        settings = TwinSettings.model_validate(
            {key: None if value == "none" else value for key, value in changes.items()}
        )
    except ValidationError as error:
        detail = error.errors()[0]
        name = ".".join(str(item) for item in detail["loc"])
        raise SettingsError(
            f"twin setting {name}: {detail['msg']}; `microstructure twin PATH --list` lists them"
        ) from error
    # Readers of measured maps print remarks of their own; what is printed here is for scripts.
    with progress.reporting(Bars()), contextlib.redirect_stdout(io.StringIO()):
        made = make_twin(settings, path, form=form)
    click.echo(f"twin: {made.path}\ntruth: {made.truth_path}")
    if made.eds_path is not None:
        click.echo(f"element maps: {made.eds_path}")
