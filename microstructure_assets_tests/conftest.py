"""What every test may use: a home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from microstructure_assets.store.home import HOME_VARIABLE, Home, prepare_home
from microstructure_assets.store.store import Store


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A fresh home that the environment points at."""
    prepared = prepare_home(Home(tmp_path / "home"))
    monkeypatch.setenv(HOME_VARIABLE, str(prepared.root))
    monkeypatch.setenv("DAGSTER_HOME", str(prepared.dagster))
    return prepared


@pytest.fixture
def store(home: Home) -> Store:
    """The store of the fresh home."""
    return Store(home)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where nothing passed: parallel workers that all crash otherwise end in "no tests ran" and success."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    distributed_worker = hasattr(session.config, "workerinput")
    if reporter is None or distributed_worker or session.config.option.collectonly:
        return
    if session.exitstatus == pytest.ExitCode.OK and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
