from __future__ import annotations

import itertools
import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray

from microstructure_assets.store.artifact import ArtifactMissing
from microstructure_assets.store.draft import ContractError, Draft
from microstructure_assets.store.memo import Recipe, explain
from microstructure_assets.store.store import NOTHING_CHANGED, Outcome, Overtaken, Store, recorded_as
from microstructure_assets.store.streams import chunk_layout
from microstructure_assets_tests.store.making import materialise


def recipe(minimum: int = 2, version: str = "1", upstream: str = "u") -> Recipe:
    return Recipe("pattern_quality", version, {"knee.minimum": minimum}, {"scan_manifest": upstream})


def fill(draft: Draft, value: float = 1.0) -> None:
    draft.array("band_contrast", np.full((3, 4), value, np.float32))
    draft.array("mean_intensity", np.zeros((3, 4), np.float32))
    draft.array("y", np.arange(3) * 0.5, dimensions=("y",), units="µm")
    draft.attributes["n"] = 3


def test_an_artifact_is_made_once_and_taken_again(store: Store) -> None:
    calls: list[int] = []

    def compute(draft: Draft) -> None:
        calls.append(1)
        fill(draft)

    first = materialise(store, "s", None, recipe(), compute)
    again = materialise(store, "s", None, recipe(), compute)
    assert (first.reused, first.reason) == (False, "computed: first time")
    assert (again.reused, again.reason) == (True, NOTHING_CHANGED)
    assert len(calls) == 1
    assert first.artifact.content_hash == again.artifact.content_hash


def test_the_reason_names_what_changed_and_equal_content_is_said(store: Store) -> None:
    materialise(store, "s", None, recipe(2), fill)
    outcome = materialise(store, "s", None, recipe(3), fill)
    assert outcome.reason == "recomputed: setting `knee.minimum` 2 → 3; the content is equal"
    back = materialise(store, "s", None, recipe(2), fill)
    assert back.reused
    assert back.reason == "reused an earlier result: setting `knee.minimum` 3 → 2"


def test_stale_reasons_come_before_anything_is_made(store: Store) -> None:
    assert store.why_stale("s", None, recipe()) == "first time"
    materialise(store, "s", None, recipe(), fill)
    assert store.why_stale("s", None, recipe()) is None
    assert (
        store.why_stale("s", None, recipe(version="2", upstream="v"))
        == "code version 1 → 2; input scan_manifest changed"
    )


def test_explain_lists_every_part() -> None:
    before = Recipe("a", "1", {"x.y": 1}, {"i": "a"}, {"rois": [1]}, {"kikuchipy": "0.13"})
    after = Recipe("a", "2", {"x.y": None, "x.z": 1}, {"i": "b"}, {"rois": [2]}, {"kikuchipy": "0.14"})
    assert explain(before.parts(), before.parts()) == []
    assert explain(before.parts(), after.parts()) == [
        "code version 1 → 2",
        "setting `x.y` 1 → none",
        "setting `x.z` none → 1",
        "library `kikuchipy` 0.13 → 0.14",
        "fact `rois` [1] → [2]",
        "input i changed",
    ]


def test_xarray_opens_it_with_names_units_coordinates_and_provenance(store: Store) -> None:
    artifact = materialise(store, "s", None, recipe(), fill).artifact
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = xarray.open_zarr(artifact.path)
    assert dataset["band_contrast"].dims == ("y", "x")
    assert dataset["y"].attrs["units"] == "µm"
    assert dataset.attrs["provenance"]["content_hash"] == artifact.content_hash
    assert dataset.attrs["provenance"]["schema_version"] == 1
    np.testing.assert_array_equal(dataset["mean_intensity"].values, np.zeros((3, 4)))


def test_an_incomplete_artifact_never_stands(store: Store) -> None:
    with pytest.raises(ContractError, match="mean_intensity"):
        materialise(store, "s", None, recipe(), lambda draft: draft.array("band_contrast", np.zeros((3, 4))))
    assert store.find("s", "pattern_quality") is None
    assert not list((store.home.store / "drafts").iterdir())
    with pytest.raises(ArtifactMissing, match="not made yet"):
        store.read("s", "pattern_quality")


def test_wrong_dimensions_are_refused_by_name(store: Store) -> None:
    with pytest.raises(ContractError, match=r"pattern_quality\.band_contrast"):
        materialise(store, "s", None, recipe(), lambda draft: draft.array("band_contrast", np.zeros(3)))


def test_a_failing_computation_leaves_the_earlier_artifact(store: Store) -> None:
    kept = materialise(store, "s", None, recipe(), fill).artifact

    def fail(draft: Draft) -> None:
        fill(draft)
        raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        materialise(store, "s", None, recipe(5), fail)
    assert store.read("s", "pattern_quality").content_hash == kept.content_hash


def test_equal_content_under_two_keys_has_one_hash_and_other_content_another(store: Store) -> None:
    first = materialise(store, "a", None, recipe(2), fill).artifact
    second = materialise(store, "b", None, recipe(3), fill).artifact
    third = materialise(store, "c", None, recipe(4), lambda draft: fill(draft, 2.0)).artifact
    assert first.content_hash == second.content_hash != third.content_hash
    assert first.folder != second.folder


def test_two_threads_that_ask_at_once_leave_one_artifact_computed_once(store: Store) -> None:
    calls: list[int] = []
    start = threading.Barrier(2)

    def compute(draft: Draft) -> None:
        calls.append(1)
        fill(draft)

    def ask() -> None:
        start.wait()
        materialise(Store(store.home), "s", None, recipe(), compute)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(list((store.home.store / "artifacts" / "pattern_quality").iterdir())) == 1


def test_artifacts_of_one_pass_are_made_together_and_only_what_is_absent(store: Store) -> None:
    asked: list[set[str]] = []
    tiling = Recipe("analysis_tiling", "1")

    def compute(recipes: Sequence[Recipe], drafts: Mapping[str, Draft]) -> None:
        assert [recipe.artifact for recipe in recipes] == list(drafts)
        asked.append(set(drafts))
        if "pattern_quality" in drafts:
            fill(drafts["pattern_quality"])
        if "analysis_tiling" in drafts:
            names = ("slot", "roi", "row_start", "row_stop", "column_start", "column_stop")
            drafts["analysis_tiling"].table("tiles", {name: np.arange(1) for name in names})
            drafts["analysis_tiling"].document({"n": 1})

    names = ["pattern_quality", "analysis_tiling"]
    store.materialise_together("s", None, names, lambda: [recipe(), tiling], compute)
    outcomes = store.materialise_together("s", None, names, lambda: [recipe(3), tiling], compute)
    assert asked == [{"pattern_quality", "analysis_tiling"}, {"pattern_quality"}]
    assert outcomes["analysis_tiling"].reused
    assert store.read("s", "analysis_tiling").document() == {"n": 1}


def test_streamed_and_whole_arrays_have_equal_content(store: Store) -> None:
    values = np.random.default_rng(0).integers(0, 255, (37, 20, 9, 8)).astype(np.uint8)

    def write(draft: Draft, step: int) -> None:
        stream = draft.stream("intensity", values.shape, np.uint8)
        for start in range(0, len(values), step):
            stream.append(values[start : start + step])
        draft.array("gain", np.ones((37, 20)))
        draft.array("offset", np.ones((37, 20)))

    one = materialise(store, "s", None, Recipe("preprocessed_patterns", "1"), lambda draft: write(draft, 5)).artifact
    two = materialise(store, "s", None, Recipe("preprocessed_patterns", "2"), lambda draft: write(draft, 37)).artifact
    assert one.content_hash == two.content_hash
    np.testing.assert_array_equal(one.group["intensity"][3:5, 7:11], values[3:5, 7:11])


def test_a_stream_that_ends_early_is_refused(store: Store) -> None:
    def write(draft: Draft) -> None:
        draft.stream("intensity", (4, 2, 3, 3), np.uint8).append(np.zeros((2, 2, 3, 3), np.uint8))

    with pytest.raises(ContractError, match="fewer rows"):
        materialise(store, "s", None, Recipe("preprocessed_patterns", "1"), write)


@pytest.mark.parametrize(
    ("shape", "itemsize"),
    [((495, 266, 60, 60), 1), ((495, 266, 400, 500), 1), ((3, 3, 60, 60), 1), ((1000, 1000), 4), ((7,), 8)],
)
def test_chunks_are_small_shards_bounded_and_files_few(shape: tuple[int, ...], itemsize: int) -> None:
    chunks, shards = chunk_layout(shape, itemsize)
    outer = shards or chunks
    assert np.prod(chunks) * itemsize <= 4 << 20
    assert np.prod(outer) * itemsize <= 256 << 20
    assert all(big % small == 0 for big, small in zip(outer, chunks, strict=True))
    assert np.prod([-(-size // shard) for size, shard in zip(shape, outer, strict=True)]) <= 1000


def test_sweep_removes_what_nobody_writes_and_leaves_a_live_draft_however_old(store: Store) -> None:
    left = store.home.store / "drafts" / "left"
    left.mkdir(parents=True)

    def compute(draft: Draft) -> None:
        os.utime(draft.folder, (0, 0))
        with ThreadPoolExecutor(1) as other:
            assert other.submit(Store(store.home).sweep).result() == 1
        assert not left.exists()
        fill(draft)

    assert not materialise(store, "s", None, recipe(), compute).reused
    assert not list((store.home.store / "drafts").iterdir())
    assert not list((store.home.root / "locks" / "drafts").iterdir())


def test_what_it_is_made_of_is_looked_up_after_the_lock_is_held(store: Store) -> None:
    minimum, held, seen = [2], threading.Event(), []

    def compute(recipes: Sequence[Recipe], drafts: Mapping[str, Draft]) -> None:
        seen.append(recipes[0].settings["knee.minimum"])
        fill(drafts["pattern_quality"])

    def ask() -> Outcome:
        made = store.materialise_together("s", None, ["pattern_quality"], lambda: [recipe(minimum[0])], compute)
        return made["pattern_quality"]

    with ThreadPoolExecutor(1) as pool, store.home.scan_lock("s", "pattern_quality.scan"):
        waiting = pool.submit(ask)
        held.wait(0.2)
        minimum[0] = 3
    assert waiting.result().artifact.record["recipe"]["settings"] == {"knee.minimum": 3}
    assert seen == [3]


def test_what_was_made_while_its_facts_changed_is_made_again(store: Store) -> None:
    facts, values = iter([1, 2, 2, 2]), []

    def plan() -> list[Recipe]:
        return [Recipe("pattern_quality", "1", extra={"source": next(facts)})]

    def compute(recipes: Sequence[Recipe], drafts: Mapping[str, Draft]) -> None:
        values.append(recipes[0].extra["source"])
        fill(drafts["pattern_quality"])

    made = store.materialise_together("s", None, ["pattern_quality"], plan, compute)
    assert values == [1, 2]
    assert made["pattern_quality"].artifact.record["recipe"]["extra"] == {"source": 2}
    assert len(list((store.home.store / "artifacts" / "pattern_quality").iterdir())) == 1


def test_what_never_holds_still_is_refused_with_what_changes(store: Store) -> None:
    facts = itertools.count()

    def plan() -> list[Recipe]:
        return [Recipe("pattern_quality", "1", extra={"source": next(facts)})]

    with pytest.raises(Overtaken, match="raw files changed while it was being made"):
        store.materialise_together(
            "s", None, ["pattern_quality"], plan, lambda _, drafts: fill(drafts["pattern_quality"])
        )
    assert store.find("s", "pattern_quality") is None


def test_attributes_are_content_and_notes_are_not(store: Store) -> None:
    def compute(count: int, note: str) -> Callable[[Draft], None]:
        def write(draft: Draft) -> None:
            fill(draft)
            draft.attributes["n"] = count
            draft.notes["made"] = note

        return write

    made = [
        materialise(store, "s", None, recipe(index), compute(count, note)).artifact
        for index, (count, note) in enumerate([(3, "a"), (3, "b"), (4, "a")])
    ]
    assert made[0].content_hash == made[1].content_hash != made[2].content_hash
    assert [artifact.notes["made"] for artifact in made] == ["a", "b", "a"]


def test_noting_an_event_waits_for_whoever_writes_the_head(store: Store) -> None:
    first = materialise(store, "s", None, recipe(), fill).artifact
    arguments = ("s", "pattern_quality", None, first.content_hash, "upstream")
    with ThreadPoolExecutor(1) as pool, store.home.scan_lock("s", "pattern_quality.scan"):
        noting = pool.submit(store.mark_recorded, *arguments)
        with pytest.raises(TimeoutError):
            noting.result(0.2)
    noting.result()
    head = store.head("s", "pattern_quality")
    assert head is not None
    assert head.recorded == recorded_as(first.content_hash, "upstream")


@pytest.mark.parametrize("scan", ["settings.lock", "scans.lock", "home.lock", "instance.lock"])
def test_a_scan_may_have_the_name_of_a_lock(store: Store, scan: str) -> None:
    materialise(store, scan, None, recipe(), fill)
    with store.home.lock(scan.removesuffix(".lock")):
        assert store.find(scan, "pattern_quality") is not None


def test_facts_that_are_hashes_are_told_in_words() -> None:
    before, after = Recipe("a", "1", extra={"source": "ab", "n": 1}), Recipe("a", "1", extra={"source": "cd", "n": 2})
    assert explain(before.parts(), after.parts()) == [
        "names, sizes or times of the raw files changed",
        "fact `n` 1 → 2",
    ]


def test_many_tiles_are_one_reason() -> None:
    inputs = {f"anomalies[t{tile:02d}]": "a" for tile in range(5)}
    before, after = Recipe("a", "1", inputs=inputs), Recipe("a", "1", inputs=dict.fromkeys(inputs, "b"))
    assert explain(before.parts(), after.parts()) == ["input anomalies[5 tiles] changed"]
    one = Recipe("a", "1", inputs={**inputs, "anomalies[t03]": "b"})
    assert explain(before.parts(), one.parts()) == ["input anomalies[t03] changed"]
