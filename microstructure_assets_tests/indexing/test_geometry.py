"""Crops and averages against kikuchipy's detector."""

from __future__ import annotations

import numpy as np
import pytest
from kikuchipy.detectors import EBSDDetector

from microstructure_assets.indexing.geometry import PatternGeometry

GEOMETRY = PatternGeometry(61, 83, (0.45, 0.22, 0.6), 70.0)


def oracle(geometry: PatternGeometry) -> EBSDDetector:
    return EBSDDetector(
        shape=(geometry.height_px, geometry.width_px), pc=geometry.pattern_centre, sample_tilt=geometry.sample_tilt_deg
    )


def test_the_central_part_has_the_centre_that_kikuchipy_gives() -> None:
    cropped = GEOMETRY.cropped(40, 50)
    top, left = (61 - 40) // 2, (83 - 50) // 2
    expected = oracle(GEOMETRY).crop((top, top + 40, left, left + 50))
    assert (cropped.height_px, cropped.width_px) == expected.shape
    np.testing.assert_allclose(cropped.pattern_centre, np.ravel(expected.pc), atol=1e-6)


def test_averages_keep_the_place_of_each_pixel() -> None:
    small = GEOMETRY.averaged(4)
    assert (small.height_px, small.width_px) == (15, 20)
    x, y, z = GEOMETRY.pattern_centre
    np.testing.assert_allclose(small.pattern_centre[0] * 20 * 4, x * 83)
    np.testing.assert_allclose(small.pattern_centre[1] * 15 * 4, y * 61)
    np.testing.assert_allclose(small.pattern_centre[2] * 15 * 4, z * 61)
    np.testing.assert_allclose(GEOMETRY.from_averaged(small.pattern_centre, 4), GEOMETRY.pattern_centre)


def test_a_part_larger_than_the_detector_is_refused() -> None:
    with pytest.raises(ValueError, match="central part"):
        GEOMETRY.cropped(62, 10)
