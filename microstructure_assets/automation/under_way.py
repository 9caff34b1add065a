"""Which scans have a run under way that a person started, so that automation leaves them alone meanwhile."""

from __future__ import annotations

import os
import socket

import dagster as dg

PROCESS_TAG = "microstructure/process"
PARTITION_TAG = "dagster/partition"
JOBS = ("characterize", "latents")
ACTIVE = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def this_process() -> str:
    """Host and process of a run that a shell command started."""
    return f"{socket.gethostname()}:{os.getpid()}"


def scans_under_way(instance: dg.DagsterInstance) -> set[str]:
    """Scans with a live run of `characterize` or `latents`.

    A run whose process on this machine is gone (killed, power cut) is not live, though Dagster shows it as started.
    """
    runs = [run for job in JOBS for run in instance.get_runs(filters=dg.RunsFilter(job_name=job, statuses=ACTIVE))]
    return {run.tags[PARTITION_TAG] for run in runs if PARTITION_TAG in run.tags and _alive(run.tags.get(PROCESS_TAG))}


def _alive(process: str | None) -> bool:
    host, _, number = (process or "").rpartition(":")
    if host != socket.gethostname() or not number.isdecimal():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
