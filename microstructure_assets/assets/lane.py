"""One lane of assets from the contract: specs with dependencies and versions, the loop that makes and records."""

import contextlib
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, cast

import dagster as dg

from microstructure_assets import progress
from microstructure_assets.assets.making import Made, Maker, MakingFailed, PartitionWork, TileGone, failure, together
from microstructure_assets.automation.conditions import incremental
from microstructure_assets.automation.under_way import tell_process
from microstructure_assets.checks.events import check_specs, evaluation
from microstructure_assets.checks.judging import checks_of
from microstructure_assets.checks.settings import ChecksSettings
from microstructure_assets.compute import Compute, LocalCompute
from microstructure_assets.figures.render import as_markdown
from microstructure_assets.partitions import scan_partitions, split_key, tile_partitions
from microstructure_assets.resources import ComputeResource, HomeResource
from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.names import SLOTS
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.specs import ArtifactSpec
from microstructure_assets.store.store import Outcome, Store, recorded_as
from microstructure_assets.store.tiles import TileUnknown

SETTINGS_ASSET = {"scan": "scan_settings", "tile": "tile_settings"}


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
        name=name,
        specs=asset_specs(names, group),
        check_specs=check_specs(names),
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def body(context: dg.AssetExecutionContext, home: HomeResource, compute: ComputeResource) -> Any:
        tell_process(context.instance, context.run.run_id)
        selected = {key.to_user_string() for key in context.selected_asset_keys}
        chosen = [maker for maker in makers if selected.intersection(maker.artifacts)]
        recorder = Recorder(context, home.store(), names)
        keys = in_order(recorder.store, context.partition_keys)
        with progress.bar(group, len(keys) * len(chosen)) as bar:
            failures = make_partitions(recorder, keys, chosen, frozenset(selected), bar, compute.compute())
        recorder.summarise()
        if failures:
            raise together(failures) from failures[0].__cause__
        return
        yield

    return body


def make_partitions(
    recorder: "Recorder",
    keys: Sequence[str],
    makers: Sequence[Maker],
    selected: frozenset[str],
    bar: progress.Bar,
    place: Compute,
) -> list[MakingFailed]:
    """Make and record the selected artifacts of partitions; errors are given back, so that the others go on.

    Tiles are worked on side by side where there is a cluster; of a scan, blocks of each artifact are.
    """
    failures: dict[str, MakingFailed] = {}
    for batch, own_makers in _batches(recorder.store, keys, makers):
        left = [key for key in batch if key not in failures]
        if not left:
            continue
        tiles = split_key(batch[0])[1] is not None
        here = LocalCompute(place.memory, place.device)
        outer, inner = (place, here) if tiles else (here, place)
        work = PartitionWork(
            recorder.store, tuple(own_makers), selected, {"run_id": recorder.context.run.run_id}, inner
        )
        before = recorder.latest_event()
        for key, (made, failed) in _results(left, work, outer):
            recorder.record(key, made, before, outer)
            bar.update(len(own_makers))
            if isinstance(failed, TileGone):
                recorder.context.log.info(f"{key}: left alone, {failed}")
            elif failed is not None:
                recorder.context.log.error(str(failed), exc_info=failed.__cause__)
                failures[key] = failed
    return list(failures.values())


def _batches(store: Store, keys: Sequence[str], makers: Sequence[Maker]) -> Iterator[tuple[list[str], Sequence[Maker]]]:
    """Partitions that do not wait for each other, with what is made of them before anything else.

    Of a scan one maker at a time, so that its event comes as soon as it is done; of a tile all of them.
    """
    for (_, tiles), members in groupby(keys, key=lambda key: (_depth(store, key), split_key(key)[1] is not None)):
        batch = list(members)
        if tiles:
            yield batch, makers
        else:
            yield from (([key], [maker]) for key in batch for maker in makers)


def _results(
    keys: Sequence[str], work: PartitionWork, place: Compute
) -> Iterator[tuple[str, tuple[list[Made], MakingFailed | None]]]:
    """What came of each partition; where the place itself fails, so do all that it has not begun."""
    artifacts = [artifact for maker in work.makers for artifact in maker.artifacts if artifact in work.selected]
    partitions = [split_key(key) for key in keys]
    left = deque(keys)
    try:
        for result in place.each(work, partitions):
            key = left.popleft()
            try:
                made, report = result()
                failed = None if report is None else report.failure()
            except Exception as error:
                made, failed = [], failure(*split_key(key), artifacts, error)
            yield key, (made, failed)
    except Exception as error:  # of the place itself
        for key in left:
            yield key, ([], failure(*split_key(key), artifacts, error))


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

    def latest_event(self) -> int:
        """Number of Dagster's last event."""
        return self.context.instance.event_log_storage.get_maximum_record_id() or 0

    def record(self, key: str, made: Sequence[Made], before: int, place: Compute) -> None:
        """Log the events of what was made of a partition, in the order in which it was made.

        Parameters
        ----------
        key : str
        made : sequence of Made
        before : int
            Dagster's last event before anything of it was made.
        place : Compute
            Where it was made.
        """
        for one in made:
            for outcome in one.outcomes:
                self._record(key, outcome, one, before, place)
                self._judge(key, outcome.artifact)

    def _judge(self, key: str, artifact: Artifact) -> None:
        """Log what the checks say of an artifact, whether it was made or stood already."""
        checks = checks_of(artifact.spec.name)
        if checks:
            settings = cast("ChecksSettings", Recipes(self.store, split_key(key)[0]).settings("checks"))
        for check in checks:
            self.context.log_event(evaluation(check, key, check.judge(artifact.attributes, settings)))

    def _record(self, key: str, outcome: Outcome, made: Made, before: int, place: Compute) -> None:
        """Log the event of one artifact, unless Dagster has it already, made of what stands upstream.

        One that is taken again beside something new upstream has an event too: without it Dagster shows it as stale.
        """
        (scan, slot), artifact = split_key(key), outcome.artifact.spec.name
        self._reused += outcome.reused
        self._computed += not outcome.reused
        content, upstream = outcome.artifact.content_hash, made.upstream[artifact]
        head = self.store.head(scan, artifact, slot)
        known = head is not None and head.recorded == recorded_as(content, upstream)
        if outcome.reused and key in self._known[artifact] and known:
            return
        # Events that came while it was made count as seen only where what it was made of still stands.
        latest = self.latest_event()  # before it is looked whether that still stands
        seen = latest if self._stands(scan, slot, artifact, upstream) else before
        self.context.log_event(
            dg.AssetMaterialization(
                artifact,
                partition=key,
                metadata={**({"compute": place.account()} if slot else {}), **_metadata(outcome, made.seconds)},
                tags=_tags(outcome, seen),
                description=outcome.reason,
            )
        )
        self.store.mark_recorded(scan, artifact, slot, content, upstream)

    def _stands(self, scan: str, slot: str | None, artifact: str, upstream: str) -> bool:
        with contextlib.suppress(TileUnknown):
            return Recipes(self.store, scan).upstream(artifact, slot) == upstream
        return False

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
    """Partition keys by scan and slot, regions after all that may give them their references."""

    def place(key: str) -> tuple[int, str, int]:
        scan, slot = split_key(key)
        return _depth(store, key), scan, SLOTS.index(slot) if slot else 0

    return sorted(keys, key=place)


def _depth(store: Store, key: str) -> int:
    scan, slot = split_key(key)
    return ScanRegistry(store.home).get(scan).reference_depth(slot)
