"""Scans with nothing in them, or without any noise: the job ends with a map and a report that say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from microstructure_assets.jobs import JobFailed
from microstructure_assets_tests.e2e.conftest import Lab

GRID = {"acquisition.rows": 5, "acquisition.columns": 6}


def write_folder(folder: Path, patterns: np.ndarray) -> Path:
    """One TIFF per point, row by row."""
    folder.mkdir()
    for number, pattern in enumerate(patterns):
        tifffile.imwrite(folder / f"pattern_{number:03d}.tif", pattern)
    return folder


@pytest.mark.parametrize("value", [0, 117])
def test_constant_patterns_make_no_region(lab: Lab, tmp_path: Path, value: int) -> None:
    path = write_folder(tmp_path / "constant", np.full((30, 20, 24), value, np.uint8))
    lab.characterize(path, "s", GRID)
    found = lab.store.read("s", "segmentation_map")
    assert not found.array("region").any()
    assert found.attributes["regions"] == 0
    assert "<html" in lab.store.read("s", "scan_report").path.read_text(encoding="utf-8")


def test_copies_of_two_patterns_without_any_noise_make_two_regions(lab: Lab, tmp_path: Path) -> None:
    kinds = np.random.default_rng(0).integers(0, 255, size=(2, 20, 24), dtype=np.uint8)
    grain = (np.arange(30) % 6 > 2).astype(int)
    path = write_folder(tmp_path / "copies", kinds[grain])
    # copies share everything that is not their grain's: there is no background to estimate
    lab.characterize(path, "s", {**GRID, "preprocessing.static_background": "none"})
    region = lab.store.read("s", "segmentation_map").array("region")
    assert len(np.unique(region)) == 2
    assert np.array_equal(region == region[0, 0], grain.reshape(5, 6) == 0)


def test_one_point_is_refused_with_the_artifact_and_the_reason(lab: Lab, tmp_path: Path) -> None:
    path = write_folder(tmp_path / "one", np.random.default_rng(0).integers(0, 255, (1, 20, 24), dtype=np.uint8))
    with pytest.raises(JobFailed) as failed:
        lab.characterize(path, "s", {"acquisition.rows": 1, "acquisition.columns": 1})
    assert "pattern_subspace of scan s" in str(failed.value.__cause__)
    assert "at least" in str(failed.value.__cause__)
