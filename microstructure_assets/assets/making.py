"""Making the artifacts of a scan or a tile, in this process or on a worker of a cluster; nothing here knows Dagster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from traceback import format_exception
from typing import Any

from microstructure_assets.assets.views import ScanView, TileView
from microstructure_assets.compute import Compute, LocalCompute
from microstructure_assets.errors import InputError
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Outcome, Store
from microstructure_assets.store.tiles import TileUnknown


class MakingFailed(RuntimeError):
    """An artifact could not be made; the message names scan, artifact and tile, the cause is the error itself."""


class MakingRefused(MakingFailed, InputError):
    """An artifact could not be made of what the user gave."""


class TileGone(MakingRefused):
    """A tile that the scan's tiling no longer has."""


@dataclass(frozen=True)
class FailureReport:
    """A failure as plain data, since errors of libraries do not all travel to another process.

    Attributes
    ----------
    kind : type of MakingFailed
    message : str
    cause : str
        Words and traceback of the cause.
    """

    kind: type[MakingFailed]
    message: str
    cause: str

    @classmethod
    def of(cls, failed: MakingFailed) -> FailureReport:
        """The report of a failure that has a cause."""
        assert failed.__cause__ is not None
        return cls(type(failed), str(failed), "".join(format_exception(failed.__cause__)))

    def failure(self) -> MakingFailed:
        """The failure again, with the words of its cause."""
        failed = self.kind(self.message)
        failed.__cause__ = RuntimeError(self.cause)
        return failed


def failure(scan: str, slot: str | None, artifacts: Sequence[str], error: Exception) -> MakingFailed:
    """What is raised of an error in making artifacts, with the error as its cause."""
    place = f"scan {scan}" + (f", tile {slot}" if slot else "")
    refused = isinstance(error, InputError | FileNotFoundError | PermissionError)
    words = str(error) if refused else f"{type(error).__name__}: {error}"
    kind = TileGone if isinstance(error, TileUnknown) else MakingRefused if refused else MakingFailed
    failed = kind(f"{', '.join(artifacts)} of {place}: {words}")
    failed.__cause__ = error
    return failed


def together(failures: Sequence[MakingFailed]) -> MakingFailed:
    """The first failure, with how many more there were."""
    first, more = failures[0], len(failures) - 1
    return type(first)(f"{first} (and {more} more failed, see the log)" if more else str(first))


@dataclass(frozen=True)
class Maker:
    """Artifacts that are made together and the function that fills their drafts.

    Attributes
    ----------
    artifacts : tuple of str
    fill : callable
        ``fill(view, drafts)``; `drafts` holds only what is not kept yet.
    """

    artifacts: tuple[str, ...]
    fill: Callable[[Any, Mapping[str, Draft]], None]


def make(
    store: Store,
    scan: str,
    slot: str | None,
    maker: Maker,
    wanted: Sequence[str],
    origin: Mapping[str, Any],
    compute: Compute | None = None,
) -> dict[str, Outcome]:
    """Make what one maker makes of a scan or tile, of what its recipes say once the locks are held.

    Raises
    ------
    MakingFailed
        If anything goes wrong; the cause is the error itself.
    """

    def plan() -> list[Recipe]:
        recipes = Recipes(store, scan)
        return [recipes.recipe(artifact, slot) for artifact in wanted]

    def fill(recipes: Sequence[Recipe], drafts: Mapping[str, Draft]) -> None:
        registered = ScanRegistry(store.home).get(scan)
        place = compute or LocalCompute()
        view = ScanView(store, registered, tuple(recipes), compute=place)
        maker.fill(TileView(store, registered, tuple(recipes), slot, compute=place) if slot else view, drafts)

    try:
        return store.materialise_together(scan, slot, wanted, plan, fill, origin)
    except Exception as error:
        raise failure(scan, slot, wanted, error) from error


@dataclass(frozen=True)
class Made:
    """What one maker made.

    Attributes
    ----------
    outcomes : tuple of Outcome
    upstream : dict of str
        `Recipes.upstream` of each artifact, before it was made.
    seconds : float
    """

    outcomes: tuple[Outcome, ...]
    upstream: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class PartitionWork:
    """Makes the wanted artifacts of a scan or tile, one maker after another, up to the first error.

    Attributes
    ----------
    store : Store
    makers : tuple of Maker
    selected : frozenset of str
        Artifacts.
    origin : dict
        Facts of the run, for the record.
    compute : Compute
        Where blocks of a single artifact are worked on.
    """

    store: Store
    makers: tuple[Maker, ...]
    selected: frozenset[str]
    origin: dict[str, Any]
    compute: Compute

    def __call__(self, partition: tuple[str, str | None]) -> tuple[list[Made], FailureReport | None]:
        """What was made of a scan and slot, and the error that ended it."""
        scan, slot = partition
        found: list[Made] = []
        for maker in self.makers:
            wanted = [artifact for artifact in maker.artifacts if artifact in self.selected]
            started = time.perf_counter()
            try:
                if not self._applies(scan, slot, wanted):
                    continue
                upstream = self._upstream(scan, slot, wanted)
                outcomes = make(self.store, scan, slot, maker, wanted, self.origin, self.compute)
            except MakingFailed as failed:
                return found, FailureReport.of(failed)
            found.append(Made(tuple(outcomes.values()), upstream, time.perf_counter() - started))
        return found, None

    def _applies(self, scan: str, slot: str | None, artifacts: Sequence[str]) -> bool:
        """Whether the scan holds what they need; maps, for example, have no patterns."""
        try:
            recipes = Recipes(self.store, scan)
            return all(recipes.applies(artifact) for artifact in artifacts)
        except Exception as error:
            raise failure(scan, slot, artifacts, error) from error

    def _upstream(self, scan: str, slot: str | None, artifacts: Sequence[str]) -> dict[str, str]:
        try:
            recipes = Recipes(self.store, scan)
            return {artifact: recipes.upstream(artifact, slot) for artifact in artifacts}
        except Exception as error:
            raise failure(scan, slot, artifacts, error) from error
