"""Words, numbers, ticks and the sheet."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from microstructure_assets.figures.canvas import (
    Box,
    Canvas,
    number,
    printable,
    round_ticks,
    shortened,
    text_width,
    words_in_box,
)
from microstructure_assets.figures.render import png


def pixels(canvas: Canvas) -> np.ndarray:
    with Image.open(io.BytesIO(png(canvas.finish()))) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (131670, "131\u2009670"),
        (0.0263, "0.0263"),
        (-1.5, "−1.50"),
        (1234.5, "1\u2009234"),
        (2.5e-7, "2.50·10⁻⁷"),
        (float("nan"), "–"),
        (float("inf"), "–"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9), st.integers(1, 8))
def test_ticks_are_inside_even_and_few(low: float, span: float, count: int) -> None:
    high = low + span
    ticks = round_ticks(low, high, count)
    values = np.array([value for value, _ in ticks])
    assert len(values) <= 2 * count + 4
    margin = 1e-6 * max(span, abs(low) * 1e-6)
    assert ((values >= low - margin) & (values <= high + margin)).all()
    if len(values) > 2:
        rounding = 8 * np.finfo(float).eps * max(abs(low), abs(high))
        np.testing.assert_allclose(np.diff(values), np.diff(values)[0], rtol=1e-3, atol=rounding)
    if span > 1e-5 * max(abs(low), abs(high)):
        assert len({text for _, text in ticks}) == len(ticks)


def test_tick_words_are_the_values() -> None:
    assert [text for _, text in round_ticks(0, 10, 4)] == ["0.0", "2.5", "5.0", "7.5", "10.0"]
    assert [text for _, text in round_ticks(-0.01, 0.03, 4)] == ["−0.01", "0.00", "0.01", "0.02", "0.03"]
    assert [text for _, text in round_ticks(123400.0, 123401.0, 2)] == ["123400.0", "123400.5", "123401.0"]
    assert round_ticks(1, 1, 4) == []
    assert round_ticks(float("nan"), 1, 4) == []


def test_width_agrees_with_another_rasteriser() -> None:
    from matplotlib import get_data_path
    from PIL import ImageFont

    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", 200)
    text = "Mahalanobis distance (µm)"
    assert text_width(text, 9.0) == pytest.approx(font.getlength(text) / 200 * 9 * 150 / 72, rel=0.02)


def test_shortened_fits_and_keeps_what_fits() -> None:
    assert shortened("abc", 500) == "abc"
    cut = shortened("n" * 1000, 200)
    assert cut.endswith("…")
    assert text_width(cut) <= 200


def test_hostile_names_are_drawn_as_they_are_without_warning() -> None:
    assert printable("a\n\tb\x00\x1b") == "a b□□"
    assert printable("中文 $x$") == "□□ $x$"
    canvas = Canvas(400, 80)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        canvas.text(10, 50, "$\\frac{1}{2}$ 中文 \x00 _^{}%")
        assert (pixels(canvas) < 100).any()


def test_images_are_the_right_way_up() -> None:
    canvas = Canvas(60, 60)
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0] = (255, 0, 0)
    picture[1, 0] = (0, 0, 255)
    canvas.image(picture, Box(10, 10, 40, 40))
    drawn = pixels(canvas)
    assert drawn[20, 20].tolist() == [255, 0, 0]
    assert drawn[40, 20].tolist() == [0, 0, 255]
    assert drawn[20, 40].tolist() == [0, 0, 0]
    assert drawn[5, 5].tolist() == [255, 255, 255]


def test_an_image_of_the_boxs_pixels_is_drawn_pixel_by_pixel() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (37, 53, 3)).astype(np.uint8)
    canvas = Canvas(90, 70)
    canvas.image(picture, Box(11, 17, 53, 37))
    np.testing.assert_array_equal(pixels(canvas)[17:54, 11:64], picture)


def test_turned_words_read_upwards() -> None:
    canvas = Canvas(60, 200)
    canvas.text(30, 100, "lowest", across="left", turn=True)
    rows = np.flatnonzero((pixels(canvas) < 128).any(axis=(1, 2)))
    assert rows.max() <= 101
    assert rows.min() < 70


def test_words_in_a_tiny_box_do_not_fail() -> None:
    canvas = Canvas(60, 40)
    words_in_box(canvas, Box(5, 5, 12, 4), "a rather long remark " * 20)
    assert pixels(canvas).shape == (40, 60, 3)


def test_whole_ticks_are_integers_whatever_the_span() -> None:
    for last in range(3, 40):
        texts = [text for _, text in round_ticks(1.5, last + 0.5, 10, whole=True)]
        assert len(texts) > 1
        assert all(text.isdigit() for text in texts)
