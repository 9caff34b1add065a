"""Runs whose process is gone: told from living ones, and cleared away."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import dagster as dg
import pytest

from microstructure_assets.automation.share_jobs import take_in
from microstructure_assets.automation.under_way import PROCESS_TAG, runs_left_behind, tell_process, this_process
from microstructure_assets.definitions import build_defs

HOST = socket.gethostname()


@pytest.fixture
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


def begun(instance: dg.DagsterInstance, process: str | None) -> dg.DagsterRun:
    tags = {PROCESS_TAG: process} if process is not None else {}
    return instance.create_run_for_job(take_in, status=dg.DagsterRunStatus.STARTED, tags=tags)


def ended_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_only_a_process_of_this_machine_that_is_surely_gone_has_left_its_run(instance: dg.DagsterInstance) -> None:
    gone = begun(instance, f"{HOST}:{ended_process()}:")
    # The machine has restarted, and another process has this one's number.
    reborn = begun(instance, f"{HOST}:{os.getpid()}:0badb007-17")
    for alive in (this_process(), f"elsewhere:{ended_process()}:", None, "nonsense", f"{HOST}:x:"):
        begun(instance, alive)
    ended = begun(instance, f"{HOST}:{ended_process()}:")
    instance.report_run_failed(ended)
    assert {run.run_id for run in runs_left_behind(instance)} == {gone.run_id, reborn.run_id}


def test_a_run_names_its_process(instance: dg.DagsterInstance) -> None:
    run = begun(instance, None)
    tell_process(instance, run.run_id)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    host, number, birth = found.tags[PROCESS_TAG].split(":")
    assert (host, int(number)) == (HOST, os.getpid())
    assert birth, "Linux says when a process was born"


def test_the_sensor_fails_what_was_left_and_nothing_else(instance: dg.DagsterInstance) -> None:
    gone, alive = begun(instance, f"{HOST}:{ended_process()}:"), begun(instance, this_process())
    sensor = build_defs().get_sensor_def("runs_left_behind")
    with dg.build_sensor_context(instance=instance) as context:
        result = sensor(context)
    assert isinstance(result, dg.SkipReason)
    assert "1 runs" in str(result.skip_message)
    statuses = {run.run_id: run.status for run in instance.get_runs()}
    assert statuses == {gone.run_id: dg.DagsterRunStatus.FAILURE, alive.run_id: dg.DagsterRunStatus.STARTED}
    assert not runs_left_behind(instance)
