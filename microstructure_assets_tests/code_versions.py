"""Code versions are declared; this watches the code behind them.

`python -m microstructure_assets_tests.code_versions accept "what changed"` records the code as it is now. It wants a
raised `code_version` of every artifact whose code changed, or `--no-numerical-change` in front of the words, which then
say why the numbers stay.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from microstructure_assets.assets import (
    agreement,
    chemistry,
    crystallography,
    latents,
    length_scale,
    patterns,
    reports,
    segmentation,
    tiles,
)
from microstructure_assets.store.contract import ARTIFACTS
from microstructure_assets.store.specs import ArtifactSpec

ROOT = Path(__file__).parents[1]
PACKAGE = "microstructure_assets"
RECORD = Path(__file__).with_name("code_versions.json")
# Rooms that hold no arithmetic: what they do is part of the key (settings), or of the store's own tests.
NOT_WATCHED = {"store", "settings", "progress", "errors"}
# Pictures are content of pages only.
NOT_WATCHED_BUT_FOR_PAGES = {"figures"}
# Libraries that check and steer, but compute nothing.
NOT_COMPUTING = {"joblib", "pydantic", "threadpoolctl"}
# Elsewhere torch computes only where a device is asked for, and devices are no part of a key.
TORCH_ROOM = "networks"
FILLERS = {
    artifact: maker.fill
    for module in (
        patterns,
        length_scale,
        tiles,
        segmentation,
        crystallography,
        chemistry,
        latents,
        agreement,
        reports,
    )
    for maker in module.MAKERS
    for artifact in maker.artifacts
}


class Name(NamedTuple):
    """A definition at the top of a module: a function, a class or a constant."""

    module: str
    name: str


class Module:
    """What a module defines at its top, and what it imports there.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.definitions: dict[str, ast.stmt] = {}
        self.imports: dict[str, Name] = {}
        for node in _without_docstrings(ast.parse(path.read_text(encoding="utf-8"))).body:
            for inner in node.body if isinstance(node, ast.If) else [node]:
                self._add(inner)

    def _add(self, node: ast.stmt) -> None:
        self.imports.update(imported(node))
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.definitions[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            self.definitions.update({item.id: node for item in ast.walk(node) if _is_target(item)})


def _is_target(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            del body[0]
    return tree


def imported(node: ast.AST) -> dict[str, Name]:
    """What an import statement binds: a module as a name without words after the last dot."""
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.partition(".")[0]: Name(alias.name, "") for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {alias.asname or alias.name: Name(node.module, alias.name) for alias in node.names}
    return {}


@cache
def read_module(name: str) -> Module | None:
    """A module of the project; None for another one."""
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    return Module(path) if name.startswith(f"{PACKAGE}.") and path.is_file() else None


def closure(spec: ArtifactSpec) -> tuple[dict[Name, ast.stmt], set[str]]:
    """Every definition that the function that fills an artifact reaches, and the libraries that they import."""
    skipped = NOT_WATCHED | (set() if spec.form == "page" else NOT_WATCHED_BUT_FOR_PAGES)
    filler = FILLERS[spec.name]
    found: dict[Name, ast.stmt] = {}
    libraries: set[str] = set()
    pending = [Name(filler.__module__, filler.__name__)]
    while pending:
        name = pending.pop()
        parts = name.module.split(".")
        if parts[0] != PACKAGE:
            libraries.add(parts[0])
        elif name not in found and not skipped.intersection([*parts[1:2], name.name if len(parts) == 1 else ""]):
            definition, names = _reached(name)
            if definition is not None:
                found[name] = definition
            pending += names
    return found, libraries


@cache
def _reached(name: Name) -> tuple[ast.stmt | None, tuple[Name, ...]]:
    """The definition of a name and the names that stand in it; all of a module where a module is meant."""
    module, inner = read_module(name.module), read_module(f"{name.module}.{name.name}")
    if inner is not None:
        return None, tuple(Name(f"{name.module}.{name.name}", item) for item in inner.definitions)
    if module is not None and name.name in module.definitions:
        node = module.definitions[name.name]
        return node, tuple(_names_in(node, module, name.module))
    if module is not None and name.name in module.imports:
        return None, (module.imports[name.name],)
    return None, ()


def _names_in(node: ast.stmt, module: Module, path: str) -> Iterator[Name]:
    known = dict(module.imports)
    for item in ast.walk(node):
        known.update(imported(item))
        yield from imported(item).values()
    for item in ast.walk(node):
        word = item.id if isinstance(item, ast.Name) else ""
        if word in known:
            yield known[word]
        elif word in module.definitions:
            yield Name(path, word)


@cache
def _text(name: Name) -> str:
    """The definition of a name without comments and layout."""
    definition, _ = _reached(name)
    assert definition is not None
    return ast.unparse(definition)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def code_hash(spec: ArtifactSpec) -> str:
    """Hash of the code that decides an artifact's content, without docstrings, comments and layout."""
    digest = hashlib.sha256()
    for name in sorted(closure(spec)[0]):
        digest.update(f"{name.module}:{name.name}".encode())
        digest.update(_text(name).encode())
    return digest.hexdigest()[:16]


def libraries(spec: ArtifactSpec) -> set[str]:
    """Distributions of the libraries that compute an artifact, as the code imports them."""
    definitions, imported_names = closure(spec)
    names = imported_names - set(sys.stdlib_module_names) - NOT_COMPUTING
    if not any(name.module.startswith(f"{PACKAGE}.{TORCH_ROOM}.") for name in definitions):
        names.discard("torch")
    return {_distributions()[name][0].lower() for name in names}


def present() -> dict[str, dict[str, str]]:
    """Code version and code hash of every artifact."""
    return {spec.name: {"code_version": spec.code_version, "code_hash": code_hash(spec)} for spec in ARTIFACTS}


def accept(why: str, no_numerical_change: bool = False, record: Path = RECORD) -> None:
    """Record the code as it is now.

    Raises
    ------
    SystemExit
        If the code of an artifact changed, but neither its version, nor is it said that the numbers stay.
    """
    before = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {"artifacts": {}, "accepted": []}
    known, now = before["artifacts"], present()
    changed = [name for name in now if known.get(name) != now[name]]
    kept = [name for name in changed if name in known and known[name]["code_version"] == now[name]["code_version"]]
    if kept and not no_numerical_change:
        sys.exit(
            f"the code behind {', '.join(kept)} changed, but no version was raised: raise code_version in "
            "store/contract.py, or accept with --no-numerical-change and say why the numbers stay"
        )
    if changed:
        before["accepted"].append({"artifacts": changed, "no_numerical_change": kept, "why": why})
    record.write_text(json.dumps({**before, "artifacts": now}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    arguments = [word for word in sys.argv[1:] if word != "--no-numerical-change"]
    if len(arguments) != 2 or arguments[0] != "accept" or not arguments[1].strip():
        sys.exit(__doc__)
    accept(arguments[1], no_numerical_change="--no-numerical-change" in sys.argv)
