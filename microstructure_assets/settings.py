"""Settings are data: flat, frozen, bounded and described. The base class of settings groups, and the table of them.

A setting is named ``group.field`` (``knee.minimum``). A group belongs to the package that uses it; this module only
collects them, so that the store, the command line and the launchpad forms see one table.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from microstructure_assets.errors import InputError

FINITE = ConfigDict(allow_inf_nan=False)


class SettingsError(InputError):
    """A setting that does not exist or a value that it does not allow."""


class Settings(BaseModel):
    """Base of a settings group: frozen, finite, no unknown fields, every field with default, bounds and description."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def settings_groups() -> dict[str, type[Settings]]:
    """Every settings group by its name, in the order in which a scan meets them."""
    from microstructure_assets.acquisition.settings import AcquisitionSettings
    from microstructure_assets.checks.settings import ChecksSettings
    from microstructure_assets.indexing.settings import IndexingSettings
    from microstructure_assets.methods import settings as methods
    from microstructure_assets.methods.association_settings import AssociationSettings
    from microstructure_assets.methods.chemistry_settings import ChemistrySettings
    from microstructure_assets.methods.crystallography.settings import CrystallographySettings
    from microstructure_assets.methods.latents.settings import LatentSettings
    from microstructure_assets.networks.settings import AutoencoderSettings

    return {
        "acquisition": AcquisitionSettings,
        "preprocessing": methods.PreprocessingSettings,
        "subspace": methods.SubspaceSettings,
        "scale": methods.ScaleSettings,
        "tiling": methods.TilingSettings,
        "components": methods.ComponentsSettings,
        "knee": methods.KneeSettings,
        "mixture": methods.MixtureSettings,
        "anomalies": methods.AnomaliesSettings,
        "references": methods.ReferencesSettings,
        "factorization": methods.FactorizationSettings,
        "boundaries": methods.BoundariesSettings,
        "stitching": methods.StitchingSettings,
        "indexing": IndexingSettings,
        "crystallography": CrystallographySettings,
        "chemistry": ChemistrySettings,
        "autoencoder": AutoencoderSettings,
        "latents": LatentSettings,
        "association": AssociationSettings,
        "checks": ChecksSettings,
    }


def settings_group(name: str, values: Mapping[str, Any]) -> Settings:
    """A settings group of these values, by field; the defaults for the rest.

    Raises
    ------
    SettingsError
        If a value is not allowed, or values contradict each other.
    """
    try:
        return settings_groups()[name](**values)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join([name, *(str(part) for part in detail["loc"])])
        raise SettingsError(f"settings {where}: {_words(detail['msg'])}") from error


def parse_setting(name: str, value: Any) -> tuple[str, Any]:
    """Check one setting at the door.

    Parameters
    ----------
    name : str
        ``group.field``.
    value
        The value, or its text as typed in a shell; ``none`` stands for no value where the field allows that.

    Returns
    -------
    name : str
    value
        Validated and converted to the field's type.

    Raises
    ------
    SettingsError
        If the name is unknown (the nearest names are listed) or the value is not allowed.
    """
    groups = settings_groups()
    group_name, _, field = name.partition(".")
    if group_name not in groups or field not in groups[group_name].model_fields:
        known = [f"{group}.{key}" for group, model in groups.items() for key in model.model_fields]
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        raise SettingsError(f"unknown setting {name!r}; nearest: {', '.join(near) if near else 'none'}")
    info = groups[group_name].model_fields[field]
    optional = type(None) in get_args(info.annotation)
    if optional and isinstance(value, str) and value.strip().lower() in {"none", "null"}:
        value = None
    try:
        # The field alone: what it must not contradict may be changed in the same breath.
        adapter: TypeAdapter[Any] = TypeAdapter(cast("Any", Annotated[info.annotation, info]), config=FINITE)
        return name, adapter.validate_python(value)
    except ValidationError as error:
        detail = error.errors()[0]
        raise SettingsError(f"setting {name}: found {value!r}; {_words(detail['msg'])}") from error


def _words(message: str) -> str:
    """What a validator of ours says, without pydantic's introduction."""
    return message.removeprefix("Value error, ")


def named_values(text: str) -> list[tuple[str, str]]:
    """Names in lower case and values from ``NAME: VALUE; NAME: VALUE``; names may hold colons, values do not.

    Raises
    ------
    ValueError
        If a part has no colon or no name.
    """
    parts = []
    for part in text.split(";"):
        if not part.strip():
            continue
        name, colon, value = part.rpartition(":")
        if not colon or not name.strip():
            raise ValueError(f"found {part.strip()!r}, expected NAME: VALUE")
        parts.append((name.strip().lower(), value.strip()))
    return parts


def declared_folder(source: Path) -> Path:
    """Where relative names of files that settings declare start, for a scan of this file or folder."""
    return source if source.is_dir() else source.parent
