"""The machine and the code that a measurement belongs to."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from microstructure_assets.methods.parallel import block_bounds, map_blocks, worker_count

ROOT = Path(__file__).parents[2]
LIBRARIES = ("numpy", "scipy", "scikit-learn", "numba", "torch", "kikuchipy", "dask")
MEASURED_FOLDERS = ("microstructure_assets", "benchmarks")


@dataclass(frozen=True)
class Machine:
    """What figures are only comparable within.

    Attributes
    ----------
    processor : str
    threads : int
        That both sides may use.
    python : str
    libraries : dict
        Versions.
    code : str
        Commit, with ``+`` behind it where measured files differ from it.
    """

    processor: str
    threads: int
    python: str
    libraries: dict[str, str]
    code: str


def this_machine() -> Machine:
    """The machine that runs this."""
    return Machine(
        processor=_processor(),
        threads=worker_count(),
        python=platform.python_version(),
        libraries={name: version(name) for name in LIBRARIES},
        code=_code(),
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _code() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    commit = git("rev-parse", "--short", "HEAD") or "unknown"
    return commit + ("+" if git("status", "--porcelain", "--", *MEASURED_FOLDERS) else "")


def busy_cores(seconds: float = 1.0) -> float | None:
    """Cores that other programs keep busy, averaged over some seconds in which this one sleeps; None where unknown."""
    before = _clock_ticks()
    time.sleep(seconds)
    after = _clock_ticks()
    if before is None or after is None or after[1] == before[1]:
        return None
    idle = (after[0] - before[0]) / (after[1] - before[1])
    return (1 - idle) * (os.cpu_count() or 1)


def _clock_ticks() -> tuple[int, int] | None:
    """Idle and all ticks of all cores since the start of the machine."""
    path = Path("/proc/stat")
    if not path.is_file():
        return None
    ticks = [int(word) for word in path.read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def rates() -> dict[str, float]:
    """What the machine can do at best: ``copy_gb_per_s`` (read plus written) and ``gflops`` (float32 products)."""
    source = np.ones(64 << 20, np.float32)
    target = np.zeros_like(source)
    blocks = block_bounds(len(source), 1 << 20)

    def copy() -> None:
        map_blocks(lambda bound: np.copyto(target[slice(*bound)], source[slice(*bound)]), blocks)

    square = np.ones((3000, 3000), np.float32)
    return {
        "copy_gb_per_s": 2 * source.nbytes / _fastest(copy) / 1e9,
        "gflops": 2 * 3000**3 / _fastest(lambda: square @ square) / 1e9,
    }


def _fastest(function: Callable[[], object], calls: int = 5) -> float:
    times = []
    for _ in range(calls):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


if __name__ == "__main__":
    print(json.dumps(rates()))
