"""Single points of every kind of source, against its rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.hdf5_files import HDF5Patterns
from microstructure_assets.acquisition.pattern_source import PatternSource, runs
from microstructure_assets_tests.acquisition.conftest import random_patterns, write_kikuchipy_h5, write_up

PATTERNS = random_patterns(5, 6)
POINTS = np.array([29, 0, 1, 2, 17, 5, 6, 7, 17])


def opened(path: Path) -> PatternSource:
    source = open_scan(path).patterns
    assert source is not None
    return source


def up_file(folder: Path) -> PatternSource:
    write_up(folder / "scan.up1", PATTERNS, version=3)
    return opened(folder / "scan.up1")


def h5_file(folder: Path) -> PatternSource:
    write_kikuchipy_h5(folder / "scan.h5", PATTERNS)
    return opened(folder / "scan.h5")


def four_axes(folder: Path) -> PatternSource:
    with h5py.File(folder / "scan.h5", "w") as file:
        file.create_dataset("data", data=PATTERNS, chunks=(2, 2, 5, 7), compression="gzip")
    return HDF5Patterns(folder / "scan.h5", "/data", PATTERNS.shape, PATTERNS.dtype)


def in_another_order(folder: Path) -> PatternSource:
    order = np.random.default_rng(1).permutation(30)
    stored = np.empty((30, 5, 7), "u1")
    stored[order] = PATTERNS.reshape(30, 5, 7)
    with h5py.File(folder / "scan.h5", "w") as file:
        file["data"] = stored
    return HDF5Patterns(folder / "scan.h5", "/data", PATTERNS.shape, PATTERNS.dtype, order)


def image_folder(folder: Path) -> PatternSource:
    for point, pattern in enumerate(PATTERNS.reshape(30, 5, 7)):
        tifffile.imwrite(folder / f"x{point % 6}y{point // 6}.tif", pattern)
    return opened(folder)


def ebsp_file(folder: Path) -> PatternSource:
    from microstructure_assets_tests.acquisition.test_oxford_ebsp import write_ebsp

    write_ebsp(folder / "scan.ebsp", PATTERNS)
    return opened(folder / "scan.ebsp")


@pytest.mark.parametrize("make", [up_file, h5_file, four_axes, in_another_order, image_folder, ebsp_file])
def test_points_in_any_order_and_twice(tmp_path: Path, make: Callable[[Path], PatternSource]) -> None:
    source = make(tmp_path)
    assert isinstance(source, PatternSource)
    flat = PATTERNS.reshape(30, 5, 7)
    found = source.read_points(POINTS)
    assert (found.dtype, found.shape) == (source.dtype, (9, 5, 7))
    np.testing.assert_array_equal(found, flat[POINTS])
    np.testing.assert_array_equal(source.read_points(np.arange(4, 27)), flat[4:27])
    np.testing.assert_array_equal(source.read_rows(1, 4), PATTERNS[1:4])
    assert source.read_points(POINTS[:1]).flags.writeable
    for wrong in ([], [30], [-1], [[1]]):
        with pytest.raises(IndexError, match="asked for"):
            source.read_points(np.array(wrong, dtype=np.int64))


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (0, 0), (2, 1), (0, 6)])
def test_rows_outside_the_grid_are_refused(tmp_path: Path, start: int, stop: int) -> None:
    with pytest.raises(IndexError, match="rows 0:5"):
        h5_file(tmp_path).read_rows(start, stop)


def test_single_points_read_single_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, read = up_file(tmp_path), []
    original = np.fromfile

    def counted(*arguments: object, **more: object) -> NDArray[np.uint8]:
        values = original(*arguments, **more)  # type: ignore[call-overload]
        read.append(values.size)
        return values

    monkeypatch.setattr(np, "fromfile", counted)
    source.read_points(np.array([3, 4, 20]))
    assert read == [70, 35]


@pytest.mark.parametrize(
    ("first", "stop", "reads"),
    [(5, 7, [1, 1]), (4, 21, [2, 12, 3]), (6, 12, [6]), (6, 15, [6, 3]), (13, 17, [4]), (3, 12, [3, 6]), (0, 30, [30])],
)
def test_two_axes_of_points_are_cut_at_the_ends_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int, stop: int, reads: list[int]
) -> None:
    source, read = four_axes(tmp_path), []
    original = h5py.Dataset.__getitem__

    def counted(data: h5py.Dataset, *arguments: object) -> NDArray[np.uint8]:
        values: NDArray[np.uint8] = original(data, *arguments)
        read.append(values.size // 35)
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counted)
    points = np.arange(first, stop)[::-1]
    np.testing.assert_array_equal(source.read_points(points), PATTERNS.reshape(30, 5, 7)[points])
    assert read == reads, "points in each selection"


def test_runs() -> None:
    found = [(into.tolist(), first, last) for into, first, last in runs(np.array([7, 2, 3, 9, 8]))]
    assert found == [([1, 2], 2, 3), ([0, 4, 3], 7, 9)]
