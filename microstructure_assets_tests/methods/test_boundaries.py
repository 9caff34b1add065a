"""Crossings on profiles whose crossing is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from microstructure_assets.methods.boundaries import weight_crossings
from microstructure_assets.methods.settings import BoundariesSettings

GAUSSIAN = BoundariesSettings()
LINEAR = BoundariesSettings(interpolation="linear")


def profile(position: float, sigma: float, columns: int = 21, rows: int = 3) -> np.ndarray:
    """Two weights across a straight boundary seen by a Gaussian beam."""
    after = 0.5 * (1 + erf((np.arange(columns) - position) / (np.sqrt(2) * sigma)))
    weight = np.stack([1 - after, after], axis=1)
    return np.repeat(weight[None], rows, axis=0)


@given(position=st.floats(5.0, 15.0), sigma=st.floats(0.7, 4.0))
@settings(max_examples=60, deadline=None)
def test_gaussian_beam_crossing_is_found_within_a_few_hundredths(position: float, sigma: float) -> None:
    weight = profile(position, sigma)
    found = weight_crossings(weight, np.zeros_like(weight), 0.5, 0.25, LINEAR)
    assert found.axis.tolist() == ["x"] * 3
    np.testing.assert_allclose(found.position_um, position * 0.25, atol=0.25 * 0.06)
    assert np.all(found.cluster_a == 0)
    assert np.all(found.cluster_b == 1)


@given(position=st.floats(5.0, 15.0), sigma=st.floats(0.45, 4.0))
@settings(max_examples=60, deadline=None)
def test_gaussian_interpolation_is_exact_for_a_gaussian_beam(position: float, sigma: float) -> None:
    weight = profile(position, sigma)
    found = weight_crossings(weight, np.zeros_like(weight), 0.5, 0.25, GAUSSIAN)
    assert found.axis.tolist() == ["x"] * 3
    # shares nearer to 0 or 1 than a hundredth do not say where the boundary lies
    atol = 1e-6 if sigma > 0.5 else 0.01
    np.testing.assert_allclose(found.position_um, position * 0.25, atol=atol)


def test_gaussian_interpolation_propagates_the_deviation() -> None:
    generator = np.random.default_rng(5)
    weight, spread = profile(10.3, 0.7, rows=20_000), 0.02
    error = spread * generator.normal(size=weight.shape[:2])
    found = weight_crossings(
        weight + np.stack([error, -error], axis=2), np.full_like(weight, spread), 1.0, 1.0, GAUSSIAN
    )
    along_x = (found.axis == "x") & (found.x == 10)
    assert np.sum(along_x) > 19_000
    assert np.std(found.position_um[along_x]) == pytest.approx(np.mean(found.position_std_um[along_x]), rel=0.05)


def test_bias_over_all_sub_pixel_positions_is_nil() -> None:
    positions = np.linspace(9.5, 10.5, 101)
    errors = []
    for position in positions:
        weight = profile(float(position), 0.7, rows=1)
        errors.append(weight_crossings(weight, weight * 0, 1.0, 1.0, LINEAR).position_um[0] - position)
    assert abs(np.mean(errors)) < 1e-3
    assert np.std(errors) < 0.03


@pytest.mark.parametrize(("full_width", "deviation"), [(1.6, 0.024), (1.0, 0.056)])
def test_linear_interpolation_errs_as_the_docstring_says(full_width: float, deviation: float) -> None:
    positions = np.linspace(9.5, 10.5, 401)
    sigma = full_width / np.sqrt(8 * np.log(2))
    weights = [profile(float(position), sigma, rows=1) for position in positions]
    found = [weight_crossings(weight, weight * 0, 1.0, 1.0, LINEAR).position_um[0] for weight in weights]
    assert np.std(found - positions) == pytest.approx(deviation, abs=1e-3)


def test_axes_are_the_same_up_to_transposition() -> None:
    generator = np.random.default_rng(0)
    weight = generator.dirichlet(np.ones(3), size=(6, 7))
    std = generator.uniform(0, 0.1, size=weight.shape)
    found = weight_crossings(weight, std, 2.0, 3.0, LINEAR)
    turned = weight_crossings(weight.swapaxes(0, 1), std.swapaxes(0, 1), 3.0, 2.0, LINEAR)
    along_x, along_y = found.axis == "x", turned.axis == "y"
    pairs = sorted(zip(found.y[along_x], found.position_um[along_x], found.cluster_a[along_x], strict=True))
    others = sorted(zip(turned.x[along_y], turned.position_um[along_y], turned.cluster_a[along_y], strict=True))
    assert len(pairs) > 5
    np.testing.assert_allclose(np.array(pairs), np.array(others))
    assert np.array_equal(found.boundary, turned.boundary.T)


def test_a_crossing_lies_where_the_curves_are_equal() -> None:
    generator = np.random.default_rng(1)
    weight = generator.dirichlet(np.ones(4), size=(1, 50))
    found = weight_crossings(weight, weight * 0, 1.0, 1.0, LINEAR)
    points = np.arange(50)
    for position, a, b in zip(found.position_um, found.cluster_a, found.cluster_b, strict=True):
        left = int(np.floor(position))
        assert np.interp(position, points, weight[0, :, a]) == pytest.approx(
            np.interp(position, points, weight[0, :, b])
        )
        assert weight[0, left].argmax() == a
    assert np.array_equal(np.flatnonzero(found.boundary[0]), np.unique(np.rint(found.position_um)))


def test_uncertainty_is_that_of_repeated_noise() -> None:
    generator = np.random.default_rng(2)
    clean = profile(10.3, 1.2, rows=4000)
    noise = generator.normal(0, 0.02, size=clean.shape[:2])
    weight = clean + np.stack([noise, -noise], axis=2)
    found = weight_crossings(weight, np.full_like(weight, 0.02), 1.0, 1.0, LINEAR)
    near = (found.axis == "x") & (np.abs(found.position_um - 10.3) < 2)
    assert near.sum() == 4000
    assert np.std(found.position_um[near]) == pytest.approx(np.median(found.position_std_um[near]), rel=0.1)


def test_one_grain_and_missing_points_have_no_boundary() -> None:
    single = np.ones((5, 6, 1))
    assert weight_crossings(single, single * 0, 1.0, 1.0, LINEAR).axis.size == 0
    gap = profile(10.3, 0.7)
    gap[:, 10] = np.nan
    found = weight_crossings(gap, gap * 0, 1.0, 1.0, LINEAR)
    assert found.axis.size == 0
    assert not found.boundary.any()
    empty = weight_crossings(np.zeros((3, 3, 0)), np.zeros((3, 3, 0)), 1.0, 1.0, LINEAR)
    assert empty.boundary.shape == (3, 3)


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="expected two of"):
        weight_crossings(np.zeros((2, 2)), np.zeros((2, 2)), 1.0, 1.0, LINEAR)
    with pytest.raises(ValueError, match="step_y_um 0"):
        weight_crossings(np.zeros((2, 2, 1)), np.zeros((2, 2, 1)), 0, 1.0, LINEAR)
