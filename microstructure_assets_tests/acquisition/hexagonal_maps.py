"""Hexagonal maps as EDAX writes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from microstructure_assets_tests.acquisition.conftest import ANG

STEP_UM = 0.25


def write_hexagonal(
    path: Path, rows: int, odd: int, even: int, angle_deg: Callable[[float, float], float | None] = lambda x, y: 0.0
) -> None:
    """A map whose crystals are turned about z by a function of the place [µm]; None where a point is not indexed."""
    header = ANG.format(rows=rows, columns=odd).replace("SqrGrid", "HexGrid")
    header = header.replace("YSTEP: 0.5", f"YSTEP: {STEP_UM * math.sqrt(3) / 2:.6f}")
    lines = []
    for row in range(rows):
        for column in range(even if row % 2 else odd):
            x, y = (column + 0.5 * (row % 2)) * STEP_UM, row * STEP_UM * math.sqrt(3) / 2
            turn = angle_deg(x, y)
            confidence = -1 if turn is None else 0.5
            lines.append(f" {math.radians(turn or 0):.6f} 0 0 {x:.5f} {y:.5f} {len(lines)}.0 {confidence} 0 1 1.0\n")
    path.write_text(header.replace(f"NCOLS_EVEN: {odd}", f"NCOLS_EVEN: {even}") + "".join(lines))
