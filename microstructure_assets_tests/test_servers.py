"""Web UI and daemon end with the command that started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from microstructure_assets import servers
from microstructure_assets.errors import InputError
from microstructure_assets.servers import serve
from microstructure_assets.store.home import Home

# Stands for the two servers: they only have to live until they are told to end.
PROGRAM = """
import sys
from pathlib import Path
from microstructure_assets import servers
from microstructure_assets.store.home import Home
real = servers.start
def start(command, environment):
    process = real([sys.executable, "-c", "import time; time.sleep(120)"], environment)
    print(process.pid, flush=True)
    return process
servers.start = start
sys.exit(servers.serve(Home(Path(sys.argv[1])), "127.0.0.1", int(sys.argv[2])))
"""


def free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return int(own.getsockname()[1])


def lives(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def heed() -> None:
    """Signals as a terminal leaves them, though whoever runs the tests may have them ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_server_outlives_the_command(home: Home, number: signal.Signals) -> None:
    words = [sys.executable, "-c", PROGRAM, str(home.root), str(free_port())]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=dict(os.environ), preexec_fn=heed) as command:
        assert command.stdout is not None
        started = [int(command.stdout.readline()) for _ in range(2)]
        assert all(lives(server) for server in started)
        command.send_signal(number)
        assert command.wait(30) == 0
    deadline = time.monotonic() + 10
    while any(lives(server) for server in started):
        assert time.monotonic() < deadline, "a server was left behind"
        time.sleep(0.1)


def test_a_signal_that_was_ignored_stays_so(home: Home) -> None:
    words = ["nohup", sys.executable, "-c", PROGRAM, str(home.root), str(free_port())]
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, preexec_fn=heed
    ) as command:
        assert command.stdout is not None
        started = [int(command.stdout.readline()) for _ in range(2)]
        try:
            command.send_signal(signal.SIGHUP)
            with pytest.raises(subprocess.TimeoutExpired):
                command.wait(2)
            assert all(lives(server) for server in started)
        finally:
            command.send_signal(signal.SIGTERM)
        assert command.wait(30) == 0


def test_the_first_server_ends_where_the_second_cannot_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real, started = servers.start, list[subprocess.Popen[bytes]]()

    def start(_: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        if started:
            raise OSError("no more processes")
        started.append(real([sys.executable, "-c", "import time; time.sleep(120)"], environment))
        return started[0]

    monkeypatch.setattr(servers, "start", start)
    before = [signal.getsignal(number) for number in servers.STOPPING_SIGNALS]
    with pytest.raises(OSError, match="no more processes"):
        serve(home, "127.0.0.1", free_port())
    try:
        assert started[0].poll() is not None
    finally:
        started[0].kill()
    assert [signal.getsignal(number) for number in servers.STOPPING_SIGNALS] == before


def test_a_taken_port_is_told_before_anything_starts(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="another --port"):
            serve(home, "127.0.0.1", taken.getsockname()[1])
