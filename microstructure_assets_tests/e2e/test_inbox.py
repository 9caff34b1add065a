"""With the real daemon: a file dropped in the inbox becomes a report without a click, and a bad one is told of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from microstructure_assets.acquisition.shares.ledger import Ledger
from microstructure_assets.acquisition.shares.settings import Shares
from microstructure_assets.automation.under_way import PROCESS_TAG
from microstructure_assets.servers import start, stop
from microstructure_assets_tests.acquisition.conftest import write_ang
from microstructure_assets_tests.e2e.conftest import Lab

PATIENCE_S = 240


def wait_until(lab: Lab, done: Callable[[], object], what: str, *, failures: bool = False) -> None:
    """Until the condition holds; a failed run ends the wait, unless failures are expected."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        failed = lab.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        assert failures or not failed, [run.run_id for run in failed]
        if done():
            return
        time.sleep(0.1)
    raise AssertionError(f"no {what} after {PATIENCE_S} s; {lab.events_by_asset()}; {Ledger(lab.home).arrivals()}")


def start_daemon(lab: Lab) -> subprocess.Popen[bytes]:
    Shares(lab.home).declare(name="inbox", url=str(lab.home.inbox), settle_s=2)
    module = "microstructure_assets_tests.e2e.daemon_definitions"
    return start([sys.executable, "-m", "dagster._daemon", "run", "-m", module, "-a", "defs"], dict(os.environ))


def test_from_a_dropped_file_to_the_report_without_a_click(lab: Lab, tmp_path: Path) -> None:
    daemon = start_daemon(lab)
    try:
        write_ang(tmp_path / "steel.ang", 12, 15)
        whole = (tmp_path / "steel.ang").read_bytes()
        with (lab.home.inbox / "steel.ang").open("wb") as growing:  # as over a slow network
            growing.write(whole[: len(whole) // 2])
            growing.flush()
            (lab.home.inbox / "closed.osc").write_bytes(b"x")
            wait_until(lab, lambda: Ledger(lab.home).arrivals("quarantined"), "arrival in quarantine")
            growing.write(whole[len(whole) // 2 :])
        wait_until(lab, lambda: lab.store.find("steel", "scan_report") is not None, "report")
        states = {arrival.path: arrival.state for arrival in Ledger(lab.home).arrivals()}
        assert states == {"steel.ang": "taken", "closed.osc": "quarantined"}
        wait_until(lab, lambda: lab.events_by_asset()["scan_report"] == ["steel"], "event of the report")
        told = lab.instance.get_latest_materialization_event(dg.AssetKey("share_arrivals"))
        assert told is not None
        assert told.asset_materialization is not None
        records = told.asset_materialization.metadata["quarantine"].records  # type: ignore[attr-defined]
        assert [record.data["arrival"] for record in records] == ["inbox/closed.osc"]
        assert (lab.home.inbox / "steel.ang").read_bytes() == whole
    finally:
        stop([daemon])
    asked = [run.job_name for run in lab.instance.get_runs()]
    assert asked.count("characterize") == 1


def test_after_a_power_cut_in_the_middle_the_report_comes_all_the_same(lab: Lab, tmp_path: Path) -> None:
    daemon = start_daemon(lab)
    begun = dg.RunsFilter(job_name="characterize", statuses=[dg.DagsterRunStatus.STARTED])
    try:
        write_ang(lab.home.inbox / "steel.ang", 12, 15)
        wait_until(lab, lambda: any(PROCESS_TAG in run.tags for run in lab.instance.get_runs(begun)), "run")
    finally:
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
    assert lab.store.find("steel", "scan_report") is None, "it was over before the power was cut"
    (cut,) = lab.instance.get_runs(begun)
    daemon = start_daemon(lab)
    try:
        wait_until(lab, lambda: lab.events_by_asset()["scan_report"] == ["steel"], "report", failures=True)
    finally:
        stop([daemon])
    left = lab.instance.get_run_by_id(cut.run_id)
    assert left is not None
    assert left.status == dg.DagsterRunStatus.FAILURE
    assert [arrival.state for arrival in Ledger(lab.home).arrivals()] == ["taken"]
