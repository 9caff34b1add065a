"""Generated microstructures: Voronoi and Laguerre grains, stripes, sub-grains, pores, phases and orientations.

A microstructure is a map of domains on a grid finer than the scan and larger than it by a margin, so that the
interaction volume of a point at the edge has something to sample. A domain is a grain or, where a grain is split, a
sub-grain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.simulation import crystallography

if TYPE_CHECKING:
    from microstructure_assets.simulation.settings import TwinSettings

Float64 = NDArray[np.float64]
PORE = -1


@dataclass(frozen=True)
class Microstructure:
    """Domains under a scan.

    Attributes
    ----------
    labels
        Domain of each sample, int32, shape ((rows + 2·margin_rows)·sub_points, (columns +
        2·margin_columns)·sub_points).
    rows, columns, margin_rows, margin_columns
        Of the scan and of the margin on each side [points].
    sub_points
        Odd number of samples along each side of a point; sample i lies at (i + ½)/sub_points − ½ − margin points.
    domain_grain
        Grain of each domain, int32, shape (domains,).
    domain_phase
        Index of the phase, int16, shape (domains,); -1 is a pore.
    domain_orientation
        Unit quaternions, shape (domains, 4).
    grain_centre_points
        Centre (y, x) of each grain [points], shape (grains, 2).
    gradient_axis, gradient_direction
        Of the rotation in each grain: axis in crystal coordinates (grains, 3), direction (y, x) on the sample
        (grains, 2).
    """

    labels: NDArray[np.int32]
    rows: int
    columns: int
    margin_rows: int
    margin_columns: int
    sub_points: int
    domain_grain: NDArray[np.int32]
    domain_phase: NDArray[np.int16]
    domain_orientation: Float64
    grain_centre_points: Float64
    gradient_axis: Float64
    gradient_direction: Float64

    @property
    def domain_count(self) -> int:
        """Number of domains."""
        return len(self.domain_grain)

    @property
    def grain_count(self) -> int:
        """Number of grains, pores among them."""
        return len(self.grain_centre_points)

    def point_labels(self) -> NDArray[np.int32]:
        """The domain at the very position of each scan point, shape (rows, columns)."""
        s = self.sub_points
        first_row, first_column = self.margin_rows * s + s // 2, self.margin_columns * s + s // 2
        return self.labels[
            first_row : first_row + self.rows * s : s, first_column : first_column + self.columns * s : s
        ]


def sample_positions(count: int, margin: int, sub_points: int) -> Float64:
    """Positions of the samples along one axis [points]; scan point r lies at r."""
    samples = (count + 2 * margin) * sub_points
    return (np.arange(samples) + 0.5) / sub_points - 0.5 - margin


def generate(
    settings: TwinSettings, margin_rows: int, margin_columns: int, symmetries: tuple[Float64, ...]
) -> Microstructure:
    """A microstructure as the settings ask for it; every random choice comes from ``settings.seed``."""
    streams = np.random.SeedSequence(entropy=settings.seed, spawn_key=(1,)).spawn(6)
    generators = [np.random.Generator(np.random.PCG64(stream)) for stream in streams]
    if settings.microstructure == "map":
        from microstructure_assets.simulation.map_source import from_map

        structure = from_map(settings, margin_rows, margin_columns, symmetries)
    else:
        structure = _tessellated(settings, margin_rows, margin_columns, generators[0], generators[1])
    structure = with_gradients(structure, generators[2])
    if settings.sub_grain_misorientation_deg > 0 and settings.sub_grain_fraction > 0:
        structure = with_sub_grains(structure, settings, generators[3])
    if settings.pore_fraction > 0:
        structure = with_pores(structure, settings, generators[4])
    return structure


def _tessellated(
    settings: TwinSettings,
    margin_rows: int,
    margin_columns: int,
    place_generator: np.random.Generator,
    crystal_generator: np.random.Generator,
) -> Microstructure:
    from microstructure_assets.simulation import tessellation

    y = sample_positions(settings.rows, margin_rows, settings.sub_points)
    x = sample_positions(settings.columns, margin_columns, settings.sub_points)
    labels = tessellation.tessellate(settings, y, x, place_generator)
    labels, count = compact(labels)
    centres = domain_centres(labels, y, x, count)
    phases = draw_phases(settings, count, crystal_generator)
    orientations = crystallography.random_quaternions(count, crystal_generator)
    if settings.cube_on_cube_fraction > 0 and len(settings.phases) > 1:
        orientations = _cube_on_cube(labels, phases, orientations, settings, crystal_generator)
    return Microstructure(
        labels=labels,
        rows=settings.rows,
        columns=settings.columns,
        margin_rows=margin_rows,
        margin_columns=margin_columns,
        sub_points=settings.sub_points,
        domain_grain=np.arange(count, dtype=np.int32),
        domain_phase=phases,
        domain_orientation=orientations,
        grain_centre_points=centres,
        gradient_axis=np.zeros((count, 3)),
        gradient_direction=np.zeros((count, 2)),
    )


def compact(labels: NDArray[np.integer]) -> tuple[NDArray[np.int32], int]:
    """Labels renumbered 0..n-1 in their order, and n."""
    values, inverse = np.unique(labels, return_inverse=True)
    return inverse.reshape(labels.shape).astype(np.int32), len(values)


def domain_centres(labels: NDArray[np.int32], y: Float64, x: Float64, count: int) -> Float64:
    """Centroid (y, x) of each label [points], shape (count, 2)."""
    flat = labels.ravel()
    number = np.maximum(np.bincount(flat, minlength=count), 1)
    sums_y = np.bincount(flat, weights=np.repeat(y, len(x)), minlength=count)
    sums_x = np.bincount(flat, weights=np.tile(x, len(y)), minlength=count)
    return np.stack([sums_y / number, sums_x / number], axis=1)


def draw_phases(settings: TwinSettings, count: int, generator: np.random.Generator) -> NDArray[np.int16]:
    """Phases of ``count`` grains in the wanted shares to the nearest grain, shuffled."""
    shares = np.array(settings.phase_fractions or (1.0,) * len(settings.phases))
    limits = np.round(np.cumsum(shares / shares.sum()) * count)
    phases = np.searchsorted(limits, np.arange(count), side="right").astype(np.int16)
    return generator.permutation(np.minimum(phases, len(shares) - 1)).astype(np.int16)


def touching_pairs(labels: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (a < b) of labels that share edges, shape (pairs, 2), and the number of edges of each."""
    count = int(labels.max()) + 1
    codes = []
    for a, b in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        differ = a != b
        low, high = np.minimum(a[differ], b[differ]).astype(np.int64), np.maximum(a[differ], b[differ])
        codes.append(low * count + high)
    values, lengths = np.unique(np.concatenate(codes), return_counts=True)
    return np.stack([values // count, values % count], axis=1), lengths


def _cube_on_cube(
    labels: NDArray[np.int32],
    phases: NDArray[np.int16],
    orientations: Float64,
    settings: TwinSettings,
    generator: np.random.Generator,
) -> Float64:
    """Grains of later phases take the orientation of the grain of the first phase with which they share most edges."""
    pairs, lengths = touching_pairs(labels)
    directed = np.concatenate([pairs, pairs[:, ::-1]])
    weight = np.concatenate([lengths, lengths])
    taking = [settings.phases.index(name) for name in settings.cube_on_cube_phases or settings.phases[1:]]
    usable = np.isin(phases[directed[:, 0]], taking) & (phases[directed[:, 1]] == 0)
    directed, weight = directed[usable], weight[usable]
    order = np.lexsort((weight, directed[:, 0]))
    child, parent = directed[order].T
    last = np.append(child[1:] != child[:-1], True) if len(child) else np.zeros(0, dtype=bool)
    child, parent = child[last], parent[last]
    chosen = generator.random(len(child)) < settings.cube_on_cube_fraction
    related = orientations.copy()
    related[child[chosen]] = orientations[parent[chosen]]
    return related


def with_gradients(structure: Microstructure, generator: np.random.Generator) -> Microstructure:
    """A random rotation axis and a random direction on the sample for each grain."""
    angle = generator.uniform(0, 2 * np.pi, structure.grain_count)
    return replace(
        structure,
        gradient_axis=crystallography.random_directions(structure.grain_count, generator),
        gradient_direction=np.stack([np.sin(angle), np.cos(angle)], axis=1),
    )


def with_sub_grains(
    structure: Microstructure, settings: TwinSettings, generator: np.random.Generator
) -> Microstructure:
    """Split a share of the grains by a straight line through the centre; the halves differ by the wanted angle."""
    count = structure.domain_count
    chosen = np.flatnonzero(generator.random(count) < settings.sub_grain_fraction)
    if len(chosen) == 0:
        return structure
    normal_angle = generator.uniform(0, 2 * np.pi, count)
    low = settings.sub_grain_misorientation_deg
    high = settings.sub_grain_misorientation_maximum_deg or low
    angles = (
        np.exp(generator.uniform(np.log(low), np.log(max(high, low)), len(chosen)))
        if high > low
        else np.full(len(chosen), low)
    )
    axes = crystallography.random_directions(len(chosen), generator)

    new_label = np.full(count, -1, dtype=np.int32)
    new_label[chosen] = count + np.arange(len(chosen), dtype=np.int32)
    y = sample_positions(structure.rows, structure.margin_rows, structure.sub_points).astype(np.float32)
    x = sample_positions(structure.columns, structure.margin_columns, structure.sub_points).astype(np.float32)
    centre = structure.grain_centre_points[structure.domain_grain].astype(np.float32)
    labels = structure.labels
    side = (y[:, None] - centre[:, 0][labels]) * np.sin(normal_angle).astype(np.float32)[labels]
    side += (x[None, :] - centre[:, 1][labels]) * np.cos(normal_angle).astype(np.float32)[labels]
    split = (side > 0) & (new_label[labels] >= 0)
    turned = crystallography.multiply(
        crystallography.rotation_about(axes, angles), structure.domain_orientation[chosen]
    )
    return replace(
        structure,
        labels=np.where(split, new_label[labels], labels).astype(np.int32),
        domain_grain=np.concatenate([structure.domain_grain, structure.domain_grain[chosen]]).astype(np.int32),
        domain_phase=np.concatenate([structure.domain_phase, structure.domain_phase[chosen]]).astype(np.int16),
        domain_orientation=np.concatenate([structure.domain_orientation, turned]),
    )


def with_pores(structure: Microstructure, settings: TwinSettings, generator: np.random.Generator) -> Microstructure:
    """Carve round pores until their share of the area is reached; touching pores are one pore."""
    from scipy import ndimage

    s = structure.sub_points
    pore = np.zeros(structure.labels.shape, dtype=bool)
    height, width = int(structure.labels.shape[0]), int(structure.labels.shape[1])
    covered = 0
    while covered < settings.pore_fraction * height * width:
        radius = max(settings.pore_diameter_points * generator.lognormal(0.0, 0.3) / 2 * s, 0.6)
        y, x = generator.uniform(0, height), generator.uniform(0, width)
        rows = slice(max(int(y - radius), 0), min(int(y + radius) + 2, height))
        columns = slice(max(int(x - radius), 0), min(int(x + radius) + 2, width))
        dy, dx = np.arange(rows.start, rows.stop) + 0.5 - y, np.arange(columns.start, columns.stop) + 0.5 - x
        disc = dy[:, None] ** 2 + dx[None, :] ** 2 <= radius**2
        covered += int(np.count_nonzero(disc & ~pore[rows, columns]))
        pore[rows, columns] |= disc
    parts, count = ndimage.label(pore)
    y_positions = sample_positions(structure.rows, structure.margin_rows, s)
    x_positions = sample_positions(structure.columns, structure.margin_columns, s)
    centres = domain_centres(parts.astype(np.int32), y_positions, x_positions, count + 1)[1:]
    unity = np.tile([1.0, 0.0, 0.0, 0.0], (count, 1))
    return replace(
        structure,
        labels=np.where(pore, structure.domain_count + parts - 1, structure.labels).astype(np.int32),
        domain_grain=np.concatenate([structure.domain_grain, structure.grain_count + np.arange(count)]).astype(
            np.int32
        ),
        domain_phase=np.concatenate([structure.domain_phase, np.full(count, PORE)]).astype(np.int16),
        domain_orientation=np.concatenate([structure.domain_orientation, unity]),
        grain_centre_points=np.concatenate([structure.grain_centre_points, centres]),
        gradient_axis=np.concatenate([structure.gradient_axis, np.tile([0.0, 0.0, 1.0], (count, 1))]),
        gradient_direction=np.concatenate([structure.gradient_direction, np.zeros((count, 2))]),
    )


def orientations_at(
    structure: Microstructure, domains: NDArray[np.integer], y: Float64, x: Float64, gradient_deg_per_point: float
) -> Float64:
    """Orientation of ``domains`` at positions (y, x) [points], shape (n, 4): the grain's, turned along its gradient."""
    base = structure.domain_orientation[domains]
    if gradient_deg_per_point == 0:
        return base
    grain = structure.domain_grain[domains]
    offset = np.stack([y, x], axis=-1) - structure.grain_centre_points[grain]
    distance = np.sum(offset * structure.gradient_direction[grain], axis=-1)
    turn = crystallography.rotation_about(structure.gradient_axis[grain], distance * gradient_deg_per_point)
    return crystallography.multiply(turn, base)
