"""Sampling, outlines, boxes and shares at the pixels of a picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.figures import raster


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60))
def test_nearest_is_the_point_under_the_pixels_centre(size: int, pixels: int) -> None:
    index = raster.nearest(size, pixels)
    assert index.min() >= 0
    assert index.max() <= size - 1
    assert (np.diff(index) >= 0).all()
    centres = (np.arange(pixels) + 0.5) / pixels * size
    assert (np.abs(centres - (index + 0.5)) <= 0.5 + 1e-9).all()


def test_mean_of_blocks_equals_numpy() -> None:
    values = np.random.default_rng(0).random((30, 40))
    expected = values.reshape(10, 3, 20, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(raster.shrink_mean(values, 10, 20), expected, rtol=1e-5)


def test_mean_leaves_missing_values_out() -> None:
    values = np.array([[1.0, np.nan, np.nan, np.nan], [3.0, np.nan, np.nan, np.inf]])
    np.testing.assert_array_equal(raster.shrink_mean(values, 1, 2), [[2.0, np.nan]])


def test_small_maps_are_not_shrunk() -> None:
    values = np.random.default_rng(0).random((3, 4))
    assert raster.shrink_mean(values, 10, 10) is values


def test_large_map_keeps_its_mean() -> None:
    values = np.random.default_rng(0).random((2003, 1501)).astype(np.float32)
    small = raster.shrink_mean(values, 100, 90)
    assert small.shape == (100, 90)
    assert small.mean() == pytest.approx(0.5, abs=0.005)


def test_any_of_blocks_equals_numpy() -> None:
    flag = np.random.default_rng(0).random((30, 40)) < 0.1
    np.testing.assert_array_equal(raster.shrink_any(flag, 10, 20), flag.reshape(10, 3, 20, 2).any(axis=(1, 3)))


def test_share_keeps_the_total() -> None:
    flag = np.random.default_rng(0).random((60, 80)) < 0.2
    assert raster.share(flag, 30, 40).mean() == pytest.approx(flag.mean(), rel=1e-5)


def test_outline_lies_between_labels_only() -> None:
    labels = np.zeros((6, 8), int)
    labels[:, 4:] = 1
    one, two = raster.outlines(labels), raster.outlines(labels, 2)
    assert one.sum() == 6
    assert one[:, 3].all()
    assert two.sum() == 12
    assert two[:, 3:5].all()


def test_box_of_one_point() -> None:
    flag = np.zeros((3, 3), bool)
    flag[1, 2] = True
    box = raster.boxes(flag, 30, 30)
    inside = np.zeros((30, 30), bool)
    inside[10:20, 20:30] = True
    assert not (box & ~inside).any()
    assert box[10, 20:30].all()
    assert box[19, 20:30].all()
    assert box[10:20, 20].all()
    assert box[10:20, 29].all()
    assert not box[13:17, 23:27].any()


def test_small_points_are_marked_whole() -> None:
    flag = np.eye(5, dtype=bool)
    np.testing.assert_array_equal(raster.boxes(flag, 10, 10), np.kron(flag, np.ones((2, 2), bool)))


def test_blend_leaves_the_rest_alone() -> None:
    picture = np.full((2, 2, 3), 200, np.uint8)
    mask = np.array([[True, False], [False, False]])
    half = raster.blend(picture, mask, (0, 0, 0), 0.5)
    assert half[0, 0].tolist() == [100] * 3
    assert half[1].tolist() == [[200] * 3] * 2
    assert picture.min() == 200
