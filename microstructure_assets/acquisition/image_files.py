"""One greyscale image in one file: TIFF, PNG or BMP."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.scan import LazyImage

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
IMAGE_SUFFIXES = TIFF_SUFFIXES | {".png", ".bmp"}
GREY_REMEDY = "Convert it to greyscale, or leave it out of the scan."


def image_header(path: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
    """(height, width) and type of the pixels, from the file's header.

    Raises
    ------
    ScanFormatError
        If it is no image, has colours, or more than one page.
    """
    if path.suffix.lower() in TIFF_SUFFIXES:
        return _tiff_header(path)
    with _opened(path) as image:
        dtype = _grey_type(path, image)
        return (image.height, image.width), dtype


def read_image(path: Path) -> NDArray[Any]:
    """Pixels, an array (height, width).

    Raises
    ------
    ScanFormatError
        As `image_header`, or if the pixels cannot be decoded.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        with _opened(path) as image:
            dtype = _grey_type(path, image)
            try:
                return np.asarray(image).astype(dtype, copy=False)
            except (OSError, ValueError, SyntaxError) as error:
                raise ScanFormatError(path, "pixels", error, "a whole image") from error
    import tifffile

    shape, dtype = _tiff_header(path)
    try:
        pixels = tifffile.imread(path)
    except Exception as error:  # a damaged file breaks tifffile in many ways
        raise ScanFormatError(path, "pixels", error, "a whole image") from error
    if pixels.shape != shape:
        raise ScanFormatError(path, "pixels", pixels.shape, shape)
    return pixels.astype(dtype, copy=False)


def background_image(path: Path, shape: tuple[int, int] | None) -> LazyImage:
    """A static background in a file of its own.

    Raises
    ------
    ScanFormatError
        If it cannot be read or its shape is not that of the patterns.
    """
    if not path.is_file():
        raise ScanFormatError(path, "static background", "no such file", "an image", "Correct the path.")
    found, _ = image_header(path)
    if shape is not None and found != shape:
        expected = f"{shape[0]}×{shape[1]} as the patterns"
        raise ScanFormatError(path, "static background", f"{found[0]}×{found[1]} pixels", expected)
    return LazyImage(path.name, path, found, lambda: read_image(path))


def _tiff_header(path: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            pages = len(file.pages)
            shape, dtype = file.pages[0].shape, file.pages[0].dtype
    except Exception as error:  # a damaged file breaks tifffile in many ways
        raise ScanFormatError(path, "image", error or "unreadable", "a TIFF image") from error
    if len(shape) != 2 or pages != 1 or dtype is None or dtype.kind not in "uif":
        found = f"{pages} page(s) of shape {shape}, type {dtype}"
        raise ScanFormatError(path, "image", found, "one greyscale page (height, width)", GREY_REMEDY)
    return (int(shape[0]), int(shape[1])), dtype.newbyteorder("=")


def _opened(path: Path) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path)
    except (
        OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:  # fmt: skip
        raise ScanFormatError(path, "image", error, "a PNG, BMP or TIFF image") from error


def _grey_type(path: Path, image: Any) -> np.dtype[Any]:
    """8 bits, 16 bits or float; a palette counts as grey where it is the ramp from black to white."""
    types = {"L": "u1", "I;16": "u2", "I;16B": "u2", "I;16L": "u2", "F": "f4"}
    if image.mode in types:
        return np.dtype(types[image.mode])
    if image.mode == "I":  # PNG with 16 bits, as older versions of Pillow open it
        return np.dtype("u2")
    if image.mode == "P" and image.getpalette() == [level for level in range(256) for _ in range(3)]:
        return np.dtype("u1")
    raise ScanFormatError(path, "image", f"mode {image.mode}", "greyscale with 8 or 16 bits", GREY_REMEDY)
