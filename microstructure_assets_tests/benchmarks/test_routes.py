"""The fast routes give the exact answer on a small twin whose grains differ in nothing but their bands."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy import routes
from benchmarks.accuracy.findings import differing
from benchmarks.accuracy.lane import preprocess
from benchmarks.accuracy.results import Row
from benchmarks.accuracy.twin_patterns import TwinPatterns
from benchmarks.accuracy.twins import twin_settings
from microstructure_assets.methods.binning import bin_patterns, binned_shape, binning_factor
from microstructure_assets.methods.scan_noise import binned_signal_share
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.simulation.synthesis import Twin
from microstructure_assets.simulation.twin import simulate

GRAINS, SIDE, DETECTOR_PX = 50, 64, 96
TILING, ROIS = 4, 6


@pytest.fixture(scope="module")
def twin() -> Twin:
    """Pure points of even intensity: where a beam mixes or gains differ, clusters cut what has no gaps anywhere."""
    changes = {"detector_height_px": DETECTOR_PX, "detector_width_px": DETECTOR_PX, **routes.PATTERNS["even"]}
    diameter = SIDE * (4 / np.pi / GRAINS) ** 0.5
    return simulate(twin_settings((SIDE, SIDE), diameter, routes.NOISE_NU, 0, **changes))


@pytest.fixture(scope="module")
def rows(twin: Twin) -> dict[str, list[Row]]:
    """By route, what each of the ROIs says."""
    patterns, found = TwinPatterns(twin, PreprocessingSettings()), {}
    for roi in routes.sampled_rois((SIDE, SIDE), TILING, ROIS, 0):
        truth = twin.truth.region[roi.row_start : roi.row_stop, roi.column_start : roi.column_stop]
        for route, row in routes.compare(patterns, roi, truth).items():
            found.setdefault(route, []).append({"roi": roi.row * TILING + roi.column, **row})
    return found


@pytest.mark.parametrize("route", ["Gram matrix", routes.BINNED])
def test_components_and_clusters_are_the_exact_ones(rows: dict[str, list[Row]], route: str) -> None:
    assert len(rows[route]) == ROIS
    for figure in ("knee", "clusters"):
        assert np.mean([exact == other for exact, other in (row[figure] for row in rows[route])]) >= 0.95
    assert min(row["index"] for row in rows[route]) >= 0.98


def test_weights_of_binned_patterns_are_those_of_all_pixels(rows: dict[str, list[Row]]) -> None:
    for name in ("weights", "grain_weights"):
        differences = np.concatenate([row[name] for row in rows[routes.BINNED]])
        assert 0 < np.median(differences) <= 0.01
        assert np.quantile(differences, 0.99) <= 0.05


def test_the_product_would_bin_these_patterns(twin: Twin) -> None:
    patterns = TwinPatterns(twin, PreprocessingSettings())
    factor = binning_factor(patterns.detector_shape)
    assert factor == 2
    least = routes.SETTINGS.scale.least_binned_signal
    assert least <= binned_signal_share(patterns, patterns.binned, factor) < 1.01


def test_block_krylov_gives_the_exact_answer() -> None:
    side = 46
    changes = {"detector_height_px": side, "detector_width_px": side}
    twin = simulate(twin_settings((side, side), 16.0, routes.NOISE_NU, 0, **changes))
    (roi,) = routes.sampled_rois((side, side), 1, 1, 0)
    row = routes.compare(TwinPatterns(twin, PreprocessingSettings()), roi, twin.truth.region)["block Krylov"]
    assert row["knee"][0] == row["knee"][1] > 2
    assert row["clusters"][0] == row["clusters"][1] > 2
    assert row["index"] >= 0.98


def test_exact_components_are_those_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    generator = np.random.default_rng(0)
    flat = generator.normal(size=(60, 6)) @ generator.normal(size=(6, 200)) + generator.normal(size=(60, 200))
    score, variance = routes.exact_components(flat.astype(np.float32), 10)
    oracle = PCA(10, svd_solver="full").fit(flat)
    np.testing.assert_allclose(variance, oracle.explained_variance_, rtol=1e-5)
    np.testing.assert_allclose(np.abs(score), np.abs(oracle.transform(flat)), atol=1e-3)


def test_patterns_made_anew_are_those_of_the_lane(twin: Twin) -> None:
    settings = PreprocessingSettings()
    patterns, lane = TwinPatterns(twin, settings), preprocess(twin, settings)
    area = (16, 24, 30, 41)
    expected = lane.array[16:24, 30:41]
    np.testing.assert_array_equal(patterns.read(*area), expected)
    height, width = binned_shape(patterns.detector_shape)
    binned, _ = bin_patterns(expected, patterns.detector_shape)
    assert patterns.binned.shape == (SIDE, SIDE, height * width)
    # Codes have 256 levels over the range of each pattern, before binning as after it.
    np.testing.assert_allclose(patterns.binned.read(*area), binned, atol=np.ptp(expected) / 255)


def test_sampled_rois_are_different_and_in_order() -> None:
    places = [(roi.row, roi.column) for roi in routes.sampled_rois((60, 60), 6, 20, 1)]
    assert places == sorted(set(places))
    assert len(places) == 20
    assert len(routes.sampled_rois((60, 60), 3, 20, 1)) == 9


def test_rois_that_differ_are_listed() -> None:
    row = {"patterns": "sharp", "grains": 50, "tiling": 4, "route": routes.BINNED, "seed": 0}
    assert differing([{**row, "differing": []}]).startswith("No ROI differs")
    text = differing([{**row, "differing": [[3, 7, 8, 10, 10, 0.914]]}])
    assert "sharp, 50 grains, 4×4, binned, seed 0: 3 (knee 7 → 8, K 10 → 10, 0.91)." in text


def test_a_reference_belongs_to_the_grain_of_most_of_its_cluster() -> None:
    label, truth = np.array([0, 0, 0, 1, 1, 2]), np.array([7, 7, 4, 4, 9, 9])
    np.testing.assert_array_equal(routes.main_grains(label, truth), [1, 0, 2])
