"""Blocks of work on a real Dask scheduler with worker processes, one of which is killed on the way."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from microstructure_assets import compute, progress
from microstructure_assets.assets.stored_patterns import StoredPatterns
from microstructure_assets.compute import DASK_VARIABLE, ComputeUnavailable, DaskCompute, LocalCompute, compute_at
from microstructure_assets.resources import open_instance
from microstructure_assets.store import streams
from microstructure_assets.store.home import Home, prepare_home
from microstructure_assets_tests.e2e.conftest import Lab, lab, small_twin

__all__ = ["lab", "small_twin"]
ROOT = Path(__file__).parents[1]
START_SECONDS = 60


@dataclass
class Cluster:
    """A scheduler and its workers, each a process."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    start: Callable[[int], subprocess.Popen[bytes]]

    def kill_a_worker(self) -> None:
        """As a machine that loses its power."""
        self.workers[0].send_signal(signal.SIGKILL)
        self.workers[0].wait()

    def start_workers(self, count: int, threads: int = 1) -> None:
        """More workers, of so many threads, and wait until the scheduler knows them."""
        from distributed import Client

        self.workers += [self.start(threads) for _ in range(count)]
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=START_SECONDS)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and two workers of one thread on loopback, without nannies that would start lost ones again."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    place = tmp_path / "scheduler.json"
    shared = ["--scheduler-file", str(place), "--no-dashboard", "--host", "127.0.0.1"]

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        nowhere, command = subprocess.DEVNULL, [sys.executable, "-m", "dask", *arguments, *shared]
        return subprocess.Popen(command, stdout=nowhere, stderr=nowhere, env=environment, cwd=tmp_path)

    def worker(threads: int) -> subprocess.Popen[bytes]:
        return start("worker", "--no-nanny", "--nthreads", str(threads))

    scheduler = start("scheduler", "--port", "0")
    workers = [worker(1) for _ in range(2)]
    try:
        yield Cluster(_address(place), scheduler, workers, worker)
    finally:
        for process in (*workers, scheduler):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


def _address(place: Path) -> str:
    from distributed import Client

    deadline = time.monotonic() + START_SECONDS
    while not place.is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    with Client(scheduler_file=str(place), timeout=START_SECONDS, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=START_SECONDS)
        return str(client.scheduler.address)


def slow_square(value: int) -> int:
    """Long enough to be killed in."""
    time.sleep(0.2)
    return value**2


def test_results_come_in_order_though_a_worker_is_killed_and_the_account_says_so(cluster: Cluster) -> None:
    place = DaskCompute(cluster.address)
    found = []
    for result in place.run(slow_square, range(12)):
        if not found:
            cluster.kill_a_worker()
        found.append(result)
    assert found == [value**2 for value in range(12)]
    lost = "1 of them lost on the way, what they had begun was done again"
    assert place.account() == f"on Dask at {cluster.address}, 2 workers, {lost}"


def test_an_error_of_a_block_is_raised_here(cluster: Cluster) -> None:
    with pytest.raises(ZeroDivisionError):
        list(DaskCompute(cluster.address).run(reciprocal, [1, 0]))


def reciprocal(value: int) -> float:
    """Fails for zero."""
    return 1 / value


def test_a_block_that_kills_workers_does_not_take_the_others_with_it(cluster: Cluster) -> None:
    cluster.start_workers(4)
    results = DaskCompute(cluster.address).each(deadly, [3, 0, 4])
    found: list[int | str] = []
    for result in results:
        try:
            found.append(result())
        except Exception as error:
            found.append(type(error).__name__)
    assert found == [3, "KilledWorker", 4]


def deadly(value: int) -> int:
    """Ends the process for zero."""
    if value == 0:
        os._exit(1)
    return value


def test_a_scheduler_that_is_lost_on_the_way_is_told(cluster: Cluster) -> None:
    results = DaskCompute(cluster.address).run(slow_square, range(40))
    assert next(results) == 0
    cluster.scheduler.kill()
    with pytest.raises(ComputeUnavailable, match=r"was lost on the way .* what was finished is kept: start it again"):
        list(results)


def test_a_worker_of_several_threads_is_refused(cluster: Cluster) -> None:
    cluster.start_workers(1, threads=2)
    with pytest.raises(ComputeUnavailable, match="has 2 threads, which would share one memory limit; start it with"):
        list(DaskCompute(cluster.address).run(reciprocal, [1]))


@pytest.mark.parametrize("name", ["gpu", "cuda:", "CUDA", "cuda:1 "])
def test_a_device_of_no_known_name_is_refused(name: str) -> None:
    with pytest.raises(ComputeUnavailable, match=f"MICROSTRUCTURE_DEVICE: found '{name}', expected 'cpu'"):
        compute_at("", device=name)


def test_other_software_on_a_worker_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY_HERE", "1")
    monkeypatch.setattr(compute, "versions", older)
    with pytest.raises(ComputeUnavailable, match=r"process tcp://.* has numba .* \(here 0\.1\); install the same"):
        list(DaskCompute(cluster.address).run(slow_square, [1]))


def older() -> dict[str, str]:
    """Versions that differ between this process and any other."""
    return {"numba": "0.1" if "ONLY_HERE" in os.environ else "0.2"}


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "CONNECT_SECONDS", 1)
    with pytest.raises(ComputeUnavailable, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 .*unset MICRO"):
        list(DaskCompute("tcp://127.0.0.1:9").run(slow_square, [1]))


def test_no_address_is_this_process() -> None:
    place = compute_at("")
    assert isinstance(place, LocalCompute)
    assert list(place.run(reciprocal, [1, 2])) == [1.0, 0.5]
    assert place.account() == "in one process"


class Killer:
    """A listener to progress that kills a worker at the first sign of it."""

    def __init__(self, cluster: Cluster, title: str) -> None:
        self.cluster, self.title, self.killed = cluster, title, False

    @contextlib.contextmanager
    def start(self, title: str, total: int) -> Iterator[Killer]:
        """Listen to what has the title only."""
        self.listening = title == self.title
        yield self

    def update(self, count: float = 1) -> None:
        """A block is done."""
        if self.listening and not self.killed:
            self.killed = True
            self.cluster.kill_a_worker()


def test_a_scale_curve_of_a_cluster_that_loses_a_worker_has_the_same_bytes(
    lab: Lab, small_twin: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"scale.fewest_points": "30", "tiling.n": "2"}
    lab.characterize(small_twin, "here", settings)
    here = lab.store.read("here", "nmi_scale_curve")
    monkeypatch.setenv(DASK_VARIABLE, cluster.address)
    killer = Killer(cluster, "length scale")
    lab.configure("here", {"scale.seed": "1"})
    with progress.reporting(killer):
        lab.characterize(small_twin, "here")
    there = lab.store.read("here", "nmi_scale_curve")
    assert killer.killed
    assert here.notes["compute"] == "in one process"
    assert there.notes["compute"].endswith("2 workers, 1 of them lost on the way, what they had begun was done again")
    first, second = here.table("rois"), there.table("rois")
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
    events = lab.instance.fetch_materializations(_key("nmi_scale_curve"), limit=1).records
    assert "1 of them lost" in str(events[0].asset_materialization.metadata["compute"].value)


@pytest.mark.parametrize("stage", ["preprocessing", "tiles"])
def test_a_scan_of_a_cluster_that_loses_a_worker_has_the_same_content(
    tmp_path: Path, small_twin: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr(streams, "CHUNK_BYTES", 16 * 3600)  # shards of four rows, so bands of four
    killer, found = Killer(cluster, stage), []
    for name in ("here", "there"):
        home = prepare_home(Home(tmp_path / name))
        with open_instance(home) as instance, contextlib.ExitStack() as stack:
            if name == "there":
                monkeypatch.setenv(DASK_VARIABLE, cluster.address)
                stack.enter_context(progress.reporting(killer))
            own = Lab(home, instance)
            own.characterize(small_twin, "s", {"tiling.n": "3", "scale.finest_tiling": "2"})
            found.append({place: head.content_hash for place, head in own.heads("s").items()})
            events = instance.fetch_materializations(_key(LAST[stage]), limit=1).records
    here, there = found
    assert killer.killed
    assert "2 workers, 1 of them lost" in str(events[0].asset_materialization.metadata["compute"].value)
    assert {place for place in here if here[place] != there[place]} <= {("scan_report", None)}


LAST = {"preprocessing": "preprocessed_patterns", "tiles": "weight_boundaries"}


def _key(name: str):  # type: ignore[no-untyped-def]
    import dagster as dg

    return dg.AssetKey(name)


def test_patterns_travel_as_their_place(lab: Lab, small_twin: Path) -> None:
    lab.characterize(small_twin, "s", {"tiling.n": "2", "scale.finest_tiling": "2"})
    patterns = StoredPatterns(lab.store.read("s", "preprocessed_patterns"))
    sent = pickle.dumps(patterns)
    assert len(sent) < 1000
    away = lab.home.store.rename(lab.home.store.with_name("away"))  # as for a scheduler, which does not see the store
    assert pickle.dumps(pickle.loads(sent)) == sent
    away.rename(lab.home.store)
    np.testing.assert_array_equal(pickle.loads(sent).read(0, 3, 2, 9), patterns.read(0, 3, 2, 9))
