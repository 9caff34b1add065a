"""Label colours and continuous colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.figures.colours import (
    LABEL_COLOURS,
    MISSING,
    cluster_colours,
    colour_table,
    colourise,
    finite_limits,
    label_palette,
    phase_palette,
    rgb_from_hex,
    rgb_from_oklab,
    touching_colours,
)
from microstructure_assets_tests.figures.examples import cells

# Machado, Oliveira and Fernandes (2009): full deuteranopia and protanopia in linear RGB
SIGHTS = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}


def oklab(linear: np.ndarray) -> np.ndarray:
    lms = np.cbrt(
        np.clip(linear, 0, 1)
        @ np.array(
            [
                [0.41222147, 0.21190350, 0.08830246],
                [0.53633254, 0.68069955, 0.28171884],
                [0.05144599, 0.10739696, 0.62997870],
            ]
        )
    )
    return lms @ np.array(
        [
            [0.21045426, 1.97799850, 0.02590404],
            [0.79361779, -2.42859221, 0.78277177],
            [-0.00407205, 0.45059371, -0.80867577],
        ]
    )


def linear(colours: np.ndarray) -> np.ndarray:
    value = np.asarray(colours, float) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def touching_differ(labels: np.ndarray) -> None:
    values, colours = touching_colours(labels)
    picture = colours[np.searchsorted(values, labels)].astype(int) @ (65536, 256, 1)
    height, width = labels.shape
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
        there = (slice(dy, height), slice(max(0, dx), width + min(0, dx)))
        differ = labels[here] != labels[there]
        assert (picture[here] != picture[there])[differ].all()
        assert (picture[here] == picture[there])[~differ].all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 300), st.integers(0, 10_000))
def test_touching_labels_differ_on_random_maps(height: int, width: int, count: int, seed: int) -> None:
    touching_differ(np.random.default_rng(seed).integers(-5, count, (height, width)))


def test_a_phase_has_one_colour_whichever_others_are_there() -> None:
    alone, beside = phase_palette(np.array([3])), phase_palette(np.array([-1, 0, 1, 3]))
    assert beside[:2].tolist() == [list(MISSING)] * 2
    assert beside[2:].tolist() == label_palette(3)[[0, 2]].tolist()
    assert alone.tolist() == beside[3:].tolist()


def test_touching_grains_differ_with_the_twelve_base_colours_alone() -> None:
    labels = cells(120, 150, 300)
    touching_differ(labels)
    base = {rgb_from_hex(text) for text in LABEL_COLOURS}
    assert {tuple(int(value) for value in colour) for colour in touching_colours(labels)[1]} <= base


def test_more_mutual_neighbours_than_colours() -> None:
    # every one of 90 labels touches every other: 90 colours are needed
    first, second = np.meshgrid(np.arange(90), np.arange(90), indexing="ij")
    pairs = np.stack([first.ravel(), second.ravel()], axis=1)
    touching_differ(np.repeat(pairs, 2, axis=0).reshape(-1, 2))
    assert len({tuple(colour) for colour in touching_colours(pairs)[1].tolist()}) == 90


def test_colours_do_not_depend_on_the_order_of_labels_elsewhere() -> None:
    labels = cells(60, 60, 40)
    values, colours = touching_colours(labels)
    again = touching_colours(np.ascontiguousarray(labels))
    np.testing.assert_array_equal(colours, again[1])
    np.testing.assert_array_equal(values, np.unique(labels))


@pytest.mark.parametrize("sight", SIGHTS)
def test_base_colours_differ_for_every_sight(sight: str) -> None:
    colours = oklab(linear(np.array([rgb_from_hex(text) for text in LABEL_COLOURS])) @ SIGHTS[sight].T)
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=-1) + 9 * np.eye(len(colours))
    assert distance.min() > (0.12 if sight == "normal" else 0.075)  # 0.02 is a just visible difference


@pytest.mark.parametrize("count", [0, 1, 12, 13, 200])
def test_palette_has_distinct_colours_and_keeps_its_beginning(count: int) -> None:
    palette = label_palette(count)
    assert palette.shape == (count, 3)
    assert len(np.unique(palette, axis=0)) == count
    np.testing.assert_array_equal(palette, label_palette(400)[:count])


def test_clusters_have_the_palettes_colours_and_negative_ones_none() -> None:
    picture = cluster_colours(np.array([[0, 1], [-1, 30]]))
    np.testing.assert_array_equal(picture[0], label_palette(2))
    np.testing.assert_array_equal(picture[1, 1], label_palette(31)[30])
    assert tuple(picture[1, 0]) == MISSING


@pytest.mark.parametrize("name", ["ice", "viridis", "cividis", "magma", "gray"])
def test_lightness_rises_evenly(name: str) -> None:
    lightness = oklab(linear(colour_table(name)))[:, 0]
    assert (np.diff(lightness[::8]) > 0).all()
    if name == "ice":
        assert np.abs(np.diff(lightness[::16]) - np.diff(lightness[::16]).mean()).max() < 0.01


def test_oklab_round_trip() -> None:
    wanted = np.array([[0.7, 0.05, -0.06], [0.5, -0.03, 0.04]])
    np.testing.assert_allclose(oklab(linear(rgb_from_oklab(wanted))), wanted, atol=0.004)


def test_colourise_clips_and_shows_what_is_missing() -> None:
    picture = colourise(np.array([-9.0, 0.0, 1.0, 9.0, np.nan, np.inf]), (0.0, 1.0), "viridis")
    table = colour_table("viridis")
    np.testing.assert_array_equal(picture[:4], table[[0, 0, 255, 255]])
    assert tuple(picture[4]) == tuple(picture[5]) == MISSING


def test_limits() -> None:
    assert finite_limits(np.array([np.nan, np.inf])) is None
    assert finite_limits(np.zeros(0)) is None
    low, high = finite_limits(np.full(5, 3.0)) or (0, 0)
    assert low < 3 < high
    values = np.random.default_rng(0).normal(0, 1, 3_000_000)
    low, high = finite_limits(values, 2, 98) or (0, 0)
    assert low == pytest.approx(-2.054, abs=0.03)
    assert high == pytest.approx(2.054, abs=0.03)
