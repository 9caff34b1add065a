"""Where blocks of work run: in this process and its threads, or on a Dask cluster that is given by its address.

A block function gets a description of its block and what it needs to find the data (places in the store, settings), and
gives back a small result. It is the same function in both places, so the results have the same bytes on processors of
one type.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from microstructure_assets.errors import InputError
from microstructure_assets.memory import MemoryLimit
from microstructure_assets.processes import ProcessCompute

Item = TypeVar("Item")
Result = TypeVar("Result")

DASK_VARIABLE = "MICROSTRUCTURE_DASK"
DEVICE_VARIABLE = "MICROSTRUCTURE_DEVICE"
#: The compiled kernels of the processor.
PROCESSOR = "cpu"
CONNECT_SECONDS = 10
CLOSE_SECONDS = 2
ADDRESS = re.compile(r"[a-z]+://\S+:\d+")
DEVICE_NAME = re.compile(r"cpu|torch-cpu|cuda(:\d+)?")
#: What is checked to be the same on the workers, beside this package's own code; their processors are not, though BLAS
#: and numba differ by them.
COMPUTING = ("numba", "numpy", "scipy", "scikit-learn", "torch")
OWN_CODE = "microstructure-assets"


class ComputeUnavailable(InputError):
    """A cluster that does not answer, has no workers, or runs other software; a device of no known name."""


class Compute(Protocol):
    """Where blocks of work run, and how much memory each process may fill with patterns."""

    @property
    def memory(self) -> MemoryLimit:
        """Of each process that works."""

    @property
    def device(self) -> str:
        """What a process computes on where a method has a choice: ``cpu``, or as ``cuda``."""

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Results in the order of the items, as they come; the first error ends it."""

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Callable[[], Result]]:
        """For each item, in their order, what gives its result or raises its error when called, once, right away."""

    def for_small_blocks(self, cores: int) -> Compute:
        """Where blocks of many small steps are best worked on, with so many cores here and the same memory."""

    def account(self) -> str:
        """What happened so far, in words."""


@dataclass(frozen=True)
class LocalCompute:
    """One block after another in this process; a block uses all cores by threads of its own."""

    memory: MemoryLimit = field(default_factory=MemoryLimit)
    device: str = PROCESSOR

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Results in the order of the items, as they come; the first error ends it."""
        return (function(item) for item in items)

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Callable[[], Result]]:
        """For each item what works on it when called."""
        return (partial(function, item) for item in items)

    def for_small_blocks(self, cores: int) -> Compute:
        """Worker processes, where the machine has cores and the limit memory for two of them."""
        workers, memory = self.memory.of_workers(cores)
        if workers < 2 or self.device != PROCESSOR:
            return self
        return ProcessCompute(workers, cores // workers, memory, self.device)

    def account(self) -> str:
        """Nothing that could have happened."""
        return "in one process" + ("" if self.device == PROCESSOR else f", {self.device}")


class DaskCompute:
    """Blocks on the workers of a Dask scheduler.

    Parameters
    ----------
    address : str
        As ``tcp://host:8786``. Scheduler and workers must see the store under the same path.
    memory : MemoryLimit
        Of each worker.
    device : str
        Of each worker.

    Raises
    ------
    ComputeUnavailable
        At the first use: if no scheduler answers, it has no workers, or they run other versions of what computes.
    """

    def __init__(self, address: str, memory: MemoryLimit | None = None, device: str = PROCESSOR) -> None:
        self.address = address
        self.memory = memory or MemoryLimit()
        self.device = device
        self._workers: set[str] = set()
        self._lost: set[str] = set()

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Results in the order of the items, as they come; the first error ends it.

        Blocks of a lost worker are begun again on another one, as often as the scheduler's ``allowed-failures`` says
        (three times).
        """
        return (result() for result in self.each(function, items))

    def each(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Callable[[], Result]]:
        """For each item, in their order, what gives its result or raises its error when called, once, right away."""
        from distributed import Client

        try:
            client = Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ComputeUnavailable(
                f"{DASK_VARIABLE}: no Dask scheduler answers at {self.address} ({error}); start one (dask scheduler), "
                f"correct the address, or unset {DASK_VARIABLE} to work on this machine"
            ) from error
        try:
            before = self._checked(client)
            waiting = deque(client.map(function, items, pure=False, key=type(function).__name__))
            while waiting:
                yield partial(self._result, client, waiting.popleft(), before)
        finally:
            with contextlib.suppress(Exception):  # a cluster that is lost has nothing to be told
                client.close(timeout=CLOSE_SECONDS)  # which lets go of what has not been done

    def _result(self, client: Any, future: Any, before: set[str]) -> Any:
        """What came of a block; once nobody holds its future the cluster forgets it."""
        from distributed.comm import CommClosedError

        try:
            result = future.result()
            self._lost |= before - set(client.scheduler_info(n_workers=-1)["workers"])
        except Exception as error:
            if client.status == "running" and not isinstance(error, CommClosedError | CancelledError):
                raise
            raise ComputeUnavailable(
                f"{DASK_VARIABLE}: the Dask scheduler at {self.address} was lost on the way ({type(error).__name__}); "
                "what was finished is kept: start it again and run the same again"
            ) from error
        return result

    def for_small_blocks(self, cores: int) -> Compute:
        """The cluster: its workers are processes of one thread."""
        return self

    def account(self) -> str:
        """How many workers there were, and how many of them were lost."""
        lost = f", {len(self._lost)} of them lost on the way, what they had begun was done again" if self._lost else ""
        device = "" if self.device == PROCESSOR else f", {self.device}"
        return f"on Dask at {self.address}, {len(self._workers)} workers{device}{lost}"

    def _checked(self, client: Any) -> set[str]:
        """Addresses of the workers, which run what computes here, as the scheduler does, in one thread each."""
        try:
            own, found = versions(), {**client.run(versions), "of the scheduler": client.run_on_scheduler(versions)}
        except ImportError as error:
            raise ComputeUnavailable(
                f"{DASK_VARIABLE}: the scheduler or a worker of {self.address} lacks this package ({error}); install "
                "it there"
            ) from error
        if len(found) == 1:
            raise ComputeUnavailable(
                f"{DASK_VARIABLE}: the scheduler at {self.address} has no workers; start some (dask worker "
                f"{self.address} --nthreads 1)"
            )
        for place, theirs in found.items():
            different = [f"{name} {theirs[name]} (here {own[name]})" for name in own if theirs[name] != own[name]]
            if different:
                raise ComputeUnavailable(
                    f"{DASK_VARIABLE}: the process {place} has {', '.join(different)}; install the same there and "
                    "start it again, else results depend on where they were made"
                )
        workers = client.scheduler_info(n_workers=-1)["workers"]
        for worker, info in workers.items():
            if info["nthreads"] > 1:
                raise ComputeUnavailable(
                    f"{DASK_VARIABLE}: worker {worker} has {info['nthreads']} threads, which would share one memory "
                    "limit; start it with --nthreads 1, and as many of them as it has cores (--nworkers)"
                )
        self._workers |= set(workers)
        return set(workers)


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of what computes, and of this package's own code, in this process when it was first asked."""
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        code.update(path.read_bytes())
    return {
        OWN_CODE: code.hexdigest()[:12],
        **{name: importlib.metadata.version(name) for name in COMPUTING},
    }


def compute_at(address: str, memory: MemoryLimit | None = None, device: str = PROCESSOR) -> Compute:
    """The cluster at an address; this process for none.

    Raises
    ------
    ComputeUnavailable
        If no device or scheduler can have this name; whether it is there shows where it is used.
    """
    if not DEVICE_NAME.fullmatch(device):
        raise ComputeUnavailable(
            f"{DEVICE_VARIABLE}: found {device!r}, expected {PROCESSOR!r}, or a graphics processor as 'cuda' or "
            "'cuda:1'"
        )
    if address and not ADDRESS.fullmatch(address):
        raise ComputeUnavailable(f"{DASK_VARIABLE}: found {address!r}, expected an address as tcp://host:8786")
    limit = memory or MemoryLimit()
    return DaskCompute(address, limit, device) if address else LocalCompute(limit, device)
