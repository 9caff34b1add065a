"""The interaction volume against the closed form of a straight boundary and its conservation laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from microstructure_assets.simulation import interaction


@pytest.mark.parametrize(("fwhm_y", "fwhm_x"), [(1.6, 1.6), (8.2, 2.7), (0.5, 1.0)])
@pytest.mark.parametrize("along", ["x", "y"])
def test_straight_boundary_is_an_error_function(fwhm_y: float, fwhm_x: float, along: str) -> None:
    rows, columns, s = 21, 31, 5
    margin_y, margin_x = interaction.margin_points(fwhm_y), interaction.margin_points(fwhm_x)
    y = (np.arange((rows + 2 * margin_y) * s) + 0.5) / s - 0.5 - margin_y
    x = (np.arange((columns + 2 * margin_x) * s) + 0.5) / s - 0.5 - margin_x
    boundary = 10.3
    coordinate = x[None, :] if along == "x" else y[:, None]
    labels = np.broadcast_to(coordinate > boundary, (len(y), len(x))).astype(np.int32)
    indptr, domain, share = interaction.domain_shares(labels, rows, columns, s, fwhm_y, fwhm_x)
    first = np.zeros(rows * columns)
    owner = np.repeat(np.arange(rows * columns), np.diff(indptr))
    np.add.at(first, owner[domain == 0], share[domain == 0])
    sigma = (fwhm_x if along == "x" else fwhm_y) / (2 * np.sqrt(2 * np.log(2)))
    position = np.arange(columns)[None, :] if along == "x" else np.arange(rows)[:, None]
    expected = 0.5 * (1 + erf((boundary - position) / (np.sqrt(2) * sigma)))
    np.testing.assert_allclose(first.reshape(rows, columns), np.broadcast_to(expected, (rows, columns)), atol=6e-4)


@given(st.integers(0, 2**32), st.floats(0.0, 4.0), st.floats(0.0, 4.0), st.sampled_from([1, 3, 5]))
@settings(max_examples=25, deadline=None)
def test_shares_are_positive_sum_to_one_and_equal_a_direct_sum(seed: int, fwhm_y: float, fwhm_x: float, s: int) -> None:
    rows, columns = 4, 5
    margin_y, margin_x = interaction.margin_points(fwhm_y), interaction.margin_points(fwhm_x)
    shape = ((rows + 2 * margin_y) * s, (columns + 2 * margin_x) * s)
    labels = np.random.default_rng(seed).integers(0, 3, shape).astype(np.int32)
    indptr, domain, share = interaction.domain_shares(labels, rows, columns, s, fwhm_y, fwhm_x)
    assert share.min() > 0
    np.testing.assert_allclose(np.add.reduceat(share, indptr[:-1]), 1, rtol=1e-12)
    kernel_y, kernel_x = interaction.kernel(fwhm_y, s), interaction.kernel(fwhm_x, s)
    for row, column in ((0, 0), (3, 4), (2, 1)):
        part = labels[row * s : row * s + len(kernel_y), column * s : column * s + len(kernel_x)]
        direct = np.bincount(part.ravel(), weights=np.outer(kernel_y, kernel_x).ravel(), minlength=3)
        entries = slice(indptr[row * columns + column], indptr[row * columns + column + 1])
        found = np.zeros(3)
        found[domain[entries]] = share[entries]
        np.testing.assert_allclose(found, direct, atol=3 * interaction.SMALLEST_SHARE)


def test_no_width_takes_the_domain_at_the_point() -> None:
    labels = np.arange(36, dtype=np.int32).reshape(6, 6)
    indptr, domain, share = interaction.domain_shares(labels, 2, 2, 3, 0.0, 0.0)
    np.testing.assert_array_equal(domain, [7, 10, 25, 28])
    np.testing.assert_array_equal(share, 1.0)
    np.testing.assert_array_equal(indptr, np.arange(5))
