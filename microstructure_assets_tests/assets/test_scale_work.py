"""The curve's ROIs in worker processes and in this one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed.scans import codes_of, stored, twin_of
from microstructure_assets.assets import scale_work
from microstructure_assets.assets.scale_work import CurveWork, Place
from microstructure_assets.assets.stored_patterns import StoredPatterns
from microstructure_assets.compute import Compute, LocalCompute
from microstructure_assets.memory import WORKER_BYTES, MemoryLimit
from microstructure_assets.methods.roi_agreement import WorkflowSettings
from microstructure_assets.processes import ProcessCompute

PLACES: list[Place] = [(2, (0.0, 0.0)), (3, (0.0, 0.0)), (3, (0.5, 0.0))]


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> StoredPatterns:
    """Patterns of 36 x 42 points of 24 x 24 pixels, as the store keeps them."""
    return stored(tmp_path_factory.mktemp("stored") / "patterns", codes_of(twin_of((36, 42), (24, 24), 9.0)))


def work_in(small: Compute, patterns: StoredPatterns, scratch: Path) -> CurveWork:
    return CurveWork(patterns, WorkflowSettings(), scratch, LocalCompute(), small)


def test_large_rois_here_and_small_ones_in_processes_give_what_one_process_gives(
    patterns: StoredPatterns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = work_in(LocalCompute(), patterns, tmp_path)
    expected = replace(alone, small=alone.compute)(PLACES)
    monkeypatch.setattr(scale_work, "WORTH_PROCESSES_POINTS", 0)
    # Room for the ROIs of 12 x 14 points and not for those of 18 x 21.
    memory = MemoryLimit(WORKER_BYTES + 2 * 4 * 12 * 14 * 24 * 24, WORKER_BYTES)
    mixed = work_in(ProcessCompute(2, 1, memory, "cpu"), patterns, tmp_path)
    assert [mixed._chosen(PLACES)[place] is mixed.small for place in PLACES] == [False, True, True]
    found = mixed(PLACES)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert mixed.account() == "in 2 processes"


def test_a_small_scan_starts_no_processes(patterns: StoredPatterns, tmp_path: Path) -> None:
    work = work_in(ProcessCompute(2, 1, MemoryLimit().of_workers(2)[1], "cpu"), patterns, tmp_path)
    assert {id(place) for place in work._chosen(PLACES).values()} == {id(work.compute)}
    assert work.account() == "in one process"
