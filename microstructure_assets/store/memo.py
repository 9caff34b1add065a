"""Keys and reasons: what decides an artifact, and which part of it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from microstructure_assets.store.content import hash_json

TILES_NAMED = 4
#: What it means that a fact changed whose value, a hash, tells nobody anything.
HASHED_FACTS = {
    "source": "names, sizes or times of the raw files changed",
    "raw_files": "the raw files changed",
    "provenance": "what it reports on was made or explained anew",
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides an artifact's content.

    Attributes
    ----------
    artifact : str
    code_version : str
    settings : mapping of str
        The settings that are used, by their full names.
    inputs : mapping of str
        Content hash of each artifact that is read; that of another tile as ``name[t03]``.
    extra : mapping of str
        Further facts: bounds of ROIs, grid of the scan, hash of names and times of the raw files.
    libraries : mapping of str
        Versions of libraries that compute here.
    """

    artifact: str
    code_version: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    def parts(self) -> dict[str, Any]:
        """The recipe as a JSON value."""
        return asdict(self)

    @property
    def key(self) -> str:
        """Hash of all parts."""
        return hash_json(self.parts())


def explain(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Which parts of a recipe differ, in words.

    Parameters
    ----------
    before, after : mapping
        Parts of two recipes of one artifact.

    Returns
    -------
    list of str
        One entry per difference, empty when there is none.
    """
    reasons = []
    if before["code_version"] != after["code_version"]:
        reasons.append(f"code version {before['code_version']} → {after['code_version']}")
    for part, word in (("settings", "setting"), ("libraries", "library"), ("extra", "fact")):
        for name, old, new in _changes(before[part], after[part]):
            said = HASHED_FACTS.get(name) if part == "extra" and old is not None else None
            reasons.append(said or f"{word} `{name}` {_short(old)} → {_short(new)}")
    reasons.extend(_inputs(name for name, _, _ in _changes(before["inputs"], after["inputs"])))
    return reasons


def _inputs(names: Iterable[str]) -> list[str]:
    """A reason per input; the tiles of one artifact are counted where they are many."""
    tiles: dict[str, list[str]] = {}
    for name in names:
        tiles.setdefault(name.partition("[")[0], []).append(name)
    shown = [own if len(own) <= TILES_NAMED else [f"{name}[{len(own)} tiles]"] for name, own in tiles.items()]
    return [f"input {name} changed" for own in shown for name in own]


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = [*before, *(name for name in after if name not in before)]
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
