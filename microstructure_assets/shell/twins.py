"""The command that writes a simulated scan."""

from __future__ import annotations

import contextlib
import difflib
import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from microstructure_assets import progress
from microstructure_assets.errors import InputError
from microstructure_assets.settings import SettingsError
from microstructure_assets.shell.running import Bars

HDF5_ENDINGS = (".h5", ".hdf5")
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
KINDS = {int: "whole number", float: "finite number", str: "name", bool: "true or false"}


def show_twin_settings() -> None:
    """Every setting of a twin with default and meaning."""
    from microstructure_assets.simulation.settings import TwinSettings

    for name, info in TwinSettings.model_fields.items():
        click.echo(f"{name:<34} {'none' if info.default is None else info.default!s:<20} {info.description}")


def write_twin(path: Path, form: Literal["h5", "tiff"], changes: Mapping[str, Any], *, overwrite: bool) -> None:
    """Simulate and write.

    Raises
    ------
    SettingsError
        If a setting is unknown or not allowed.
    InputError
        If `path` does not end as a file of this form does, or if there is something at `path` that is not a twin, or a
        twin and it is not to be overwritten.
    """
    from microstructure_assets.simulation.settings import TwinSettings
    from microstructure_assets.simulation.twin import make_twin

    if form == "h5" and path.suffix.lower() not in HDF5_ENDINGS:
        raise InputError(
            f"{path}: found the ending {path.suffix!r}, expected {' or '.join(HDF5_ENDINGS)}, by which HDF5 is known; "
            f"write to {path.with_suffix('.h5')}, or give --form tiff for a folder of TIFF files"
        )
    try:
        settings = TwinSettings.model_validate(
            {key: None if value == "none" else value for key, value in changes.items()}
        )
    except ValidationError as error:
        raise SettingsError(_explained(error, changes, TwinSettings.model_fields)) from error
    _make_way(path, path.with_name(f"{path.stem if form == 'h5' else path.name}_truth"), overwrite)
    # Readers of measured maps print remarks of their own; what is printed here is for scripts.
    with progress.reporting(Bars()), contextlib.redirect_stdout(io.StringIO()):
        made = make_twin(settings, path, form=form)
    click.echo(f"twin: {made.path}\ntruth: {made.truth_path}")
    if made.eds_path is not None:
        click.echo(f"element maps: {made.eds_path}")
    declared = ""
    if form == "tiff":  # image files do not say where they lie
        step = settings.step_um
        grid = {"rows": settings.rows, "columns": settings.columns, "step_x_um": step, "step_y_um": step}
        declared = "".join(f" --set acquisition.{name}={value}" for name, value in grid.items())
    click.echo(f"next: microstructure characterize {made.path}{declared}")


def _explained(error: ValidationError, changes: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> str:
    """The first thing wrong with the settings: which, what was found, what is expected."""
    detail = error.errors()[0]
    said = detail["msg"].removeprefix("Value error, ")
    if not detail["loc"]:  # a contradiction between settings names them itself
        return f"twin settings: {said}"
    name = str(detail["loc"][0])
    if name not in fields:
        near = difflib.get_close_matches(name, fields, n=3, cutoff=0.4)
        return (
            f"unknown twin setting {name!r}; nearest: {', '.join(near) if near else 'none'} "
            "(`microstructure twin --list` shows all)"
        )
    if detail["type"] != "value_error":
        said = f"found {str(changes[name])!r}, expected {_expected(fields[name])}"
    return f"twin setting {name}: {said}"


def _expected(info: FieldInfo) -> str:
    """What a setting may be."""
    kind: Any = info.annotation
    optional = type(None) in get_args(kind)
    if optional:
        kind = next(one for one in get_args(kind) if one is not type(None))
    several = get_origin(kind) is tuple
    if several:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        words = "one of " + ", ".join(str(choice) for choice in get_args(kind))
    elif several:
        words = f"one {KINDS[kind]} or several with commas between them"
    else:
        words = KINDS[kind] if kind is bool else f"a {KINDS[kind]}"
    limits = [
        f"{said} {getattr(bound, sign)}"
        for bound in ([] if several else info.metadata)
        for sign, said in BOUNDS.items()
        if getattr(bound, sign, None) is not None
    ]
    return words + (f" of {' and '.join(limits)}" if limits else "") + (", or none" if optional else "")


def _make_way(path: Path, truth: Path, overwrite: bool) -> None:
    """Remove a twin that is to be overwritten; only what has a truth beside it is one."""
    if not path.exists():
        return
    if not truth.is_dir():
        raise InputError(f"{path}: exists and is no twin (there is no {truth.name} beside it); give another path")
    if not overwrite:
        raise InputError(f"{path}: exists; give another path, or --overwrite to replace it")
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(truth)
