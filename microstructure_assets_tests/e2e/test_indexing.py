"""A scan that no vendor has indexed: its patterns are, and everything of orientations follows."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray

from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.twin import make_twin, simulate
from microstructure_assets.store.recipes import Recipes
from microstructure_assets_tests.e2e.conftest import Lab
from microstructure_assets_tests.indexing.making import NICKEL, misorientation_deg

SETTINGS = TwinSettings(rows=24, columns=30, mean_grain_diameter_points=10, noise_nu=0.5, seed=3)


@pytest.fixture(scope="module")
def clear_twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin of little noise."""
    return make_twin(SETTINGS, tmp_path_factory.mktemp("clear") / "twin.h5").path


def test_patterns_are_indexed_where_no_vendor_did(lab: Lab, clear_twin: Path, tmp_path: Path) -> None:
    lab.characterize(clear_twin, "s", {"tiling.n": "2"})
    stored = lab.store.read("s", "orientation_map")
    assert stored.attributes["source"] == "Hough indexing of its patterns (PyEBSDIndex), phases ni (225)"
    assert stored.attributes["indexed_share"] > 0.98
    truth = simulate(SETTINGS).truth
    inside = truth.own_fraction > 0.9
    phase = lab.store.read("s", "phase_map").array("phase")
    angle = misorientation_deg(stored.array("quaternion")[inside], truth.orientation[inside], "m-3m")
    assert (phase[inside] == 1).mean() > 0.98
    assert np.median(angle) < 0.5
    assert np.mean(angle > 5) < 0.01
    grains = lab.store.read("s", "grain_statistics").attributes
    assert grains["grains"] == pytest.approx(len(np.unique(truth.grain)), abs=2)
    fit = xarray.open_zarr(stored.path)["fit_deg"].values
    assert 0 < np.nanmedian(fit) < 1
    report = lab.store.read("s", "scan_report").path.read_text(encoding="utf-8")
    assert "Hough indexing of its patterns" in report

    # With a master pattern the orientations are refined; another file under its name is noticed.
    master = tmp_path / "nickel.h5"
    shutil.copy(NICKEL, master)
    lab.configure("s", {"indexing.master_patterns": f"ni: {master}"})
    lab.characterize(clear_twin, "s")
    refined = lab.store.read("s", "orientation_map")
    assert np.median(misorientation_deg(refined.array("quaternion")[inside], truth.orientation[inside], "m-3m")) < 0.08
    assert refined.attributes["similarity_median"] > 0.5
    assert Recipes(lab.store, "s").why_stale("orientation_map") is None
    os.utime(master, (1, 1))
    assert "declared_files" in str(Recipes(lab.store, "s").why_stale("orientation_map"))

    # The slower way needs no bands.
    lab.configure("s", {"indexing.method": "dictionary", "indexing.dictionary_step_deg": "4"})
    lab.characterize(clear_twin, "s")
    compared = lab.store.read("s", "orientation_map")
    assert compared.attributes["source"].startswith("dictionary indexing")
    assert compared.attributes["confidence_name"].startswith("normalized cross-correlation")
    assert np.median(misorientation_deg(compared.array("quaternion")[inside], truth.orientation[inside], "m-3m")) < 0.08

    # The choice is a setting: then nothing is indexed, and what is made of orientations says so.
    lab.configure("s", {"indexing.method": "vendor"})
    lab.characterize(clear_twin, "s")
    assert lab.store.read("s", "orientation_map").attributes["indexed_share"] == 0
    assert lab.store.read("s", "grain_statistics").attributes["grains"] == 0
