"""Where blocks of work run: in this process and its threads, or on a Dask cluster that is given by its address.

A block function gets a description of its block and what it needs to find the data (places in the store, settings), and
gives back a small result. It is the same function in both places, so the results have the same bytes on processors of
one type.
"""

from __future__ import annotations

import importlib.metadata
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from microstructure_assets.errors import InputError
from microstructure_assets.memory import MemoryLimit

Item = TypeVar("Item")
Result = TypeVar("Result")

DASK_VARIABLE = "MICROSTRUCTURE_DASK"
DEVICE_VARIABLE = "MICROSTRUCTURE_DEVICE"
#: The compiled kernels of the processor.
PROCESSOR = "cpu"
CONNECT_SECONDS = 10
#: What is checked to be the same on the workers; their processors are not, though BLAS and numba differ by them.
COMPUTING = ("microstructure-assets", "numba", "numpy", "scipy", "scikit-learn")


class ComputeUnavailable(InputError):
    """A cluster that does not answer, has no workers, or runs other software."""


class Compute(Protocol):
    """Where blocks of work run, and how much memory each process may fill with patterns."""

    @property
    def memory(self) -> MemoryLimit:
        """Of each process that works."""

    @property
    def device(self) -> str:
        """What a process computes on where a method has a choice: ``cpu``, or as ``cuda``."""

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Results in the order of the items, as they come."""

    def account(self) -> str:
        """What happened so far, in words."""


@dataclass(frozen=True)
class LocalCompute:
    """One block after another in this process; a block uses all cores by threads of its own."""

    memory: MemoryLimit = field(default_factory=MemoryLimit)
    device: str = PROCESSOR

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Results in the order of the items, as they come."""
        return (function(item) for item in items)

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
        """Results in the order of the items, as they come.

        Blocks of a lost worker are begun again on another one, as often as the scheduler's ``allowed-failures`` says
        (three times).
        """
        from distributed import Client

        try:
            client = Client(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ComputeUnavailable(
                f"{DASK_VARIABLE}: no Dask scheduler answers at {self.address} ({error}); start one (dask scheduler), "
                f"correct the address, or unset {DASK_VARIABLE} to work on this machine"
            ) from error
        with client:
            before = self._checked(client)
            waiting = deque(client.map(function, items, pure=False))
            try:
                while waiting:
                    result = waiting.popleft().result()  # once it is gone from here the cluster forgets it
                    self._lost |= before - set(client.scheduler_info(n_workers=-1)["workers"])
                    yield result
            finally:
                client.cancel(list(waiting))

    def account(self) -> str:
        """How many workers there were, and how many of them were lost."""
        lost = f", {len(self._lost)} of them lost, their blocks were done again" if self._lost else ""
        device = "" if self.device == PROCESSOR else f", {self.device}"
        return f"on Dask at {self.address}, {len(self._workers)} workers{device}{lost}"

    def _checked(self, client: Any) -> set[str]:
        """Addresses of the workers, which run the versions of what computes here."""
        try:
            own, found = versions(), client.run(versions)
        except ImportError as error:
            raise ComputeUnavailable(
                f"{DASK_VARIABLE}: a worker of {self.address} lacks this package ({error}); install it there"
            ) from error
        if not found:
            raise ComputeUnavailable(
                f"{DASK_VARIABLE}: the scheduler at {self.address} has no workers; start some (dask worker "
                f"{self.address})"
            )
        for worker, theirs in found.items():
            different = [f"{name} {theirs[name]} (here {own[name]})" for name in own if theirs[name] != own[name]]
            if different:
                raise ComputeUnavailable(
                    f"{DASK_VARIABLE}: worker {worker} has {', '.join(different)}; install the same versions there, "
                    "else results depend on where they were made"
                )
        self._workers |= set(found)
        return set(found)


def versions() -> dict[str, str]:
    """Versions of what computes, in this process."""
    return {name: importlib.metadata.version(name) for name in COMPUTING}


def compute_at(address: str, memory: MemoryLimit | None = None, device: str = PROCESSOR) -> Compute:
    """The cluster at an address; this process for none."""
    limit = memory or MemoryLimit()
    return DaskCompute(address, limit, device) if address else LocalCompute(limit, device)
