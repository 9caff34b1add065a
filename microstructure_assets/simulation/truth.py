"""What is true of a twin: maps, tables of grains and domains, mixing shares, boundaries; stored beside the scan."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.simulation import crystallography, microstructure

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Float64 = NDArray[np.float64]
REGION_TOLERANCE_DEG = 5.0
HIGH_ANGLE_DEG = 15.0
SCHEMA_VERSION = 1
BOUNDARY_CLASSES = ("none", "inside_grain", "low_angle", "medium_angle", "high_angle", "phase", "pore")


@dataclass(frozen=True)
class Truth:
    """Truth of a twin scan of (rows, columns) points, ``domains`` domains and ``grains`` grains.

    A domain is a grain or, where a grain is split, a sub-grain. Point maps are what lies at the very position of the
    point.

    Attributes
    ----------
    grain, domain, region
        int32 (rows, columns). Regions are connected components (4 neighbours) below 5° and of one phase.
    phase
        int16 (rows, columns), index into ``information["phases"]``; -1 is a pore.
    pore
        bool (rows, columns).
    orientation
        Unit quaternions, float64 (rows, columns, 4); gradients included.
    own_fraction, own_volume_fraction
        float32 (rows, columns): share of the point's own grain in its intensity, and in its interaction volume.
    own_domain_fraction
        float32 (rows, columns): share of the point's own domain in its intensity.
    mixing_indptr, mixing_domain, mixing_fraction, mixing_volume_fraction
        Compressed rows over points in row-major order: int64 (points + 1,), int32, float32, float32.
        ``mixing_fraction`` is weighted by intensity (phase yields); ``mixing_volume_fraction`` by volume alone, which
        is the weight that multiplies a reference pattern taken from a pure point.
    domain_grain, domain_phase, domain_orientation
        int32, int16 (domains,), float64 (domains, 4).
    grain_phase, grain_points, grain_diameter_points, grain_centre_points
        int16, int32 (points at which it lies), float32 (diameter of the circle of its points), float64 (grains, 2).
    misorientation_x_deg, misorientation_y_deg
        float32 (rows, columns - 1) and (rows - 1, columns): disorientation to the next point along x and y; nan
        across phases and at pores.
    boundary_x, boundary_y
        uint8, same shapes, index into `BOUNDARY_CLASSES`: none within a domain; inside_grain = sub-grain boundary; else
        between grains below 5°, below 15°, from 15°; phase; pore.
    information
        Settings, detector as calibrated, measured ν and the like, as in ``truth.json``.
    """

    grain: NDArray[np.int32]
    domain: NDArray[np.int32]
    region: NDArray[np.int32]
    phase: NDArray[np.int16]
    pore: NDArray[np.bool_]
    orientation: Float64
    own_fraction: NDArray[np.float32]
    own_volume_fraction: NDArray[np.float32]
    own_domain_fraction: NDArray[np.float32]
    mixing_indptr: NDArray[np.int64]
    mixing_domain: NDArray[np.int32]
    mixing_fraction: NDArray[np.float32]
    mixing_volume_fraction: NDArray[np.float32]
    domain_grain: NDArray[np.int32]
    domain_phase: NDArray[np.int16]
    domain_orientation: Float64
    grain_phase: NDArray[np.int16]
    grain_points: NDArray[np.int32]
    grain_diameter_points: NDArray[np.float32]
    grain_centre_points: Float64
    misorientation_x_deg: NDArray[np.float32]
    misorientation_y_deg: NDArray[np.float32]
    boundary_x: NDArray[np.uint8]
    boundary_y: NDArray[np.uint8]
    information: dict[str, Any]

    @property
    def rows(self) -> int:
        """Rows of the scan."""
        return int(self.grain.shape[0])

    @property
    def columns(self) -> int:
        """Columns of the scan."""
        return int(self.grain.shape[1])

    def domain_mixing(self, *, by_volume: bool = False) -> csr_array:
        """Shares of the domains in each point, sparse (points, domains), rows of sum one."""
        from scipy.sparse import csr_array

        data = self.mixing_volume_fraction if by_volume else self.mixing_fraction
        shape = (self.grain.size, len(self.domain_grain))
        return csr_array((data, self.mixing_domain, self.mixing_indptr), shape=shape)

    def grain_mixing(self, *, by_volume: bool = False) -> csr_array:
        """Shares of the grains in each point, sparse (points, grains), rows of sum one."""
        from scipy.sparse import csr_array

        count = len(self.domain_grain)
        belongs = csr_array(
            (np.ones(count, dtype=np.float32), (np.arange(count), self.domain_grain)),
            shape=(count, len(self.grain_phase)),
        )
        return csr_array(self.domain_mixing(by_volume=by_volume) @ belongs)

    def save(self, folder: Path) -> Path:
        """Write ``truth.npz`` (arrays) and ``truth.json`` (information) into ``folder``; the former's path."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "information"}
        path = folder / "truth.npz"
        np.savez_compressed(path, **arrays)
        (folder / "truth.json").write_text(
            json.dumps(self.information, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )
        return path


def load_truth(folder: Path) -> Truth:
    """Read what `Truth.save` wrote.

    Raises
    ------
    FileNotFoundError
        If ``folder`` holds no truth.
    """
    path = folder / "truth.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; expected the folder that make_twin returned as truth_path")
    information = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    with np.load(path, allow_pickle=False) as arrays:
        return Truth(information=information, **{name: arrays[name] for name in arrays.files})


def edge_misorientation_deg(
    orientation: Float64, phase: NDArray[np.int16], symmetries: tuple[Float64, ...], axis: int
) -> NDArray[np.float32]:
    """Disorientation between neighbours along ``axis`` (0 = y, 1 = x) [degrees]; nan across phases and at pores.

    Each distinct pair of orientations is computed once; without gradients these are the touching domains.
    """
    first = [slice(None), slice(None)]
    second = [slice(None), slice(None)]
    first[axis], second[axis] = slice(None, -1), slice(1, None)
    a, b = tuple(first), tuple(second)
    result = np.full(phase[a].shape, np.nan, dtype=np.float32)
    same_phase = phase[a] == phase[b]
    for index, symmetry in enumerate(symmetries):
        chosen = same_phase & (phase[a] == index)
        q1, q2 = orientation[a][chosen], orientation[b][chosen]
        angles = np.zeros(len(q1))
        differ = np.flatnonzero(np.any(q1 != q2, axis=1))
        pairs = np.concatenate([q1[differ], q2[differ]], axis=1)
        unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
        angles[differ] = crystallography.disorientation_deg(unique[:, :4], unique[:, 4:], symmetry)[inverse.reshape(-1)]
        result[chosen] = angles
    return result


def boundary_classes(
    misorientation_deg: NDArray[np.float32],
    phase: NDArray[np.int16],
    grain: NDArray[np.int32],
    domain: NDArray[np.int32],
    axis: int,
) -> NDArray[np.uint8]:
    """Class of each edge along ``axis``, index into `BOUNDARY_CLASSES`."""
    n = phase.shape[axis]

    def sides(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        return values.take(range(n - 1), axis=axis), values.take(range(1, n), axis=axis)

    (phase_a, phase_b), (grain_a, grain_b), (domain_a, domain_b) = sides(phase), sides(grain), sides(domain)
    result = np.zeros(misorientation_deg.shape, dtype=np.uint8)
    between = grain_a != grain_b
    result[(domain_a != domain_b) & ~between] = 1
    result[between] = 2
    result[between & (misorientation_deg >= REGION_TOLERANCE_DEG)] = 3
    result[between & (misorientation_deg >= HIGH_ANGLE_DEG)] = 4
    result[phase_a != phase_b] = 5
    result[((phase_a < 0) | (phase_b < 0)) & (domain_a != domain_b)] = 6
    return result


def connected_regions(
    misorientation_x_deg: NDArray[np.float32],
    misorientation_y_deg: NDArray[np.float32],
    phase: NDArray[np.int16],
    tolerance_deg: float,
) -> NDArray[np.int32]:
    """Connected components of points of one phase that touch below the tolerance, in row-major order of first points.

    Points at pores join among themselves.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = phase.shape
    index = np.arange(rows * columns).reshape(rows, columns)
    pore = phase < 0
    joined_x = (misorientation_x_deg < tolerance_deg) | (pore[:, :-1] & pore[:, 1:])
    joined_y = (misorientation_y_deg < tolerance_deg) | (pore[:-1] & pore[1:])
    first = np.concatenate([index[:, :-1][joined_x], index[:-1][joined_y]])
    second = np.concatenate([index[:, 1:][joined_x], index[1:][joined_y]])
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(index.size, index.size))
    _, labels = connected_components(graph, directed=False)
    _, first_seen, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first_seen), dtype=np.int32)
    rank[np.argsort(first_seen)] = np.arange(len(first_seen), dtype=np.int32)
    return rank[inverse].reshape(rows, columns)


def build(
    structure: microstructure.Microstructure,
    mixing: tuple[NDArray[np.int64], NDArray[np.int32], Float64],
    yields: Float64,
    symmetries: tuple[Float64, ...],
    gradient_deg_per_point: float,
    information: dict[str, Any],
) -> Truth:
    """Truth from a microstructure, its volume shares (`interaction.domain_shares`) and the yield of each domain."""
    indptr, domains, volume = mixing
    domain = structure.point_labels()
    rows, columns = domain.shape
    grain = structure.domain_grain[domain]
    phase = structure.domain_phase[domain]
    y, x = np.divmod(np.arange(rows * columns), columns)
    orientation = microstructure.orientations_at(
        structure, domain.ravel(), y.astype(np.float64), x.astype(np.float64), gradient_deg_per_point
    ).reshape(rows, columns, 4)

    owner = np.repeat(np.arange(rows * columns), np.diff(indptr))
    weighted = volume * yields[domains]
    intensity = weighted / np.add.reduceat(weighted, indptr[:-1])[owner]
    in_own_grain = structure.domain_grain[domains] == grain.ravel()[owner]
    in_own_domain = domains == domain.ravel()[owner]

    def share(values: Float64, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
        return np.bincount(owner, weights=values * chosen, minlength=grain.size).reshape(grain.shape).astype(np.float32)

    along_x = edge_misorientation_deg(orientation, phase, symmetries, axis=1)
    along_y = edge_misorientation_deg(orientation, phase, symmetries, axis=0)
    grain_phase = np.zeros(structure.grain_count, dtype=np.int16)
    grain_phase[structure.domain_grain] = structure.domain_phase
    grain_points = np.bincount(grain.ravel(), minlength=structure.grain_count).astype(np.int32)
    return Truth(
        grain=grain,
        domain=domain.copy(),
        region=connected_regions(along_x, along_y, phase, REGION_TOLERANCE_DEG),
        phase=phase,
        pore=phase < 0,
        orientation=orientation,
        own_fraction=share(intensity, in_own_grain),
        own_volume_fraction=share(volume, in_own_grain),
        own_domain_fraction=share(intensity, in_own_domain),
        mixing_indptr=indptr,
        mixing_domain=domains,
        mixing_fraction=intensity.astype(np.float32),
        mixing_volume_fraction=volume.astype(np.float32),
        domain_grain=structure.domain_grain,
        domain_phase=structure.domain_phase,
        domain_orientation=structure.domain_orientation,
        grain_phase=grain_phase,
        grain_points=grain_points,
        grain_diameter_points=np.sqrt(4 / np.pi * grain_points).astype(np.float32),
        grain_centre_points=structure.grain_centre_points,
        misorientation_x_deg=along_x,
        misorientation_y_deg=along_y,
        boundary_x=boundary_classes(along_x, phase, grain, domain, axis=1),
        boundary_y=boundary_classes(along_y, phase, grain, domain, axis=0),
        information=information,
    )
