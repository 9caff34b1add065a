"""Blocks in threads: order, coverage, nesting of the BLAS limit."""

from __future__ import annotations

import time

import pytest
from threadpoolctl import threadpool_info

from microstructure_assets.methods.parallel import block_bounds, map_blocks, single_blas_thread, worker_count


def blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_blocks_cover_the_range_once() -> None:
    assert block_bounds(10, 4) == [(0, 4), (4, 8), (8, 10)]
    assert block_bounds(3, 0) == [(0, 1), (1, 2), (2, 3)]
    assert block_bounds(0, 4) == []


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_results_come_in_the_order_of_the_blocks(workers: int) -> None:
    def late(number: int) -> int:
        time.sleep(0.002 * (5 - number % 6))
        return number * number

    assert map_blocks(late, range(12), workers=workers) == [number * number for number in range(12)]
    assert map_blocks(late, [], workers=workers) == []


def test_error_in_a_block_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        map_blocks(lambda number: 1 // number, [1, 0, 2], workers=2)


def test_number_of_workers_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert worker_count() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert worker_count() >= 1


def test_blas_limit_is_restored_by_the_last_user() -> None:
    before = blas_threads()
    outer, inner = single_blas_thread(), single_blas_thread()
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert set(blas_threads()) == {1}
    inner.__exit__(None, None, None)
    assert blas_threads() == before
