"""Whom the sensors tell of what, and how often."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from microstructure_assets.acquisition.shares.ledger import Arrival, Ledger, put
from microstructure_assets.automation import notices
from microstructure_assets.automation.share_jobs import take_in
from microstructure_assets.definitions import build_defs
from microstructure_assets.notices import NoticeFailed
from microstructure_assets.store.home import Home


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is sent, in place of sending it."""
    sent: list[tuple[str, str]] = []

    def keep(subject: str, text: str) -> list[str]:
        sent.append((subject, text))
        return ["webhook"]

    monkeypatch.setattr(notices, "send", keep)
    return sent


def set_aside(home: Home, path: str, since: float) -> None:
    with Ledger(home).transaction() as rows:
        put(rows, Arrival("inbox", path, "quarantined", f"why {path}", "", 1, 1, since))


def tick(cursor: str | None) -> str | None:
    sensor = build_defs().get_sensor_def("quarantine_notices")
    with dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral(), cursor=cursor) as context:
        sensor(context)
        return context.cursor


def test_each_arrival_in_quarantine_is_told_once(home: Home, told: list[tuple[str, str]]) -> None:
    assert tick(None) is None
    for number in range(25):
        set_aside(home, f"{number:02d}.h5", 100.0 + number)
    cursor = tick(None)
    ((subject, text),) = told
    assert subject == "microstructure: 25 in quarantine"
    assert text.startswith("inbox/00.h5: why 00.h5\n")
    assert text.endswith("and 5 more: microstructure inbox list")
    assert tick(cursor) == cursor
    assert len(told) == 1
    set_aside(home, "later.h5", 200.0)
    tick(cursor)
    assert told[1] == ("microstructure: 1 in quarantine", "inbox/later.h5: why later.h5")


def test_a_failed_run_is_told_of_with_its_scan(home: Home, told: list[tuple[str, str]]) -> None:
    instance = dg.DagsterInstance.ephemeral()
    run = instance.create_run_for_job(take_in, tags={"dagster/partition": "steel"})
    event = dg.DagsterEvent("PIPELINE_FAILURE", run.job_name, message="the disk is full")
    context: Any = dg.build_run_status_sensor_context("failure_notices", event, instance, run).for_run_failure()
    build_defs().get_sensor_def("failure_notices")(context)
    assert told == [("microstructure: run failed: take_in of steel", f"run {run.run_id}\nthe disk is full")]


def test_a_mail_server_that_is_down_ends_no_tick(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(subject: str, text: str) -> list[str]:
        raise NoticeFailed("MICROSTRUCTURE_MAIL: refused")

    monkeypatch.setattr(notices, "send", fail)
    set_aside(home, "a.h5", 100.0)
    assert tick(None) == "100.0", "told again and again"
