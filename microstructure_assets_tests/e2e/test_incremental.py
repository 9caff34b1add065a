"""What a change touches is recomputed, in the store and in Dagster's own eyes; nothing else is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from microstructure_assets.definitions import build_defs
from microstructure_assets.store import contract
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import NamedRegion, ScanRegistry
from microstructure_assets.store.tile_artifacts import TILE_ARTIFACTS
from microstructure_assets_tests.e2e.conftest import BY_ITSELF, Lab

TILING = {"tiling.n": "2"}
SCAN_ARTIFACT_COUNT = sum(spec.per == "scan" for spec in BY_ITSELF)
TILES = [spec.name for spec in TILE_ARTIFACTS]


@pytest.fixture
def done(lab: Lab, small_twin: Path) -> Lab:
    """A lab with one characterised scan of 2 x 2 tiles."""
    lab.characterize(small_twin, "s", TILING)
    return lab


def changed(before: dict, after: dict) -> set[tuple[str, str | None]]:  # type: ignore[type-arg]
    """Places whose key differs."""
    return {place for place in after if place not in before or before[place].key != after[place].key}


def stale(lab: Lab) -> set[tuple[str, str]]:
    """Partitions that Dagster's own staleness view shows as out of step."""
    graph = build_defs().resolve_asset_graph()
    resolver = CachingStaleStatusResolver(lab.instance, graph, LoadingContextForTest(lab.instance))
    slots = [f"s|{tile}" for tile in Recipes(lab.store, "s").tiles()]
    keys = [(spec.name, key) for spec in BY_ITSELF for key in (slots if spec.per == "tile" else ["s"])]
    fresh = StaleStatus.FRESH
    return {(name, key) for name, key in keys if resolver.get_status(dg.AssetKey(name), key) is not fresh}


def test_everything_changes_only_as_far_as_it_must(done: Lab, small_twin: Path) -> None:
    first, events = done.heads("s"), done.events_by_asset()
    assert len(first) == SCAN_ARTIFACT_COUNT + 4 * len(TILES)
    assert all(head.reason == "computed: first time" for head in first.values())
    assert all(sorted(events[name]) == ["s|t00", "s|t01", "s|t02", "s|t03"] for name in TILES)

    assert stale(done) == set()
    done.characterize(small_twin, "s")
    assert done.heads("s") == first
    assert done.events_by_asset() == events

    done.configure("s", {"knee.maximum": "3"}, "t02")
    assert stale(done) == {(name, "s|t02") for name in TILES}
    done.characterize(small_twin, "s")
    assert stale(done) == set()
    second = done.heads("s")
    touched = changed(first, second)
    assert ("pca_scores", "t02") in touched
    assert {slot for name, slot in touched if name in TILES} == {"t02"}
    assert {name for name, slot in touched if slot is None} <= {"segmentation_map", "lane_agreement", "scan_report"}
    assert second["pca_scores", "t02"].reason == "recomputed: setting `knee.maximum` 10 → 3"
    later = done.events_by_asset()
    for name in TILES:
        assert set(later[name][4:]) <= {"s|t02"}, name
    assert later["preprocessed_patterns"] == ["s"]

    done.configure("s", {"knee.maximum": "4"})
    done.characterize(small_twin, "s")
    third = done.heads("s")
    kept = {"scan_manifest", "preprocessed_patterns", "pattern_quality", "pattern_subspace", "analysis_tiling"}
    assert not {name for name, _ in changed(second, third)} & kept
    assert third["pca_scores", "t02"].key == second["pca_scores", "t02"].key, (
        "the tile's own setting stays above the scan's"
    )


def test_what_is_taken_again_beside_something_new_is_not_shown_as_stale(done: Lab, small_twin: Path) -> None:
    before, events = done.heads("s"), done.events_by_asset()
    done.configure("s", {"mixture.maximum_clusters": "3"}, "t02")
    done.characterize(small_twin, "s")
    after = done.heads("s")
    assert after["pca_scores", "t02"].key == before["pca_scores", "t02"].key
    assert done.events_by_asset()["pca_scores"] == [*events["pca_scores"], "s|t02"]
    assert stale(done) == set()
    again = done.events_by_asset()
    done.characterize(small_twin, "s")
    assert done.events_by_asset() == again


def test_a_declared_tilt_leaves_the_patterns_and_the_hashes_of_the_files_alone(
    done: Lab, small_twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from microstructure_assets.acquisition import raw_files

    def refuse(*_: object) -> None:
        raise AssertionError("hashed again")

    monkeypatch.setattr(raw_files, "hash_files", refuse)
    before = done.heads("s")
    done.configure("s", {"acquisition.sample_tilt_deg": "60"})
    done.characterize(small_twin, "s")
    after = done.heads("s")
    assert after["scan_manifest", None].reason == "recomputed: setting `acquisition.sample_tilt_deg` none → 60.0"
    # Indexing may use the tilt; here nothing is indexed, so that what it makes is as before, and nothing follows.
    indexed = {"orientation_map", "phase_map"}
    assert {name for name, _ in changed(before, after)} == {"scan_manifest", "scan_report", *indexed}
    assert all(before[name, None].content_hash == after[name, None].content_hash for name in indexed)
    assert stale(done) == set()
    done.configure("s", {"acquisition.step_x_um": "0.5"})
    done.characterize(small_twin, "s")
    touched = {name for name, _ in changed(after, done.heads("s"))}
    assert touched >= {"preprocessed_patterns", "weight_boundaries", "segmentation_map"}, "lengths are in all of them"
    assert stale(done) == set()


def test_a_raised_code_version_recomputes_its_closure_cut_short_where_content_is_equal(
    done: Lab, small_twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = done.heads("s")
    raised = dataclasses.replace(contract.BY_NAME["anomalies"], code_version="raised")
    monkeypatch.setitem(contract.BY_NAME, "anomalies", raised)
    done.characterize(small_twin, "s")
    after = done.heads("s")
    assert {name for name, _ in changed(before, after)} == {"anomalies", "scan_report"}, "the report names versions"
    assert all("; the content is equal" in after["anomalies", f"t0{tile}"].reason for tile in range(4))
    assert done.events_by_asset()["reference_windows"] == ["s|t00", "s|t01", "s|t02", "s|t03"]


def test_an_interrupted_job_goes_on_where_it_stopped(
    lab: Lab, small_twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from microstructure_assets.jobs import JobFailed
    from microstructure_assets.methods import factorization

    calls: list[int] = []
    real = factorization.constrained_weights

    def fail_at_the_third(*args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("power cut")
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(factorization, "constrained_weights", fail_at_the_third)
    with pytest.raises(JobFailed) as failed:
        lab.characterize(small_twin, "s", TILING)
    assert str(failed.value.__cause__) == "cnmf_weights of scan s, tile t02: RuntimeError: power cut"
    assert isinstance(failed.value.__cause__.__cause__, RuntimeError)
    half = lab.heads("s")
    assert ("cnmf_weights", "t01") in half
    assert ("cnmf_weights", "t02") not in half
    assert ("weight_boundaries", "t03") in half, "the other tiles go on"
    monkeypatch.setattr(factorization, "constrained_weights", real)
    lab.characterize(small_twin, "s")
    whole = lab.heads("s")
    assert {place: whole[place] for place in half} == half
    assert len(whole) == SCAN_ARTIFACT_COUNT + 4 * len(TILES)


def test_a_region_takes_the_references_of_another_and_follows_its_changes(done: Lab, small_twin: Path) -> None:
    registry = ScanRegistry(done.home)
    before = done.heads("s")
    registry.set_region("s", NamedRegion("R", 0, 20, 0, 20))
    registry.set_region("s", NamedRegion("X", 4, 12, 4, 12, "R"))
    done.characterize(small_twin, "s")
    after = done.heads("s")
    touched = changed(before, after)
    assert {slot for _, slot in touched if slot} == {"r00", "r01"}
    assert {name for name, slot in touched if slot is None} == {"scan_report"}, "the report shows the regions"
    page = done.store.read("s", "scan_report").path.read_text(encoding="utf-8")
    assert '<td class="short">X</td><td class="short">r01</td>' in page
    own, taken = done.store.read("s", "reference_windows", "r00"), done.store.read("s", "reference_windows", "r01")
    np.testing.assert_array_equal(own.array("reference"), taken.array("reference"))
    assert done.store.read("s", "cnmf_weights", "r01").array("weight").shape[:2] == (8, 8)
    assert stale(done) == set()
    done.configure("s", {"references.method": "paper"}, "r00")
    done.characterize(small_twin, "s")
    later = done.heads("s")
    touched = changed(after, later)
    assert {("reference_windows", "r00"), ("reference_windows", "r01"), ("cnmf_weights", "r01")} <= touched
    assert {slot for _, slot in touched if slot} == {"r00", "r01"}
    assert {name for name, slot in touched if slot is None} == {"scan_report"}


def test_a_change_that_was_stored_but_not_told_is_told_with_the_next(done: Lab) -> None:
    def told() -> int:
        wanted = dg.AssetRecordsFilter(dg.AssetKey("tile_settings"), asset_partitions=["s|t00"])
        return len(done.instance.fetch_materializations(wanted, limit=10).records)

    done.configure("s", {"knee.maximum": "5"})
    before = told()
    SettingsLayers(done.home).configure("s", {"knee.maximum": "4"})
    assert told() == before
    done.configure("s", {"knee.maximum": "4"})
    assert told() == before + 1
    done.configure("s", {"knee.maximum": "4"})
    assert told() == before + 1
