"""``python -m benchmarks.speed``: measure, keep, print the tables."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.accuracy.tables import write_document
from benchmarks.speed.catalogue import BENCHMARKS
from benchmarks.speed.machine import this_machine
from benchmarks.speed.running import BenchmarkError, machine_rates, run_here, run_in_processes
from benchmarks.speed.tables import Line, append, latest, tables

DEFAULT_RESULTS = Path("docs/performance")


def main(arguments: list[str] | None = None) -> int:
    """Run benchmarks; 1 if one failed or its sides differ, 2 for a wrong call."""
    given = _parser().parse_args(arguments)
    names = list(BENCHMARKS) if given.only is None else given.only.split(",")
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"--only: found {', '.join(unknown)}; expected some of {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    if given.repeats is not None and given.repeats < 1:
        print(f"--repeats: found {given.repeats}, expected at least 1", file=sys.stderr)
        return 2
    if given.small and given.document is not None:
        print("--document: takes full-size results only, --small makes others", file=sys.stderr)
        return 2
    if given.threads is not None:
        if given.threads < 1:
            print(f"--threads: found {given.threads}, expected at least 1", file=sys.stderr)
            return 2
        os.environ["OMP_NUM_THREADS"] = str(given.threads)  # what both sides and their processes go by
    kept = given.results if given.results is not None or given.small else DEFAULT_RESULTS
    machine, rates = asdict(this_machine()), None if given.small else machine_rates()
    lines: dict[str, Line] = {}
    failed = 0
    for name in names:
        benchmark = BENCHMARKS[name]
        try:
            if given.small:
                run = run_here(benchmark)
            else:
                run = run_in_processes(
                    benchmark, given.repeats or benchmark.repeats, lambda text: print(text, file=sys.stderr, flush=True)
                )
        except (BenchmarkError, ValueError) as error:  # the other benchmarks are still worth their time
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            failed += 1
            continue
        failed += not run.holds
        when = datetime.now(UTC).strftime("%Y-%m-%d")
        lines[name] = {**run.as_json(), "machine": machine, "rates": rates, "when": when}
        if kept is not None:
            append(kept, lines[name])
    print("\n\n".join(tables(lines).values()))
    if given.document is not None:
        write_document(given.document, tables(latest(kept)))
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description="Speed beside peers, as tables.")
    parser.add_argument("--only", help=f"some of {','.join(BENCHMARKS)}")
    parser.add_argument("--small", action="store_true", help="a hundredth of the size, in this process; for a check")
    parser.add_argument("--repeats", type=int, help="measurements of each side (each benchmark has its own number)")
    parser.add_argument("--threads", type=int, help="threads of either side (all cores, or OMP_NUM_THREADS)")
    parser.add_argument(
        "--results", type=Path, help=f"folder of the results ({DEFAULT_RESULTS}; none is kept with --small)"
    )
    parser.add_argument("--document", type=Path, help="page whose marked places take the tables of the latest results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
