"""A folder with one image per point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.image_folder import ImageFolderPatterns
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets_tests.acquisition.conftest import random_patterns, write_ang, write_ctf

THREE_BY_FOUR = AcquisitionSettings(rows=3, columns=4)
Naming = Callable[[int, int, int], str]


def fill(folder: Path, patterns: NDArray[np.generic], name: Naming = lambda n, y, x: f"scan_{n}.tif") -> Path:
    """Write patterns[y, x] under name(n, y, x)."""
    folder.mkdir(exist_ok=True)
    rows, columns = patterns.shape[:2]
    for n in range(rows * columns):
        y, x = divmod(n, columns)
        path = folder / name(n, y, x)
        if path.suffix == ".tif":
            tifffile.imwrite(path, patterns[y, x])
        else:
            Image.fromarray(patterns[y, x]).save(path)
    return folder


@pytest.mark.parametrize("suffix", ["tif", "png", "bmp"])
@pytest.mark.parametrize("first", [0, 1, 17])
def test_numbered_images_are_read_row_by_row(tmp_path: Path, suffix: str, first: int) -> None:
    patterns = random_patterns(3, 4)
    folder = fill(tmp_path / "scan", patterns, lambda n, y, x: f"scan_{n + first}.{suffix}")
    scan = open_scan(folder, THREE_BY_FOUR)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), patterns)
    np.testing.assert_array_equal(scan.patterns.read_rows(1, 2), patterns[1:2])
    assert len(scan.files) == 12


@pytest.mark.parametrize(
    "name",
    [
        lambda n, y, x: f"p_x{x}y{y}.tif",
        lambda n, y, x: f"p_y{y:03d}_x{x:03d}.png",
        lambda n, y, x: f"r{y}_c{x}.bmp",
        lambda n, y, x: f"map row_{y + 1} col_{x + 1}.tif",
        lambda n, y, x: f"X={100 + 50 * x},Y={30 * y} 20kV.tif",
    ],
)
def test_positions_in_the_names_give_the_grid(tmp_path: Path, name: Naming) -> None:
    patterns = random_patterns(3, 4)
    scan = open_scan(fill(tmp_path / "scan", patterns, name))
    assert scan.grid.shape == (3, 4)
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 3), patterns)
    with pytest.raises(ScanFormatError, match=r"grid by the names: found 3×4, expected 4×3"):
        open_scan(tmp_path / "scan", AcquisitionSettings(rows=4, columns=3))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 4), columns=st.integers(1, 5), digits=st.integers(1, 6), start=st.integers(0, 9))
def test_any_grid_and_padding(
    tmp_path_factory: pytest.TempPathFactory, rows: int, columns: int, digits: int, start: int
) -> None:
    patterns = random_patterns(rows, columns, 2, 3)
    folder = fill(tmp_path_factory.mktemp("scan"), patterns, lambda n, y, x: f"a-{n + start:0{digits}d}.tif")
    scan = open_scan(folder, AcquisitionSettings(columns=columns))
    assert scan.patterns is not None
    np.testing.assert_array_equal(scan.patterns.read_rows(0, rows), patterns)


def test_sixteen_bits_of_either_byte_order(tmp_path: Path) -> None:
    patterns = random_patterns(1, 2, dtype="u2") * np.uint16(200)
    tifffile.imwrite(tmp_path / "p_0.tif", patterns[0, 0], byteorder=">")
    tifffile.imwrite(tmp_path / "p_1.tif", patterns[0, 1], byteorder="<")
    scan = open_scan(tmp_path, AcquisitionSettings(rows=1))
    assert scan.patterns is not None
    block = scan.patterns.read_rows(0, 1)
    assert block.dtype == np.uint16
    np.testing.assert_array_equal(block, patterns)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_compressed_and_other_tiff_files_among_plain_ones(tmp_path: Path, compression: str | None) -> None:
    patterns = random_patterns(2, 3, 20, 30)
    folder = fill(tmp_path / "scan", patterns)
    tifffile.imwrite(folder / "scan_0.tif", patterns[0, 0], compression=compression)
    tifffile.imwrite(folder / "scan_4.tif", patterns[1, 1], compression="zlib", description="another camera")
    scan = open_scan(folder, AcquisitionSettings(rows=2))
    assert isinstance(scan.patterns, ImageFolderPatterns)
    assert (scan.patterns.template is None) == (compression is not None)
    np.testing.assert_array_equal(scan.patterns.read_rows(0, 2), patterns)


def test_unknown_grid_must_be_declared(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    with pytest.raises(ScanFormatError, match=r"12 points.*acquisition\.rows=ROWS --set acquisition\.columns=COLUMNS"):
        open_scan(folder)
    with pytest.raises(ScanFormatError, match=r"found 12, expected 15 \(5 rows × 3 columns declared\)"):
        open_scan(folder, AcquisitionSettings(rows=5, columns=3))


@pytest.mark.parametrize("inside", [True, False])
def test_map_beside_or_inside_gives_the_grid(tmp_path: Path, inside: bool) -> None:
    patterns = random_patterns(3, 4)
    folder = fill(tmp_path / "scan", patterns)
    write_ctf((folder if inside else tmp_path) / "scan.ctf", 3, 4)
    scan = open_scan(folder)
    assert (scan.grid.shape, scan.grid.step_x_um, scan.grid.step_y_um) == ((3, 4), 0.25, 0.5)
    assert scan.indexing is not None
    assert scan.indexing.read().phase_id.ravel().tolist() == [n % 3 for n in range(12)]
    assert any(file.name == "scan.ctf" for file in scan.files)


def test_missing_point_is_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    (folder / "scan_5.tif").unlink()
    with pytest.raises(ScanFormatError, match=r"no number 5 between scan_4\.tif and scan_6\.tif"):
        open_scan(folder, THREE_BY_FOUR)


def test_missing_position_is_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4), lambda n, y, x: f"x{10 * x}y{y}.tif")
    (folder / "x20y1.tif").unlink()
    (folder / "x0y2.tif").unlink()
    with pytest.raises(ScanFormatError, match=r"found 10 images, without x20y1, x0y2"):
        open_scan(folder)


def test_missing_last_point_is_found_by_the_count(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    (folder / "scan_11.tif").unlink()
    with pytest.raises(ScanFormatError, match="found 11, expected 12"):
        open_scan(folder, THREE_BY_FOUR)


def test_two_images_of_one_point_are_named(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    (folder / "scan_07.tif").write_bytes((folder / "scan_7.tif").read_bytes())
    with pytest.raises(ScanFormatError, match=r"two images of one point") as caught:
        open_scan(folder, THREE_BY_FOUR)
    assert "scan_07.tif" in str(caught.value.found)
    assert "scan_7.tif" in str(caught.value.found)


def test_positions_far_apart_do_not_allocate_what_lies_between(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(1, 2), lambda n, y, x: f"x{x}y{y}.tif")
    for name in ("x0y1.tif", "x99999999y99999999.tif"):
        (folder / name).write_bytes((folder / "x0y0.tif").read_bytes())
    with pytest.raises(ScanFormatError, match=r"4 images, without x2y0.* expected 10000000000000000"):
        open_scan(folder)


def test_number_without_end_is_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(1, 2))
    (folder / f"scan_{'9' * 60}.tif").write_bytes(b"")
    with pytest.raises(ScanFormatError, match="number in a name"):
        open_scan(folder, AcquisitionSettings(rows=1))


@pytest.mark.parametrize("name", ["overview.tif", "other_3.tif", "scan_12.png", "scan_12_raw.tif"])
def test_image_that_is_not_a_point_is_named(tmp_path: Path, name: str) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    (folder / name).write_bytes(b"")
    with pytest.raises(ScanFormatError) as caught:
        open_scan(folder, THREE_BY_FOUR)
    assert name in str(caught.value)


def test_side_files_are_ignored_and_noted_and_others_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    for name in ("notes.txt", "Thumbs.db", ".DS_Store", ".hidden.tif"):
        (folder / name).write_bytes(b"x")
    scan = open_scan(folder, THREE_BY_FOUR)
    assert scan.notes == ("4 other files in the folder ignored: .DS_Store, .hidden.tif, Thumbs.db, notes.txt",)
    (folder / "scan_3.jpg").write_bytes(b"x")
    with pytest.raises(ScanFormatError, match=r"scan_3\.jpg"):
        open_scan(folder, THREE_BY_FOUR)


def test_only_the_first_image_is_opened_with_the_scan(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    for n in range(1, 12):
        (folder / f"scan_{n}.tif").write_bytes(b"not an image")
    scan = open_scan(folder, THREE_BY_FOUR)
    assert scan.patterns is not None
    with pytest.raises(ScanFormatError) as caught:
        scan.patterns.read_rows(2, 3)
    assert caught.value.file.name in {f"scan_{n}.tif" for n in range(8, 12)}


@pytest.mark.parametrize("shape", [(7, 5), (5, 8), (10, 14)])
def test_image_of_another_shape_is_named_when_read(tmp_path: Path, shape: tuple[int, int]) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    tifffile.imwrite(folder / "scan_9.tif", np.zeros(shape, "u1"))
    scan = open_scan(folder, THREE_BY_FOUR)
    assert scan.patterns is not None
    assert scan.patterns.read_rows(0, 2).shape == (2, 4, 5, 7)
    with pytest.raises(ScanFormatError, match=r"scan_9\.tif: image: found .* expected 5×7 uint8 as scan_0\.tif"):
        scan.patterns.read_rows(2, 3)


def test_colour_images_are_refused(tmp_path: Path) -> None:
    for n in range(4):
        tifffile.imwrite(tmp_path / f"p_{n}.tif", np.zeros((5, 7, 3), "u1"), photometric="rgb")
    with pytest.raises(ScanFormatError, match="greyscale"):
        open_scan(tmp_path, AcquisitionSettings(rows=2))


def test_background_in_the_folder_is_no_point(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    tifffile.imwrite(folder / "Background 1.tif", np.full((5, 7), 9, "u1"))
    scan = open_scan(folder, THREE_BY_FOUR)
    assert scan.static_background is not None
    assert scan.static_background.mean() == 9
    assert folder / "Background 1.tif" in scan.files
    tifffile.imwrite(folder / "Background 2.tif", np.full((5, 7), 9, "u1"))
    with pytest.raises(ScanFormatError, match="static background"):
        open_scan(folder, THREE_BY_FOUR)


def test_folders_that_are_no_scan(tmp_path: Path) -> None:
    with pytest.raises(ScanFormatError, match="no images"):
        open_scan(tmp_path)
    (tmp_path / "scan.h5").write_bytes(b"x")
    with pytest.raises(ScanFormatError, match=r"scan files \(scan\.h5\).*Give the file itself"):
        open_scan(tmp_path)


def test_name_with_a_newline_stays_on_one_line(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan\nof\ttoday", random_patterns(1, 2), lambda n, y, x: f"a\nb_{n}.tif")
    scan = open_scan(folder, AcquisitionSettings(rows=1))
    assert scan.patterns is not None
    assert scan.patterns.read_rows(0, 1).shape == (1, 2, 5, 7)
    with pytest.raises(ScanFormatError) as caught:
        open_scan(folder)
    assert str(caught.value).isprintable()


def test_two_maps_in_the_folder_the_first_choice_is_noted(tmp_path: Path) -> None:
    folder = fill(tmp_path / "scan", random_patterns(3, 4))
    write_ctf(folder / "a.ctf", 3, 4)
    write_ang(folder / "b.ang", 3, 4)
    scan = open_scan(folder)
    assert scan.indexing is not None
    assert scan.indexing.file.name == "b.ang"
    assert any("other maps beside left out: a.ctf" in note for note in scan.notes)
