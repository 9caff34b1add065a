"""The latents of a scan as rows of points, read from the store block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from microstructure_assets.assets.views import ScanView

_BLOCK_BYTES = 64 << 20


@dataclass(frozen=True)
class LatentRows:
    """Latents in use.

    Those not in use are noise about nought: many of them together would drown the others in a distance.

    Attributes
    ----------
    array : zarr.Array
        ``(rows, columns, latents)`` float32.
    active : numpy.ndarray of int
        Numbers of the latents, from 0; all of them where none is in use.
    """

    array: Any
    active: np.ndarray

    @classmethod
    def of(cls, view: ScanView) -> LatentRows:
        """Those of a scan."""
        active = np.flatnonzero(view.read("pattern_vae").table("latents")["active"])
        array = view.read("vae_latents").group["latent"]
        return cls(array, active if len(active) else np.arange(array.shape[2]))

    @property
    def shape(self) -> tuple[int, int]:
        """Points and latents."""
        rows, columns, _ = self.array.shape
        return rows * columns, len(self.active)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """All points in blocks of whole stored rows."""
        rows, columns, latents = self.array.shape
        together = self.array.chunks[0]
        step = max(1, _BLOCK_BYTES // (4 * together * columns * latents)) * together
        for start in range(0, rows, step):
            block = np.asarray(self.array[start : start + step])
            first = start * columns
            flat = block.reshape(-1, latents)
            yield slice(first, first + len(flat)), np.ascontiguousarray(flat[:, self.active])

    def take(self, points: np.ndarray) -> np.ndarray:
        """Latents of these points, numbered along the rows in rising order."""
        found = np.empty((len(points), len(self.active)), np.float32)
        for numbers, block in self.blocks():
            first, last = np.searchsorted(points, (numbers.start, numbers.stop))
            found[first:last] = block[points[first:last] - numbers.start]
        return found
