"""Maps at the pixels of a picture: sampling of points, outlines, boxes and hatching as plain arrays.

A map is brought to the panel's pixels before matplotlib sees it, so that a scan of 5000 x 5000 points costs no more to
draw than one of 500 x 500, and lines are one or two pixels wide at every size.
"""

from __future__ import annotations

import numpy as np


def nearest(size: int, pixels: int) -> np.ndarray:
    """Index of the point under the centre of each of `pixels` pixels along an axis of `size` points."""
    return np.minimum(((np.arange(pixels) + 0.5) * size / pixels).astype(np.intp), size - 1)


def _starts(size: int, target: int) -> np.ndarray:
    return np.arange(target) * size // target


def shrink_mean(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Block means of the finite values, at most (height, width); NaN where a block has none; small maps unchanged."""
    if values.shape[0] <= height and values.shape[1] <= width:
        return values
    # four by four points speak for a block: more cost time and change nothing that can be seen
    values = values[:: max(1, values.shape[0] // (4 * height)), :: max(1, values.shape[1] // (4 * width))]
    finite = np.isfinite(values)
    total, count = np.where(finite, values, 0).astype(np.float32), finite.astype(np.float32)
    for axis, target in ((0, height), (1, width)):
        if values.shape[axis] > target:
            starts = _starts(values.shape[axis], target)
            total, count = np.add.reduceat(total, starts, axis=axis), np.add.reduceat(count, starts, axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def shrink_any(flag: np.ndarray, height: int, width: int) -> np.ndarray:
    """True where any point of a block is, at most (height, width); small maps unchanged."""
    for axis, target in ((0, height), (1, width)):
        if flag.shape[axis] > target:
            flag = np.logical_or.reduceat(flag, _starts(flag.shape[axis], target), axis=axis)
    return flag


def stretch(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Nearest-point sampling of (y, x) or (y, x, 3) at (height, width) pixels."""
    return values[nearest(values.shape[0], height)][:, nearest(values.shape[1], width)]


def outlines(labels: np.ndarray, thickness: int = 1) -> np.ndarray:
    """Pixels on a border between different labels: one pixel wide, or two with `thickness` 2."""
    line = np.zeros(labels.shape, bool)
    across, down = labels[:, :-1] != labels[:, 1:], labels[:-1] != labels[1:]
    line[:, :-1] |= across
    line[:-1] |= down
    if thickness > 1:
        line[:, 1:] |= across
        line[1:] |= down
    return line


def _rim(index: np.ndarray, thickness: int) -> np.ndarray:
    edge = np.zeros(len(index), bool)
    edge[:thickness] = edge[-thickness:] = True
    for step in range(1, thickness + 1):
        change = index[step:] != index[:-step]
        edge[step:] |= change
        edge[:-step] |= change
    return edge


def boxes(flag: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels of a box around each flagged point; where a point has fewer than six pixels all of it is marked.

    Parameters
    ----------
    flag
        Points to mark, (y, x) bool.
    height, width
        Pixels of the picture.

    Returns
    -------
    numpy.ndarray
        (height, width) bool.
    """
    scale = min(height / flag.shape[0], width / flag.shape[1])
    if scale < 6:
        return stretch(flag, height, width)
    thickness = 1 if scale < 9 else 2
    rim = _rim(nearest(flag.shape[0], height), thickness)[:, None] | _rim(nearest(flag.shape[1], width), thickness)
    return stretch(flag, height, width) & rim


def share(flag: np.ndarray, height: int, width: int) -> np.ndarray:
    """Share of flagged points under each pixel, (height, width) float."""
    return stretch(shrink_mean(flag.astype(np.float32), height, width), height, width)


def hatching(height: int, width: int, period: int = 12, line: int = 3) -> np.ndarray:
    """Diagonal lines, (height, width) bool."""
    return (np.arange(height)[:, None] + np.arange(width)) % period < line


def blend(picture: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int], opacity: float = 1.0) -> np.ndarray:
    """A copy of `picture` (y, x, 3) with `colour` laid over the masked pixels."""
    result = picture.copy()
    if opacity >= 1:
        result[mask] = colour
    else:
        result[mask] = (picture[mask] * (1 - opacity) + np.array(colour) * opacity).astype(np.uint8)
    return result
