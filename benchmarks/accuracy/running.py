"""Running the cases: in processes, one twin at a time in each."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from benchmarks.accuracy.experiments import EXPERIMENTS
from benchmarks.accuracy.results import Case, Results, Row


def _measure(case: Case) -> tuple[list[Row], float]:
    begin = time.perf_counter()
    rows = EXPERIMENTS[case.experiment].measure(case.parameters, case.seed)
    return rows, time.perf_counter() - begin


def _until(cases: list[Case], deadline: float | None) -> Iterator[Case]:
    for case in cases:
        if deadline is not None and time.monotonic() > deadline:
            return
        yield case


def run_cases(cases: list[Case], results: Results, workers: int, deadline: float | None) -> int:
    """Run cases in processes of one thread each and keep each result as it comes.

    Parameters
    ----------
    cases
        In the order in which they are started.
    results
        Where they are kept.
    workers
        Number of processes.
    deadline
        Of the monotonic clock [s]; no case is started after it.

    Returns
    -------
    int
        Number of cases that failed; what they said is printed, and the others are run.
    """
    # One thread in each process: cases do not share anything, and the result does not depend on threads anyway.
    os.environ["OMP_NUM_THREADS"] = "1"
    done, failed, waiting = 0, 0, _until(cases, deadline)
    with ProcessPoolExecutor(max(1, workers), mp_context=get_context("spawn")) as pool:
        running: dict[Future[tuple[list[Row], float]], Case] = {}
        while True:
            while len(running) < max(1, workers) and (case := next(waiting, None)) is not None:
                running[pool.submit(_measure, case)] = case
            if not running:
                return failed
            finished = [future for future in running if future.done()]
            if not finished:
                time.sleep(0.2)
                continue
            for future in finished:
                case = running.pop(future)
                done += 1
                try:
                    rows, seconds = future.result()
                except BrokenProcessPool:
                    raise
                except Exception as error:  # a twin on which a method fails must not cost the hours of the others
                    failed += 1
                    print(f"{done}/{len(cases)} {case.key} FAILED: {type(error).__name__}: {error}", flush=True)
                    continue
                results.append(case, rows, seconds)
                print(f"{done}/{len(cases)} {case.key} {seconds:.0f} s", flush=True)
