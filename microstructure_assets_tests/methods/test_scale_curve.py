from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.methods.local_subspace import LocalSubspaces, local_subspaces
from microstructure_assets.methods.roi_agreement import CLUSTER_CAPS, WorkflowSettings
from microstructure_assets.methods.scale_curve import curve_tilings, tiling_agreements
from microstructure_assets.methods.settings import ReferencesSettings, ScaleSettings
from microstructure_assets.methods.tiling import rois
from microstructure_assets_tests.methods.grains import GrainScan, grain_scan

SETTINGS = WorkflowSettings(references=ReferencesSettings(margin_points=0))


@pytest.fixture(scope="module")
def scan() -> tuple[GrainScan, LocalSubspaces]:
    made = grain_scan(40, 50, 10, 0.7)
    return made, local_subspaces(made)


def test_a_row_for_every_roi_and_cap_with_the_bounds_of_the_tiling(scan: tuple[GrainScan, LocalSubspaces]) -> None:
    heard: list[int] = []
    table = tiling_agreements(*scan, 3, SETTINGS, done=heard.append)
    assert sum(heard) == 40 * 50
    assert len(table["n"]) == 9 * len(CLUSTER_CAPS)
    edges = rois(40, 50, 3).reshape(9, 4)
    for column, name in enumerate(("row_start", "row_stop", "column_start", "column_stop")):
        np.testing.assert_array_equal(table[name], np.repeat(edges[:, column], len(CLUSTER_CAPS)))
    np.testing.assert_array_equal(
        table["points"], np.repeat((edges[:, 1] - edges[:, 0]) * (edges[:, 3] - edges[:, 2]), 4)
    )
    assert np.nanmin(table["nmi"]) > 0.9


def test_a_shifted_grid_leaves_out_what_the_edge_would_cut(scan: tuple[GrainScan, LocalSubspaces]) -> None:
    table = tiling_agreements(*scan, 4, SETTINGS, offset=(0.5, 0.5))
    assert len(table["n"]) == 9 * len(CLUSTER_CAPS)
    assert table["row_start"].min() == 5
    assert table["row_stop"].max() <= 40
    assert table["column_stop"].max() <= 50


def test_patterns_and_coordinates_agree_where_the_noise_is_low(scan: tuple[GrainScan, LocalSubspaces]) -> None:
    exact = tiling_agreements(*scan, 2, SETTINGS)
    scale = ScaleSettings(exact_points=0)
    short = tiling_agreements(*scan, 2, WorkflowSettings(references=SETTINGS.references, scale=scale))
    assert exact["exact"].all()
    assert not short["exact"].any()
    np.testing.assert_array_equal(exact["clusters_scores"], short["clusters_scores"])
    np.testing.assert_allclose(exact["nmi"], short["nmi"], atol=0.02)


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
