"""Web UI and daemon of a home, started together and stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from microstructure_assets.store.home import HOME_VARIABLE, Home, project_root


def serve(home: Home, host: str, port: int) -> int:
    """Run webserver and daemon until one ends or the user stops them; return the exit code.

    Without the daemon, sensors and backfills do nothing, so neither runs alone.
    """
    environment = {**os.environ, HOME_VARIABLE: str(home.root), "DAGSTER_HOME": str(home.dagster)}
    location = code_location()
    commands = (
        [sys.executable, "-m", "dagster_webserver", "-h", host, "-p", str(port), *location],
        [sys.executable, "-m", "dagster._daemon", "run", *location],
    )
    processes = [start(command, environment) for command in commands]
    try:
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        return next((process.returncode for process in processes if process.poll() is not None), 0)
    except KeyboardInterrupt:
        return 0
    finally:
        stop(processes)


def code_location() -> list[str]:
    """Where the servers find the definitions: the checkout's workspace, else the installed package."""
    root = project_root()
    return ["-w", str(root / "workspace.yaml")] if root else ["-m", "microstructure_assets.definitions", "-a", "defs"]


def start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that a signal to the shell's group does not reach it twice."""
    return subprocess.Popen(
        command, env=environment, cwd=project_root() or home_folder(environment), start_new_session=True
    )


def home_folder(environment: dict[str, str]) -> str:
    """Where servers of an installed package run."""
    return environment[HOME_VARIABLE]


def stop(processes: Sequence[subprocess.Popen[bytes]], patience_s: float = 15) -> None:
    """Ask each server to end, then make it."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
