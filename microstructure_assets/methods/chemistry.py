"""Element maps as colours."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.errors import InputError

#: Percentiles of an element's counts that are black and full colour.
DARKEST, BRIGHTEST = 0.5, 99.5
SYMBOL = re.compile(r"[A-Z][a-z]?")


class ElementsMalformed(InputError, ValueError):
    """Three symbols of elements were expected."""


def three_elements(text: str) -> tuple[str, str, str]:
    """Three symbols between spaces, as ``Fe Al O``.

    Raises
    ------
    ElementsMalformed
    """
    found = text.split()
    if len(found) != 3 or not all(SYMBOL.fullmatch(symbol) for symbol in found):
        raise ElementsMalformed(f"elements {text!r}: expected three symbols between spaces, as 'Fe Al O'")
    red, green, blue = found
    return red, green, blue


def element_of(line: str) -> str:
    """Symbol of the element of a line by the vendor's name for it, as ``Fe Kα1``; empty where it begins with none."""
    match = re.match(r"[^A-Za-z]*([A-Z][a-z]?)(?![a-z])", line)
    return match[1] if match else ""


def colour_composite(
    counts: NDArray[np.floating], lines: Sequence[str], elements: tuple[str, str, str]
) -> NDArray[np.uint8]:
    """Three elements as red, green and blue (Zhang et al., Fig. 14a).

    Parameters
    ----------
    counts : ndarray, shape (lines, rows, columns)
    lines : sequence of str
        The vendor's names; of several lines of an element the first is taken.
    elements : tuple of str
        Symbols for red, green and blue; black where no line is of the element.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
        Each from its 0.5th to its 99.5th percentile. Intensities, not shares: two colours of one brightness do not mean
        equal concentrations.
    """
    rgb = np.zeros((*counts.shape[1:], 3), np.uint8)
    symbols = [element_of(line) for line in lines]
    for channel, element in enumerate(elements):
        if element not in symbols:
            continue
        own = np.asarray(counts[symbols.index(element)], np.float64)
        known = own[np.isfinite(own)]
        if not known.size:
            continue
        low, high = np.percentile(known, [DARKEST, BRIGHTEST])
        scaled = (np.nan_to_num(own, nan=low) - low) / (high - low) if high > low else np.zeros_like(own)
        rgb[..., channel] = np.round(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    return rgb
