"""How much of a process's memory patterns may fill."""

from __future__ import annotations

import math
from dataclasses import dataclass

from microstructure_assets.errors import InputError

MEMORY_VARIABLE = "MICROSTRUCTURE_MEMORY_GIB"
GIB = 1 << 30
DEFAULT_GIB = 2.0
LEAST_GIB = 1.0
#: What the interpreter, the libraries and the compiled kernels take at the end of a run, measured without patterns.
PROGRAM_BYTES = 768 << 20
#: The same of a process that works on nothing but ROIs of the scale curve, and the least worth starting one for.
WORKER_BYTES = 352 << 20
LEAST_WORKER_PATTERN_BYTES = 128 << 20


class MemoryLimitRefused(InputError):
    """A memory limit that is no number, or below what the program itself takes."""


@dataclass(frozen=True)
class MemoryLimit:
    """Memory of a process, and the shares of it that patterns may fill.

    It decides what is held at a time and what goes through a file, never how sums are grouped: results have the same
    bytes under every limit. On top come maps of the scan (a few numbers per point) and, while references of a ROI are
    looked for, its patterns binned to at most 8,192 pixels.

    Attributes
    ----------
    limit_bytes : int
    program_bytes : int
        What the process takes without patterns.
    """

    limit_bytes: int = int(DEFAULT_GIB * GIB)
    program_bytes: int = PROGRAM_BYTES

    def of_workers(self, most: int) -> tuple[int, MemoryLimit]:
        """How many worker processes, at most so many, fit into the limit beside this one, and the limit of each."""
        free = max(0, self.limit_bytes - self.program_bytes)
        workers = min(most, free // (WORKER_BYTES + LEAST_WORKER_PATTERN_BYTES))
        return workers, MemoryLimit(free // max(1, workers), WORKER_BYTES)

    @property
    def pattern_bytes(self) -> int:
        """All that patterns may fill."""
        return max(0, self.limit_bytes - self.program_bytes)

    @property
    def area_bytes(self) -> int:
        """A ROI's patterns; larger ones go through a file."""
        return self._share(2 / 3)

    @property
    def band_bytes(self) -> int:
        """Patterns of ROIs that are worked on together."""
        return self._share(1 / 3)

    @property
    def read_bytes(self) -> int:
        """Raw patterns read at once."""
        return self._share(1 / 6)

    def _share(self, part: float) -> int:
        return int(part * self.pattern_bytes)


def memory_limit(text: str) -> MemoryLimit:
    """The limit that a text in GiB says; 2 GiB for an empty one.

    Raises
    ------
    MemoryLimitRefused
        If it is no number of at least 1.
    """
    try:
        value = float(text) if text else DEFAULT_GIB
    except ValueError:
        value = math.nan
    if not LEAST_GIB <= value < math.inf:
        raise MemoryLimitRefused(
            f"{MEMORY_VARIABLE}: found {text!r}, expected GiB as a number of at least {LEAST_GIB:g}; unset it for "
            f"{DEFAULT_GIB:g}"
        )
    return MemoryLimit(int(value * GIB))
