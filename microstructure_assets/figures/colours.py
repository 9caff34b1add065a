"""Colours of the pictures: inks, tables for continuous values, and label colours in which touching regions differ."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

INK = "#1c2229"
MUTED = "#5c6670"
FAINT = "#c3cad1"
PAPER = "#ffffff"
BLUE = "#2f62a8"
RED = "#d62f2f"
AMBER = "#ffd21f"
MISSING = (228, 231, 234)
BLACK = (16, 18, 22)

LABEL_COLOURS = (
    "#70aff4",
    "#fce584",
    "#bc822e",
    "#46cdb7",
    "#3f60a7",
    "#f6ab6b",
    "#9274c3",
    "#48711e",
    "#d9c6fe",
    "#8c4a6d",
    "#5c9287",
    "#b9f3e0",
)
"""Twelve label colours; any two differ for normal sight and for the two common red-green deficiencies."""

_OKLAB_FROM_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LMS_FROM_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_FROM_OKLAB = np.linalg.inv(_OKLAB_FROM_LMS)
_RGB_FROM_LMS = np.linalg.inv(_LMS_FROM_RGB)

_BITS = 64


def rgb_from_hex(text: str) -> tuple[int, int, int]:
    """Red, green and blue of ``#rrggbb``."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def rgb_from_oklab(lab: np.ndarray) -> np.ndarray:
    """8-bit sRGB of OKLab colours, clipped to the gamut.

    Parameters
    ----------
    lab
        Lightness (0-1), green-red and blue-yellow along the last axis, shape (..., 3).

    Returns
    -------
    numpy.ndarray
        Shape (..., 3), uint8.

    References
    ----------
    .. [1] B. Ottosson, "A perceptual color space for image processing" (2020).
    """
    linear = np.clip(((lab @ _LMS_FROM_OKLAB.T) ** 3) @ _RGB_FROM_LMS.T, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)


@lru_cache(maxsize=16)
def colour_table(name: str) -> np.ndarray:
    """The 256 colours of a map, (256, 3) uint8, read-only: ``ice`` or the name of a matplotlib colour map.

    ``ice`` rises in OKLab lightness in equal steps from dark blue to white, so that black, yellow and red marks show on
    all of it but the darkest end, where they have a rim.
    """
    if name == "ice":
        rise = np.linspace(0, 1, 256)
        chroma = 0.085 * (1 - rise) ** 0.8
        lab = np.stack([0.33 + 0.65 * rise, chroma * np.cos(np.radians(245)), chroma * np.sin(np.radians(245))], axis=1)
        ice = rgb_from_oklab(lab)
        ice.setflags(write=False)
        return ice
    import matplotlib

    table = np.round(matplotlib.colormaps[name](np.arange(256))[:, :3] * 255).astype(np.uint8)
    table.setflags(write=False)
    return table


def colourise(values: np.ndarray, limits: tuple[float, float], name: str) -> np.ndarray:
    """Colours of continuous values; what is not finite gets the colour of missing values.

    Parameters
    ----------
    values
        Any shape, real.
    limits
        Values of the first and the last colour; beyond them the colour is clipped.
    name
        A perceptually uniform matplotlib colour map.

    Returns
    -------
    numpy.ndarray
        Shape of `values` + (3,), uint8.
    """
    low, high = limits
    finite = np.isfinite(values)
    share = (np.where(finite, values, low) - low) / max(high - low, np.finfo(float).tiny)
    picture = colour_table(name)[(np.clip(share, 0, 1) * 255).astype(np.uint8)]
    picture[~finite] = MISSING
    return picture


@lru_cache(maxsize=32)
def _palette(size: int) -> np.ndarray:
    colours = [rgb_from_hex(text) for text in LABEL_COLOURS]
    seen = set(colours)
    step = 0
    while len(colours) < size:
        hue = step * np.pi * (3 - np.sqrt(5))  # golden angle: no two hues in a row are alike
        lightness = 0.48 + 0.44 * ((step * 0.6180339887) % 1.0)
        chroma = 0.05 + 0.08 * ((step * 0.7548776662) % 1.0)
        lab = np.array([lightness, chroma * np.cos(hue), chroma * np.sin(hue)])
        red, green, blue = (int(value) for value in rgb_from_oklab(lab))
        if (red, green, blue) not in seen:
            seen.add((red, green, blue))
            colours.append((red, green, blue))
        step += 1
    palette = np.array(colours[: max(size, 1)], dtype=np.uint8)
    palette.setflags(write=False)
    return palette


def label_palette(count: int) -> np.ndarray:
    """`count` pairwise different label colours, the same ones each time, (count, 3) uint8."""
    count = max(int(count), 0)
    size = len(LABEL_COLOURS)
    while size < count:
        size *= 2
    return _palette(size)[:count]


def phase_palette(present: np.ndarray) -> np.ndarray:
    """Colour of each phase that occurs: phase number p has the palette's colour p - 1 in every picture.

    Parameters
    ----------
    present
        Numbers of the phases, (phases,) integer; 0 and less are points without a phase.

    Returns
    -------
    numpy.ndarray
        Shape (phases, 3), uint8.
    """
    palette = label_palette(64)
    table = palette[(present - 1) % len(palette)]
    table[present <= 0] = MISSING
    return table


def cluster_colours(cluster: np.ndarray) -> np.ndarray:
    """Colours of a cluster map: cluster c has the palette's colour c in every picture; negative labels are missing.

    Parameters
    ----------
    cluster
        Integer labels, any shape.

    Returns
    -------
    numpy.ndarray
        Shape of `cluster` + (3,), uint8.
    """
    label = np.asarray(cluster).astype(np.int64)
    if not label.size:
        return np.zeros((*label.shape, 3), np.uint8)
    known = np.where(label >= 0, label, 0)
    palette = label_palette(min(int(known.max()) + 1, 4096))
    picture = palette[known % len(palette)]
    picture[label < 0] = MISSING
    return picture


def _spread(label: np.ndarray) -> np.ndarray:
    """A fixed pseudo-random number of each label (splitmix64), so that a label tends to keep its colour."""
    mixed = label.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def touching_pairs(index: np.ndarray) -> np.ndarray:
    """Pairs of different labels that touch along a side or a corner.

    Parameters
    ----------
    index
        Labels 0..n-1, (y, x).

    Returns
    -------
    numpy.ndarray
        (pairs, 2) int64, each pair once with the smaller label first.
    """
    count = np.int64(index.max()) + 1 if index.size else np.int64(1)
    index = index.astype(np.int64)
    found = []
    for one, other in (
        (index[:, :-1], index[:, 1:]),
        (index[:-1], index[1:]),
        (index[:-1, :-1], index[1:, 1:]),
        (index[:-1, 1:], index[1:, :-1]),
    ):
        differ = one != other
        low, high = np.minimum(one[differ], other[differ]), np.maximum(one[differ], other[differ])
        found.append(np.unique(low * count + high))
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // count, pairs % count], axis=1)


def _choose(taken: np.ndarray, start: np.ndarray) -> np.ndarray:
    """First colour that no neighbour has: base colours from `start` on, then the reserve; -1 where all are taken."""
    base = len(LABEL_COLOURS)
    chosen = np.full(len(taken), -1, dtype=np.int64)
    for step in range(_BITS):
        candidate = (start + step) % base if step < base else np.full(len(taken), step)
        free = (taken >> candidate.astype(np.uint64)) & np.uint64(1) == 0
        chosen = np.where((chosen < 0) & free, candidate, chosen)
        if (chosen >= 0).all():
            break
    return chosen


def touching_colours(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A colour per label such that labels which touch, also at a corner, differ.

    Greedy colouring of the adjacency graph, labels with many neighbours first, in rounds of independent labels [1]_; a
    label starts its search at a colour of its own, so that small changes of a map change few colours.

    Parameters
    ----------
    labels
        Integer labels, (y, x).

    Returns
    -------
    values : numpy.ndarray
        The labels that occur, ascending.
    colours : numpy.ndarray
        Their colours, (labels, 3) uint8.

    References
    ----------
    .. [1] M. T. Jones and P. E. Plassmann, SIAM J. Sci. Comput. 14, 654 (1993).
    """
    values, index = np.unique(labels, return_inverse=True)
    pairs = touching_pairs(index.reshape(labels.shape))
    source, target = np.concatenate([pairs[:, 0], pairs[:, 1]]), np.concatenate([pairs[:, 1], pairs[:, 0]])
    count = len(values)
    start = (_spread(values) % np.uint64(len(LABEL_COLOURS))).astype(np.int64)
    order = np.lexsort((_spread(values), np.bincount(source, minlength=count)))
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    colour = np.full(count, -1, dtype=np.int64)
    taken = np.zeros(count, dtype=np.uint64)
    reserve = _BITS
    while (colour < 0).any():
        blocked = np.zeros(count, bool)
        blocked[source[rank[target] > rank[source]]] = True
        ready = np.flatnonzero((colour < 0) & ~blocked)
        chosen = _choose(taken[ready], start[ready])
        without = chosen < 0
        chosen[without] = reserve + np.arange(without.sum())
        reserve += int(without.sum())
        colour[ready] = chosen
        done = colour[source] >= 0
        small = done & (colour[source] < _BITS)
        np.bitwise_or.at(taken, target[small], np.uint64(1) << colour[source[small]].astype(np.uint64))
        source, target = source[~done], target[~done]
        keep = colour[target] < 0
        source, target = source[keep], target[keep]
    return values, label_palette(int(colour.max()) + 1 if count else 0)[colour]


def finite_limits(values: Any, low: float = 0.5, high: float = 99.5) -> tuple[float, float] | None:
    """Percentiles of the finite values as colour limits, None where there is no finite value.

    At most about 200,000 values are looked at, evenly spaced: a colour scale needs no more.
    """
    flat = np.asarray(values).ravel()
    flat = flat[:: max(1, flat.size // 200_000)]
    flat = flat[np.isfinite(flat)].astype(float)
    if not flat.size:
        return None
    first, last = (float(value) for value in np.percentile(flat, [low, high]))
    if not last > first:
        margin = max(abs(first) * 0.05, 1e-12)
        return first - margin, first + margin
    return first, last
