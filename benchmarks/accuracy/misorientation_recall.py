"""How small a misorientation dictionary indexing sees: the rival of the weights on sub-grain edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.accuracy.boundaries import SubGrains
from benchmarks.accuracy.edges import Edges
from benchmarks.accuracy.indexing import GEOMETRY, by_dictionary, corrected_patterns, phases_of
from benchmarks.accuracy.results import Row
from microstructure_assets.methods.crystallography.misorientation import edge_misorientations
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """One row: recall of sub-grain edges by the misorientation of refined orientations."""
    scan = SubGrains.of(given, seed)
    found = by_dictionary(scan.twin, corrected_patterns(scan.twin))
    shape = (given["shape"][0], given["shape"][1])
    symmetries = PhaseSymmetries.of([phase.point_group for phase in phases_of(scan.twin)])
    near = GEOMETRY.neighbourhood
    angle = edge_misorientations(found.quaternion.reshape(*shape, 4), found.phase_id.reshape(shape), symmetries, near)
    steps = near.forward().offsets[0].tolist()
    # Where a point has no orientation the edge cannot be seen.
    right, below = (np.nan_to_num(angle[steps.index(step)], nan=0.0) for step in ([0, 1], [1, 0]))
    strength = Edges(right[:, :-1], below[:-1])
    return [scan.row("misorientation (dictionary, refined)", strength)]
