"""Threads over blocks whose result does not depend on how many threads there are.

Compiled kernels and BLAS release the interpreter lock, so plain threads over fixed blocks use every core. What a block
computes must not depend on its neighbours in time; the blocks are cut by the caller from the data alone, and sums over
blocks are taken in the order of the blocks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_blas_lock = threading.Lock()
_blas_users = 0
_blas_limiter: Any = None


@lru_cache(maxsize=1)
def _blas_controller() -> Any:
    """Handle on the BLAS libraries; finding them takes milliseconds, so it is done once, with SciPy's loaded."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def worker_count() -> int:
    """Number of threads to use: ``OMP_NUM_THREADS`` where it is set, else the processors this process may run on."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def block_bounds(count: int, size: int) -> list[tuple[int, int]]:
    """Cut ``range(count)`` into half-open blocks of at most ``size``."""
    step = max(1, size)
    return [(start, min(start + step, count)) for start in range(0, count, step)]


def map_blocks(
    function: Callable[[Item], Result], blocks: Sequence[Item], *, workers: int | None = None
) -> list[Result]:
    """Apply ``function`` to every block, in threads, and return the results in the order of the blocks.

    Parameters
    ----------
    function
        Called once per block; must release the interpreter lock in its heavy part to gain from threads.
    blocks
        Work items, independent of each other and of the number of threads.
    workers
        Number of threads; :func:`worker_count` if not given.
    """
    threads = min(len(blocks), workers if workers is not None else worker_count())
    if threads <= 1:
        return [function(block) for block in blocks]
    with ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(function, blocks))


def in_waves(function: Callable[[Item], Result], blocks: Sequence[Item]) -> Iterator[Result]:
    """Results in the order of the blocks, no more of them alive at a time than there are threads."""
    wave = worker_count()
    for start in range(0, len(blocks), wave):
        yield from map_blocks(function, blocks[start : start + wave])


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread, so that its sums have one order; parallelism then comes from :func:`map_blocks`.

    The limit belongs to the process, so overlapping uses are counted and the last one out restores it.
    """
    global _blas_users, _blas_limiter
    with _blas_lock:
        if _blas_users == 0:
            _blas_limiter = _blas_controller().limit(limits=1, user_api="blas")
        _blas_users += 1
    try:
        yield
    finally:
        with _blas_lock:
            _blas_users -= 1
            if _blas_users == 0:
                _blas_limiter.restore_original_limits()
                _blas_limiter = None


@contextmanager
def single_thread() -> Iterator[None]:
    """Hold BLAS and OpenMP to one thread, for libraries whose sums follow the order in which threads end.

    The libraries must have been imported before: only what is loaded is held.
    """
    from threadpoolctl import ThreadpoolController

    with single_blas_thread(), ThreadpoolController().limit(limits=1, user_api="openmp"):
        yield
