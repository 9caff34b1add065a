"""What is in the pictures of maps: colours of points, marks, orientation."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from microstructure_assets.figures.anomalies import _centres, _degrees, _expected_share, _highest, draw_anomalies
from microstructure_assets.figures.boundaries import draw_weight_boundaries
from microstructure_assets.figures.canvas import Box, Canvas
from microstructure_assets.figures.clusters import CRITERIA, _chosen_by, draw_gmm_clusters
from microstructure_assets.figures.colours import MISSING, label_palette, rgb_from_hex
from microstructure_assets.figures.components import score_colours
from microstructure_assets.figures.grid import Grid
from microstructure_assets.figures.inputs import windows
from microstructure_assets.figures.layout import map_with_sides
from microstructure_assets.figures.panels import MapPanel
from microstructure_assets.figures.render import png
from microstructure_assets.figures.segmentation import SIDE_GAP, draw_segmentation_map
from microstructure_assets.figures.sizes import label_sizes

GRID = Grid(0.05, 0.05)


def pixels(figure: object) -> np.ndarray:
    with Image.open(io.BytesIO(png(figure))) as picture:  # type: ignore[arg-type]
        return np.asarray(picture.convert("RGB")).astype(int)


def count(picture: np.ndarray, colour: object) -> int:
    return int((picture == np.asarray(colour)).all(axis=-1).sum())


def test_first_row_of_a_cluster_map_is_on_top() -> None:
    cluster = np.zeros((10, 10), int)
    cluster[5:] = 1
    picture = pixels(draw_gmm_clusters({"cluster": cluster}, grid=GRID))[:, :560]
    upper, lower = label_palette(2)
    rows = [np.flatnonzero((picture == colour).all(axis=-1).sum(axis=1) > 100) for colour in (upper, lower)]
    assert rows[0].max() < rows[1].min()


def test_both_clusters_take_half_of_the_map() -> None:
    cluster = np.zeros((10, 10), int)
    cluster[:, 5:] = 1
    picture = pixels(draw_gmm_clusters({"cluster": cluster}))
    first, second = (count(picture, colour) for colour in label_palette(2))
    assert first > 20_000
    assert abs(first - second) < 0.1 * second + 9000  # the scale bar is absent, legend squares are small


def test_not_trusted_is_greyed_and_no_region_is_pale() -> None:
    region = np.ones((20, 20), int)
    region[:10] = 0
    plain = pixels(draw_segmentation_map({"region": region}))
    assert count(plain, MISSING) > 20_000
    trusted = np.ones((20, 20), bool)
    trusted[10:] = False
    doubted = pixels(draw_segmentation_map({"region": region, "trusted": trusted}))
    assert (plain != doubted).any(axis=-1).sum() > 20_000


def test_anomalies_hide_no_region() -> None:
    region = np.arange(16).reshape(4, 4).repeat(10, axis=0).repeat(10, axis=1) + 1
    few, many = (
        pixels(draw_segmentation_map({"region": region, "anomaly": np.full(region.shape, value)}, grid=GRID))
        for value in (False, True)
    )
    sheet = map_with_sides(960, 1.0, 2, bar=False, side_gap=SIDE_GAP, keys=True)
    panel = sheet.map_box
    area = np.s_[round(panel.top) : round(panel.bottom), round(panel.left) : round(panel.right)]
    np.testing.assert_array_equal(few[area], many[area])
    own = sheet.sides[0]
    assert (few != many)[round(own.top) : round(own.bottom), round(own.left) :].any(axis=-1).sum() > 20_000


def test_anomalies_centres_and_windows_are_marked() -> None:
    squared = np.full((12, 12), 1.0)
    squared[3, 4] = 40.0
    anomaly = squared > 20
    plain = pixels(draw_anomalies({"mahalanobis_squared": squared, "anomaly": anomaly & False}))
    black = pixels(draw_anomalies({"mahalanobis_squared": squared, "anomaly": anomaly}))
    assert ((black < 60).all(axis=-1) & ~(plain < 60).all(axis=-1)).sum() > 100
    tables = {"centres": {"y": [6], "x": [6]}, "windows": {"window_y": [6, -1], "window_x": [6, -1]}}
    marked = pixels(draw_anomalies({"mahalanobis_squared": squared, "anomaly": anomaly}, tables=tables))
    yellow, red = (marked - (255, 210, 31), marked - (255, 90, 79))
    assert (np.abs(yellow).max(axis=-1) < 40).sum() > 100
    assert (np.abs(red).max(axis=-1) < 40).sum() > 300


def test_maps_keep_equal_scales() -> None:
    for shape, grid in (((20, 50), GRID), ((50, 20), GRID), ((30, 30), Grid(0.1, 0.05))):
        panel = MapPanel(Canvas(900, 900), Box(10, 10, 400, 300), shape, grid)
        found = panel.box.height / panel.box.width
        assert abs(found - shape[0] * grid.step_y / (shape[1] * grid.step_x)) < 0.02 * found
        assert panel.box.right <= 410
        assert panel.box.bottom <= 310
        assert panel.to_scale
    assert not MapPanel(Canvas(900, 900), Box(10, 10, 400, 300), (1, 900), GRID).to_scale


def test_panels_of_a_sheet_do_not_overlap_and_stay_on_it() -> None:
    for aspect in (0.01, 0.3, 0.59, 0.61, 1.0, 3.0, 100.0):
        for sides in (0, 1, 2, 3):
            sheet = map_with_sides(960, aspect, sides, bar=True, keys=True)
            boxes = [sheet.map_box, *sheet.sides]
            for box in boxes:
                assert box.left >= 0
                assert box.top >= 0
                assert box.right <= sheet.canvas.width
                assert box.bottom <= sheet.canvas.height
                assert min(box.width, box.height) > 30
            for place, one in enumerate(boxes):
                for other in boxes[place + 1 :]:
                    apart = one.right <= other.left or other.right <= one.left
                    assert apart or one.bottom <= other.top or other.bottom <= one.top


def test_score_colours_follow_the_first_score_in_lightness_per_roi() -> None:
    score = np.zeros((2, 50, 1))
    score[0, :, 0] = np.arange(50)
    score[1, :, 0] = 1000 + np.arange(50)[::-1]
    roi = np.array([[0] * 50, [1] * 50])
    grey = score_colours(score, roi).astype(int).mean(axis=-1)
    assert (np.diff(grey[0]) >= 0).all()
    assert (np.diff(grey[1]) <= 0).all()
    assert grey[0, -1] - grey[0, 0] > 100
    assert grey[1, 0] - grey[1, -1] > 100
    score[0, 3] = np.nan
    assert tuple(score_colours(score, roi)[0, 3]) == MISSING


def test_stored_windows_are_brought_into_the_tile() -> None:
    stored = {"windows": {"roi": [0, 0], "cluster": [0, 1], "window_y": [106, -1], "window_x": [53, -1]}}
    local = {"windows": {"roi": [0, 0], "cluster": [0, 1], "y": [6, -1], "x": [3, -1]}}
    for step in (0.05, None):
        tile = Grid(step, step, 100 * (step or 1), 50 * (step or 1))
        assert (tile.first_row, tile.first_column) == (100, 50)
        for tables in (stored, local):
            found = windows(tables, tile, (7, 4))
            assert found is not None
            np.testing.assert_array_equal(found["y"], [6, np.nan])
            np.testing.assert_array_equal(found["x"], [3, np.nan])
            beyond = windows(tables, tile, (6, 4))
            assert beyond is not None
            assert np.isnan([*beyond["y"], *beyond["x"]]).all()
    assert windows({}, GRID, (7, 4)) is None


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_crossing_is_drawn_where_it_is(axis: str) -> None:
    # half-way between points 4 and 5 along its axis, on line 2, in a tile far from the scan's origin
    y, x = (2, 4) if axis == "x" else (4, 2)
    table = {"axis": [axis], "y": [y], "x": [x], "position_um": [4.5 * 0.05], "position_std_um": [0.001]}
    arrays = {"boundary": np.zeros((10, 10), bool)}
    grid = Grid(0.05, 0.05, 7.0, 9.0)
    plain = pixels(draw_weight_boundaries(arrays, grid=grid))
    drawn = pixels(draw_weight_boundaries(arrays, tables={"crossings": table}, grid=grid))
    changed = (plain != drawn).any(axis=-1)[64:500, :560]  # the map alone
    rows, columns = np.flatnonzero(changed.any(axis=1)) + 64, np.flatnonzero(changed.any(axis=0))
    sheet = map_with_sides(960, 1.0, 1, bar=False)
    size = MapPanel(sheet.canvas, sheet.map_box, (10, 10), grid).box
    middle_x, middle_y = (0.5, 0.25) if axis == "x" else (0.25, 0.5)
    assert abs(columns.mean() - (size.left + middle_x * size.width)) < 2
    assert abs(rows.mean() - (size.top + middle_y * size.height)) < 2
    long, short = (rows, columns) if axis == "x" else (columns, rows)
    assert abs(len(long) - 0.1 * size.height) < 8
    assert len(short) < 8


def test_centres_are_the_points_of_least_distance_of_each_cluster_and_roi() -> None:
    cluster = np.array([[0, 0, 1, -1], [0, 1, 1, 1]])
    roi = np.array([[0, 0, 0, 0], [1, 1, 1, 1]])
    squared = np.array([[3.0, 2.0, 5.0, 0.1], [4.0, np.nan, 7.0, 6.0]])
    rows, columns = _centres({}, squared, cluster, roi)
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 0), (1, 3)]


def test_the_law_behind_a_threshold_is_found_again() -> None:
    chi2 = pytest.importorskip("scipy.stats").chi2
    degrees = np.array([1, 2, 6, 14, 60])
    for share in (0.05, 0.01):
        np.testing.assert_array_equal(_degrees(chi2.ppf(1 - share, degrees), share), degrees)
    anomaly = np.zeros((10, 20), bool)
    anomaly[:, :3] = True
    assert _expected_share(anomaly, None, np.array([0.15 - 0.05])) == pytest.approx(0.05)
    assert _expected_share(anomaly, None, np.zeros(0)) == 0.05


def test_far_points_do_not_crush_the_law() -> None:
    near = np.sort(np.random.default_rng(0).chisquare(10, 900))
    assert _highest(near, np.array([10.0])) == pytest.approx(np.percentile(near, 99.8) * 1.15)
    far = np.concatenate([near, np.linspace(100, 2000, 300)])
    high = _highest(far, np.array([10.0]))
    assert 60 < high < 120  # a thousandth of the law lies beyond 29.6
    assert _highest(far, np.zeros(0)) > 1900


@given(st.integers(0, 5000), st.integers(1, 60))
def test_sizes_of_regions(seed: int, largest: int) -> None:
    region = np.random.default_rng(seed).integers(-1, largest, (13, 7)) * (1 + seed % 3 * 10**7)
    expected = np.unique(region[region > 0], return_counts=True)[1]
    np.testing.assert_array_equal(np.sort(label_sizes(region)), np.sort(expected))


def test_the_chosen_number_of_clusters_stands_at_one_place_in_all_criteria() -> None:
    k = np.arange(1, 9)
    silhouette = np.where(k > 1, 0.5, np.nan)
    criteria = {
        "clusters": k,
        "aic": 100.0 / k,
        "bic": 90.0 / k,
        "silhouette": silhouette,
        "composite": -((k - 4.0) ** 2),
    }
    tables = {"criteria": criteria}
    picture = pixels(draw_gmm_clusters({"cluster": np.zeros((9, 9), int), "cluster_count": [4]}, tables=tables))
    red = (np.abs(picture - (214, 47, 47)).max(axis=-1) < 12)[64:, 600:]
    rows = np.flatnonzero(red.any(axis=1))
    dots = np.split(rows, np.flatnonzero(np.diff(rows) > 30) + 1)
    assert len(dots) == 3
    places = [np.flatnonzero(red[dot].any(axis=0)).mean() for dot in dots]
    assert np.ptp(places) < 1.5


def test_criteria_that_agree_are_all_seen() -> None:
    k = np.arange(1, 9)
    same = 9000.0 / k
    criteria = {"clusters": k, "aic": same, "bic": same, "icl": same, "composite": -same}
    arrays = {"cluster": np.zeros((9, 9), int), "cluster_count": [8]}
    picture = pixels(draw_gmm_clusters(arrays, tables={"criteria": criteria}))
    for name in ("aic", "bic", "icl"):
        near = np.abs(picture - rgb_from_hex(CRITERIA[name])).max(axis=-1) < 24
        assert near[100:, 600:].any(axis=0).sum() > 100, name  # below the legend, along most of the curve


def test_the_criterion_that_chose_is_named() -> None:
    k = np.arange(1.0, 6.0)
    criteria = {"icl": 9 / k + k, "bic": 8 / k + k}
    assert _chosen_by({**criteria, "composite": -criteria["icl"]}) == "ICL"
    assert _chosen_by({**criteria, "composite": -criteria["bic"]}) == "BIC"
    assert _chosen_by({**criteria, "composite": -k}) == "S(K)"
    assert _chosen_by({**criteria, "composite": k * np.nan}) == ""
    assert _chosen_by(None) == ""
