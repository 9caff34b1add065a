"""``python -m benchmarks.accuracy``: run what is missing, then print the tables."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.accuracy.experiments import EXPERIMENTS, ROUTINE
from benchmarks.accuracy.results import Results
from benchmarks.accuracy.running import run_cases
from benchmarks.accuracy.tables import all_tables, write_document

DEFAULT_RESULTS = Path("docs/accuracy")


def main(arguments: list[str] | None = None) -> int:
    """Run the bench; 1 if a case failed, 130 for Ctrl-C, after which the same command goes on where it was."""
    given = _parser().parse_args(arguments)
    names = list(ROUTINE) if given.only is None else given.only.split(",")
    unknown = [name for name in names if name not in EXPERIMENTS]
    if unknown:
        print(f"--only: found {', '.join(unknown)}; expected some of {', '.join(EXPERIMENTS)}", file=sys.stderr)
        return 2
    seeds = given.seeds if given.seeds is not None else (1 if given.quick else 5)
    folder = given.results / "quick" if given.quick else given.results
    results = Results(folder, any_code=given.any_code)
    if given.confirm:
        for name in names:
            agreed = results.confirm(name, EXPERIMENTS[name].measure, given.confirm)
            print(f"{name}: {'confirmed' if agreed else 'differs from what this code measures'}", flush=True)
    cases = [case for name in names for case in EXPERIMENTS[name].cases(seeds, given.quick)]
    cases.sort(key=lambda case: case.seed)
    present = {key for name in names for key in results.present(name)}
    missing = [case for case in cases if case.key not in present]
    print(f"{len(cases)} cases, {len(cases) - len(missing)} of them in {folder}", flush=True)
    deadline = time.monotonic() + 60 * given.minutes if given.minutes is not None else None
    failed = 0
    try:
        failed = run_cases(missing, results, given.workers, deadline)
    except KeyboardInterrupt:
        print(f"interrupted; what is done lies in {folder}, the same command goes on from there", file=sys.stderr)
        return 130
    finally:
        tables = all_tables(results, quick=given.quick)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tables.md").write_text("\n\n".join(tables.values()) + "\n", encoding="utf-8")
    print("\n\n".join(tables[name] for name in names if name in tables))
    if given.document is not None:
        write_document(given.document, tables)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description="Accuracy on twins, as tables.")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, help="folder of the results (%(default)s)")
    parser.add_argument("--only", help=f"some of {','.join(EXPERIMENTS)}")
    parser.add_argument("--seeds", type=int, help="twins of each kind (5; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="fewer twins, noises and tilings: about ten minutes")
    parser.add_argument("--minutes", type=float, help="start no new case after this time")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each (%(default)s)")
    parser.add_argument(
        "--any-code", action="store_true", help="take results of other versions of the code for present"
    )
    parser.add_argument(
        "--confirm",
        type=int,
        metavar="N",
        help="measure N cases of each experiment that other versions of the code have measured; where they agree, "
        "take all as measured with this one",
    )
    parser.add_argument("--document", type=Path, help="page whose marked places take the tables, as docs/accuracy.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
