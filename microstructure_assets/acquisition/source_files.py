"""Which files a scan may be made of: what lies beside its file or in its folder, and what the user declares.

Readers take files from here only, and the store watches the same ones, so that a change of any of them is seen.
"""

from __future__ import annotations

import os
from pathlib import Path

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.settings import declared_folder

MAP_SUFFIXES = (".ang", ".ctf", ".cpr")
"""In order of preference: .ang carries the calibration, .cpr the same as a .ctf in fewer digits."""

PATTERN_SUFFIXES = (".h5", ".hdf5", ".h5ebsd", ".h5oina", ".up1", ".up2", ".ebsp", ".dat", ".hspy")

COMPANION_SUFFIXES = (*MAP_SUFFIXES, ".crc", *PATTERN_SUFFIXES)
"""What readers take beside a scan, under its own name; a log or a picture of that name is no part of it."""

NORDIF_FILES = ("Setting.txt", "Background acquisition pattern.bmp")
"""What explains a NORDIF .dat, in the same folder: settings, and the static background."""

ELEMENTS_ENDING = "_eds.npz"
"""Behind the scan's own name: counts of each element, as a twin is written with."""

SPECTRA_ENDING = "_eds"
"""Behind the scan's own name, before the suffix: a spectrum image of the same field."""

SPECTRA_SUFFIXES = (".hspy", ".hdf5", ".bcf", ".emd", ".rpl", ".spd", ".dm4", ".dm3", ".zspy")
"""In order of preference (zspy: recognised, and refused)."""

SPECTRA_PARTS = {".rpl": (".raw",), ".spd": (".spc", ".ipr")}
"""What a spectrum image consists of beside its own file, under the same name."""


def own_stem(path: Path) -> str:
    """The name that the companions of a file or folder share."""
    return path.name if path.is_dir() else path.stem


def find_maps(path: Path) -> list[Path]:
    """Maps beside a file or folder of patterns (same stem), or in the folder, the preferred first."""
    found = _entries(path.parent, MAP_SUFFIXES, own_stem(path)) + (
        _entries(path, MAP_SUFFIXES) if path.is_dir() else []
    )
    maps = [Path(entry) for entry in found if Path(entry) != path]
    return sorted(maps, key=lambda entry: (MAP_SUFFIXES.index(entry.suffix.lower()), entry.name))


def find_patterns(path: Path) -> list[Path]:
    """Pattern files beside a map (same stem)."""
    return sorted(map(Path, _entries(path.parent, PATTERN_SUFFIXES, path.stem)))


def find_elements(path: Path) -> Path | None:
    """The element counts beside a scan, or None."""
    wanted = own_stem(path) + ELEMENTS_ENDING
    found = sorted(_entries(path.parent, (".npz",), wanted.removesuffix(".npz")))
    return Path(found[0]) if found else None


def find_spectra(path: Path) -> list[Path]:
    """The spectrum images beside a scan, the preferred first."""
    stem = own_stem(path) + SPECTRA_ENDING
    found = [Path(entry) for entry in _entries(path.parent, SPECTRA_SUFFIXES, stem, folders=(".zspy",))]
    return sorted(found, key=lambda entry: (SPECTRA_SUFFIXES.index(entry.suffix.lower()), entry.name))


def spectra_files(path: Path) -> list[Path]:
    """The files of a spectrum image: its own first, then its parts that are there."""
    suffixes = SPECTRA_PARTS.get(path.suffix.lower(), ())
    parts = _entries(path.parent, suffixes, path.stem) if suffixes and path.parent.is_dir() else []
    return [path, *map(Path, sorted(parts))]


def declared_file(path: Path, name: str) -> Path:
    """A file that the user declares by name; relative ones start at the scan's folder."""
    return declared_folder(path) / name


def source_files(path: Path, static_background: str | None = None, eds_file: str | None = None) -> list[Path]:
    """Every file that opening `path` may take, whether the scan then needs it or not.

    Parameters
    ----------
    path : Path
        File or folder of the scan.
    static_background : str, optional
        The declared image (`AcquisitionSettings.static_background`).
    eds_file : str, optional
        The declared spectrum image (`AcquisitionSettings.eds_file`).

    Returns
    -------
    list of Path
        Existing files, each once: the scan's own, all in its folder, maps and patterns beside it that share its stem
        whatever their case, and those with a fixed name.

    Raises
    ------
    ScanFormatError
        If its folder is not there.
    """
    if not path.parent.is_dir():
        remedy = "Connect the disk or the share, or register the scan where it lies now."
        raise ScanFormatError(path, "folder", "nothing", "the folder of the scan", remedy)
    found = set(_entries(path.parent, COMPANION_SUFFIXES, own_stem(path)))
    if path.is_dir():
        found.update(_entries(path, ("",)))
    elif path.is_file():
        found.add(str(path))
    fixed = [path.parent / name for name in NORDIF_FILES] if path.suffix.lower() == ".dat" else []
    declared = [declared_file(path, static_background)] if static_background is not None else []
    found.update(str(file) for file in (*fixed, *declared, *element_files(path, eds_file)) if file.is_file())
    return sorted({Path(file) for file in found}, key=str)


def element_files(path: Path, eds_file: str | None = None) -> list[Path]:
    """Files beside a scan, or declared, that bring element maps and nothing else: no pattern depends on them."""
    elements = find_elements(path)
    spectra = find_spectra(path) if eds_file is None else [declared_file(path, eds_file)]
    return [*([elements] if elements else []), *(file for image in spectra for file in spectra_files(image))]


def _entries(
    folder: Path, suffixes: tuple[str, ...], stem: str | None = None, folders: tuple[str, ...] = ()
) -> list[str]:
    """Files of a folder by their suffix and stem, whatever their case; texts only, since a folder may hold 131,670.

    What ends as one of `folders` may be a folder itself.
    """
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.lower().endswith(suffixes):
                continue
            if stem is not None and os.path.splitext(entry.name)[0].casefold() != stem.casefold():
                continue
            if entry.is_file() or (folders and entry.name.lower().endswith(folders)):
                found.append(entry.path)
    return found
