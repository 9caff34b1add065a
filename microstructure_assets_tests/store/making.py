"""Making one artifact in a test."""

from __future__ import annotations

from collections.abc import Callable

from microstructure_assets.store.draft import Draft
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.store import Outcome, Store


def materialise(store: Store, scan: str, tile: str | None, recipe: Recipe, compute: Callable[[Draft], None]) -> Outcome:
    """The artifact of one recipe that is known, made only if no equal one is kept."""
    name = recipe.artifact
    return store.materialise_together(scan, tile, [name], lambda: [recipe], lambda _, drafts: compute(drafts[name]))[
        name
    ]
