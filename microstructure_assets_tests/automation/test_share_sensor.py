"""What the sensor of the shares asks for, tick by tick."""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg
import pytest

from microstructure_assets.acquisition.shares.intake import take_in_all
from microstructure_assets.acquisition.shares.ledger import Ledger
from microstructure_assets.acquisition.shares.settings import Shares
from microstructure_assets.automation.share_jobs import release_arrival, take_in
from microstructure_assets.automation.share_sensor import SHARE_TAG, look
from microstructure_assets.definitions import build_defs
from microstructure_assets.resources import HomeResource
from microstructure_assets.store.home import Home
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets_tests.acquisition.conftest import write_ang

LOG = logging.getLogger(__name__)


@pytest.fixture
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


def ready(home: Home, *names: str) -> None:
    """Put maps into the inbox, and let what lies there have stood still for an hour."""
    for size, name in enumerate(names, start=2):
        write_ang(home.inbox / name, size, size)
    look(dg.DagsterInstance.ephemeral(), home, None, LOG)
    with Ledger(home).transaction() as rows:
        rows.execute("update files set since = since - 3600")
    look(dg.DagsterInstance.ephemeral(), home, None, LOG)


def jobs_asked_for(result: dg.SensorResult) -> list[tuple[str | None, str | None]]:
    return [(request.job_name, request.partition_key) for request in result.run_requests or []]


def test_from_a_file_to_the_run_that_characterises_it(home: Home, instance: dg.DagsterInstance) -> None:
    write_ang(home.inbox / "a.ang", 3, 3)
    first = look(instance, home, None, LOG)
    assert not first.run_requests, "it has not stood still yet"
    ready(home)
    second = look(instance, home, first.cursor, LOG)
    assert jobs_asked_for(second) == [("take_in", None)]
    outcome = take_in.execute_in_process(
        instance=instance,
        run_config=second.run_requests[0].run_config,  # type: ignore[index]
        resources={"home": HomeResource(root=str(home.root))},
    )
    assert outcome.success
    third = look(instance, home, second.cursor, LOG)
    assert jobs_asked_for(third) == [("characterize", "a")]
    (keys,) = third.dynamic_partitions_requests or []
    assert (keys.partitions_def_name, list(keys.partition_keys)) == ("scan", ["a"])
    assert not look(instance, home, third.cursor, LOG).run_requests, "asked for twice"
    # A tick that was lost before its cursor was kept asks again, under the same run key: Dagster starts it once.
    again = look(instance, home, second.cursor, LOG)
    assert [request.run_key for request in again.run_requests or []] == [
        request.run_key for request in third.run_requests or []
    ]


def test_a_share_is_taken_in_by_one_run_at_a_time(home: Home, instance: dg.DagsterInstance) -> None:
    ready(home, "a.ang", "b.ang")
    (arrival, _) = Ledger(home).arrivals("ready")
    Ledger(home).move(arrival, "taking", "being copied", 2.0)
    run = instance.create_run_for_job(take_in, status=dg.DagsterRunStatus.STARTED, tags={SHARE_TAG: "inbox"})
    assert not look(instance, home, None, LOG).run_requests
    assert Ledger(home).arrivals("taking"), "taken from under a live run"
    instance.report_run_failed(run)
    assert jobs_asked_for(look(instance, home, None, LOG)) == [("take_in", None)]
    put_back = Ledger(home).arrival("inbox", arrival.path)
    assert put_back is not None
    assert (put_back.state, put_back.attempts) == ("ready", 1)


def test_the_ui_is_told_of_quarantine_once_and_again_when_it_changes(home: Home, instance: dg.DagsterInstance) -> None:
    (home.inbox / "a.osc").write_bytes(b"x")
    ready(home)
    list(take_in_all(home, Shares(home).get("inbox")))
    result = look(instance, home, None, LOG)
    (event,) = result.asset_events or []
    assert isinstance(event, dg.AssetMaterialization)
    table = event.metadata["quarantine"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["arrival"] for record in table.records] == ["inbox/a.osc"]
    assert "Export it from OIM" in str(table.records[0].data["reason"])
    assert event.metadata["quarantined"].value == 1
    assert not look(instance, home, result.cursor, LOG).asset_events
    (home.inbox / "a.osc").unlink()
    assert look(instance, home, result.cursor, LOG).asset_events


def test_a_share_that_cannot_be_read_stops_no_other(home: Home, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    Shares(home).declare(name="a-gone", url=str(tmp_path / "nowhere"))
    Shares(home).declare(name="b-odd", url="nowhere://host/folder")
    ready(home, "a.ang")
    result = look(instance, home, None, LOG)
    assert jobs_asked_for(result) == [("take_in", None)]
    (event,) = result.asset_events or []
    assert "no such folder" in str(event.metadata["share a-gone"].value)
    assert "nowhere" in str(event.metadata["share b-odd"].value)


def test_a_person_releases_in_the_ui(home: Home, instance: dg.DagsterInstance) -> None:
    ready(home, "a.ang")
    ledger = Ledger(home)
    (arrival,) = ledger.arrivals("ready")
    ledger.move(arrival, "quarantined", "a scan is called a already", 2.0)
    config = {"ops": {"release": {"config": {"arrival": "inbox/a.ang", "name": "other"}}}}
    home_resource = {"home": HomeResource(root=str(home.root))}
    assert release_arrival.execute_in_process(instance=instance, run_config=config, resources=home_resource).success
    list(take_in_all(home, Shares(home).get("inbox")))
    assert ScanRegistry(home).names() == ["other"]


def test_the_definitions_hold_the_sensor_and_its_jobs() -> None:
    defs = build_defs()
    dg.Definitions.validate_loadable(defs)
    sensor = defs.get_sensor_def("shares")
    assert {target.name for target in sensor.jobs} == {"take_in", "characterize"}
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
