"""Names that become folders and partition keys, checked at the door: scans and tile slots."""

from __future__ import annotations

import re
from typing import NewType

from microstructure_assets.errors import InputError

ScanName = NewType("ScanName", str)
Slot = NewType("Slot", str)

SCAN_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
REGION_SLOTS: tuple[Slot, ...] = tuple(Slot(f"r{index:02d}") for index in range(16))
TILE_SLOTS: tuple[Slot, ...] = tuple(Slot(f"t{index:02d}") for index in range(64))
# Regions fill from r00 downwards and tiles from t00 upwards, so the slots that a scan uses are one contiguous range.
SLOTS: tuple[Slot, ...] = (*reversed(REGION_SLOTS), *TILE_SLOTS)


class InvalidName(InputError):
    """A name that cannot be a folder or a partition key."""


def scan_name(text: str) -> ScanName:
    """Check the name of a scan.

    Raises
    ------
    InvalidName
        If `text` is not 1 to 80 letters, digits, dots, underscores or hyphens, the first a letter or digit.
    """
    if not SCAN_PATTERN.fullmatch(text) or ".." in text:
        raise InvalidName(
            f"scan name {text[:100]!r}: expected 1 to 80 letters, digits, '.', '_' or '-', the first a letter or "
            "digit, no '..'; give one with --name"
        )
    return ScanName(text)


def instrument_name(text: str) -> str:
    """Check the name of an instrument.

    Raises
    ------
    InvalidName
        If it would not do as a scan's.
    """
    if not SCAN_PATTERN.fullmatch(text) or ".." in text:
        raise InvalidName(
            f"instrument {text[:100]!r}: expected 1 to 80 letters, digits, '.', '_' or '-', the first a letter or digit"
        )
    return text


def slugify(text: str) -> ScanName:
    """A scan name made of `text`: other characters become hyphens, the length is cut to 80."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")
    slug = re.sub(r"\.{2,}", ".", slug)[:80].strip("-._")
    return scan_name(slug or "scan")


def slot(text: str) -> Slot:
    """Check the name of a tile slot.

    Raises
    ------
    InvalidName
        If `text` is none of ``r00`` to ``r15`` or ``t00`` to ``t63``.
    """
    if text not in SLOTS:
        raise InvalidName(f"tile {text[:40]!r}: expected t00 to t63, or r00 to r15 for a named region")
    return Slot(text)


def slots_in_order(slots: set[str] | frozenset[str]) -> list[Slot]:
    """The given slots in their partition order."""
    return [item for item in SLOTS if item in slots]
