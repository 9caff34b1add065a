"""Edges, kernel averages and grains of measured maps, against orix's misorientations, scipy's components, positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from orix.crystal_map import Phase
from orix.quaternion import Orientation
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.scan import Scan
from microstructure_assets.methods.crystallography.geometry import MapGeometry
from microstructure_assets.methods.crystallography.grains import connected
from microstructure_assets.methods.crystallography.misorientation import (
    edge_misorientations,
    kernel_average_misorientation,
)
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries

SHARED = Path(__file__).parents[3].parent / "shared" / "data" / "ebsd_maps"
MAPS = (
    "duplex_steel/sdss_ferrite_austenite.ang",
    "edax_h5/EdaxAngOnly.h5",
    "magnesium_twins/twins.ctf",
)
SIDE, THRESHOLD_DEG, LIMIT_DEG = 120, 2.0, 5.0


class Measured:
    """The first points of a map, and the misorientation of all neighbours by orix."""

    def __init__(self, scan: Scan) -> None:
        assert scan.indexing is not None
        assert scan.grid.step_x_um
        assert scan.grid.step_y_um
        maps, area = scan.indexing.read(), np.s_[:SIDE, :SIDE]
        self.quaternion, self.phase = np.ascontiguousarray(maps.quaternion[area]), maps.phase_id[area]
        self.kind = scan.grid.kind
        self.geometry = MapGeometry(self.kind, scan.grid.step_y_um, scan.grid.step_x_um)
        self.groups = [phase.point_group for phase in scan.phases]
        present = self.phase > 0
        row, column = np.divmod(np.arange(self.phase.size), self.phase.shape[1])
        x = column + (0.5 * (row % 2) if self.kind == "hexagonal" else 0.0)
        y = row * (np.sqrt(0.75) if self.kind == "hexagonal" else 1.0)
        pairs = cKDTree(np.stack([y, x], axis=1)).query_pairs(1.05, output_type="ndarray")
        known = present.ravel()[pairs].all(axis=1)
        self.pairs = pairs[known]
        self.angle = np.full(len(self.pairs), np.inf)
        flat, phases = self.quaternion.reshape(-1, 4).astype(float), self.phase.ravel()[self.pairs]
        for number, group in enumerate(self.groups, 1):
            own = (phases == number).all(axis=1)
            if own.any():
                symmetry = Phase(point_group=group).point_group
                first, second = (Orientation(flat[self.pairs[own, side]], symmetry) for side in (0, 1))
                self.angle[own] = np.degrees(first.angle_with(second))


@pytest.fixture(scope="module", params=MAPS)
def measured(request: pytest.FixtureRequest) -> Measured:
    path = SHARED / request.param
    if not path.exists():
        pytest.skip(f"{path} is not here: the data that is not part of the repository")
    return Measured(open_scan(path))


def test_edges_are_those_of_orix(measured: Measured) -> None:
    near = measured.geometry.neighbourhood
    symmetries = PhaseSymmetries.of([group or "1" for group in measured.groups])
    edges = edge_misorientations(measured.quaternion, measured.phase, symmetries, near)
    assert np.isfinite(edges).sum() + np.isposinf(edges).sum() == len(measured.pairs)
    finite = np.isfinite(measured.angle)
    own, expected = np.sort(edges[np.isfinite(edges)]), np.sort(measured.angle[finite])
    # orix goes through the arc cosine of a scalar product, which knows small angles to some hundredths.
    np.testing.assert_allclose(own, expected, atol=0.05)
    np.testing.assert_allclose(own[expected > 1], expected[expected > 1], atol=1e-3)
    assert np.isposinf(edges).sum() == (~finite).sum()


def test_kernel_averages_are_means_over_the_neighbours_by_orix(measured: Measured) -> None:
    symmetries = PhaseSymmetries.of([group or "1" for group in measured.groups])
    found = kernel_average_misorientation(
        measured.quaternion, measured.phase, symmetries, measured.geometry.neighbourhood, LIMIT_DEG
    ).ravel()
    counted = measured.angle <= LIMIT_DEG - 1e-3
    border = np.unique(measured.pairs[np.abs(measured.angle - LIMIT_DEG) < 1e-3])
    ends, angle = measured.pairs[counted].ravel(), np.repeat(measured.angle[counted], 2)
    number = np.bincount(ends, minlength=found.size)
    expected = np.bincount(ends, angle, found.size) / np.maximum(number, 1)
    judged = np.setdiff1d(np.flatnonzero(number > 0), border)
    assert len(judged) > 0.5 * found.size
    np.testing.assert_allclose(found[judged], expected[judged], atol=0.05)
    assert np.isnan(found[np.setdiff1d(np.flatnonzero(number == 0), border)]).all()


def test_grains_are_the_components_of_the_edges(measured: Measured) -> None:
    near = measured.geometry.neighbourhood
    symmetries = PhaseSymmetries.of([group or "1" for group in measured.groups])
    edges = edge_misorientations(measured.quaternion, measured.phase, symmetries, near)
    label, count = connected(edges <= THRESHOLD_DEG, measured.phase > 0, near)
    joined = measured.pairs[measured.angle <= THRESHOLD_DEG]
    size = measured.phase.size
    graph = coo_array((np.ones(len(joined), bool), (joined[:, 0], joined[:, 1])), shape=(size, size))
    expected = connected_components(graph, directed=False)[1]
    present = measured.phase.ravel() > 0
    assert count == len(np.unique(expected[present]))
    both = np.unique(np.stack([label.ravel()[present], expected[present]]), axis=1)
    assert both.shape[1] == count  # one number of each for one of the other
