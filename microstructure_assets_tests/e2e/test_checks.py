"""Checks with the orchestrator: a verdict per check and scan, judged anew when a limit changes."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

from microstructure_assets_tests.e2e.conftest import Lab
from microstructure_assets_tests.e2e.test_maps import write_map


def verdicts(lab: Lab, asset: str, check: str) -> list[AssetCheckExecutionRecord]:
    """What a check said, the newest first."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    return list(lab.instance.event_log_storage.get_asset_check_execution_history(key, limit=100))


def passed(record: AssetCheckExecutionRecord) -> tuple[bool, str | None, str]:
    """Verdict, partition and words of a record."""
    assert record.event is not None
    event = record.event.dagster_event
    assert event is not None
    found = event.asset_check_evaluation_data
    return found.passed, found.partition, found.description or ""


def test_every_check_has_a_verdict_for_each_scan_and_limits_ask_for_another(lab: Lab, tmp_path: Path) -> None:
    write_map(tmp_path / "map.ctf")
    for name in ("one", "two"):
        lab.characterize(tmp_path / "map.ctf", name)
    records = verdicts(lab, "orientation_map", "unindexed_share")
    assert [passed(record)[:2] for record in records] == [(False, "two"), (False, "one")]
    assert "12.9 % of the points" in passed(records[0])[2]
    assert passed(verdicts(lab, "orientation_map", "indexing_confidence")[0])[0]
    assert passed(verdicts(lab, "orientation_map", "pattern_centre")[0])[2].startswith("not judged")
    assert passed(verdicts(lab, "grain_statistics", "grain_diameter")[0])[0]
    report = lab.store.read("one", "scan_report").path.read_text(encoding="utf-8")
    assert "12.9 % of the points have no orientation" in report

    lab.configure("one", {"checks.unindexed_share_limit": "0.2"})
    before = {name: head.content_hash for (name, _), head in lab.heads("one").items()}
    lab.characterize(tmp_path / "map.ctf", "one")
    after = {name: head.content_hash for (name, _), head in lab.heads("one").items()}
    assert {name for name in after if after[name] != before[name]} == {"scan_report"}
    newest = verdicts(lab, "orientation_map", "unindexed_share")[0]
    assert passed(newest)[:2] == (True, "one")
    report = lab.store.read("one", "scan_report").path.read_text(encoding="utf-8")
    assert "of the points have no orientation" not in report
