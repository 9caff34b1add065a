"""Web UI and daemon of a home, started together and stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

from microstructure_assets.errors import InputError
from microstructure_assets.store.home import HOME_VARIABLE, Home, project_root

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(home: Home, host: str, port: int) -> int:
    """Run webserver and daemon until one ends or the user stops them; return the exit code.

    Without the daemon, sensors and backfills do nothing, so neither runs alone. Stopped means Ctrl-C, a closed
    terminal (unless started with ``nohup``) or the system's request to end: in each case both end with this process.

    Raises
    ------
    InputError
        If another program has the port.
    """
    _check_free(host, port)
    environment = {**os.environ, HOME_VARIABLE: str(home.root), "DAGSTER_HOME": str(home.dagster)}
    location = code_location()
    commands = (
        [sys.executable, "-m", "dagster_webserver", "-h", host, "-p", str(port), *location],
        [sys.executable, "-m", "dagster._daemon", "run", *location],
    )
    asked = threading.Event()
    # What was ignored stays so (nohup). A handler that raised could do so between a server's start and its place in the
    # list.
    heeded = [number for number in STOPPING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in heeded}
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            processes.append(start(command, environment))  # noqa: PERF401 - a list from one expression is lost if one fails
        while not asked.wait(0.5) and all(process.poll() is None for process in processes):
            pass
        return next((process.returncode for process in processes if process.poll() is not None), 0)
    finally:
        stop(processes)
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as own:
        # As the server will: a port that a server left a moment ago is free.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind((host, port))
        except OSError as error:
            raise InputError(
                f"{host}:{port}: the web UI cannot listen there ({error.strerror or error}); "
                "another one may be running; end it, or give another --port"
            ) from error


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
