"""What a person starts: `characterize` (everything of one scan but for what takes hours), `latents` (that) and
`configure` (settings of a scan or tile).
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from microstructure_assets.assets.making import MakingFailed
from microstructure_assets.assets.settings import report_settings, settings_versions
from microstructure_assets.automation.under_way import PROCESS_TAG, tell_process, this_process
from microstructure_assets.partitions import scan_partitions, tile_key
from microstructure_assets.resources import (
    ComputeResource,
    HomeResource,
    changes_of,
    environment_compute,
    settings_form,
)
from microstructure_assets.store.contract import ARTIFACTS
from microstructure_assets.store.crystallography_artifacts import CHEMISTRY_ARTIFACTS, CRYSTALLOGRAPHY_ARTIFACTS
from microstructure_assets.store.latent_artifacts import LATENT_ARTIFACTS
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.store import recorded_as

# A stage is a set of assets of one partition: no job of Dagster's can span assets of different partitions.
Stage = tuple[str, tuple[str, ...]]
STAGES: tuple[Stage, ...] = (
    ("scan", ("scan_manifest", "preprocessed_patterns", "pattern_quality", "pattern_subspace")),
    ("scan", ("nmi_scale_curve", "analysis_tiling")),
    ("tile", tuple(spec.name for spec in ARTIFACTS if spec.per == "tile")),
    ("scan", ("segmentation_map",)),
    ("scan", tuple(spec.name for spec in CRYSTALLOGRAPHY_ARTIFACTS)),
    ("scan", tuple(spec.name for spec in CHEMISTRY_ARTIFACTS)),
    ("scan", ("lane_agreement",)),
    ("scan", ("scan_report",)),
)
# What the latents are made of and compared with, and they themselves.
LATENT_STAGES = (*STAGES[:6], ("scan", tuple(spec.name for spec in LATENT_ARTIFACTS)))
PARENT_RUN_TAG = "microstructure/parent_run"
SettingsForm = settings_form()


def stale_reasons(recipes: Recipes, per: str, artifacts: Sequence[str]) -> dict[tuple[str, str | None], str]:
    """Why each artifact of a stage would be made again, by artifact and tile; empty when the stage is current."""
    reasons: dict[tuple[str, str | None], str] = {}
    for tile in [None] if per == "scan" else recipes.tiles():
        for artifact in artifacts:
            reason = recipes.why_stale(artifact, tile)
            if reason:
                reasons[artifact, tile] = reason
    return reasons


@dg.op
def run_stages(context: dg.OpExecutionContext, home: HomeResource, compute: ComputeResource) -> None:
    """Everything that `characterize` makes."""
    _run_stages(context, home, compute, STAGES)


@dg.op
def run_latent_stages(context: dg.OpExecutionContext, home: HomeResource, compute: ComputeResource) -> None:
    """Everything that `latents` makes."""
    _run_stages(context, home, compute, LATENT_STAGES)


def _run_stages(
    context: dg.OpExecutionContext, home: HomeResource, compute: ComputeResource, stages: Sequence[Stage]
) -> None:
    """Run the stages of one scan one after another, each as a child run in this process, but not the current ones."""
    tell_process(context.instance, context.run_id)
    scan, store = context.partition_key, home.store()
    store.sweep()
    graph = _definitions(home, compute).resolve_implicit_global_asset_job_def()
    for per, artifacts in stages:
        recipes = Recipes(store, scan)
        artifacts = tuple(filter(recipes.applies, artifacts))
        if not artifacts:
            continue
        reasons = stale_reasons(recipes, per, artifacts)
        if not reasons and recorded(context.instance, store, recipes, per, artifacts):
            context.log.info(f"{', '.join(artifacts)}: nothing to recompute")
            continue
        result = graph.execute_in_process(
            instance=context.instance,
            asset_selection=[dg.AssetKey(name) for name in artifacts],
            run_config={"loggers": context.run.run_config.get("loggers", {})},
            **_partitions(scan, per, recipes.tiles(), context.run_id),
        )
        context.log.info(f"{', '.join(artifacts)}: run {result.run_id}")


def recorded(instance: dg.DagsterInstance, store: Any, recipes: Recipes, per: str, artifacts: Sequence[str]) -> bool:
    """Whether Dagster has an event of each artifact of a stage as it stands, made of what stands upstream."""
    scan = recipes.scan.name
    for artifact in artifacts:
        known = instance.get_materialized_partitions(dg.AssetKey(artifact))
        for tile in [None] if per == "scan" else recipes.tiles():
            head = store.head(scan, artifact, tile)
            key = tile_key(scan, tile) if tile else scan
            upstream = recipes.upstream(artifact, tile)
            if head is None or head.recorded != recorded_as(head.content_hash, upstream) or key not in known:
                return False
    return True


def _partitions(scan: str, per: str, tiles: Sequence[str], parent_run: str) -> dict[str, Any]:
    tags = {PARENT_RUN_TAG: parent_run}
    if per == "scan":
        return {"partition_key": scan, "tags": tags}
    ends = {
        "dagster/asset_partition_range_start": tile_key(scan, tiles[0]),
        "dagster/asset_partition_range_end": tile_key(scan, tiles[-1]),
    }
    return {"tags": {**tags, **ends}}


@dg.job(
    partitions_def=scan_partitions,
    executor_def=dg.in_process_executor,
    description="Make every artifact of one scan that is missing or no longer current; nothing else is computed.",
    # What failed or was stopped is started again by a person: everything that was finished is kept.
    tags={"dagster/max_retries": "0"},
)
def characterize() -> None:
    """One click, one command."""
    run_stages()


@dg.job(
    partitions_def=scan_partitions,
    executor_def=dg.in_process_executor,
    description="Train the autoencoder on the patterns of one scan and make its latents, their clusters and bands.",
    tags={"dagster/max_retries": "0"},
)
def latents() -> None:
    """Takes minutes to hours, and so is not part of `characterize`."""
    run_latent_stages()


@dg.op
def change_settings(context: dg.OpExecutionContext, config: SettingsForm, home: HomeResource) -> None:  # type: ignore[valid-type]
    """Store the settings of the form and tell the graph."""
    scan, tile, store = context.partition_key, config.tile or None, home.store()  # type: ignore[attr-defined]
    before = settings_versions(store.home, scan)
    values = SettingsLayers(store.home).configure(scan, changes_of(config), tile)
    report_settings(context.instance, store.home, scan, before)
    context.log.info(f"settings of {scan}{f', tile {tile}' if tile else ''}: {values or 'all default'}")


@dg.job(
    partitions_def=scan_partitions,
    executor_def=dg.in_process_executor,
    description="Change settings of a scan, one tile or named region; automation recomputes what depends on them.",
    tags={"dagster/max_retries": "0"},
)
def configure() -> None:
    """The launchpad is the form."""
    change_settings()


class JobStopped(KeyboardInterrupt):
    """The user stopped a job; what was finished is kept."""


class JobFailed(RuntimeError):
    """A job failed; the cause is the error of the step."""


def run_job(
    instance: dg.DagsterInstance, scan: str, log_level: str = "CRITICAL", *, name: str = "characterize"
) -> frozenset[str]:
    """Run a job of one scan in this process; the same job as the UI's button.

    Parameters
    ----------
    instance : DagsterInstance
    scan : str
        A registered scan whose partition key exists.
    log_level : str
        Level of Dagster's own log on the console.
    name : {"characterize", "latents"}

    Returns
    -------
    frozenset of str
        Ids of the run and of those of its stages.

    Raises
    ------
    JobStopped
        If the user interrupts it.
    JobFailed
        If a step fails.
    """
    job = _definitions(HomeResource(root=""), environment_compute()).get_job_def(name)
    quiet = {"loggers": {"console": {"config": {"log_level": log_level}}}}
    try:
        result = job.execute_in_process(
            run_config=quiet, instance=instance, partition_key=scan, tags={PROCESS_TAG: this_process()}
        )
    except dg.DagsterExecutionInterruptedError as error:
        raise JobStopped from error
    except Exception as error:
        raise JobFailed("a step failed") from root_cause(error)
    stages = instance.get_run_ids(dg.RunsFilter(tags={PARENT_RUN_TAG: result.run_id}))
    return frozenset([result.run_id, *stages])


def _definitions(home: HomeResource, compute: ComputeResource) -> dg.Definitions:
    # The assets that the job runs meet it only there.
    from microstructure_assets.definitions import build_defs

    return build_defs({"home": home, "compute": compute})


def root_cause(error: BaseException) -> BaseException:
    """The first error of a chain, or the one that names the artifact that it kept from being made."""
    while error.__cause__ is not None and not isinstance(error, MakingFailed):
        error = error.__cause__
    return error


def register_scan(instance: dg.DagsterInstance, scan: str) -> None:
    """Make the scan's partition key known."""
    instance.add_dynamic_partitions("scan", [scan])
