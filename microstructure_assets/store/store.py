"""The store: finds an artifact by its key, or has it made, and says why."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from microstructure_assets.store.artifact import Artifact, ArtifactMissing
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.files import read_json, write_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.memo import Recipe, explain

NOTHING_CHANGED = "reused: nothing that it uses changed"
ATTEMPTS = 3


class Overtaken(RuntimeError):
    """What an artifact was being made of changed meanwhile; what was made of it is thrown away."""


@dataclass(frozen=True)
class Head:
    """Which artifact stands for a scan (and tile) now, and why.

    Attributes
    ----------
    key, content_hash : str
    reason : str
        Why it was last made or taken again.
    recipe : dict
        Parts of the recipe.
    created : str
        UTC time of the last change, ISO 8601.
    recorded : str or None
        Content hash of the last event that the orchestrator took of it, and a hash of what stood upstream then.
    """

    key: str
    content_hash: str
    reason: str
    recipe: dict[str, Any]
    created: str
    recorded: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of asking for an artifact."""

    artifact: Artifact
    reused: bool
    reason: str


class Store:
    """Artifacts of one home.

    Parameters
    ----------
    home : Home
    """

    def __init__(self, home: Home) -> None:
        self.home = home

    # -- reading ---------------------------------------------------------------------------------------------------

    def head(self, scan: str, artifact: str, tile: str | None = None) -> Head | None:
        """The head of an artifact, or None when it was never made."""
        value = read_json(self._head_path(scan, artifact, tile))
        return Head(**value) if value else None

    def find(self, scan: str, artifact: str, tile: str | None = None) -> Artifact | None:
        """The artifact that stands now, or None."""
        head = self.head(scan, artifact, tile)
        return Artifact.load(self._place(artifact, head.key)) if head else None

    def read(self, scan: str, artifact: str, tile: str | None = None) -> Artifact:
        """The artifact that stands now.

        Raises
        ------
        ArtifactMissing
            If it has not been made.
        """
        found = self.find(scan, artifact, tile)
        if found is None:
            place = f"scan {scan}" + (f", tile {tile}" if tile else "")
            raise ArtifactMissing(f"{artifact} of {place}: not made yet; run `microstructure characterize` on the scan")
        return found

    # -- making ----------------------------------------------------------------------------------------------------

    def current(self, scan: str, tile: str | None, recipe: Recipe) -> bool:
        """Whether the artifact that stands is the one that `recipe` asks for."""
        head = self.head(scan, recipe.artifact, tile)
        return bool(head and head.key == recipe.key and self._place(recipe.artifact, head.key).is_dir())

    def why_stale(self, scan: str, tile: str | None, recipe: Recipe) -> str | None:
        """Why the artifact would be made again, in words; None when it is current."""
        if self.current(scan, tile, recipe):
            return None
        return self._reason(self.head(scan, recipe.artifact, tile), recipe)

    def materialise_together(
        self,
        scan: str,
        tile: str | None,
        artifacts: Sequence[str],
        plan: Callable[[], Sequence[Recipe]],
        compute: Callable[[Sequence[Recipe], Mapping[str, Draft]], None],
        origin: Mapping[str, Any] | None = None,
    ) -> dict[str, Outcome]:
        """Artifacts that one pass makes together.

        What they are made of is looked up after the locks are held, and their facts once more when they are done: a
        key never holds what was made of anything else.

        Parameters
        ----------
        scan : str
        tile : str or None
        artifacts : sequence of str
        plan : callable
            Their recipes as they are now.
        compute : callable
            Gets recipe and draft of each artifact that is not kept yet and fills the draft of what the recipe says; not
            called when all are kept. It raises `Overtaken` where that is no longer there.
        origin : mapping, optional
            Facts of the run, for the record; not part of the key.

        Returns
        -------
        dict of Outcome
            By artifact name.

        Raises
        ------
        Overtaken
            If what they are made of changed during each of a few attempts.
        """
        with contextlib.ExitStack() as stack:
            for name in sorted(artifacts):
                stack.enter_context(self._lock(scan, name, tile))
            for _ in range(ATTEMPTS - 1):
                with contextlib.suppress(Overtaken):
                    return self._make(scan, tile, plan, compute, origin or {})
            return self._make(scan, tile, plan, compute, origin or {})

    def mark_recorded(self, scan: str, artifact: str, tile: str | None, content_hash: str, upstream: str) -> None:
        """Note that the orchestrator has an event of this content, made of what stands upstream."""
        path = self._head_path(scan, artifact, tile)
        with self._lock(scan, artifact, tile):
            value = read_json(path)
            recorded = recorded_as(content_hash, upstream)
            if value and value["content_hash"] == content_hash and value.get("recorded") != recorded:
                write_json(path, {**value, "recorded": recorded})

    def sweep(self) -> int:
        """Remove what killed runs left behind: drafts whose lock nobody holds. Returns how many."""
        removed = 0
        for folder in self._drafts_folder.glob("*"):
            with contextlib.suppress(Timeout), self._hold_draft(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        return removed

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _drafts_folder(self) -> Path:
        return self.home.store / "drafts"

    def _place(self, artifact: str, key: str) -> Path:
        return self.home.store / "artifacts" / artifact / key

    def _head_path(self, scan: str, artifact: str, tile: str | None) -> Path:
        return self.home.store / "heads" / scan / artifact / f"{tile or 'scan'}.json"

    def _lock(self, scan: str, artifact: str, tile: str | None) -> FileLock:
        return self.home.scan_lock(scan, f"{artifact}.{tile or 'scan'}")

    def _reason(self, head: Head | None, recipe: Recipe) -> str:
        if head is None:
            return "first time"
        changes = explain(head.recipe, recipe.parts())
        return "; ".join(changes) if changes else "its files were missing"

    def _make(
        self,
        scan: str,
        tile: str | None,
        plan: Callable[[], Sequence[Recipe]],
        compute: Callable[[Sequence[Recipe], Mapping[str, Draft]], None],
        origin: Mapping[str, Any],
    ) -> dict[str, Outcome]:
        recipes = plan()
        taken = {recipe.artifact: self._take(scan, tile, recipe, origin) for recipe in recipes}
        outcomes = {name: outcome for name, outcome in taken.items() if outcome is not None}
        absent = [recipe for recipe in recipes if recipe.artifact not in outcomes]
        if absent:
            with self._drafts(absent) as drafts:
                compute(absent, drafts)
                _check_facts(absent, plan())
                for recipe in absent:
                    outcomes[recipe.artifact] = self._keep(scan, tile, recipe, drafts[recipe.artifact], origin)
        return outcomes

    def _take(self, scan: str, tile: str | None, recipe: Recipe, origin: Mapping[str, Any]) -> Outcome | None:
        kept = Artifact.load(self._place(recipe.artifact, recipe.key))
        if kept is None:
            return None
        head = self.head(scan, recipe.artifact, tile)
        if head and head.key == recipe.key:
            if origin and kept.record["origin"] == dict(origin):  # made by this run, by a worker that was lost since
                return Outcome(kept, False, head.reason)
            return Outcome(kept, True, NOTHING_CHANGED)
        reason = f"reused an earlier result: {self._reason(head, recipe)}"
        self._write_head(scan, tile, recipe, kept.content_hash, reason, head)
        return Outcome(kept, True, reason)

    def _keep(self, scan: str, tile: str | None, recipe: Recipe, draft: Draft, origin: Mapping[str, Any]) -> Outcome:
        head = self.head(scan, recipe.artifact, tile)
        reason = self._reason(head, recipe)
        reason = "computed: first time" if head is None else f"recomputed: {reason}"
        place = self._place(recipe.artifact, recipe.key)
        draft.finish(
            {
                "key": recipe.key,
                "recipe": recipe.parts(),
                "created": _now(),
                "scan": scan,
                "tile": tile,
                "origin": dict(origin),
            }
        )
        draft.publish(place)
        artifact = Artifact.load(place)
        assert artifact is not None
        if head is not None and head.content_hash == artifact.content_hash:
            reason += "; the content is equal"
        self._write_head(scan, tile, recipe, artifact.content_hash, reason, head)
        return Outcome(artifact, False, reason)

    def _write_head(
        self, scan: str, tile: str | None, recipe: Recipe, content_hash: str, reason: str, head: Head | None
    ) -> None:
        value = Head(recipe.key, content_hash, reason, recipe.parts(), _now(), head.recorded if head else None)
        write_json(self._head_path(scan, recipe.artifact, tile), vars(value))

    @contextlib.contextmanager
    def _drafts(self, recipes: Sequence[Recipe]) -> Iterator[dict[str, Draft]]:
        with contextlib.ExitStack() as stack:
            drafts = {}
            for recipe in recipes:
                folder = self._drafts_folder / uuid.uuid4().hex
                stack.enter_context(self._hold_draft(folder))
                draft = drafts[recipe.artifact] = Draft(folder, artifact_spec(recipe.artifact))
                stack.callback(draft.discard)
            yield drafts

    @contextlib.contextmanager
    def _hold_draft(self, folder: Path) -> Iterator[None]:
        lock = self.home.draft_lock(folder.name)
        with lock:
            try:
                yield
            finally:
                # No other draft ever has this name, so nobody waits for the file that goes with it.
                Path(lock.lock_file).unlink(missing_ok=True)


def _check_facts(before: Sequence[Recipe], after: Sequence[Recipe]) -> None:
    """Refuse what was made while files or rectangles changed; settings and inputs were taken from the recipe itself."""
    now = {recipe.artifact: recipe for recipe in after}
    for recipe in before:
        changes = explain(recipe.parts(), {**recipe.parts(), "extra": now[recipe.artifact].extra})
        if changes:
            raise Overtaken(f"{recipe.artifact}: {'; '.join(changes)} while it was being made; run it again")


def recorded_as(content_hash: str, upstream: str) -> str:
    """What `Head.recorded` is once the orchestrator has an event of this content, made of what stands upstream."""
    return f"{content_hash} of {upstream}"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
