"""The declared table of formats, and the one door to a scan."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from microstructure_assets.acquisition.binary_files import read_nordif, read_up
from microstructure_assets.acquisition.channel_maps import read_cpr
from microstructure_assets.acquisition.companions import apply_declared, attach_map
from microstructure_assets.acquisition.element_files import attach_elements
from microstructure_assets.acquisition.element_spectra import attach_spectra, with_spectra_files
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.hdf5_files import Header, open_hdf5
from microstructure_assets.acquisition.hyperspy_files import read_hspy, read_zspy
from microstructure_assets.acquisition.image_files import IMAGE_SUFFIXES
from microstructure_assets.acquisition.image_folder import read_image_folder
from microstructure_assets.acquisition.oxford_ebsp import read_ebsp
from microstructure_assets.acquisition.scan import Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.simulated_hdf5 import read_emsoft
from microstructure_assets.acquisition.source_files import find_elements, find_maps, find_patterns
from microstructure_assets.acquisition.text_maps import read_ang, read_ctf
from microstructure_assets.acquisition.vendor_hdf5 import read_vendor_hdf5
from microstructure_assets.acquisition.vendor_layouts import LAYOUTS

Reader = Callable[[Path, AcquisitionSettings, Scan | None], Scan]
"""(path, settings, map beside it) -> scan, from headers alone."""

_HDF5 = (".h5", ".hdf5", ".h5ebsd", ".h5oina")


@dataclass(frozen=True)
class Format:
    """A row of the table.

    Attributes
    ----------
    name : str
        As in `Scan.format_name`.
    extensions : tuple of str
        Lower case; empty for a folder.
    carries : tuple of str
        What a file of the format can hold: patterns, indexing, quality, elements, background, calibration.
    reader : callable
        See `Reader`.
    mark : str
        What tells it from others with the same extension: the manufacturer or a group in an HDF5 file.
    """

    name: str
    extensions: tuple[str, ...]
    carries: tuple[str, ...]
    reader: Reader
    mark: str = ""


_CARRIED = {
    "kikuchipy h5": ("patterns", "indexing", "elements", "background", "calibration"),
    "EDAX h5": ("patterns", "indexing", "quality", "calibration"),
    "Oxford h5oina": ("patterns", "indexing", "quality", "elements", "background", "calibration"),
    "Bruker h5": ("patterns", "indexing", "quality", "background", "calibration"),
}

FORMATS: tuple[Format, ...] = (
    *(
        Format(
            name=layout.format_name,
            extensions=_HDF5,
            carries=_CARRIED[layout.format_name],
            reader=partial(read_vendor_hdf5, layout.format_name),
            mark=layout.manufacturer,
        )
        for layout in LAYOUTS
    ),
    Format("EMsoft h5", _HDF5, ("patterns", "indexing", "calibration"), read_emsoft, "EMEBSD.f90"),
    Format("HyperSpy hspy", (".hspy", ".hdf5"), ("patterns",), read_hspy, "Experiments"),
    Format("HyperSpy zspy", (".zspy",), (), read_zspy),
    Format("EDAX up1 and up2", (".up1", ".up2"), ("patterns",), read_up),
    Format("Oxford ebsp", (".ebsp",), ("patterns",), read_ebsp),
    Format("NORDIF dat", (".dat",), ("patterns", "background"), read_nordif),
    Format("image folder", (), ("patterns", "background"), read_image_folder),
    Format("EDAX ang", (".ang",), ("indexing", "quality", "calibration"), read_ang),
    Format("Channel ctf", (".ctf",), ("indexing", "quality"), read_ctf),
    Format("Channel cpr and crc", (".cpr", ".crc"), ("indexing", "quality"), read_cpr),
)
"""Every format that can be opened (zspy: recognised, and refused)."""

_EXPORT = {
    ".osc": "Export it from OIM as .ang, or with patterns as .h5.",
    ".oip": "Export it from AZtec as .h5oina.",
    ".bcf": "Export it from Esprit as .h5.",
    ".tif": "Give the folder that holds one image per point.",
    ".tiff": "Give the folder that holds one image per point.",
    ".png": "Give the folder that holds one image per point.",
    ".bmp": "Give the folder that holds one image per point.",
}


def open_scan(path: str | Path, settings: AcquisitionSettings | None = None) -> Scan:
    """Open a scan: read its headers, hold them against the files, attach what lies beside. No pattern is read.

    Parameters
    ----------
    path : path
        File of patterns or of a map, or folder with one image per point. A map of the same name beside patterns
        belongs to them, and so do counts of elements (``<name>_eds.npz``) and a spectrum image (``<name>_eds.hspy``,
        ``.bcf``, ...), also beside a map alone.
    settings : AcquisitionSettings, optional
        What the user declares. It wins over what the files say.

    Returns
    -------
    Scan

    Raises
    ------
    ScanFormatError
        If anything is not as it should be; the message says what, where, and what to do.
    """
    settings = settings or AcquisitionSettings()
    return attach_spectra(_opened(Path(path), settings), settings)


def open_without_spectra(path: str | Path, settings: AcquisitionSettings | None = None) -> Scan:
    """Like `open_scan`, but a spectrum image stays closed: only its files are named.

    For who needs no element maps of it: what is declared of the image then need not be known.
    """
    settings = settings or AcquisitionSettings()
    return with_spectra_files(_opened(Path(path), settings), settings)


def _opened(path: Path, settings: AcquisitionSettings) -> Scan:
    chosen = recognise(path)
    if "patterns" not in chosen.carries:
        scan = chosen.reader(path, settings, None)
        beside = find_patterns(path)
        if beside:
            note = f"patterns of the same name lie beside: open {', '.join(found.name for found in beside)} to get both"
            scan = _noted(scan, note)
    else:
        maps = find_maps(path)
        companion = recognise(maps[0]).reader(maps[0], settings, None) if maps else None
        scan = chosen.reader(path, settings, companion)
        if companion is not None:
            scan = attach_map(scan, companion, maps[1:])
    elements = find_elements(path)
    if elements is not None:
        scan = attach_elements(scan, elements)
    return apply_declared(scan, settings)


def recognise(path: Path) -> Format:
    """The format of a file or folder, by extension and, for HDF5, by content.

    Raises
    ------
    ScanFormatError
        If there is nothing, or nothing known.
    """
    if not path.exists():
        raise ScanFormatError(path, "path", "nothing", "a file or a folder", "Correct the path.")
    suffix = path.suffix.lower()
    if path.is_dir() and suffix != ".zspy":
        return _recognise_folder(path)
    candidates = [row for row in FORMATS if suffix in row.extensions]
    if not candidates:
        known = ", ".join(sorted({extension for row in FORMATS for extension in row.extensions}))
        raise ScanFormatError(path, "extension", repr(suffix), f"one of {known}", _EXPORT.get(suffix, ""))
    if path.is_file() and path.stat().st_size == 0:
        raise ScanFormatError(path, "file", "an empty file", candidates[0].name, "Copy it again from the microscope.")
    return candidates[0] if len(candidates) == 1 else _recognise_hdf5(path, candidates)


def _recognise_hdf5(path: Path, candidates: list[Format]) -> Format:
    with open_hdf5(path) as file:
        root = Header(path, file["/"])
        manufacturer = (root.text("manufacturer") or "").strip().lower()
        program = root.text("EMheader/EBSD/ProgramName") or ""
        marks = {manufacturer, program.strip(), "Experiments" if root.find("Experiments") is not None else ""} - {""}
        chosen = next((row for row in candidates if row.mark in marks), None)
        if chosen is None:
            found = manufacturer or f"no manufacturer; groups {', '.join(root.names()[:5])}"
            expected = " or ".join(row.mark for row in candidates)
            raise ScanFormatError(path, "manufacturer", found, expected, "Export the scan from the vendor's software.")
        return chosen


def _recognise_folder(path: Path) -> Format:
    images = tuple(IMAGE_SUFFIXES)
    with os.scandir(path) as entries:
        if any(entry.name.lower().endswith(images) for entry in entries):
            return next(row for row in FORMATS if row.name == "image folder")
    scans = sorted(entry.name for entry in path.iterdir() if entry.suffix.lower() in _scan_suffixes())
    found = f"scan files ({', '.join(scans[:3])})" if scans else "no images"
    remedy = "Give the file itself." if scans else "Give the folder of the images."
    raise ScanFormatError(path, "folder", found, "one image per point", remedy)


def _scan_suffixes() -> set[str]:
    return {extension for row in FORMATS if "patterns" in row.carries for extension in row.extensions}


def _noted(scan: Scan, note: str) -> Scan:
    return replace(scan, notes=(*scan.notes, note))
