"""Which patterns a network takes, and how they are averaged."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from microstructure_assets.assets.network_patterns import NetworkPatterns


def stored(shape: tuple[int, int], binned: tuple[int, int] | None = None) -> Any:
    own = SimpleNamespace(pattern_shape=shape)
    own.binned = own if binned is None else SimpleNamespace(pattern_shape=binned)
    return own


@pytest.mark.parametrize(
    ("shape", "binned", "limit", "expected"),
    [
        ((60, 60), None, 128, (60, 60)),
        ((60, 60), None, 32, (30, 30)),
        ((400, 500), (80, 100), 128, (80, 100)),  # the stored averages: a hundredth of what would be read
        ((400, 500), (80, 100), 256, (200, 250)),
        ((400, 500), (80, 100), 500, (400, 500)),
        ((400, 500), (80, 100), 50, (40, 50)),
        ((512, 622), (73, 88), 128, (102, 124)),
        ((120, 120), (60, 60), 128, (120, 120)),
    ],
)
def test_patterns_are_as_fine_as_the_limit_lets_them_be(
    shape: tuple[int, int], binned: tuple[int, int] | None, limit: int, expected: tuple[int, int]
) -> None:
    assert NetworkPatterns(stored(shape, binned), limit).pattern_shape == expected
