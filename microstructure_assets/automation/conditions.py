"""The condition under which an asset is asked for without a person: its data, settings or code changed."""

from __future__ import annotations

from typing import Any, cast

import dagster as dg
from dagster import AutomationCondition as Condition

from microstructure_assets.automation.under_way import scans_under_way
from microstructure_assets.partitions import split_key
from microstructure_assets.store.contract import BY_NAME, needs
from microstructure_assets.store.home import resolve_home
from microstructure_assets.store.recipes import holdings
from microstructure_assets.store.scans import ScanRegistry, ScanUnknown
from microstructure_assets.store.store import Store
from microstructure_assets.store.tiles import tiles_of


class UnusedSlot(Condition):
    """True for what a scan does not have: a slot that its known tiling does not use, artifacts of patterns or element
    maps where it has none, and what is made on request where nobody asked for it; false while tiling and manifest are
    unknown.

    The opposite predicate, "in the tiling", would be false for every slot while the tiling is unknown, and a fan-in
    that waits for "all slots in the tiling" would then run before any tile exists.
    """

    @property
    def name(self) -> str:
        """Label in the UI."""
        return "unused_slot"

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """Look at the candidates' slots against the tilings in the store."""
        candidates, store = context.candidate_subset, Store(resolve_home())
        tiled = isinstance(context.partitions_def, dg.MultiPartitionsDefinition)
        name = context.key.to_user_string()
        spec = BY_NAME.get(name)
        wanted = frozenset() if spec is None else needs(name)
        on_request = spec is not None and spec.on_request
        if not tiled and not wanted:
            return dg.AutomationResult(context, true_subset=context.get_empty_subset())
        used: dict[str, set[str] | None] = {}
        unused = set()
        for key in candidates.expensively_compute_partition_keys():
            scan, slot = split_key(key) if tiled else (key, None)
            if wanted and not wanted <= holdings(store, scan):
                unused.add(key)
                continue
            if slot is None:
                if on_request and store.head(scan, name) is None:
                    unused.add(key)
                continue
            if scan not in used:
                used[scan] = used_slots(scan)
            known = used[scan]
            if known is not None and slot not in known:
                unused.add(key)
        return dg.AutomationResult(context, true_subset=candidates.compute_intersection_with_partition_keys(unused))


class Characterizing(Condition):
    """True for the partitions of scans that a run of `characterize` or `latents` is working on."""

    @property
    def name(self) -> str:
        """Label in the UI."""
        return "characterizing"

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """Look at the candidates' scans against the runs under way."""
        busy = scans_under_way(context.asset_graph_view.instance)
        candidates = context.candidate_subset
        keys = candidates.expensively_compute_partition_keys() if busy else set()
        taken = {key for key in keys if key and split_key(key)[0] in busy}
        return dg.AutomationResult(context, candidates.compute_intersection_with_partition_keys(taken))


def used_slots(scan: str) -> set[str] | None:
    """Slots that a scan uses; None while its tiling is unknown."""
    store = Store(resolve_home())
    try:
        tiles = tiles_of(store, ScanRegistry(store.home).get(scan))
    except ScanUnknown:
        return None
    return None if tiles is None else set(tiles)


SETTINGS = dg.AssetSelection.assets("scan_settings", "tile_settings")
UNUSED = UnusedSlot()

# Typed loosely: the library declares narrower conditions here than its own operators accept.
ANY: Any = Condition


def incremental(group: str) -> dg.AutomationCondition:
    """The condition of the assets of a lane.

    Within a lane, assets are asked for together with what they depend on: one step makes them in order. What another
    lane makes is waited for: a lane logs an event per tile in place of outputs, and a run of two lanes would pass over
    the second.

    Parameters
    ----------
    group : str
        The lane's group of assets.
    """
    own = dg.AssetSelection.groups(group)
    news = ANY.any_deps_match(ANY.data_version_changed()) | ANY.any_deps_match(ANY.will_be_requested()).allow(own)
    # Settings have an event only once somebody sets them: without one the defaults hold, and nothing waits for it.
    missing = ANY.any_deps_match(ANY.missing() & ~ANY.will_be_requested() & ~UNUSED).allow(own)
    missing |= ANY.any_deps_match(ANY.missing() & ~UNUSED).ignore(own | SETTINGS)
    return cast(
        "dg.AutomationCondition",
        (
            news.since_last_handled()
            | ANY.newly_missing().since_last_handled()
            | ANY.code_version_changed().since_last_handled()
        )
        & ~missing
        & ~ANY.any_deps_in_progress()
        & ~ANY.any_deps_match(ANY.will_be_requested()).ignore(own)
        & ~ANY.in_progress()
        & ANY.all_deps_blocking_checks_passed()
        & ~UNUSED
        & ~Characterizing(),
    )
