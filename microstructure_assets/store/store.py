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

from microstructure_assets.store.artifact import Artifact, ArtifactMissing
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.files import read_json, write_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.memo import Recipe, explain
from microstructure_assets.store.names import slots_in_order

NOTHING_CHANGED = "reused: nothing that it uses changed"


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
        Content hash of the last event that the orchestrator took of it.
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

    def tiles_made(self, scan: str, artifact: str) -> list[str]:
        """Tiles of which the artifact stands, in slot order."""
        folder = self.home.store / "heads" / scan / artifact
        return list(slots_in_order({path.stem for path in folder.glob("*.json")})) if folder.is_dir() else []

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

    def materialise(
        self,
        scan: str,
        tile: str | None,
        recipe: Recipe,
        compute: Callable[[Draft], None],
        origin: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """The artifact of one recipe, made only if no equal one is kept; see `materialise_together`."""
        outcomes = self.materialise_together(
            scan, tile, [recipe], lambda drafts: compute(drafts[recipe.artifact]), origin
        )
        return outcomes[recipe.artifact]

    def materialise_together(
        self,
        scan: str,
        tile: str | None,
        recipes: Sequence[Recipe],
        compute: Callable[[Mapping[str, Draft]], None],
        origin: Mapping[str, Any] | None = None,
    ) -> dict[str, Outcome]:
        """Artifacts that one pass makes together.

        Parameters
        ----------
        scan : str
        tile : str or None
        recipes : sequence of Recipe
        compute : callable
            Gets a draft for each artifact that is not kept yet and fills it; not called when all are.
        origin : mapping, optional
            Facts of the run, for the record; not part of the key.

        Returns
        -------
        dict of Outcome
            By artifact name.
        """
        with contextlib.ExitStack() as stack:
            for recipe in sorted(recipes, key=lambda item: item.artifact):
                stack.enter_context(self.home.lock(self._lock_name(scan, recipe.artifact, tile)))
            outcomes = {recipe.artifact: self._take(scan, tile, recipe) for recipe in recipes}
            absent = [recipe for recipe in recipes if outcomes[recipe.artifact] is None]
            if absent:
                with self._drafts(absent) as drafts:
                    compute(drafts)
                    for recipe in absent:
                        outcomes[recipe.artifact] = self._keep(
                            scan, tile, recipe, drafts[recipe.artifact], origin or {}
                        )
        return {name: outcome for name, outcome in outcomes.items() if outcome is not None}

    def mark_recorded(self, scan: str, artifact: str, tile: str | None, content_hash: str) -> None:
        """Note that the orchestrator has an event of this content."""
        path = self._head_path(scan, artifact, tile)
        value = read_json(path)
        if value and value["content_hash"] == content_hash and value.get("recorded") != content_hash:
            write_json(path, {**value, "recorded": content_hash})

    def sweep(self) -> int:
        """Remove what interrupted runs left behind: temporary folders older than a day. Returns how many."""
        limit = datetime.datetime.now().timestamp() - 86_400
        left = [path for path in self._drafts_folder.glob("*") if path.stat().st_mtime < limit]
        for path in left:
            shutil.rmtree(path, ignore_errors=True)
        return len(left)

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _drafts_folder(self) -> Path:
        return self.home.store / "drafts"

    def _place(self, artifact: str, key: str) -> Path:
        return self.home.store / "artifacts" / artifact / key

    def _head_path(self, scan: str, artifact: str, tile: str | None) -> Path:
        return self.home.store / "heads" / scan / artifact / f"{tile or 'scan'}.json"

    @staticmethod
    def _lock_name(scan: str, artifact: str, tile: str | None) -> str:
        return f"{scan}/{artifact}.{tile or 'scan'}"

    def _reason(self, head: Head | None, recipe: Recipe) -> str:
        if head is None:
            return "first time"
        changes = explain(head.recipe, recipe.parts())
        return "; ".join(changes) if changes else "its files were missing"

    def _take(self, scan: str, tile: str | None, recipe: Recipe) -> Outcome | None:
        kept = Artifact.load(self._place(recipe.artifact, recipe.key))
        if kept is None:
            return None
        head = self.head(scan, recipe.artifact, tile)
        if head and head.key == recipe.key:
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
        drafts = {
            recipe.artifact: Draft(self._drafts_folder / uuid.uuid4().hex, artifact_spec(recipe.artifact))
            for recipe in recipes
        }
        try:
            yield drafts
        finally:
            for draft in drafts.values():
                draft.discard()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
