"""What is said and drawn of the reference patterns."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from microstructure_assets.figures.canvas import text_width, wrapped
from microstructure_assets.figures.colours import RED, rgb_from_hex
from microstructure_assets.figures.grid import Grid
from microstructure_assets.figures.inputs import windows
from microstructure_assets.figures.references import _origins, _said, draw_reference_windows
from microstructure_assets.figures.render import png

TILE = Grid(0.05, 0.05, 1.0, 0.0)  # its first point is in row 20 of the scan


def table(**columns: Any) -> dict[str, dict[str, Any]]:
    count = len(columns["window_y"])
    return {"windows": {"roi": [0] * count, "cluster": np.arange(count), "fallback": ["none"] * count, **columns}}


def pixels(tables: dict[str, dict[str, Any]]) -> np.ndarray:
    random = np.random.default_rng(0)
    arrays = {
        "reference": random.random((1, 3, 12, 12)),
        "cluster": np.arange(3).repeat(4)[:, None].repeat(12, axis=1),
        "point_count": np.full((1, 3), 40),
    }
    picture = png(draw_reference_windows(arrays, tables=tables, grid=TILE))
    with Image.open(io.BytesIO(picture)) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


def test_it_is_said_where_a_reference_comes_from() -> None:
    tables = table(
        window_y=[22, 22, 60, 22, 60, 22, 22],
        window_x=[1, 3, 3, 1, 1, 1, 3],
        source=["cluster", "core", "core", "neighbour", "neighbour", "cluster", "neighbour"],
        fallback=["none", "none", "none", "none", "none", "best_window", "none"],
    )
    roi = np.array([[0, 0, 1, 1]]).repeat(5, axis=0)
    placed = windows(tables, TILE, (5, 4))
    assert placed is not None
    words = {index: origin for (_, index), origin in _origins(placed, roi).items()}
    assert [words[index].words for index in range(7)] == [
        "own points",
        "core beyond the ROI",
        "core beyond the ROI",
        "grain without cluster",
        "grain beyond the ROI",
        "fallback: best window",
        "grain beyond the ROI",
    ]
    assert [index for index, origin in words.items() if origin.fallback] == [5]
    assert _said((0, 1), {(0, 1): 40.0}, _origins(placed, None), 400) == ["core of its grain", "mean of 40"]


@pytest.mark.parametrize("fallback", ["central_points", "empty", "something new"])
def test_a_makeshift_is_red_and_called_so(fallback: str) -> None:
    columns = {"window_y": [22, 26, 30], "window_x": [2, 6, 9]}
    placed = windows(table(**columns, fallback=["none", fallback, "none"]), TILE, (12, 12))
    assert placed is not None
    ((name, origin),) = _origins(placed, None).items()
    assert name == (0, 1)
    assert origin.words.startswith("fallback")
    plain, marked = (
        np.abs(pixels(table(**columns, fallback=["none", word, "none"])) - rgb_from_hex(RED)).max(axis=-1) < 20
        for word in ("none", fallback)
    )
    assert marked[:, 600:].sum() > plain[:, 600:].sum() + 50


def test_a_window_beyond_the_tile_is_not_drawn() -> None:
    inside = pixels(table(window_y=[22], window_x=[2], source=["cluster"]))
    for row, column in ((19, 2), (32, 2), (22, 12), (-1, -1)):
        both = pixels(table(window_y=[22, row], window_x=[2, column], source=["cluster", "neighbour"]))
        np.testing.assert_array_equal(both[64:480, :560], inside[64:480, :560])
    moved = pixels(table(window_y=[22, 31], window_x=[2, 11], source=["cluster", "neighbour"]))
    assert (moved[64:480, :560] != inside[64:480, :560]).any()


def test_words_are_broken_between_lines() -> None:
    lines = wrapped("fallback: best window", 116, 8)
    assert " ".join(lines) == "fallback: best window"
    assert len(lines) == 2
    assert max(text_width(line, 8) for line in lines) <= 116
    assert wrapped("indivisible", 3) == ["indivisible"]
