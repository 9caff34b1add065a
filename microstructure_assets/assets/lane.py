"""One lane of assets from the contract: specs with dependencies and versions, the loop that makes and records."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from microstructure_assets import progress
from microstructure_assets.assets.views import ScanView, TileView
from microstructure_assets.automation.conditions import incremental
from microstructure_assets.compute import Compute, LocalCompute
from microstructure_assets.errors import InputError
from microstructure_assets.figures.render import as_markdown
from microstructure_assets.partitions import scan_partitions, split_key, tile_key, tile_partitions
from microstructure_assets.resources import ComputeResource, HomeResource
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.names import SLOTS, ScanName, Slot
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.specs import ArtifactSpec
from microstructure_assets.store.store import Outcome, Store, recorded_as
from microstructure_assets.store.tiles import TileUnknown

SETTINGS_ASSET = {"scan": "scan_settings", "tile": "tile_settings"}


class MakingFailed(RuntimeError):
    """An artifact could not be made; the message names scan, artifact and tile, the cause is the error itself."""


class MakingRefused(MakingFailed, InputError):
    """An artifact could not be made of what the user gave."""


def failure(scan: str, slot: str | None, artifacts: Sequence[str], error: Exception) -> MakingFailed:
    """What is raised of an error in making artifacts."""
    place = f"scan {scan}" + (f", tile {slot}" if slot else "")
    refused = isinstance(error, InputError | FileNotFoundError | PermissionError)
    words = str(error) if refused else f"{type(error).__name__}: {error}"
    return (MakingRefused if refused else MakingFailed)(f"{', '.join(artifacts)} of {place}: {words}")


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


def asset_specs(names: Sequence[str], group: str) -> list[dg.AssetSpec]:
    """Asset specs of artifacts of one partition, derived from the contract."""
    return [_asset_spec(artifact_spec(name), group) for name in names]


def lane(name: str, group: str, makers: Sequence[Maker]) -> dg.AssetsDefinition:
    """A multi-asset whose body takes any subset of its partitions and assets, in order, and records each by itself.

    Each artifact and partition gets an event of its own with its content hash as data version, so that Dagster knows
    per tile what changed; nothing is recorded again that is recorded already.
    """
    names = [artifact for maker in makers for artifact in maker.artifacts]

    @dg.multi_asset(
        name=name, specs=asset_specs(names, group), can_subset=True, backfill_policy=dg.BackfillPolicy.single_run()
    )
    def body(context: dg.AssetExecutionContext, home: HomeResource, compute: ComputeResource) -> Any:
        selected = {key.to_user_string() for key in context.selected_asset_keys}
        chosen = [maker for maker in makers if selected.intersection(maker.artifacts)]
        recorder = Recorder(context, home.store(), names)
        keys = in_order(recorder.store, context.partition_keys)
        with progress.bar(group, len(keys) * len(chosen)) as bar:
            failures = [
                failed for key in keys if (failed := run_makers(recorder, key, chosen, selected, bar, compute.compute))
            ]
        recorder.summarise()
        if failures:
            raise together(failures) from failures[0].__cause__
        return
        yield

    return body


def run_makers(
    recorder: "Recorder",
    key: str,
    makers: Sequence[Maker],
    selected: set[str],
    bar: progress.Bar,
    compute: Callable[[], Compute],
) -> MakingFailed | None:
    """Make and record the selected artifacts of one partition; an error is given back, so that the others go on."""
    scan, slot = split_key(key)
    for done, maker in enumerate(makers):
        wanted = [artifact for artifact in maker.artifacts if artifact in selected]
        started = time.perf_counter()
        try:
            upstream = recorder.upstream(scan, slot, wanted)
            origin = {"run_id": recorder.context.run.run_id}
            outcomes = make(recorder.store, scan, slot, maker, wanted, origin, compute())
        except MakingFailed as failed:
            bar.update(len(makers) - done)
            if isinstance(failed.__cause__, TileUnknown):
                recorder.context.log.info(f"{key}: left alone, {failed.__cause__}")
                return None
            recorder.context.log.error(str(failed))
            return failed
        for outcome in outcomes.values():
            recorder.record(key, outcome, upstream, time.perf_counter() - started)
        bar.update(1)
    return None


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
class Upstream:
    """What stood above artifacts before they were made.

    Attributes
    ----------
    latest_event : int
        Number of Dagster's last event.
    state : mapping of str
        `Recipes.upstream` of each artifact.
    """

    latest_event: int
    state: Mapping[str, str]


class Recorder:
    """Records artifacts as Dagster events, once per content.

    Parameters
    ----------
    context : AssetExecutionContext
    store : Store
    names : sequence of str
        Every artifact of the lane.
    """

    def __init__(self, context: dg.AssetExecutionContext, store: Store, names: Sequence[str]) -> None:
        self.context = context
        self.store = store
        self._known = {name: context.instance.get_materialized_partitions(dg.AssetKey(name)) for name in names}
        self._computed = 0
        self._reused = 0

    def upstream(self, scan: str, slot: str | None, artifacts: Sequence[str]) -> Upstream:
        """What stands above artifacts before they are made."""
        latest = self.context.instance.event_log_storage.get_maximum_record_id() or 0
        try:
            recipes = Recipes(self.store, scan)
            return Upstream(latest, {artifact: recipes.upstream(artifact, slot) for artifact in artifacts})
        except Exception as error:
            raise failure(scan, slot, artifacts, error) from error

    def record(self, key: str, outcome: Outcome, upstream: Upstream, seconds: float) -> None:
        """Log the event of one artifact, unless Dagster has it already, made of what stands upstream.

        One that is taken again beside something new upstream has an event too: without it Dagster shows it as stale.
        """
        (scan, slot), artifact = split_key(key), outcome.artifact.spec.name
        self._reused += outcome.reused
        self._computed += not outcome.reused
        content = outcome.artifact.content_hash
        head = self.store.head(scan, artifact, slot)
        recorded = recorded_as(content, upstream.state[artifact])
        if outcome.reused and key in self._known[artifact] and head is not None and head.recorded == recorded:
            return
        self.context.log_event(
            dg.AssetMaterialization(
                artifact,
                partition=key,
                metadata=_metadata(outcome, seconds),
                tags=_tags(outcome, upstream.latest_event),
                description=outcome.reason,
            )
        )
        self.store.mark_recorded(scan, artifact, slot, content, upstream.state[artifact])

    def summarise(self) -> None:
        """Say how much was computed and how much was taken again."""
        self.context.log.info(f"{self._computed} computed, {self._reused} reused")


def _asset_spec(spec: ArtifactSpec, group: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        spec.name,
        deps=[*spec.dependencies, SETTINGS_ASSET[spec.per]],
        description=_description(spec),
        group_name=group,
        code_version=spec.code_version,
        kinds={"zarr"} if spec.form == "arrays" else {"json"} if spec.form == "document" else {"html"},
        tags={"lane": group},
        owners=["team:microscopy"],
        skippable=True,
        partitions_def=tile_partitions if spec.per == "tile" else scan_partitions,
        automation_condition=incremental(group),
    )


def _description(spec: ArtifactSpec) -> str:
    lines = [spec.title, ""]
    lines += [
        f"- `{item.name} ({', '.join(item.dimensions)})` [{item.units}]: {item.description}" for item in spec.variables
    ]
    lines += [f"- table `{table.name}`: {table.description}" for table in spec.tables]
    if spec.settings:
        lines += ["", f"Settings: {', '.join(spec.settings)}."]
    return "\n".join(lines)


def _metadata(outcome: Outcome, seconds: float) -> dict[str, Any]:
    artifact = outcome.artifact
    facts = {
        name: value
        for name, value in artifact.attributes.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool)
        # GraphQL knows neither NaN nor infinity
        if not isinstance(value, float) or math.isfinite(value)
    }
    metadata: dict[str, Any] = {
        "reason": outcome.reason,
        "content_hash": artifact.content_hash,
        "path": dg.MetadataValue.path(str(artifact.path)),
        "seconds": round(seconds, 3),
        **facts,
    }
    if "compute" in artifact.notes:
        metadata["compute"] = artifact.notes["compute"]
    thumbnail = artifact.thumbnail()
    if thumbnail:
        metadata["picture"] = dg.MetadataValue.md(as_markdown(thumbnail, artifact.spec.name))
        metadata["figure"] = dg.MetadataValue.path(str(artifact.folder / "figure.png"))
    return metadata


def _tags(outcome: Outcome, latest_event: int) -> dict[str, str]:
    """What Dagster puts on the outputs of a step, but not on logged events: versions, and what they were made of.

    Without a version and an event pointer of every dependency its staleness view takes each for a new dependency.
    """
    recipe, spec = outcome.artifact.record["recipe"], outcome.artifact.spec
    tags = {"dagster/data_version": outcome.artifact.content_hash, "dagster/code_version": recipe["code_version"]}
    for name in (*spec.dependencies, SETTINGS_ASSET[spec.per]):
        own = {key: content for key, content in recipe["inputs"].items() if key.partition("[")[0] == name}
        tags[f"dagster/input_data_version/{name}"] = own.get(name) or hash_json(own or recipe["settings"])
        tags[f"dagster/input_event_pointer/{name}"] = str(latest_event)
    return tags


def in_order(store: Store, keys: Iterable[str]) -> list[str]:
    """Partition keys scan by scan in slot order, a region after the one that gives it its references."""
    pairs = [split_key(key) for key in keys]
    registry = ScanRegistry(store.home)
    scans = {scan: registry.get(scan) for scan in {scan for scan, _ in pairs}}

    def place(pair: tuple[ScanName, Slot | None]) -> tuple[str, int, int]:
        scan, slot = pair
        return scan, scans[scan].reference_depth(slot), SLOTS.index(slot) if slot else 0

    return [tile_key(scan, slot) if slot else scan for scan, slot in sorted(pairs, key=place)]
