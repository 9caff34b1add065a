"""What the bodies make of settings and headers that do not fit each other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from microstructure_assets.assets.crystallography import Oriented
from microstructure_assets.methods.crystallography.symmetry import PointGroupUnknown


def view(groups: list[str], points: list[int]) -> Any:
    """A scan of one point per row whose phases have these symmetries and numbers of points."""
    phase = np.repeat(np.arange(1 + len(points)), [1, *points])[:, None]
    table = {
        "name": np.asarray(groups, object), "point_group": np.asarray(groups, object),
        "space_group": np.zeros(len(groups), int), "points": np.asarray(points)
    }  # fmt: skip
    arrays = {"phase": phase, "quaternion": np.tile([1.0, 0, 0, 0], (*phase.shape, 1))}
    artifact = SimpleNamespace(table=lambda name: table, array=lambda name: arrays[name])
    return SimpleNamespace(read=lambda name: artifact, steps_um=(1.0, 1.0), grid=SimpleNamespace(kind="square"))


def test_a_phase_without_points_needs_no_symmetry() -> None:
    own = Oriented(view(["m-3m", "None", ""], [2, 0, 0]))
    assert own.symmetries.counts.tolist() == [1, 24, 1, 1]


def test_a_phase_with_points_does() -> None:
    with pytest.raises(PointGroupUnknown, match="none of the 32 point groups"):
        Oriented(view(["m-3m", ""], [2, 1]))
