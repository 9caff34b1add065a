"""Blocks in worker processes of this machine, one thread's worth of cores each.

Many small steps in Python hold each other up in threads: on two cores the curve's ROIs of a few hundred points took
longer in two threads than in one. In processes they do not, at the price of starting them (seconds) and of their
memory.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache, partial
from typing import TypeVar

from microstructure_assets.memory import MemoryLimit

Item = TypeVar("Item")
Result = TypeVar("Result")

WATCH_SECONDS = 1.0


class ProcessCompute:
    """A pool of worker processes, started at the first block and ended after the last.

    Workers are those of joblib's loky: they get their blocks over pipes, so that nobody else on the machine can reach
    them, and never import the caller's main module.

    Parameters
    ----------
    workers : int
    threads : int
        Of each worker.
    memory : MemoryLimit
        Of each worker.
    device : str
    """

    def __init__(self, workers: int, threads: int, memory: MemoryLimit, device: str) -> None:
        self.workers = workers
        self.threads = threads
        self.memory = memory
        self.device = device
        self._started = False
        self._lost = False

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Results in the order of the items, as they come; the first error ends it.

        Where a worker is killed, as by a system that is short of memory, this process does the rest.
        """
        done, self._started = 0, True
        try:
            for result in self._run(function, items):
                done += 1
                yield result
        except BrokenProcessPool:
            self._lost = True
            yield from map(function, items[done:])

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Callable[[], Result]]:
        """For each item what works on it, in this process, when called."""
        return (partial(function, item) for item in items)

    def for_small_blocks(self, cores: int) -> ProcessCompute:
        """Itself."""
        return self

    def account(self) -> str:
        """How many workers there were, if any, and whether one was lost."""
        if not self._started:
            return "in one process"
        lost = "; a worker was killed on the way, what was left was done in one process" if self._lost else ""
        return f"in {self.workers} processes{lost}"

    def _run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        from joblib import Parallel, delayed, parallel_config  # type: ignore[import-untyped]
        from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]

        with parallel_config("loky", n_jobs=self.workers, inner_max_num_threads=self.threads):
            # Blocks are descriptions of what lies in the store: nothing large goes to a worker.
            parallel = Parallel(return_as="generator", batch_size=1, max_nbytes=None)
        try:
            yield from parallel(delayed(_in_worker)(function, item, os.getpid()) for item in items)
        finally:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)


def _in_worker(function: Callable[[Item], Result], item: Item, parent: int) -> Result:
    _end_with(parent)
    return function(item)


@lru_cache(maxsize=1)
def _end_with(parent: int) -> None:
    """End this process when its parent has: workers whose parent is killed would else wait for it for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
