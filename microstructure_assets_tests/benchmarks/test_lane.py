"""The bench's lane in memory says what the product says from the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy.lane import LaneSettings, paper_settings, preprocess, run_lane
from microstructure_assets.assets.segmentation import gather_tiles
from microstructure_assets.assets.views import ScanView
from microstructure_assets.jobs import register_scan, run_job
from microstructure_assets.resources import open_instance
from microstructure_assets.settings import settings_groups
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.twin import make_twin, simulate
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.recipes import Recipes
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets_tests.e2e.conftest import without_phases

TWIN = TwinSettings(rows=24, columns=30, mean_grain_diameter_points=10, noise_nu=0.7, seed=3)


def changed_settings(settings: LaneSettings) -> dict[str, Any]:
    """Settings of the lane that are not the defaults, as `microstructure configure` takes them."""
    return {
        f"{group}.{name}": value
        for group in settings_groups()
        if hasattr(settings, group)
        for name, value in getattr(settings, group).model_dump(exclude_defaults=True).items()
    }


@pytest.mark.parametrize("settings", [LaneSettings(), paper_settings()], ids=lambda settings: settings.name)
def test_the_lane_in_memory_is_the_product(home: Home, tmp_path: Path, settings: LaneSettings) -> None:
    path = without_phases(make_twin(TWIN, tmp_path / "twin.h5").path)
    ScanRegistry(home).register("s", path)
    with open_instance(home) as instance:
        register_scan(instance, "s")
        SettingsLayers(home).configure("s", {"tiling.n": 2, **changed_settings(settings)}, None)
        run_job(instance, "s")
    store = Store(home)
    patterns = preprocess(simulate(TWIN), settings.preprocessing)
    lane = run_lane(patterns, 2, settings, with_weights=True)

    view = ScanView(store, ScanRegistry(home).get("s"), (Recipes(store, "s").recipe("segmentation_map"),))
    np.testing.assert_array_equal(view.patterns.read(0, 24, 0, 30), patterns.array)
    np.testing.assert_array_equal(gather_tiles(view).cluster, lane.cluster)
    for slot, result in zip(("t00", "t01", "t02", "t03"), lane.rois, strict=True):
        assert result.weights is not None
        assert store.read("s", "pca_scores", slot).array("noise_variance")[0] == result.noise_variance
        weight = store.read("s", "cnmf_weights", slot).array("weight")
        np.testing.assert_array_equal(weight[..., : result.weight_map.shape[2]], result.weight_map)
        squared = store.read("s", "anomalies", slot).array("mahalanobis_squared")
        np.testing.assert_allclose(squared.ravel(), result.anomalies.squared, rtol=1e-6)
    if settings.name == "paper":
        return  # the lane takes the mean off patterns of the 0-1 scale before they are stitched
    assert lane.stitched is not None
    np.testing.assert_array_equal(store.read("s", "segmentation_map").array("region"), lane.stitched.region)
