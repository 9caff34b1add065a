"""Code versions are declared; this watches the code behind them.

`python -m microstructure_assets_tests.code_versions accept "why the numbers stay"` records the code as it is now.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from pathlib import Path

from microstructure_assets.store.contract import ARTIFACTS, ArtifactSpec

ROOT = Path(__file__).parents[1]
PACKAGE = "microstructure_assets"
RECORD = Path(__file__).with_name("code_versions.json")
# Rooms that hold no arithmetic: what they do is part of the key (settings), or of the store's own tests.
NOT_WATCHED = {"store", "settings", "progress", "figures"}


def closure(names: tuple[str, ...]) -> list[Path]:
    """The files of the modules and of all that they import from the project's watched rooms."""
    found: set[Path] = set()
    pending = [f"{PACKAGE}.{name}" for name in names]
    while pending:
        path = module_file(pending.pop())
        if (
            path is None
            or path in found
            or path.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py") in NOT_WATCHED
        ):
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                pending += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                pending += [alias.name for alias in node.names]
    return sorted(found)


def module_file(name: str) -> Path | None:
    """The file of a module of the project."""
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    return path if name.startswith(f"{PACKAGE}.") and path.is_file() else None


def normalised(path: Path) -> str:
    """The syntax tree of a file without docstrings, comments, annotations' layout or line numbers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
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
    return ast.dump(tree)


def code_hash(spec: ArtifactSpec) -> str:
    """Hash of the code that decides an artifact's content."""
    digest = hashlib.sha256()
    for path in closure(spec.modules):
        digest.update(str(path.relative_to(ROOT)).encode())
        digest.update(normalised(path).encode())
    return digest.hexdigest()[:16]


def present() -> dict[str, dict[str, str]]:
    """Code version and code hash of every artifact."""
    return {spec.name: {"code_version": spec.code_version, "code_hash": code_hash(spec)} for spec in ARTIFACTS}


def accept(why: str) -> None:
    """Record the code as it is now."""
    before = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {"artifacts": {}, "accepted": []}
    now = present()
    changed = [name for name in now if before["artifacts"].get(name) != now[name]]
    if changed:
        before["accepted"].append({"artifacts": changed, "why": why})
    RECORD.write_text(json.dumps({**before, "artifacts": now}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "accept" or not sys.argv[2].strip():
        sys.exit(__doc__)
    accept(sys.argv[2])
