"""Which files of a folder make a scan: one to open, and all that opening it may take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from microstructure_assets.acquisition.image_files import IMAGE_SUFFIXES
from microstructure_assets.acquisition.source_files import (
    COMPANION_SUFFIXES,
    ELEMENTS_ENDING,
    MAP_SUFFIXES,
    NORDIF_FILES,
    PATTERN_SUFFIXES,
    SPECTRA_ENDING,
    SPECTRA_PARTS,
    SPECTRA_SUFFIXES,
)

REFUSED_SUFFIXES = (".osc", ".oip")
"""Vendors' closed files: nobody reads them, but who drops one is told what to export."""

OPENED_SUFFIXES = (*PATTERN_SUFFIXES, *MAP_SUFFIXES, *REFUSED_SUFFIXES)
"""In the order in which one of several files of a name is the one to open."""


@dataclass(frozen=True)
class Candidate:
    """What may be a scan.

    Attributes
    ----------
    path : str
        The file, or folder of images, to open; relative to the share.
    members : tuple of str
        Every file that belongs to it, relative to the share, sorted.
    """

    path: str
    members: tuple[str, ...]


def file_candidates(folder: str, names: Sequence[str], declared: Sequence[str] = ()) -> list[Candidate]:
    """The scans among the files of one folder, as `source_files` groups them.

    Parameters
    ----------
    folder : str
        Relative to the share; "" for the share itself.
    names : sequence of str
        Its files.
    declared : sequence of str
        Names of files that an instrument's settings add to each scan, as a static background.

    Returns
    -------
    list of Candidate
        Sorted by path. Files of other kinds are in none.
    """
    by_stem: dict[str, list[str]] = {}
    for name in names:
        by_stem.setdefault(os.path.splitext(name)[0].casefold(), []).append(name)
    found = []
    for stem, own in by_stem.items():
        opened = _opened(own)
        if opened is None or (stem.endswith(SPECTRA_ENDING) and _opened(by_stem.get(stem[: -len(SPECTRA_ENDING)], []))):
            continue
        members = {name for name in own if _suffix(name) in COMPANION_SUFFIXES} | {opened}
        members |= _spectra(by_stem.get(stem + SPECTRA_ENDING, []))
        fixed = (*NORDIF_FILES, *declared) if _suffix(opened) == ".dat" else declared
        members |= {name for name in names if name in fixed}
        found.append(Candidate(_joined(folder, opened), tuple(sorted(_joined(folder, name) for name in members))))
    return sorted(found, key=lambda candidate: candidate.path)


def is_image_folder(names: Sequence[str]) -> bool:
    """Whether a folder of these files is a scan of one image per point: images, and no file of patterns."""
    suffixes = {_suffix(name) for name in names}
    return not suffixes.isdisjoint(IMAGE_SUFFIXES) and suffixes.isdisjoint((*PATTERN_SUFFIXES, *REFUSED_SUFFIXES))


def image_candidate(folder: str, names: Sequence[str], beside: Sequence[str]) -> Candidate:
    """A folder of images with what lies beside it under its name.

    Parameters
    ----------
    folder : str
        Relative to the share, not the share itself.
    names : sequence of str
        Its files.
    beside : sequence of str
        The files of the folder that it lies in.
    """
    parent, _, own = folder.rpartition("/")
    stems = {own.casefold(), own.casefold() + SPECTRA_ENDING}
    near = [name for name in beside if os.path.splitext(name)[0].casefold() in stems]
    members = [_joined(parent, name) for name in near if _suffix(name) in COMPANION_SUFFIXES or name in _spectra(near)]
    return Candidate(folder, tuple(sorted({*members, *(_joined(folder, name) for name in names)})))


def _opened(names: Sequence[str]) -> str | None:
    """The file to open among those of one stem."""
    known = [name for name in names if _suffix(name) in OPENED_SUFFIXES]
    return min(known, key=lambda name: (OPENED_SUFFIXES.index(_suffix(name)), name), default=None)


def _spectra(names: Sequence[str]) -> set[str]:
    """Files of element counts, and spectrum images with their parts."""
    images = {name for name in names if _suffix(name) in SPECTRA_SUFFIXES}
    parts = {part for image in images for part in SPECTRA_PARTS.get(_suffix(image), ())}
    return images | {name for name in names if _suffix(name) in parts or name.casefold().endswith(ELEMENTS_ENDING)}


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
