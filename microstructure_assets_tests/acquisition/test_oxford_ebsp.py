"""Oxford's .ebsp, against kikuchipy."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets_tests.acquisition.conftest import random_patterns, write_ctf


def write_ebsp(
    path: Path, patterns: NDArray[np.generic], version: int = 2, order: NDArray[np.intp] | None = None
) -> None:
    """As Oxford's software does: the table says where each point is, the points lie in any order."""
    rows, columns, height, width = patterns.shape
    points = rows * columns
    order = np.arange(points) if order is None else order
    base = 0 if version == 0 else 8 if version < 4 else 9
    starts = np.zeros(points, dtype="<i8")
    body = b""
    for place, point in enumerate(order):
        starts[point] = base + 8 * points + len(body)
        pixels = patterns.reshape(points, height, width)[point].tobytes()
        row, column = divmod(int(point), columns)
        head = struct.pack("<4i", 0, height, width, len(pixels))
        body += (struct.pack("<2i", column, row) if version > 4 else b"") + head + pixels
        x, y = struct.pack("<d", 0.25 * column), struct.pack("<d", 0.25 * row)
        body += {0: b"", 1: x + y}.get(version, b"\x01" + x + b"\x01" + y)
        assert place < points
    marker = b"" if version == 0 else struct.pack("<q", -version) + (b"\x00" if version > 3 else b"")
    path.write_bytes(marker + starts.tobytes() + body)


def test_file_of_the_wheel(wheel: Path, nickel: NDArray[np.uint8]) -> None:
    scan = open_scan(wheel / "oxford_binary" / "patterns.ebsp")
    assert (scan.grid.shape, scan.grid.step_x_um) == ((3, 3), 1.5)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), nickel)
    np.testing.assert_array_equal(scan.patterns.read_rows(1, 2), nickel[1:2])


@pytest.mark.parametrize("version", [1, 2, 4, 5])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_every_version_and_order_is_kikuchipys(tmp_path: Path, version: int, dtype: str) -> None:
    import kikuchipy

    patterns = random_patterns(3, 4, 40, 50, dtype)
    path = tmp_path / "scan.ebsp"
    generator = np.random.default_rng(version)
    within_rows = np.concatenate([4 * row + generator.permutation(4) for row in range(3)])
    for order in (within_rows, generator.permutation(12)):
        write_ebsp(path, patterns, version, order)
        scan = open_scan(path)
        assert scan.grid.shape == (3, 4)
        assert scan.patterns is not None
        assert scan.patterns.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), patterns)
        if order is within_rows:  # kikuchipy guesses the number of patterns, wrongly where a later row comes first
            np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), kikuchipy.load(path).data)


def test_version_without_positions_takes_the_grid_from_the_map_beside(tmp_path: Path) -> None:
    patterns = random_patterns(3, 4)
    path = tmp_path / "scan.ebsp"
    write_ebsp(path, patterns, version=0)
    with pytest.raises(ScanFormatError, match="12 points"):
        open_scan(path)
    write_ctf(tmp_path / "scan.ctf", 3, 4)
    scan = open_scan(path)
    assert (scan.grid.shape, scan.grid.step_x_um) == ((3, 4), 0.25)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), patterns)


@pytest.mark.parametrize("cut", [1, 100, 400, 470, 500])
def test_truncated_file(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "scan.ebsp"
    write_ebsp(path, random_patterns(2, 4))
    path.write_bytes(path.read_bytes()[: -18 - cut])
    with pytest.raises(ScanFormatError):
        open_scan(path, AcquisitionSettings(rows=2, columns=4))


def test_points_without_a_pattern_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.ebsp"
    write_ebsp(path, random_patterns(2, 4))
    data = bytearray(path.read_bytes())
    data[8 + 8 * 3 : 8 + 8 * 4] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(ScanFormatError, match="found 7 of 8 points"):
        open_scan(path)


def test_compressed_patterns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.ebsp"
    write_ebsp(path, random_patterns(2, 4))
    data = bytearray(path.read_bytes())
    data[8 + 8 * 8] = 1
    path.write_bytes(data)
    with pytest.raises(ScanFormatError, match="found compressed"):
        open_scan(path)


def test_any_bytes_end_in_the_one_error(tmp_path: Path) -> None:
    path = tmp_path / "scan.ebsp"
    write_ebsp(path, random_patterns(2, 4))
    whole = path.read_bytes()
    generator = np.random.default_rng(5)
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for position in generator.integers(0, 8 + 64 + 16, 3):
            data[position] = int(generator.integers(256))
        path.write_bytes(data)
        try:
            scan = open_scan(path)
            assert scan.patterns is not None
            scan.patterns.read_rows(0, scan.grid.rows)
        except ScanFormatError:
            refused += 1
    assert refused > 100  # most changes in these places are fatal; the others give other patterns, but no other error
