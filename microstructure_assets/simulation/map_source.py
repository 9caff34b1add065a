"""A microstructure from a real indexed map: its grains, phases and orientations, enlarged, mirrored on and smoothed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.errors import InputError
from microstructure_assets.simulation import crystallography, interaction, truth
from microstructure_assets.simulation.master_patterns import CRYSTAL_STRUCTURES
from microstructure_assets.simulation.microstructure import Microstructure, compact, domain_centres, sample_positions

if TYPE_CHECKING:
    from microstructure_assets.simulation.settings import TwinSettings

Float64 = NDArray[np.float64]


def from_map(
    settings: TwinSettings, margin_rows: int, margin_columns: int, symmetries: tuple[Float64, ...]
) -> Microstructure:
    """The map's grains under the twin's scan.

    Grains are connected components at ``map_grain_tolerance_deg``; each has its mean orientation, so that the noise
    of the map's indexing does not become structure. Unindexed points and grains of fewer points than the settings
    allow go to the nearest other grain. Beyond its edges the map is mirrored.

    Raises
    ------
    InputError
        If the map's grid is not square or the number of its phases does not fit ``phases``.
    """
    orientation, phase = read_map(Path(settings.map_path or ""), len(settings.phases))
    grain, grain_phase, grain_orientation = map_grains(
        orientation, phase, symmetries, settings.map_grain_tolerance_deg, settings.map_minimum_grain_points
    )
    y = sample_positions(settings.rows, margin_rows, settings.sub_points)
    x = sample_positions(settings.columns, margin_columns, settings.sub_points)
    rows = _mirrored(
        np.floor((y + 0.5) / settings.map_upscale).astype(np.int64) + settings.map_first_row, grain.shape[0]
    )
    columns = _mirrored(
        np.floor((x + 0.5) / settings.map_upscale).astype(np.int64) + settings.map_first_column, grain.shape[1]
    )
    labels = grain[np.ix_(rows, columns)]
    if settings.map_smoothing_points > 0:
        labels = smoothed(labels, settings.map_smoothing_points * settings.map_upscale * settings.sub_points)
    labels, source = _connected(labels)
    count = len(source)
    return Microstructure(
        labels=labels,
        rows=settings.rows,
        columns=settings.columns,
        margin_rows=margin_rows,
        margin_columns=margin_columns,
        sub_points=settings.sub_points,
        domain_grain=np.arange(count, dtype=np.int32),
        domain_phase=grain_phase[source],
        domain_orientation=grain_orientation[source],
        grain_centre_points=domain_centres(labels, y, x, count),
        gradient_axis=np.zeros((count, 3)),
        gradient_direction=np.zeros((count, 2)),
    )


def read_map(path: Path, phase_count: int) -> tuple[Float64, NDArray[np.int16]]:
    """Orientations (rows, columns, 4) and phase indices (rows, columns) of a map file; -1 is not indexed.

    The map's phases in the order of their numbers are the twin's.

    Raises
    ------
    InputError
        If there is no such file, its grid is not square, or it has not as many phases as the twin.
    """
    from orix import io

    if not path.is_file():
        raise InputError(f"map_path: {path} does not exist; expected an indexed map (.ang, .ctf, .h5)")
    crystal_map = io.load(str(path))
    shape = crystal_map.shape
    if len(shape) != 2 or shape[0] * shape[1] != crystal_map.rotations.shape[0]:
        raise InputError(
            f"map_path: {path} has {crystal_map.rotations.shape[0]} points on a grid of {shape}; "
            "expected a full square grid"
        )
    stored = np.asarray(crystal_map.phase_id).reshape(shape)
    numbers = [number for number in np.unique(stored) if number >= 0]
    if phase_count != len(numbers):
        names = [str(crystal_map.phases[int(number)].name) for number in numbers]
        raise InputError(
            f"map_path: {path} has {len(names)} phases ({', '.join(names)}), but phases names {phase_count}; "
            f"name one for each, in this order, as in {_example(names)}; a name may stand twice"
        )
    phase = np.full(shape, -1, dtype=np.int16)
    for index, number in enumerate(numbers):
        phase[stored == number] = index
    return np.asarray(crystal_map.rotations.data, dtype=np.float64).reshape(*shape, 4), phase


def _example(names: list[str]) -> str:
    """Settings that name the map's phases as far as the simulators know them, to be typed after `twin PATH`."""
    likely = [next((known for known in CRYSTAL_STRUCTURES if known in name.lower()), "NAME") for name in names]
    kind = "dynamical_nickel" if set(likely) == {"nickel"} else "kinematical"
    return f"--set phases={','.join(likely)} --set master_pattern={kind}"


def map_grains(
    orientation: Float64,
    phase: NDArray[np.int16],
    symmetries: tuple[Float64, ...],
    tolerance_deg: float,
    minimum_points: int,
) -> tuple[NDArray[np.int32], NDArray[np.int16], Float64]:
    """Grain of each map point (rows, columns), phase of each grain (n,) and its mean orientation (n, 4).

    Raises
    ------
    ValueError
        If no grain is large enough.
    """
    from scipy.ndimage import distance_transform_edt

    along_x, along_y = (truth.edge_misorientation_deg(orientation, phase, symmetries, axis) for axis in (1, 0))
    labels = truth.connected_regions(along_x, along_y, phase, tolerance_deg)
    sizes = np.bincount(labels.ravel())
    kept = (sizes[labels] >= minimum_points) & (phase >= 0)
    if not kept.any():
        raise ValueError(
            f"map_minimum_grain_points is {minimum_points}, but the largest grain has {sizes.max()} points"
        )
    nearest = distance_transform_edt(~kept, return_distances=False, return_indices=True)
    labels, count = compact(labels[nearest[0], nearest[1]])

    flat = labels.ravel()
    source = np.flatnonzero(kept.ravel())
    owner = flat[source]
    first = source[np.unique(owner, return_index=True)[1]]
    quaternions = orientation.reshape(-1, 4)
    grain_phase = phase.ravel()[first]
    mean = np.zeros((count, 4))
    for index, symmetry in enumerate(symmetries):
        chosen = source[grain_phase[owner] == index]
        if len(chosen) == 0:
            continue
        close = crystallography.nearest_equivalent(quaternions[chosen], quaternions[first[flat[chosen]]], symmetry)
        for axis in range(4):
            mean[:, axis] += np.bincount(flat[chosen], weights=close[:, axis], minlength=count)
    return labels, grain_phase.astype(np.int16), mean / np.linalg.norm(mean, axis=1, keepdims=True)


def smoothed(labels: NDArray[np.int32], sigma_samples: float) -> NDArray[np.int32]:
    """Each sample takes the label with the largest Gaussian share around it, which rounds the outlines."""
    fwhm = sigma_samples / interaction.SIGMA_PER_FWHM
    padded = np.pad(labels, interaction.margin_points(fwhm), mode="symmetric")
    indptr, found, shares = interaction.domain_shares(padded, labels.shape[0], labels.shape[1], 1, fwhm, fwhm)
    owner = np.repeat(np.arange(labels.size), np.diff(indptr))
    order = np.lexsort((-found, shares, owner))
    return found[order[indptr[1:] - 1]].reshape(labels.shape)


def _mirrored(index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices beyond the ends reflected into 0..count-1, the edge itself repeated."""
    wrapped = np.mod(index, 2 * count)
    return np.where(wrapped < count, wrapped, 2 * count - 1 - wrapped)


def _connected(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Connected parts of equal labels (4 neighbours) numbered from 0, and the label of each part."""
    from skimage.measure import label

    parts = label(labels + 1, connectivity=1, background=0).astype(np.int32) - 1
    _, first = np.unique(parts, return_index=True)
    return parts, labels.ravel()[first]
