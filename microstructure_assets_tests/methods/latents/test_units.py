"""Latents in use, their suggested number and their match, on latents that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.methods.latents.units import active_units, matched_units, suggested_dimensions


def test_units_that_vary_are_active() -> None:
    mean = np.random.default_rng(0).normal(size=(5000, 4)).astype(np.float32) * np.array(
        [1, 0.2, 0.09, 0.0], np.float32
    )
    assert active_units(mean + 3).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("above", "expected"), [(0, 16), (1, 16), (12, 16), (13, 32), (40, 64), (400, 512), (5000, 512)]
)
def test_a_quarter_more_dimensions_than_components_above_the_noise(above: int, expected: int) -> None:
    spectrum = np.concatenate([np.full(above, 3.0), np.ones(50)])
    assert suggested_dimensions(spectrum, 2.0) == expected


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 8), more=st.integers(0, 3))
def test_order_sign_and_scale_of_another_training_do_not_matter(seed: int, count: int, more: int) -> None:
    random = np.random.default_rng(seed)
    first = random.normal(size=(400, count)).astype(np.float32)
    order = random.permutation(count + more)
    other = np.concatenate([first, random.normal(size=(400, more))], axis=1)[:, order]
    other = other * random.choice([-1, 1], count + more) * random.uniform(0.5, 2, count + more) + 1.0
    correlation, match = matched_units(first, [other.astype(np.float32)])
    np.testing.assert_allclose(correlation[0], 1.0, atol=1e-5)
    assert order[match[0]].tolist() == list(range(count))


def test_correlations_with_the_match_are_numpys() -> None:
    random = np.random.default_rng(3)
    first = random.normal(size=(300, 3)).astype(np.float32)
    other = (first + random.normal(size=(300, 3))).astype(np.float32)
    correlation, match = matched_units(first, [other, first[:, :2]])
    assert match[0].tolist() == [0, 1, 2]
    expected = [abs(np.corrcoef(first[:, k], other[:, k])[0, 1]) for k in range(3)]
    np.testing.assert_allclose(correlation[0], expected, rtol=1e-6)
    # Two latents cannot match three; what is left over and what is constant has no match.
    assert match[1].tolist() == [0, 1, -1]
    assert correlation[1].tolist() == pytest.approx([1.0, 1.0, 0.0])
    assert matched_units(first, [np.ones((300, 3), np.float32)])[0].max() == 0.0
    assert matched_units(first, [])[0].shape == (0, 3)


def test_unrelated_latents_do_not_match() -> None:
    random = np.random.default_rng(4)
    first, other = (random.normal(size=(2000, 5)).astype(np.float32) for _ in range(2))
    assert matched_units(first, [other])[0].max() < 0.15
