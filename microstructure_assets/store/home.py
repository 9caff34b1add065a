"""The one home of a lab's data: where it lies, what is in it, and its first initialisation under a lock.

Command line, web UI and daemon all resolve it here, so that they never work on two stores by mistake.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

HOME_VARIABLE = "MICROSTRUCTURE_HOME"


@dataclass(frozen=True)
class Home:
    """Folders of one home.

    Attributes
    ----------
    root : Path
        Absolute folder of the home.
    """

    root: Path

    @property
    def store(self) -> Path:
        """Artifacts, heads, settings and scans."""
        return self.root / "store"

    @property
    def dagster(self) -> Path:
        """Dagster's instance: run and event storage, ``dagster.yaml``."""
        return self.root / "dagster"

    @property
    def inbox(self) -> Path:
        """Where a user drops scans."""
        return self.root / "inbox"

    @property
    def samples(self) -> Path:
        """Twins and other made data."""
        return self.root / "samples"

    def lock(self, name: str) -> FileLock:
        """A lock among all processes on this home; the system frees it when its owner ends, however it ends."""
        return self._lock("home", name)

    def scan_lock(self, scan: str, name: str) -> FileLock:
        """A lock of one scan: apart from the home's, as a scan may have any name, also that of a lock."""
        return self._lock(f"scans/{scan}", name)

    def draft_lock(self, name: str) -> FileLock:
        """The lock that the writer of a draft holds; asked for by another, it says at once that it is taken."""
        return self._lock("drafts", name, timeout_s=0)

    def _lock(self, folder: str, name: str, timeout_s: float = -1) -> FileLock:
        path = self.root / "locks" / folder / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file system without locks is refused: what would stand in for them outlives its owner.
        return FileLock(path, timeout=timeout_s, fallback_to_soft=False)


def project_root() -> Path | None:
    """The checkout that this package runs from, or None when it is installed elsewhere."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "workspace.yaml").is_file() and (root / "pyproject.toml").is_file() else None


def resolve_home(path: str | os.PathLike[str] | None = None) -> Home:
    """Find the home; never dependent on the working directory unless a relative `path` is given.

    Parameters
    ----------
    path
        Explicit folder; else the environment variable ``MICROSTRUCTURE_HOME``; else ``data/`` of the checkout that the
        package runs from; else ``~/microstructure``.
    """
    chosen = path or os.environ.get(HOME_VARIABLE)
    if not chosen:
        root = project_root()
        chosen = root / "data" if root else Path.home() / "microstructure"
    return Home(Path(chosen).expanduser().resolve())


def shipped_instance_file() -> Path:
    """The ``dagster.yaml`` that comes with the project."""
    inside = Path(__file__).resolve().parents[1] / "dagster.yaml"
    root = project_root()
    return inside if inside.is_file() or root is None else root / "dagster.yaml"


def prepare_home(home: Home) -> Home:
    """Make the folders of `home` and its ``dagster.yaml`` where they are missing; an edited file stays as it is.

    Raises
    ------
    OSError
        If the folder cannot be made or written.
    """
    for folder in (home.root, home.store, home.dagster, home.inbox, home.samples):
        folder.mkdir(parents=True, exist_ok=True)
    instance_file = home.dagster / "dagster.yaml"
    if not instance_file.exists():
        with home.lock("home"):
            if not instance_file.exists():
                draft = instance_file.with_suffix(".draft")
                draft.write_text(shipped_instance_file().read_text(encoding="utf-8"), encoding="utf-8")
                draft.replace(instance_file)
    return home
