"""An analysis tiling of 10 x 10, with 2 x 2 ROIs in a tile, beside one of 4 x 4, against the twin's truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.truth import Truth, load_truth
from microstructure_assets.simulation.twin import make_twin
from microstructure_assets_tests.e2e.conftest import Lab, without_phases


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A twin of 75 x 90 points with grains of about 14 points on a small detector."""
    settings = TwinSettings(
        rows=75,
        columns=90,
        mean_grain_diameter_points=14,
        detector_height_px=40,
        detector_width_px=40,
        noise_nu=0.7,
        seed=11,
    )
    made = make_twin(settings, tmp_path_factory.mktemp("twin") / "twin.h5")
    return without_phases(made.path), load_truth(made.truth_path)


@pytest.mark.parametrize(("n", "tiles", "rois"), [(4, 16, 1), (10, 25, 4)])
def test_the_map_does_not_show_its_tiling(lab: Lab, twin: tuple[Path, Truth], n: int, tiles: int, rois: int) -> None:
    path, truth = twin
    lab.characterize(path, "s", {"tiling.n": str(n)})
    slots = [slot for name, slot in lab.heads("s") if name == "gmm_clusters"]
    assert len(slots) == tiles
    gmm = lab.store.read("s", "gmm_clusters", "t00")
    cluster, roi, counts = gmm.array("cluster"), gmm.array("roi"), gmm.array("cluster_count")
    assert len(counts) == rois
    for number in range(rois):
        assert set(cluster[roi == number].tolist()) == set(range(int(counts[number])))
    region = lab.store.read("s", "segmentation_map").array("region")
    pure = (truth.own_fraction >= 0.9) & (truth.region > 0)
    assert adjusted_rand_score(truth.region[pure], region[pure]) >= 0.95
    assert np.all(region[pure] > 0)
