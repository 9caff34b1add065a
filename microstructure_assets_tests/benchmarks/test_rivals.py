"""Rivals find what cannot be missed: flat grains with little noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.accuracy import rivals
from benchmarks.accuracy.lane import Preprocessed
from benchmarks.accuracy.metrics import rand_index


def easy_scan() -> tuple[Preprocessed, np.ndarray]:
    """Six square grains of unrelated patterns."""
    generator = np.random.default_rng(0)
    y, x = np.indices((16, 24)) // 8
    label = y * 3 + x
    patterns = generator.normal(size=(6, 100))[label] + 0.1 * generator.normal(size=(16, 24, 100))
    return Preprocessed(patterns.astype(np.float32), (10, 10)), label


@pytest.mark.parametrize(
    "rival",
    [
        lambda scores: rivals.kmeans(scores, 6, 0),
        lambda scores: rivals.kmeans_chosen(scores, (2, 4, 6, 9), 0),
        lambda scores: rivals.superpixels(scores, 6),
        lambda scores: rivals.constrained_ward(scores, 6),
    ],
)
def test_rival_finds_flat_grains(rival: Callable[[np.ndarray], np.ndarray]) -> None:
    scan, label = easy_scan()
    scores = rivals.scan_scores(scan, 8)
    assert scores.shape == (16, 24, 8)
    assert rand_index(label, rival(scores)) == pytest.approx(1.0)
