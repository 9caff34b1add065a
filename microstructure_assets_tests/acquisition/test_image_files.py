"""Single images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.image_files import background_image, image_header, read_image


@pytest.mark.parametrize("suffix", ["tif", "png", "bmp"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_grey_images_come_back(tmp_path: Path, suffix: str, dtype: str) -> None:
    if (suffix, dtype) == ("bmp", "u2"):
        return  # BMP has no 16 bits
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7)).astype(dtype)
    path = tmp_path / f"p.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(path, image)
    else:
        Image.fromarray(image).save(path)
    assert image_header(path) == ((5, 7), np.dtype(dtype))
    np.testing.assert_array_equal(read_image(path), image)


def test_grey_palette_is_grey_and_another_palette_is_not(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(64, dtype="u1").reshape(8, 8), mode="P")
    image.putpalette([level for level in range(256) for _ in range(3)])
    image.save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.arange(64).reshape(8, 8))
    image.putpalette([level % 251 for level in range(256) for _ in range(3)])
    image.save(tmp_path / "other.png")
    with pytest.raises(ScanFormatError, match="mode P"):
        read_image(tmp_path / "other.png")


@pytest.mark.parametrize("suffix", ["tif", "png", "bmp"])
def test_colour_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.{suffix}"
    Image.fromarray(np.zeros((5, 7, 3), "u1")).save(path)
    with pytest.raises(ScanFormatError, match="greyscale"):
        image_header(path)


def test_pages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.tif"
    tifffile.imwrite(path, np.zeros((3, 5, 7), "u1"), photometric="minisblack")
    with pytest.raises(ScanFormatError, match=r"3 page\(s\)"):
        image_header(path)


@pytest.mark.parametrize("suffix", ["tif", "png", "bmp"])
@pytest.mark.parametrize("content", [b"", b"no image at all", None])
def test_damaged_files_are_the_one_error(tmp_path: Path, suffix: str, content: bytes | None) -> None:
    path = tmp_path / f"p.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70), dtype="u1")).save(path)
    path.write_bytes(path.read_bytes()[:1200] if content is None else content)
    with pytest.raises(ScanFormatError) as caught:
        read_image(path)
    assert caught.value.file == path


def test_image_that_claims_too_many_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.bmp"
    Image.fromarray(np.zeros((5, 7), "u1")).save(path)
    data = bytearray(path.read_bytes())
    data[18:26] = (100_000).to_bytes(4, "little") * 2
    path.write_bytes(data)
    with pytest.raises(ScanFormatError, match="decompression bomb"):
        read_image(path)


def test_background_must_fit_the_patterns(tmp_path: Path) -> None:
    path = tmp_path / "background.png"
    Image.fromarray(np.full((5, 7), 3, "u1")).save(path)
    assert background_image(path, (5, 7)).read().mean() == 3
    with pytest.raises(ScanFormatError, match="found 5×7 pixels, expected 7×5"):
        background_image(path, (7, 5))
    with pytest.raises(ScanFormatError, match="no such file"):
        background_image(tmp_path / "absent.png", None)
