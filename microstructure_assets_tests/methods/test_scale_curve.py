from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.methods.roi_agreement import WorkflowSettings
from microstructure_assets.methods.scale_curve import Band, Table, band_agreements, curve_tilings, tiling_bands
from microstructure_assets.methods.settings import CLUSTER_CAPS, ReferencesSettings, ScaleSettings
from microstructure_assets.methods.tiling import rois
from microstructure_assets_tests.methods.grains import GrainScan, grain_scan

SETTINGS = WorkflowSettings(references=ReferencesSettings(margin_points=0))


@pytest.fixture(scope="module")
def scan() -> GrainScan:
    return grain_scan(40, 50, 10, 0.7)


def joined(scan: GrainScan, bands: list[Band], settings: WorkflowSettings = SETTINGS) -> Table:
    tables = [band_agreements(scan, band, settings) for band in bands]
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def test_a_row_for_every_roi_and_cap_with_the_bounds_of_the_tiling(scan: GrainScan) -> None:
    bands = tiling_bands(scan.shape, 3)
    assert sum(band.points for band in bands) == 40 * 50
    table = joined(scan, bands)
    assert len(table["n"]) == 9 * len(CLUSTER_CAPS)
    edges = rois(40, 50, 3).reshape(9, 4)
    for column, name in enumerate(("row_start", "row_stop", "column_start", "column_stop")):
        np.testing.assert_array_equal(table[name], np.repeat(edges[:, column], len(CLUSTER_CAPS)))
    np.testing.assert_array_equal(
        table["points"], np.repeat((edges[:, 1] - edges[:, 0]) * (edges[:, 3] - edges[:, 2]), 4)
    )
    assert np.nanmin(table["nmi"]) > 0.9


def test_a_shifted_grid_leaves_out_what_the_edge_would_cut(scan: GrainScan) -> None:
    table = joined(scan, tiling_bands(scan.shape, 4, (0.5, 0.5)))
    assert len(table["n"]) == 9
    assert table["row_start"].min() == 5
    assert table["row_stop"].max() <= 40
    assert table["column_stop"].max() <= 50


def test_a_shifted_grid_gives_at_the_cap_in_force_what_all_caps_together_give(scan: GrainScan) -> None:
    (shifted,) = tiling_bands(scan.shape, 2, (0.5, 0.5))
    alone, all_caps = joined(scan, [shifted]), joined(scan, [Band(2, (0.0, 0.0), shifted.rois)])
    in_force = all_caps["k_max"] == SETTINGS.scale.cluster_cap
    assert alone["k_max"].tolist() == [SETTINGS.scale.cluster_cap]
    for name in ("components", "clusters_scores", "clusters_weights", "limited", "nmi", "ami", "nmi_null"):
        np.testing.assert_array_equal(alone[name], all_caps[name][in_force])


@pytest.mark.parametrize("roi_rows", [0.3, 1, 1.7, 100])
def test_bands_hold_every_roi_once_and_fit_the_memory(roi_rows: float) -> None:
    shape, n = (40, 50, 400), 4
    memory = int(roi_rows * 40 * 50 / n * 400 * 4)
    bands = tiling_bands(shape, n, memory_bytes=memory)
    numbers = [index for band in bands for index, _ in band.rois]
    assert numbers == list(range(16))
    most = max(10 * 13 * 400 * 4, memory)
    assert all(band.points * 400 * 4 <= most for band in bands)
    assert len(bands) == {0.3: 16, 1: 4, 1.7: 4, 100: 1}[roi_rows]


def test_bands_and_the_room_for_patterns_change_nothing(scan: GrainScan) -> None:
    whole = joined(scan, tiling_bands(scan.shape, 3))
    parts = joined(scan, tiling_bands(scan.shape, 3, memory_bytes=1))
    for name, values in whole.items():
        np.testing.assert_array_equal(values, parts[name])
    asked: list[tuple[int, int, int]] = []

    def allocate(shape: tuple[int, int, int]) -> np.ndarray:
        asked.append(shape)
        return np.full(shape, np.nan, dtype=np.float32)

    found = band_agreements(scan, tiling_bands(scan.shape, 3)[0], SETTINGS, allocate)
    assert len(asked) == 9
    np.testing.assert_array_equal(found["nmi"], whole["nmi"])


def test_the_control_clusters_as_many_points_in_every_roi(scan: GrainScan) -> None:
    settings = WorkflowSettings(references=SETTINGS.references, scale=ScaleSettings(control_points=300))
    table = joined(scan, [*tiling_bands(scan.shape, 2), *tiling_bands(scan.shape, 3)], settings)
    known = np.isfinite(table["nmi_fixed_points"])
    np.testing.assert_array_equal(known, (table["n"] == 2) & (table["k_max"] == 20))
    np.testing.assert_allclose(table["nmi_fixed_points"][known], table["nmi"][known], atol=0.05)


def test_tilings_stop_where_rois_hold_too_few_points() -> None:
    found = curve_tilings(90, 120, ScaleSettings())
    assert found.n[0] == 2
    assert (90 // found.n[-1]) * (120 // found.n[-1]) >= 60
    assert (90 // (found.n[-1] + 1)) * (120 // (found.n[-1] + 1)) < 60
    assert f"{found.n[-1]} × {found.n[-1]}" in found.limit
    assert "60" in found.limit


def test_the_papers_scan_has_every_tiling_and_nine_points_have_none() -> None:
    assert curve_tilings(495, 266, ScaleSettings()) == curve_tilings(495, 266, ScaleSettings(fewest_points=100))
    assert curve_tilings(495, 266, ScaleSettings()).n == tuple(range(2, 31))
    assert curve_tilings(495, 266, ScaleSettings()).limit == ""
    assert curve_tilings(3, 3, ScaleSettings()).n == ()
