"""Blocks in worker processes: order, errors, and a worker that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from microstructure_assets.compute import LocalCompute
from microstructure_assets.memory import GIB, WORKER_BYTES, MemoryLimit
from microstructure_assets.processes import ProcessCompute


@pytest.fixture
def pool() -> ProcessCompute:
    return ProcessCompute(2, 1, MemoryLimit(), "cpu")


def place_of(number: int) -> tuple[int, int, str | None]:
    return number, os.getpid(), os.environ.get("OMP_NUM_THREADS")


def reciprocal(number: int) -> float:
    return 1 / number


class KilledOnce:
    """Kills the process that first meets the fourth block, as a system that is short of memory would."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __call__(self, number: int) -> int:
        if number == 3 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number * number


class Told:
    """Leaves the number of its process in a folder, and takes its time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, number: int) -> int:
        (self.folder / str(os.getpid())).touch()
        time.sleep(0.2)
        return number


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_results_come_in_order_from_other_processes_of_one_thread_each(pool: ProcessCompute) -> None:
    found = list(pool.run(place_of, range(12)))
    assert [number for number, _, _ in found] == list(range(12))
    assert os.getpid() not in {process for _, process, _ in found}
    assert {threads for _, _, threads in found} == {"1"}
    assert pool.account() == "in 2 processes"


def test_the_error_of_a_block_is_its_own(pool: ProcessCompute) -> None:
    with pytest.raises(ZeroDivisionError):
        list(pool.run(reciprocal, [1, 0, 2]))


def test_what_a_killed_worker_leaves_is_done_here(pool: ProcessCompute, tmp_path: Path) -> None:
    assert list(pool.run(KilledOnce(tmp_path / "mark"), range(8))) == [number**2 for number in range(8)]
    assert (tmp_path / "mark").exists()
    assert "a worker was killed on the way" in pool.account()


def test_no_worker_is_left_behind(pool: ProcessCompute) -> None:
    workers = {process for _, process, _ in pool.run(place_of, range(4))}
    assert not any(map(alive, workers))


def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    code = (
        "from microstructure_assets.memory import MemoryLimit\n"
        "from microstructure_assets.processes import ProcessCompute\n"
        "from microstructure_assets_tests.test_processes import Told\n"
        "from pathlib import Path\n"
        f"list(ProcessCompute(2, 1, MemoryLimit(), 'cpu').run(Told(Path({str(tmp_path)!r})), range(1000)))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(alive(int(path.name)) for path in tmp_path.iterdir()))


@pytest.mark.parametrize(("gib", "cores", "workers"), [(2, 2, 2), (2, 16, 2), (1, 2, 0), (8, 16, 15), (2, 1, 1)])
def test_workers_and_this_process_stay_within_the_limit_together(gib: int, cores: int, workers: int) -> None:
    limit = MemoryLimit(gib * GIB)
    count, each = limit.of_workers(cores)
    assert count == workers
    assert each.program_bytes == WORKER_BYTES
    assert limit.program_bytes + count * each.limit_bytes <= limit.limit_bytes


def test_processes_only_where_there_are_cores_memory_and_no_graphics_processor() -> None:
    assert isinstance(LocalCompute().for_small_blocks(2), ProcessCompute)
    for alone in (LocalCompute(MemoryLimit(GIB)), LocalCompute(device="cuda")):
        assert alone.for_small_blocks(2) is alone
    one_core = LocalCompute()
    assert one_core.for_small_blocks(1) is one_core
    few = LocalCompute().for_small_blocks(16)
    assert isinstance(few, ProcessCompute)
    assert (few.workers, few.threads) == (2, 8)
