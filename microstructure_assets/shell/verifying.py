"""`microstructure verify`: everything of a scan hashed again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from microstructure_assets.acquisition.raw_files import hash_files
from microstructure_assets.errors import InputError
from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.contract import ARTIFACTS
from microstructure_assets.store.home import Home
from microstructure_assets.store.names import scan_name
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets.store.verification import rotten_parts


class Rotten(InputError):
    """Something is not what was written."""


def verify_scan(home: Home, scan: str) -> None:
    """Hash raw files and artifacts of a scan again, and name what is not as it was.

    Raises
    ------
    Rotten
        If anything is not.
    """
    store, source = Store(home), Path(ScanRegistry(home).get(scan_name(scan)).source)
    problems, checked = list(_raw_problems(store, scan, source)), 0
    for place, artifact in _standing(store, scan):
        problems += [f"{place}: {part}: {what} ({artifact.folder})" for part, what in rotten_parts(artifact)]
        checked += 1
    for problem in problems:
        click.echo(problem)
    if problems:
        raise Rotten(
            f"{len(problems)} parts of scan {scan} are not what was written; take raw files from a backup, and delete "
            "the folders of artifacts: `characterize` makes them again"
        )
    click.echo(f"scan {scan}: raw files and {checked} artifacts are what was written")


def _standing(store: Store, scan: str) -> Iterator[tuple[str, Artifact]]:
    """Every artifact that stands, with its name and tile."""
    tiles = Recipes(store, scan).tiles()
    for spec in ARTIFACTS:
        for tile in tiles if spec.per == "tile" else [None]:
            artifact = store.find(scan, spec.name, tile)
            if artifact is not None:
                yield f"{spec.name}{f' {tile}' if tile else ''}", artifact


def _raw_problems(store: Store, scan: str, source: Path) -> Iterator[str]:
    manifest = store.find(scan, "scan_manifest")
    if manifest is None:
        return
    root = source if source.is_dir() else source.parent
    known = manifest.table("files")
    paths = [root / str(path) for path in known["path"]]
    there = np.array([path.is_file() for path in paths], dtype=bool)
    yield from (f"raw file {path}: is not there" for path, present in zip(paths, there, strict=True) if not present)
    found = hash_files([path for path, present in zip(paths, there, strict=True) if present], root)
    now = dict(zip(found["path"].tolist(), found["sha256"].tolist(), strict=True))
    for path, digest in zip(known["path"].tolist(), known["sha256"].tolist(), strict=True):
        if path in now and now[path] != digest:
            yield f"raw file {root / path}: its content changed: SHA-256 {now[path]}, the manifest says {digest}"
