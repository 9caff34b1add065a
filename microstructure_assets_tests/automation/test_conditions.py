from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from unittest.mock import patch

import dagster as dg

from microstructure_assets.automation.under_way import PROCESS_TAG, this_process
from microstructure_assets.definitions import build_defs
from microstructure_assets.store.contract import ARTIFACTS
from microstructure_assets.store.crystallography_artifacts import CRYSTALLOGRAPHY_ARTIFACTS
from microstructure_assets.store.latent_artifacts import LATENT_ARTIFACTS
from microstructure_assets.store.store import Store
from microstructure_assets.store.tile_artifacts import TILE_ARTIFACTS
from microstructure_assets_tests.automation.conftest import make_tiling

SCAN_STAGE = [
    "scan_manifest",
    "preprocessed_patterns",
    "pattern_quality",
    "pattern_subspace",
    "nmi_scale_curve",
    "analysis_tiling",
]
CRYSTALLOGRAPHY = [spec.name for spec in CRYSTALLOGRAPHY_ARTIFACTS]
TILES = [spec.name for spec in TILE_ARTIFACTS]
FOUR = ["s|t00", "s|t01", "s|t02", "s|t03"]


class Ticks:
    """Evaluates the conditions tick after tick, as the daemon's sensor does."""

    def __init__(self, instance: dg.DagsterInstance, code_versions: dict[str, str] | None = None) -> None:
        self.instance = instance
        self.cursor: Any = None
        self.defs = build_defs()

    def tick(self) -> dict[str, set[str]]:
        """What one tick asks for, by asset."""
        scans = self.instance.get_dynamic_partitions("scan")
        # The daemon asks its storage for the scans once a tick; evaluated so, it would be asked thousands of times.
        with patch.object(self.instance, "get_dynamic_partitions", return_value=scans):
            result = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        asked = {}
        for spec in ARTIFACTS:
            keys = result.get_requested_partitions(dg.AssetKey(spec.name))
            if keys:
                asked[spec.name] = {str(key) for key in keys}
        return asked

    def record(self, names: Iterable[str], keys: Iterable[str], version: str = "1") -> None:
        """Materialisation events as the lanes log them."""
        versions = {spec.name: spec.code_version for spec in ARTIFACTS}
        for name in names:
            for key in keys:
                tags = {"dagster/data_version": f"{name}-{key}-{version}"}
                if name in versions:
                    tags["dagster/code_version"] = versions[name]
                self.instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=key, tags=tags))


def characterised(instance: dg.DagsterInstance, store: Store) -> Ticks:
    """Ticks over a scan of four tiles of which everything stands."""
    ticks = Ticks(instance)
    ticks.tick()
    make_tiling(store, "s", 2)
    ticks.record(SCAN_STAGE, ["s"])
    ticks.record(TILES, FOUR)
    ticks.record(["segmentation_map", *CRYSTALLOGRAPHY, "element_maps", "lane_agreement", "scan_report"], ["s"])
    ticks.tick()
    ticks.tick()
    assert ticks.tick() == {}
    return ticks


def test_a_new_scan_asks_for_its_scan_stage_once_and_for_nothing_else(
    instance: dg.DagsterInstance, registered: str
) -> None:
    ticks = Ticks(instance)
    ticks.tick()
    instance.add_dynamic_partitions("scan", ["new"])
    asked = ticks.tick()
    assert asked["scan_manifest"] == {"new"}
    assert not set(asked) & set(TILES)
    assert "segmentation_map" not in asked
    again = ticks.tick()
    assert "scan_manifest" not in again


def test_the_tiles_in_use_come_in_one_request_and_the_stitch_never_before_them(
    instance: dg.DagsterInstance, registered: str, store: Store
) -> None:
    ticks = Ticks(instance)
    ticks.tick()
    make_tiling(store, "s", 2)
    ticks.record(SCAN_STAGE, ["s"])
    asked = ticks.tick()
    for name in TILES:
        assert asked[name] == set(FOUR)
    assert "segmentation_map" not in asked
    ticks.record(TILES, FOUR[:3])
    assert "segmentation_map" not in ticks.tick()
    ticks.record(TILES, FOUR[3:])
    stitch = [ticks.tick() for _ in range(2)]
    assert {"s"} in [asked.get("segmentation_map") for asked in stitch]


def test_while_the_tiling_is_unknown_nothing_downstream_is_asked_for(
    instance: dg.DagsterInstance, registered: str
) -> None:
    ticks = Ticks(instance)
    ticks.tick()
    ticks.record([name for name in SCAN_STAGE if name != "analysis_tiling"], ["s"])
    asked = [ticks.tick() for _ in range(3)]
    assert all("segmentation_map" not in one and not set(one) & set(TILES) for one in asked)


def test_one_tiles_settings_ask_for_that_tile_and_the_stitch_only(
    instance: dg.DagsterInstance, registered: str, store: Store
) -> None:
    ticks = characterised(instance, store)
    ticks.record(["tile_settings"], ["s|t02"], "changed")
    asked = ticks.tick()
    assert {name: asked[name] for name in TILES} == {name: {"s|t02"} for name in TILES}
    assert not set(asked) & set(SCAN_STAGE)
    ticks.record(TILES, ["s|t02"], "2")
    later = [ticks.tick() for _ in range(3)]
    assert {"s"} in [asked.get("segmentation_map") for asked in [asked, *later]]
    assert all(not set(one) & set(TILES) and not set(one) & set(SCAN_STAGE) for one in later)


def test_the_report_waits_for_the_map_as_one_run_would_pass_over_it(
    instance: dg.DagsterInstance, registered: str, store: Store
) -> None:
    ticks = characterised(instance, store)
    ticks.record(TILES, ["s|t02"], "2")
    asked = [ticks.tick() for _ in range(3)]
    assert {"s"} in [one.get("segmentation_map") for one in asked]
    ticks.record(["segmentation_map"], ["s"], "2")
    assert ticks.tick() == {"lane_agreement": {"s"}}
    ticks.record(["lane_agreement"], ["s"], "2")
    later = [ticks.tick() for _ in range(3)]
    assert [one for one in later if one] == [{"scan_report": {"s"}}]
    assert not any("scan_report" in one and "segmentation_map" in one for one in [*asked, *later])


def test_what_is_made_on_request_is_not_asked_for_before_and_not_waited_for(
    instance: dg.DagsterInstance, registered: str, store: Store
) -> None:
    ticks = characterised(instance, store)
    ticks.record(["preprocessed_patterns"], ["s"], "2")
    asked = [ticks.tick() for _ in range(3)]
    assert any("nmi_scale_curve" in one for one in asked)
    assert not {spec.name for spec in LATENT_ARTIFACTS}.intersection(set().union(*asked))


def test_an_equal_data_version_ends_the_cascade(instance: dg.DagsterInstance, registered: str, store: Store) -> None:
    ticks = characterised(instance, store)
    ticks.record(["pca_scores"], ["s|t01"])
    assert [ticks.tick() for _ in range(3)] == [{}, {}, {}]


def test_a_running_characterize_is_left_alone_and_a_dead_one_is_not(
    instance: dg.DagsterInstance, registered: str, store: Store
) -> None:
    ticks = Ticks(instance)
    ticks.tick()
    job = build_defs().get_job_def("characterize")
    tags = {"dagster/partition": "new", PROCESS_TAG: this_process()}
    run = instance.create_run_for_job(job_def=job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    instance.add_dynamic_partitions("scan", ["new"])
    assert ticks.tick() == {}
    instance.add_run_tags(run.run_id, {PROCESS_TAG: this_process().partition(":")[0] + ":999999999:"})
    assert ticks.tick()["scan_manifest"] == {"new"}
