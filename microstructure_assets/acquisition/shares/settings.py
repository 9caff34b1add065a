"""What a share is: where it lies, whose scans it holds, and when one counts as whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from microstructure_assets.errors import InputError
from microstructure_assets.store.files import read_json, write_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.names import InvalidName, instrument_name

INBOX = "inbox"
"""The share that every home has: its own folder of this name."""

_LOCAL = re.compile(r"^(file://)?(/|~|\./)")
_PROTOCOL = re.compile(r"^[a-z][a-z0-9+.-]*://")


class ShareError(InputError):
    """A share that cannot be declared so, or is not known."""


class Share(BaseModel):
    """One share.

    Attributes
    ----------
    name : str
    url : str
        Absolute folder of this machine, or an fsspec URL.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(description="Name of the share: letters, digits, '.', '_' and '-'")
    url: str = Field(description="Folder as an absolute path, or a URL that fsspec knows (sftp://host/folder)")
    instrument: str | None = Field(default=None, description="Instrument whose settings hold for the share's scans")
    settle_s: float = Field(
        default=30, ge=1, le=86400, description="How long a scan must have stood still before it is taken [s]"
    )
    sentinel: str | None = Field(
        default=None,
        description="Ending of a file that says that a scan is whole, beside it and under its name, as .done; none = "
        "standing still is enough",
    )
    quota_gib: float | None = Field(
        default=None, gt=0, description="Most that all copies of the share's scans may fill [GiB]; none = the disk"
    )
    most_points: int = Field(default=100_000_000, ge=1, description="Scans of more points are set aside [points]")
    most_files: int = Field(default=1_000_000, ge=1, description="A scan of more files is set aside unread [files]")

    @field_validator("name", "instrument")
    @classmethod
    def _checked_name(cls, text: str | None) -> str | None:
        try:
            return None if text is None else instrument_name(text)
        except InvalidName as error:
            raise ValueError(str(error).replace("instrument", "name", 1)) from error

    @field_validator("url")
    @classmethod
    def _checked_url(cls, url: str) -> str:
        if _LOCAL.match(url):
            return str(Path(url.removeprefix("file://")).expanduser().resolve())
        if not _PROTOCOL.match(url):
            raise ValueError("expected an absolute path or a URL such as sftp://host/folder")
        return url.rstrip("/")

    @field_validator("sentinel")
    @classmethod
    def _checked_sentinel(cls, ending: str | None) -> str | None:
        if ending is not None and not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", ending):
            raise ValueError("expected an ending of letters, digits, '.', '_' and '-', as .done")
        return ending

    @property
    def folder(self) -> Path | None:
        """The folder on this machine; None where the share is reached over a protocol."""
        return None if _PROTOCOL.match(self.url) else Path(self.url)


class Shares:
    """The shares of one home, each a small file that a person may read.

    Parameters
    ----------
    home : Home
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._folder = home.store / "shares"

    def all(self) -> list[Share]:
        """Every share by name, the home's own inbox among them unless it was declared otherwise."""
        known = {path.stem: read_json(path) or {} for path in sorted(self._folder.glob("*.json"))}
        known.setdefault(INBOX, {"name": INBOX, "url": str(self.home.inbox)})
        return [_checked(known[name]) for name in sorted(known)]

    def get(self, name: str) -> Share:
        """One share.

        Raises
        ------
        ShareError
            If there is none of this name.
        """
        found = {share.name: share for share in self.all()}
        if name not in found:
            raise ShareError(f"share {name!r}: not known; known: {', '.join(found)}")
        return found[name]

    def declare(self, **values: Any) -> Share:
        """Declare a share, or change the one of this name.

        Raises
        ------
        ShareError
            If a value is not allowed, or another share lies in the same place, inside of it or around it.
        """
        share = _checked(values)
        with self.home.lock("shares"):
            for other in self.all():
                if other.name != share.name and _overlap(share, other):
                    raise ShareError(
                        f"share {share.name}: {share.url} and share {other.name} ({other.url}) hold the same files; "
                        "every scan would be taken twice"
                    )
            if share.folder is not None and _around(share.folder, self.home.store):
                raise ShareError(f"share {share.name}: {share.url} holds the home's own store; give another folder")
            write_json(self._folder / f"{share.name}.json", share.model_dump())
        return share

    def forget(self, name: str) -> None:
        """Poll a share no longer; what was taken from it stays.

        Raises
        ------
        ShareError
            If it is not declared; the home's own inbox cannot be forgotten.
        """
        path = self._folder / f"{self.get(name).name}.json"
        with self.home.lock("shares"):
            if not path.exists():
                raise ShareError(f"share {name!r}: it is the home's own inbox, which is always there")
            path.unlink()


def _checked(values: dict[str, Any]) -> Share:
    try:
        return Share(**values)
    except ValidationError as error:
        detail = error.errors()[0]
        field, message = ".".join(str(part) for part in detail["loc"]), detail["msg"].removeprefix("Value error, ")
        raise ShareError(f"share {values.get('name')!r}: {field}: found {values.get(field)!r}; {message}") from error


def _overlap(one: Share, other: Share) -> bool:
    if one.folder is None or other.folder is None:
        return f"{one.url}/".startswith(f"{other.url}/") or f"{other.url}/".startswith(f"{one.url}/")
    return _around(one.folder, other.folder) or _around(other.folder, one.folder)


def _around(outer: Path, inner: Path) -> bool:
    return inner == outer or outer in inner.parents
