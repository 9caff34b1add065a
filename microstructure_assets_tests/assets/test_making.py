"""What a maker sees is what its key says, whatever changes meanwhile; what goes wrong says where."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microstructure_assets.assets import writing
from microstructure_assets.assets.making import (
    FailureReport,
    Maker,
    MakingFailed,
    MakingRefused,
    PartitionWork,
    TileGone,
    make,
    together,
)
from microstructure_assets.assets.views import NotDeclared, ScanView
from microstructure_assets.compute import LocalCompute
from microstructure_assets.errors import InputError
from microstructure_assets.figures.grid import Grid
from microstructure_assets.store import contract
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.scans import NamedRegion, ScanRegistry
from microstructure_assets.store.store import Outcome, Store
from microstructure_assets.store.tiles import TileUnknown
from microstructure_assets_tests.store.making import materialise

GRID = {"rows": 12, "columns": 12, "step_y_um": None, "step_x_um": None}
Fill = Callable[[Any, Mapping[str, Draft]], None]


def make_manifest(store: Store, phases: int = 0, step: float | None = None) -> None:
    """A manifest without a file behind it."""

    def fill(draft: Draft) -> None:
        draft.table("files", {name: np.arange(1) for name in ("path", "bytes", "sha256")})
        grid = {**GRID, "step_y_um": step, "step_x_um": step}
        draft.document({"grid": grid, "phases": phases, "raw_files": {"hash": "0" * 64}})

    extra = {"phases": phases, "step": step}
    materialise(store, "s", None, Recipe("scan_manifest", "1", extra=extra), fill)


@pytest.fixture
def scan(store: Store, tmp_path: Path) -> str:
    """A registered scan of which the manifest stands."""
    (tmp_path / "s.h5").touch()
    ScanRegistry(store.home).register("s", tmp_path / "s.h5")
    make_manifest(store)
    return "s"


def make_tiling(store: Store, fill: Fill, slot: str | None = None) -> Outcome:
    """`analysis_tiling` as this maker fills it."""
    return make(store, "s", slot, Maker(("analysis_tiling",), fill), ["analysis_tiling"], {})["analysis_tiling"]


def write(draft: Draft, n: object) -> None:
    names = ("slot", "roi", "row_start", "row_stop", "column_start", "column_stop")
    draft.table("tiles", {name: np.arange(1) if name != "slot" else np.asarray(["t00"], object) for name in names})
    draft.document({"n": n})


def test_settings_are_those_of_the_key_though_a_user_changes_them_meanwhile(store: Store, scan: str) -> None:
    SettingsLayers(store.home).configure(scan, {"tiling.n": "3"})

    def fill(view: ScanView, drafts: Mapping[str, Draft]) -> None:
        SettingsLayers(store.home).configure(scan, {"tiling.n": "5"})
        write(drafts["analysis_tiling"], view.settings("tiling").n)

    artifact = make_tiling(store, fill).artifact
    assert artifact.record["recipe"]["settings"]["tiling.n"] == artifact.document()["n"] == 3
    again = make_tiling(store, fill)
    assert not again.reused
    assert again.artifact.document()["n"] == 5


def test_an_input_that_changes_meanwhile_makes_it_start_again_with_the_new_one(
    store: Store, scan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(contract.BY_NAME["analysis_tiling"], inputs=("scan_manifest",))
    monkeypatch.setitem(contract.BY_NAME, "analysis_tiling", spec)
    seen: list[int] = []

    def fill(view: ScanView, drafts: Mapping[str, Draft]) -> None:
        if not seen:
            make_manifest(store, phases=1)
        seen.append(0)
        seen[-1] = view.read("scan_manifest").document()["phases"]
        write(drafts["analysis_tiling"], seen[-1])

    artifact = make_tiling(store, fill).artifact
    manifest = store.head(scan, "scan_manifest")
    assert manifest is not None
    assert artifact.record["recipe"]["inputs"]["scan_manifest"] == manifest.content_hash
    assert artifact.document()["n"] == 1


def test_the_grid_is_part_of_the_key_of_what_has_coordinates(store: Store, scan: str) -> None:
    def fill(view: ScanView, drafts: Mapping[str, Draft]) -> None:
        write(drafts["analysis_tiling"], view.steps_um[0])

    assert make_tiling(store, fill).artifact.document()["n"] == 1
    make_manifest(store, step=0.5)
    assert make_tiling(store, fill).artifact.record["recipe"]["extra"]["grid"]["step_y_um"] == 0.5


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda view: view.settings("stitching"), "settings stitching"),
        (lambda view: view.read("preprocessed_patterns"), "input preprocessed_patterns"),
        (lambda view: view.patterns, "input preprocessed_patterns"),
        (lambda view: view.read("pca_scores", "t00"), r"input pca_scores\[t00\]"),
    ],
)
def test_what_the_contract_does_not_name_is_not_given(
    store: Store, scan: str, ask: Callable[[ScanView], object], name: str
) -> None:
    with pytest.raises(MakingFailed, match=f"{name}: not in the contract of analysis_tiling") as caught:
        make_tiling(store, lambda view, drafts: ask(view) and None)
    assert isinstance(caught.value.__cause__, NotDeclared)


def test_an_error_says_scan_artifact_and_tile_and_keeps_its_cause(store: Store, scan: str) -> None:
    make_tiling(store, lambda view, drafts: write(drafts["analysis_tiling"], 1))
    ScanRegistry(store.home).set_region(scan, NamedRegion("R", 0, 6, 0, 6))
    with pytest.raises(MakingFailed, match=r"pca_scores of scan s, tile r00: .*preprocessed_patterns") as missing:
        make(store, scan, "r00", Maker(("pca_scores",), lambda view, drafts: None), ["pca_scores"], {})
    assert isinstance(missing.value, InputError)
    with pytest.raises(TileGone) as unknown:
        make(store, scan, "t63", Maker(("pca_scores",), lambda view, drafts: None), ["pca_scores"], {})
    assert isinstance(unknown.value.__cause__, TileUnknown)
    assert type(FailureReport.of(unknown.value).failure()) is TileGone

    def fail(view: ScanView, drafts: Mapping[str, Draft]) -> None:
        raise ZeroDivisionError("no points")

    SettingsLayers(store.home).configure(scan, {"tiling.n": "3"})
    with pytest.raises(MakingFailed, match="analysis_tiling of scan s: ZeroDivisionError: no points") as failed:
        make_tiling(store, fail)
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert not isinstance(failed.value, InputError)
    assert str(together([MakingRefused("a"), MakingFailed("b")])) == "a (and 1 more failed, see the log)"


def test_a_stored_picture_does_not_say_whose_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    real = writing.DRAWERS["pattern_quality"]

    def draw(arrays: Any, **how: Any) -> Any:
        asked.append(how)
        return real(arrays, **how)

    monkeypatch.setattr(writing, "DRAWERS", {"pattern_quality": draw})

    def fill(draft: Draft) -> None:
        maps = {name: np.zeros((3, 4), np.float32) for name in ("band_contrast", "mean_intensity")}
        writing.write_results(draft, maps, grid=Grid(1.0, 1.0))

    materialise(store, "s", None, Recipe("pattern_quality", "1"), fill)
    assert [how.get("heading", "") for how in asked] == [""]


def test_what_ends_a_partition_travels_with_the_words_of_its_cause(store: Store, scan: str) -> None:
    def fail(view: ScanView, drafts: Mapping[str, Draft]) -> None:
        raise TwoArguments("a", "b")

    maker = Maker(("analysis_tiling",), fail)
    work = PartitionWork(store, (maker,), frozenset(maker.artifacts), {}, LocalCompute())
    found, report = pickle.loads(pickle.dumps(work((scan, None))))
    failed = report.failure()
    assert found == []
    assert type(failed) is MakingFailed
    assert str(failed) == "analysis_tiling of scan s: TwoArguments: ab"
    assert "TwoArguments: ab" in str(failed.__cause__)
    assert "in fail" in str(failed.__cause__)


class TwoArguments(Exception):
    """As some libraries raise: what it keeps is not what it is made of."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)
