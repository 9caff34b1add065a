"""The house: who imports whom, what importing the definitions costs, and what the files look like."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "microstructure_assets"
DAGSTER_ROOMS = {
    "assets", "checks", "automation", "jobs", "resources", "partitions", "definitions", "cli",
}  # fmt: skip
# Each room may import from its own level and from those below.
LEVELS = [
    {"cli"},
    {"shell"},
    {"servers"},
    {"definitions"},
    {"jobs"},
    {"assets", "automation", "checks"},
    {"resources", "partitions"},
    {"figures"},
    {"methods", "networks", "simulation", "indexing"},
    {"acquisition"},
    {"results"},
    {"store"},
    {"settings", "progress", "errors", "rectangle", "compute", "processes", "notices", "memory", "compiled"},
]
KNOWN_EXCEPTIONS = {
    # One table of settings groups, read lazily inside a function by the module that everything else stands on.
    ("settings", "acquisition"),
    ("settings", "checks"),
    ("settings", "indexing"),
    ("settings", "methods"),
    ("settings", "networks"),
    # The job is found in the definitions that hold it, at run time.
    ("jobs", "definitions"),
}
HEAVY = [
    "torch", "kikuchipy", "pyebsdindex", "hyperspy", "orix", "diffpy", "sklearn", "pandas", "matplotlib", "zarr",
    "numba", "scipy", "dask",
]  # fmt: skip


def room(path: Path) -> str:
    """First folder or file below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


def test_dagster_is_imported_only_in_its_rooms() -> None:
    users = {room(path) for path in FILES if any(name.split(".")[0].startswith("dagster") for name in imports(path))}
    assert users <= DAGSTER_ROOMS
    assert "assets" in users


def test_imports_point_down() -> None:
    level = {name: index for index, names in enumerate(LEVELS) for name in names}
    wrong = set()
    for path in FILES:
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != PACKAGE.name or len(parts) < 2 or parts[1].startswith("__"):
                continue
            here, there = room(path), parts[1]
            if here != "__init__" and level[there] < level[here] and (here, there) not in KNOWN_EXCEPTIONS:
                wrong.add(f"{here} imports {there} ({path.relative_to(PACKAGE)})")
    assert not wrong


def test_every_package_says_what_belongs_there() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert len(text.splitlines()) >= 3, f"{path} needs three lines: what belongs there, what does not"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_stays_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


def test_definitions_import_without_environment_network_home_or_heavy_libraries(tmp_path: Path) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise OSError('no network at import')\n"
        "socket.socket.connect = refuse\n"
        "import microstructure_assets.definitions\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "absent")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert not list(tmp_path.iterdir())
