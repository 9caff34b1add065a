"""PNG, thumbnail and markdown."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from microstructure_assets.figures.canvas import Canvas
from microstructure_assets.figures.render import as_markdown, png, shrunk, thumbnail


def encoded(pixels: np.ndarray, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(buffer, "PNG")
    return buffer.getvalue()


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 900),
    width=st.integers(1, 900),
    levels=st.sampled_from([1, 2, 16, 256]),
    limit=st.sampled_from([200, 1_000, 8_000, 60_000]),
    seed=st.integers(0, 1000),
)
def test_thumbnail_never_passes_its_limit(height: int, width: int, levels: int, limit: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, levels, (height, width, 3)).astype(np.uint8) * (255 // levels)
    small = thumbnail(encoded(pixels), limit)
    assert len(small) <= limit
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.mode == "P"
        assert picture.width <= 480
        assert picture.height <= 720
        assert picture.width <= width
        picture.load()


def test_noise_fills_most_of_the_limit() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (700, 960, 3)).astype(np.uint8)
    small = thumbnail(encoded(noise))
    assert 15_000 < len(small) <= 60_000  # shrunk no further than needed


def test_a_quiet_picture_keeps_480_pixels_and_its_colours() -> None:
    pixels = np.full((600, 960, 3), 255, np.uint8)
    pixels[:, 480:] = (200, 30, 30)
    with Image.open(io.BytesIO(thumbnail(encoded(pixels)))) as picture:
        assert picture.size == (480, 300)
        colours = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(colours[150, 100] - 255).max() <= 4
    assert np.abs(colours[150, 400] - (200, 30, 30)).max() <= 4


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "LA"])
def test_other_kinds_of_png_are_taken(mode: str) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (90, 120, 3)).astype(np.uint8)
    with Image.open(io.BytesIO(thumbnail(encoded(pixels, mode)))) as picture:
        assert picture.size == (120, 90)


def test_transparent_becomes_white() -> None:
    clear = np.zeros((20, 20, 4), np.uint8)
    with Image.open(io.BytesIO(thumbnail(encoded(clear)))) as picture:
        assert np.asarray(picture.convert("RGB")).min() >= 250


def test_a_limit_that_no_png_keeps_is_refused() -> None:
    with pytest.raises(ValueError, match="limit_bytes is 100"):
        shrunk(encoded(np.zeros((4, 4, 3), np.uint8)), 100, 480)


def test_png_has_the_size_of_the_sheet_and_repeats() -> None:
    def drawn() -> bytes:
        canvas = Canvas(300, 120)
        canvas.text(10, 60, "2 µm")
        return png(canvas.finish())

    first = drawn()
    assert first == drawn()
    with Image.open(io.BytesIO(first)) as picture:
        assert (picture.size, picture.mode) == ((300, 120), "RGB")
        assert "Software" not in picture.info


def test_markdown_carries_the_image_and_no_markup_of_the_name() -> None:
    text = as_markdown(b"image", 'a ](x) <img src="y"> `b`\nc')
    head, data = text.split("](data:image/png;base64,")
    assert head == "![a x img src= y b c"
    assert base64.b64decode(data.removesuffix(")")) == b"image"
