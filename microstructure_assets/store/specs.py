"""What the contract says of an artifact: its arrays, tables, inputs, settings and version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

YX = ("y", "x")
KERNELS = ("numba", "numpy")
NUMERICS = (*KERNELS, "scipy")
READERS = ("h5py", *KERNELS, "orix", "pillow", "rosettasciio", "tifffile")


@dataclass(frozen=True)
class Variable:
    """One array of an artifact."""

    name: str
    dimensions: tuple[str, ...]
    units: str
    description: str


@dataclass(frozen=True)
class Table:
    """One table of an artifact; `columns` are promised, more may follow."""

    name: str
    columns: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class ArtifactSpec:
    """What an artifact is.

    Attributes
    ----------
    name : str
        Asset key, artifact name and folder name.
    per : {"scan", "tile"}
        The partition it is made for.
    form : {"arrays", "document", "page"}
        What `microstructure path` prints: a zarr group, a JSON document or an HTML page.
    inputs : tuple of str
        Artifacts whose content is part of the key.
    if_there : tuple of str
        Further inputs, of scans that have them: those of what a scan does not hold, or nobody asked for, are left out.
    after : tuple of str
        Artifacts that must exist first, though their content is not part of the key (the tiling: only the bounds of the
        artifact's own ROIs are, so that another tiling elsewhere changes nothing here).
    pinned : tuple of str
        Artifacts that it is chosen from when it is first made. Their content is no part of the key: it stays as it is
        when they change, until a setting of its own asks for another choice.
    needs : tuple of str
        What the scan must hold beside its grid, ``patterns`` or ``element_maps``; a scan without it lacks the artifact
        and all that is made of it but for pages, which say what there is.
    raw_files : {"none", "all", "but element files"}
        Which of the scan's raw files have a hash in the key: a spectrum image that lands later changes no pattern.
    settings : tuple of str
        Settings that are part of the key: whole groups, or single ones by their full names (``acquisition.rows``).
    declared_files : tuple of str
        Settings that name files, as ``NAME: FILE`` between semicolons, whose sizes and times are part of the key.
    code_version : str
        Raised whenever the numbers may change; a test watches the code that fills the artifact together with it.
    on_request : bool
        Not made of a new scan by itself, as it takes long; once somebody asked for it, it is kept current.
    files : tuple of str
        Names of files that lie beside the tables.
    libraries : tuple of str
        Libraries that compute here; their versions are part of the key. A test compares them with the code's imports.
    """

    name: str
    per: Literal["scan", "tile"]
    form: Literal["arrays", "document", "page"]
    title: str
    inputs: tuple[str, ...] = ()
    if_there: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    needs: tuple[Literal["patterns", "element_maps"], ...] = ()
    raw_files: Literal["none", "all", "but element files"] = "none"
    settings: tuple[str, ...] = ()
    declared_files: tuple[str, ...] = ()
    code_version: str = "1"
    libraries: tuple[str, ...] = ()
    on_request: bool = False
    variables: tuple[Variable, ...] = ()
    tables: tuple[Table, ...] = ()
    files: tuple[str, ...] = ()

    def uses(self, setting: str) -> bool:
        """Whether the setting of this full name is part of the key."""
        return setting in self.settings or setting.partition(".")[0] in self.settings

    @property
    def groups(self) -> frozenset[str]:
        """Settings groups of which anything is part of the key."""
        return frozenset(name.partition(".")[0] for name in self.settings)

    @property
    def dependencies(self) -> tuple[str, ...]:
        """Every artifact that must exist first, where the scan has it."""
        return self.inputs + self.if_there + self.after + self.pinned
