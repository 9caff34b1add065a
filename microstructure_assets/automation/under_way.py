"""Which runs are truly under way: each names its process when it begins, and one whose process is gone is not."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import dagster as dg

PROCESS_TAG = "microstructure/process"
PARTITION_TAG = "dagster/partition"
JOBS = ("characterize", "latents")
ACTIVE = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
BEGUN = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def this_process() -> str:
    """Host, number and birth of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{_birth(os.getpid())}"


def tell_process(instance: dg.DagsterInstance, run_id: str) -> None:
    """Write down that this process works on a run."""
    instance.add_run_tags(run_id, {PROCESS_TAG: this_process()})


def scans_under_way(instance: dg.DagsterInstance) -> set[str]:
    """Scans with a live run of `characterize` or `latents`.

    A run whose process on this machine is gone (killed, power cut) is not live, though Dagster shows it as started.
    """
    runs = [run for job in JOBS for run in instance.get_runs(filters=dg.RunsFilter(job_name=job, statuses=ACTIVE))]
    return {run.tags[PARTITION_TAG] for run in runs if PARTITION_TAG in run.tags and _alive(run.tags.get(PROCESS_TAG))}


def runs_left_behind(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that Dagster shows as begun and whose process on this machine is gone.

    Dagster's own monitoring looks at a run's process only with launchers that can tell (Docker, Kubernetes); with the
    one for a single machine such a run would stay for ever, and hold its place in the queue.
    """
    return [
        run for run in instance.get_runs(filters=dg.RunsFilter(statuses=BEGUN)) if not _alive(run.tags.get(PROCESS_TAG))
    ]


def _alive(process: str | None) -> bool:
    """Whether a process may still be there: also true where nobody said which, or it is on another machine."""
    host, _, rest = (process or "").partition(":")
    number, _, birth = rest.partition(":")
    if host != socket.gethostname() or not number.isdecimal():
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return _birth(int(number)) == birth  # another user's
    return _birth(int(number)) == birth


def _birth(process: int) -> str:
    """What tells a process from a later one of its number, also over a restart of the machine; "" where none says."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        after_name = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except OSError:
        return ""
    return f"{boot[:8]}-{after_name.split()[19]}"
