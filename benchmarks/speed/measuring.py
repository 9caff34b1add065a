"""The data, a measured side or the check of a benchmark in a process of its own, which is how `running` uses it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality
from benchmarks.speed.catalogue import BENCHMARKS
from benchmarks.speed.measurement import Measurement, measured


def save(folder: Path, arrays: Arrays) -> None:
    """Write arrays, one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def load(folder: Path) -> Arrays:
    """Read arrays into memory."""
    return {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}


def _prepare(benchmark: Benchmark, folder: Path) -> None:
    save(folder / "small", benchmark.prepare(True))
    save(folder / "full", benchmark.prepare(False))


def _measure(benchmark: Benchmark, folder: Path, name: str, cold: bool) -> Measurement:
    side = benchmark.sides[name]
    if benchmark.warm and not cold:
        side(load(folder / "small"))
    measurement, result = measured(side, load(folder / "full"))
    save(result_folder(benchmark, folder, name), result)
    return measurement


def _check(benchmark: Benchmark, folder: Path) -> dict[str, Equality]:
    results = {name: load(result_folder(benchmark, folder, name)) for name in benchmark.sides}
    return benchmark.check(load(folder / "full"), results)


def result_folder(benchmark: Benchmark, folder: Path, side: str) -> Path:
    """Where a side leaves its results; numbered, as names of sides are no names of folders."""
    return folder / f"result-{list(benchmark.sides).index(side)}"


def main(arguments: list[str] | None = None) -> None:
    """Prepare data, measure one side or check all of them; the outcome is the last line printed, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.measuring")
    parser.add_argument("task", choices=("prepare", "measure", "check"))
    parser.add_argument("benchmark", choices=tuple(BENCHMARKS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side")
    parser.add_argument("--cold", action="store_true", help="without the call on the small data that loads everything")
    given = parser.parse_args(arguments)
    benchmark = BENCHMARKS[given.benchmark]
    outcome: object = None
    if given.task == "prepare":
        _prepare(benchmark, given.folder)
    elif given.task == "measure":
        outcome = asdict(_measure(benchmark, given.folder, given.side, given.cold))
    else:
        outcome = {name: asdict(figure) for name, figure in _check(benchmark, given.folder).items()}
    print("\n" + json.dumps(outcome))


if __name__ == "__main__":
    main()
