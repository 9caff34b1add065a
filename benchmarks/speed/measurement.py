"""One call of one side measured."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

from benchmarks.speed.benchmark import Arrays, Side


@dataclass(frozen=True)
class Measurement:
    """A timed call.

    Attributes
    ----------
    wall_s, cpu_s : float
        Time that passed, and processor time of all threads of the process.
    peak_bytes : int
        How far the process's memory rose above what it held before the call, the data among it.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int


def measured(side: Side, data: Arrays) -> tuple[Measurement, Arrays]:
    """Call a side once.

    What its results say under the names of a measurement's own fields wins: a side knows better where it measures
    other processes, or a part of itself and extrapolates.
    """
    gc.collect()
    _forget_peak()
    before, cpu, begin = _peak_bytes(), time.process_time(), time.perf_counter()
    result = side(data)
    wall, used = time.perf_counter() - begin, time.process_time() - cpu
    found = Measurement(wall, used, _peak_bytes() - before)
    own = {field.name: result[field.name] for field in fields(found) if field.name in result}
    return replace(found, **{name: type(getattr(found, name))(value) for name, value in own.items()}), result


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.is_file():  # the general account starts with what the parent held when it started this process
        peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if peak is not None:
            return int(peak.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _forget_peak() -> None:
    """Bring the kernel's high-water mark down to what the process holds now, where the kernel lets it."""
    mark = Path("/proc/self/clear_refs")
    if os.access(mark, os.W_OK):
        mark.write_text("5")
