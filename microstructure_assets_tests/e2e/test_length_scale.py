"""The scale curve and the tiling chosen from it, from file to report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.methods.binning import bin_patterns
from microstructure_assets.methods.scale_curve import curve_tilings
from microstructure_assets.methods.settings import ScaleSettings
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.twin import make_twin
from microstructure_assets_tests.e2e.conftest import Lab, without_phases

SMALL = {"scale.finest_tiling": "5", "scale.resamplings": "200"}


@pytest.fixture(scope="session")
def grains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin of 60 x 72 points with grains of about 9 points, and small patterns."""
    settings = TwinSettings(
        rows=60,
        columns=72,
        mean_grain_diameter_points=9,
        noise_nu=0.5,
        detector_height_px=24,
        detector_width_px=24,
        seed=1,
    )
    return without_phases(make_twin(settings, tmp_path_factory.mktemp("grains") / "twin.h5").path)


def test_the_tiling_is_the_curves_and_stays_until_another_is_asked_for(lab: Lab, grains: Path) -> None:
    lab.characterize(grains, "s", SMALL)
    curve, tiling = (lab.store.read("s", name) for name in ("nmi_scale_curve", "analysis_tiling"))
    document = curve.document()
    assert document["n"] == 3
    assert not document["set_by_cap"]
    assert (tiling.document()["n"], tiling.document()["chosen_by"]) == (document["n"], "scale_curve")
    assert tiling.document()["why"] == f"from the scale curve: {document['why'].partition(';')[0]}"
    first = lab.heads("s")

    lab.configure("s", {"scale.coarsest_tiling": "4"})
    lab.characterize(grains, "s")
    second = lab.heads("s")
    assert second["nmi_scale_curve", None].content_hash != first["nmi_scale_curve", None].content_hash
    assert second["analysis_tiling", None].key == first["analysis_tiling", None].key
    assert {slot for _, slot in second} == {slot for _, slot in first}
    assert second["pca_scores", "t00"].key == first["pca_scores", "t00"].key
    page = lab.store.read("s", "scan_report").path.read_text(encoding="utf-8")
    assert "The 3 × 3 ROIs were chosen from an earlier scale curve, the present one recommends none" in page
    assert "The scan shows no length scale: the curve is flat" in page

    lab.configure("s", {"tiling.choice_number": "2"})
    lab.characterize(grains, "s")
    third = lab.heads("s")
    assert third["analysis_tiling", None].reason.startswith("recomputed: setting `tiling.choice_number` 1 → 2")
    chosen = lab.store.read("s", "analysis_tiling").document()
    assert chosen["chosen_by"] == "points_per_roi"
    assert "as the scale curve recommends no tiling: the curve is flat" in chosen["why"]
    assert "were chosen from an earlier" not in lab.store.read("s", "scan_report").path.read_text(encoding="utf-8")
    lab.configure("s", {"scale.coarsest_tiling": "2", "tiling.choice": "points_per_roi"})
    lab.characterize(grains, "s")
    assert "scale curve" not in lab.store.read("s", "analysis_tiling").document()["why"]


def test_the_tables_hold_every_roi_and_their_means(lab: Lab, grains: Path) -> None:
    lab.characterize(grains, "s", SMALL)
    artifact = lab.store.read("s", "nmi_scale_curve")
    curve, rois = artifact.table("curve"), artifact.table("rois")
    tilings = curve_tilings(60, 72, ScaleSettings(finest_tiling=5)).n
    assert sorted(set(curve["n"])) == list(tilings)
    assert len(curve["n"]) == 4 * len(tilings)
    for place in range(len(curve["n"])):
        own = (rois["n"] == curve["n"][place]) & (rois["k_max"] == curve["k_max"][place])
        assert own.sum() == curve["roi_count"][place] == curve["n"][place] ** 2
        np.testing.assert_allclose(np.nanmean(rois["nmi"][own]), curve["nmi_mean"][place])
        assert rois["clusters_scores"][own].max() <= curve["k_max"][place]
    np.testing.assert_allclose(curve["roi_height_um"] / curve["roi_height_points"], 0.05)
    offsets = artifact.table("offsets")
    assert set(offsets["n"]) <= {artifact.document()["n"] + step for step in (-1, 0, 1)}
    assert {(y, x) for y, x in zip(offsets["offset_y"], offsets["offset_x"], strict=True)} == {
        (0.0, 0.0),
        (0.5, 0.0),
        (0.0, 0.5),
        (0.5, 0.5),
    }
    assert artifact.figure() is not None


def test_a_scan_too_small_for_any_tiling_says_so_and_goes_on(lab: Lab, tmp_path: Path) -> None:
    settings = TwinSettings(rows=6, columns=7, detector_height_px=20, detector_width_px=20)
    lab.characterize(without_phases(make_twin(settings, tmp_path / "tiny.h5").path), "tiny")
    document = lab.store.read("tiny", "nmi_scale_curve").document()
    assert (document["kind"], document["n"]) == ("none", None)
    assert "of 6 × 7 points a ROI must hold 60" in document["why"]
    assert lab.store.read("tiny", "analysis_tiling").document()["chosen_by"] == "points_per_roi"
    page = lab.store.read("tiny", "scan_report").path.read_text(encoding="utf-8")
    assert "shows no length scale" in page


def test_patterns_of_a_large_detector_are_kept_binned_and_the_route_is_told(lab: Lab, tmp_path: Path) -> None:
    settings = TwinSettings(
        rows=20,
        columns=24,
        mean_grain_diameter_points=8,
        noise_nu=0.7,
        detector_height_px=150,
        detector_width_px=160,
    )
    lab.characterize(without_phases(make_twin(settings, tmp_path / "large.h5").path), "s", {"scale.finest_tiling": "3"})
    artifact = lab.store.read("s", "preprocessed_patterns")
    codes, gain, offset = (artifact.array(name) for name in ("intensity", "gain", "offset"))
    patterns = (codes * gain[..., None, None] + offset[..., None, None]).astype(np.float32)
    expected, factor = bin_patterns(patterns.reshape(20, 24, -1), (150, 160))
    binned_gain = artifact.array("binned_gain")[..., None, None]
    binned = artifact.array("binned_intensity") * binned_gain + artifact.array("binned_offset")[..., None, None]
    error = np.abs(binned.reshape(20, 24, -1) - expected)
    assert (error <= 0.51 * binned_gain.reshape(20, 24, 1) + gain[..., None]).all()
    route = lab.store.read("s", "nmi_scale_curve").document()["route"]
    assert f"binned {factor} × {factor} keep " in route
    assert lab.store.read("s", "segmentation_map").attributes["regions"] > 2
