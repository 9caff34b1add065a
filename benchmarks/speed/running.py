"""Runs of a benchmark: the sides in turn, each measurement in a fresh process, or all here for the small data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality
from benchmarks.speed.machine import ROOT, busy_cores
from benchmarks.speed.measurement import Measurement, measured
from microstructure_assets.methods.parallel import worker_count

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "DASK_NUM_WORKERS",
)


class BenchmarkError(RuntimeError):
    """A process of a benchmark failed; the message has what it said."""


@dataclass(frozen=True)
class Run:
    """All measurements of a benchmark.

    Attributes
    ----------
    name : str
    small : bool
    measurements : dict
        Of each side in the order in which they were taken, everything loaded before.
    cold : dict
        The same in processes that have loaded nothing yet; empty where not asked for.
    figures : dict
        Of the check.
    data_bytes : int
        Size of the data.
    busy_cores : float or None
        That other programs used just before.
    """

    name: str
    small: bool
    measurements: dict[str, list[Measurement]]
    figures: dict[str, Equality]
    data_bytes: int
    cold: dict[str, list[Measurement]] = field(default_factory=dict)
    busy_cores: float | None = None

    @property
    def holds(self) -> bool:
        """Whether all figures of the check lie within their bounds, but for goals, which may be missed."""
        return all(figure.holds for figure in self.figures.values() if not figure.pair and not figure.is_goal)

    def is_equal(self, own: str, peer: str) -> bool:
        """Whether the figures about a pair of sides hold."""
        return all(figure.holds for figure in self.figures.values() if figure.pair == (own, peer))

    def as_json(self) -> dict[str, Any]:
        """The run as a line of the results."""
        return {**asdict(self), "holds": self.holds}

    @classmethod
    def of_json(cls, line: dict[str, Any]) -> Run:
        """The run of a line of the results."""
        return cls(
            name=line["name"],
            small=line["small"],
            measurements=_measurements(line["measurements"]),
            figures=_figures(line["figures"]),
            data_bytes=line["data_bytes"],
            cold=_measurements(line["cold"]),
            busy_cores=line["busy_cores"],
        )


def _measurements(given: dict[str, list[dict[str, Any]]]) -> dict[str, list[Measurement]]:
    return {name: [Measurement(**one) for one in several] for name, several in given.items()}


def _figures(given: dict[str, dict[str, Any]]) -> dict[str, Equality]:
    return {name: Equality(**{**figure, "pair": tuple(figure["pair"])}) for name, figure in given.items()}


@contextmanager
def single_thread() -> Iterator[None]:
    """One thread for the numerical libraries of either side.

    A barrier between threads costs milliseconds where other programs want the cores too, and small data have many.
    """
    import dask
    import scipy.linalg  # noqa: F401  its BLAS must be there to be limited
    import sklearn.decomposition  # noqa: F401
    import torch  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        with threadpool_limits(1), dask.config.set(num_workers=1):
            yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def run_here(benchmark: Benchmark) -> Run:
    """The small data in this process and one thread, each side twice where that warms it; the last call counts."""
    data = benchmark.prepare(True)
    results: dict[str, Arrays] = {}
    measurements = {}
    with single_thread():
        for name, side in benchmark.sides.items():
            if benchmark.warm:
                side(data)
            measurement, results[name] = measured(side, data)
            measurements[name] = [measurement]
    size = sum(array.nbytes for array in data.values())
    return Run(benchmark.name, True, measurements, benchmark.check(data, results), size)


def run_in_processes(benchmark: Benchmark, repeats: int, report: Callable[[str], None]) -> Run:
    """The full data, the sides in turn, a fresh process for each measurement.

    Parameters
    ----------
    benchmark
    repeats
        Measurements of each side.
    report
        Told of each measurement.

    Raises
    ------
    BenchmarkError
        If a process fails.
    """
    busy = busy_cores()
    warm: dict[str, list[Measurement]] = {name: [] for name in benchmark.sides}
    cold: dict[str, list[Measurement]] = {name: [] for name in benchmark.sides if benchmark.cold}
    with tempfile.TemporaryDirectory(prefix="speed-") as temporary:
        folder = Path(temporary)
        _process("prepare", benchmark.name, str(folder))
        size = sum(path.stat().st_size for path in (folder / "full").iterdir())
        for _ in range(repeats):
            for options, kept in (([], warm), (["--cold"], cold)):
                for name in kept:
                    outcome = _process("measure", benchmark.name, str(folder), "--side", name, *options)
                    kept[name].append(Measurement(**outcome))
                    report(f"{benchmark.name}: {name}{' (cold)' if options else ''} {outcome['wall_s']:.2f} s")
        figures = _figures(_process("check", benchmark.name, str(folder)))
    return Run(benchmark.name, False, warm, figures, size, cold, busy)


def machine_rates() -> dict[str, float]:
    """Rates of the machine, measured in a process of its own so that this one stays small."""
    rates: dict[str, float] = _module("benchmarks.speed.machine")
    return rates


def _process(*arguments: str) -> Any:
    return _module("benchmarks.speed.measuring", *arguments)


def _module(name: str, *arguments: str) -> Any:
    """The last line that a module prints, as JSON."""
    threads = dict.fromkeys(THREAD_VARIABLES, str(worker_count()))
    done = subprocess.run(
        [sys.executable, "-m", name, *arguments],
        cwd=ROOT,
        env={**os.environ, **threads},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"{name} {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.rstrip().rsplit("\n", 1)[-1])
