"""Rows of numbers, one per point, that need not all be in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Rows(Protocol):
    """Values of points, ``(points, features)`` float32."""

    @property
    def shape(self) -> tuple[int, int]:
        """Points and features."""

    def take(self, points: NDArray[np.integer]) -> NDArray[np.float32]:
        """Values of these points, numbered in rising order."""

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """All values in order, each block with the numbers of its points."""


@dataclass(frozen=True)
class ArrayRows:
    """Rows that are in memory.

    Attributes
    ----------
    array : ndarray of float32, shape (points, features)
    """

    array: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """Points and features."""
        points, features = self.array.shape
        return points, features

    def take(self, points: NDArray[np.integer]) -> NDArray[np.float32]:
        """Values of these points."""
        return np.asarray(self.array[points])

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """All of them at once."""
        yield slice(0, len(self.array)), self.array
