"""Compiled decoder of the spectra in Bruker's .bcf, with every length and place held against its bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

#: Bytes in front of a pixel's spectrum: column, channels twice, an unknown number, form, size, pulses, size.
_HEAD = 22
#: Far more bytes than the counts of 65,536 channels take.
_LARGEST = 1 << 20
#: Why decoding stopped: more bytes are needed, all rows are done, or they cannot be spectra.
MORE, DONE, DAMAGED = 0, 1, 2


@njit(cache=True, nogil=True)
def _number(data: np.ndarray, at: int, size: int) -> Any:
    """Unsigned little-endian number of so many bytes."""
    value = np.int64(0)
    for i in range(size):
        value |= np.int64(data[at + i]) << np.int64(8 * i)
    return value


@njit(cache=True, nogil=True)
def _count(member: np.ndarray, counts: np.ndarray, row: int, column: int, channel: int, value: int) -> None:
    """Add counts of one channel to the windows that hold it."""
    if value and channel < member.shape[1]:
        for n in range(member.shape[0]):
            if member[n, channel]:
                counts[n, row, column] += value


@njit(cache=True, nogil=True)
def _pulses(data: np.ndarray, at: int, size: int, pulses: int, packed: bool, member: np.ndarray, counts: np.ndarray,
            row: int, column: int) -> bool:  # fmt: skip
    """Single X-rays by their channels, in 16 bits or in 12; false where they would not fit into their bytes."""
    rest = pulses % 4
    if (6 * (pulses // 4) + (6 if rest == 3 else 2 * rest) if packed else 2 * pulses) > size:
        return False
    for i in range(pulses):
        start = at + 6 * (i // 4)
        if not packed:
            channel = _number(data, at + 2 * i, 2)
        elif i % 4 == 0:
            channel = (_number(data, start, 1) >> 4) + (_number(data, start + 1, 1) << 4)
        elif i % 4 == 1:
            channel = ((_number(data, start, 1) << 8) + _number(data, start + 3, 1)) & 0xFFF
        elif i % 4 == 2:
            channel = (_number(data, start + 2, 1) << 4) + (_number(data, start + 5, 1) >> 4)
        else:
            channel = ((_number(data, start + 5, 1) << 8) + _number(data, start + 4, 1)) & 0xFFF
        _count(member, counts, row, column, channel, 1)
    return True


@njit(cache=True, nogil=True)
def _runs(data: np.ndarray, at: int, stop: int, member: np.ndarray, counts: np.ndarray, row: int, column: int) -> bool:
    """Runs of channels: size of their common part, how many they are, that part, and what each adds to it."""
    channel = 0
    while at < stop:
        if at + 2 > stop:
            return False
        size, run = _number(data, at, 1), _number(data, at + 1, 1)
        at += 2
        if size == 0:
            channel += run
            continue
        if size not in (1, 2, 4, 8):
            return False
        length = (run + 1) // 2 if size == 1 else run * size // 2
        if at + size + length > stop:
            return False
        common = _number(data, at, min(size, 5))  # the higher bytes of eight are never used
        at += size
        for i in range(run):
            if size == 1:
                both = _number(data, at + i // 2, 1)
                value = both & 15 if i % 2 == 0 else both >> 4
            else:
                value = _number(data, at + i * (size // 2), size // 2)
            _count(member, counts, row, column, channel + i, value + common)
        at += length
        channel += run
    return True


@njit(cache=True, nogil=True)
def decode(data: np.ndarray, at: int, state: np.ndarray, member: np.ndarray, counts: np.ndarray) -> tuple[int, int]:
    """Add the spectra of a stretch of the stream to the windows, as many as are there as a whole.

    Parameters
    ----------
    data : ndarray of uint8
    at : int
        Where to begin in it.
    state : ndarray of int64, shape (2,)
        Row, and pixels left in it (-1: its number of pixels comes next); changed.
    member : ndarray of bool, shape (windows, channels)
    counts : ndarray of float64, shape (windows, rows, columns)
        Changed.

    Returns
    -------
    at : int
        Up to where the stretch was used.
    status : int
        `MORE`, `DONE` or `DAMAGED`.
    """
    end = data.shape[0]
    while state[0] < counts.shape[1]:
        if state[1] < 0:
            if at + 4 > end:
                return at, MORE
            state[1] = _number(data, at, 4)
            at += 4
            if state[1] > counts.shape[2]:
                return at, DAMAGED
        while state[1] > 0:
            if at + _HEAD > end:
                return at, MORE
            column, form = _number(data, at, 4), _number(data, at + 12, 2)
            pulses, size = _number(data, at + 16, 2), _number(data, at + 18, 4)
            if column >= counts.shape[2] or size > _LARGEST or (form > 1 and size < 4):
                return at, DAMAGED
            start = at + _HEAD
            stop = start + size if form <= 1 else start + size + 2 * pulses
            if stop > end:
                return at, MORE
            row = state[0]
            if form <= 1:
                whole = _pulses(data, start, size, pulses, form == 1, member, counts, row, column)
            else:
                whole = _runs(data, start, start + size - 4, member, counts, row, column)
                if whole:
                    whole = _pulses(data, start + size, 2 * pulses, pulses, False, member, counts, row, column)
            if not whole:
                return at, DAMAGED
            at = stop
            state[1] -= 1
        state[0] += 1
        state[1] = -1
    return at, DONE
