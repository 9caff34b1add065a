"""Automation with the real daemon: a registered scan becomes a report without anybody asking."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import dagster as dg

from microstructure_assets.jobs import register_scan
from microstructure_assets.servers import start, stop
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.tile_artifacts import TILE_ARTIFACTS
from microstructure_assets_tests.e2e.conftest import BY_ITSELF, Lab

TILES = [spec.name for spec in TILE_ARTIFACTS]
SLOTS = ["s|t00", "s|t01", "s|t02", "s|t03"]
PATIENCE_S = 420


def wait_for(lab: Lab, asset: str, count: int) -> None:
    """Until the asset has this many events; a failed run ends the wait."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        failed = lab.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        assert not failed, [run.run_id for run in failed]
        if len(lab.events_by_asset()[asset]) >= count:
            return
        time.sleep(1)
    raise AssertionError(f"{asset}: fewer than {count} events after {PATIENCE_S} s; {lab.events_by_asset()}")


def times(lab: Lab, asset: str) -> list[float]:
    """When each event of an asset was logged."""
    return sorted(
        record.timestamp for record in lab.instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
    )


def making_runs(lab: Lab) -> set[str]:
    """Runs that have made an artifact which stands."""
    heads = lab.heads("s")
    return {lab.store.read("s", name, tile).record["origin"]["run_id"] for name, tile in heads}


def test_from_a_registered_scan_to_its_report_and_after_one_tiles_change(lab: Lab, small_twin: Path) -> None:
    module = "microstructure_assets_tests.e2e.daemon_definitions"
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", module, "-a", "defs"]
    daemon = start(command, dict(os.environ))
    try:
        time.sleep(12)  # the first tick only learns what exists
        ScanRegistry(lab.home).register("s", small_twin)
        SettingsLayers(lab.home).configure("s", {"tiling.n": "2"})
        register_scan(lab.instance, "s")
        wait_for(lab, "scan_report", 1)
        events = lab.events_by_asset()
        assert {name: sorted(events[name]) for name in TILES} == dict.fromkeys(TILES, SLOTS)
        assert all(events[spec.name] == ["s"] for spec in BY_ITSELF if spec.per == "scan")
        last_tile = max(max(times(lab, name)) for name in TILES)
        assert min(times(lab, "segmentation_map")) >= last_tile
        # The pass, the curve, crystallography, the tiles, the stitch, the agreement, the report. A tick that falls on
        # the end of a run may ask for what that run made: then a run finds all current, and makes nothing.
        assert len(making_runs(lab)) <= 7
        assert lab.instance.get_runs_count() <= 18

        lab.configure("s", {"knee.maximum": "3"}, "t02")
        wait_for(lab, "scan_report", 2)
        later = lab.events_by_asset()
        assert later["pca_scores"][4:] == ["s|t02"]
        assert all(set(later[name][4:]) <= {"s|t02"} for name in TILES)
        assert later["preprocessed_patterns"] == ["s"]
    finally:
        stop([daemon])
