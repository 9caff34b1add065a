"""Content hashes: two artifacts with equal names, dimensions, types, decoded values and units have equal hashes.

Codec, chunks, provenance and the machine's byte order are not part of the content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

HASH_LENGTH = 32
DIGEST_BYTES = hashlib.sha256().digest_size


def hash_json(value: Any) -> str:
    """Hash of a JSON value in canonical form (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def hash_bytes(content: bytes) -> str:
    """Hash of the bytes of a file."""
    return hashlib.sha256(content).hexdigest()[:HASH_LENGTH]


def canonical(values: np.ndarray) -> np.ndarray:
    """`values` in C order and little-endian bytes, without a copy where it is so already."""
    array = np.ascontiguousarray(values)
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


class ArrayHasher:
    """Hash of an array that arrives in blocks along its first axis, in any block size.

    Arrays of three and more dimensions are hashed slab by slab along the first axis, so that blocks may be hashed
    where they are computed (:func:`slab_digests`); smaller ones as a whole.

    Parameters
    ----------
    name : str
    dimensions : sequence of str
    shape : tuple of int
    dtype : dtype
    units : str
    """

    def __init__(
        self, name: str, dimensions: Iterable[str], shape: tuple[int, ...], dtype: np.dtype, units: str
    ) -> None:
        header = [name, list(dimensions), list(shape), np.dtype(dtype).newbyteorder("<").str, units]
        self._digest = hashlib.sha256(json.dumps(header, ensure_ascii=False).encode())
        self._by_slab = len(shape) >= 3

    def update(self, block: np.ndarray) -> None:
        """Add the next rows along the first axis."""
        array = canonical(block)
        if not self._by_slab:
            self._digest.update(array.tobytes() if array.ndim == 0 else array.data)
            return
        self.update_digests(slab_digests(array))

    def update_digests(self, digests: bytes) -> None:
        """Add the next rows of an array of three and more dimensions by the digests of their slabs."""
        self._digest.update(digests)

    def hexdigest(self) -> str:
        """The hash of everything so far."""
        return self._digest.hexdigest()[:HASH_LENGTH]


def slab_digests(block: np.ndarray) -> bytes:
    """Digests of the slabs of a block along its first axis, one after another."""
    return b"".join(hashlib.sha256(np.ascontiguousarray(slab).data).digest() for slab in canonical(block))


def hash_columns(name: str, columns: Mapping[str, np.ndarray]) -> str:
    """Hash of a table given as columns of equal length; text columns are hashed as their UTF-8 values."""
    parts: list[Any] = [name]
    for key, values in columns.items():
        array = np.asarray(values)
        if array.dtype.kind in "OUST":
            parts.append([key, "text", [None if item is None else str(item) for item in array.tolist()]])
        else:
            digest = hashlib.sha256(canonical(array).tobytes()).hexdigest()
            parts.append([key, array.dtype.newbyteorder("<").str, len(array), digest])
    return hash_json(parts)
