"""What a latent must say more than: functions of phase, quality, intensity, orientation and place, by grain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product as all_pairs

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_settings import AssociationSettings
from microstructure_assets.methods.crystallography.symmetry import proper_operators
from microstructure_assets.methods.crystallography.twin_laws import product

# Functions whose variance is below this share of the largest one's are others in disguise.
_SAME = 1e-8


def orientation_functions(quaternion: NDArray[np.float64], point_group: str, degree: int) -> NDArray[np.float64]:
    """Smooth functions of orientation that do not tell symmetric equivalents apart.

    For a direction v of the sample and a direction u of the crystal, the mean over the crystal's symmetries s of
    Pₗ(u · s h), with h the direction v as the crystal has it and Pₗ Legendre's polynomial, is such a function, of
    degree l; by the addition theorem all u and v together span the symmetrised generalised spherical harmonics of that
    degree [1]_. Diffraction adds an inversion, so odd degrees have none. Their principal components over the grains
    given are taken: nine for cubic crystals at degree 4, and none at 2.

    Parameters
    ----------
    quaternion : ndarray, shape (grains, 4)
        Unit quaternions, scalar part first, from the sample's axes to the crystal's.
    point_group : str
        As ``m-3m``.
    degree : int
        Highest degree, even.

    Returns
    -------
    ndarray of float64, shape (grains, functions)
        Orthogonal inside each degree, mean nought, at most one fewer than there are grains in each.

    References
    ----------
    .. [1] H.-J. Bunge, Texture Analysis in Materials Science, Butterworths 1982, chapter 4.
    """
    operators = _operators(point_group)
    found = [_components(_zonal(quaternion, operators, order)) for order in range(2, degree + 1, 2)]
    return np.concatenate([np.empty((len(quaternion), 0)), *found], axis=1)


@dataclass(frozen=True)
class Baseline:
    """Functions that both sides of a test are freed of.

    Attributes
    ----------
    functions : ndarray of float64, shape (grains, columns)
        A constant lies in their span; columns may depend on each other.
    covered : ndarray of bool, shape (grains,)
        False in phases that have too few grains for their functions: what depends on orientation there could not be
        told from anything else, so these grains must not take part.
    """

    functions: NDArray[np.float64]
    covered: NDArray[np.bool_]


def baseline(
    phase: NDArray[np.integer],
    maps: NDArray[np.float64],
    orientation: NDArray[np.float64] | None,
    point_groups: Sequence[str],
    centre: NDArray[np.float64],
    settings: AssociationSettings,
    *,
    by_phase: bool = True,
) -> Baseline:
    """The baseline of some grains.

    Each phase has its own constant, its own polynomials in the maps (no products of two) and its own functions of
    orientation; the polynomial in the place of the grain is common to all.

    Parameters
    ----------
    phase : ndarray of int, shape (grains,)
        From 1.
    maps : ndarray, shape (grains, maps)
        Means of the maps of the baseline.
    orientation : ndarray, shape (grains, 4), optional
    point_groups : sequence of str
        Of the phases, by number from 1; used with `orientation`.
    centre : ndarray, shape (grains, 2)
        Places of the grains [µm].
    settings : AssociationSettings
    by_phase : bool
        Whether the phase belongs to the baseline. Where the phase itself is tested it does not, and neither do
        orientations, whose functions differ between phases.
    """
    grains = len(phase)
    columns, covered = [np.ones((grains, 1)), _trend(centre, settings.trend_degree)], np.zeros(grains, bool)
    groups = [phase == number for number in np.unique(phase)] if by_phase else [np.ones(grains, bool)]
    for own in groups:
        part = [np.ones((int(own.sum()), 1)), _powers(maps[own], settings.baseline_degree)]
        if by_phase and orientation is not None and settings.orientation_degree:
            group = point_groups[int(phase[own][0]) - 1]
            part.append(orientation_functions(orientation[own], group, settings.orientation_degree))
        block = np.zeros((grains, sum(values.shape[1] for values in part)))
        block[own] = np.concatenate(part, axis=1)
        covered[own] = own.sum() >= settings.grains_per_function * block.shape[1]
        columns.append(block)
    return Baseline(np.concatenate(columns, axis=1), covered)


@lru_cache(maxsize=64)
def _operators(point_group: str) -> NDArray[np.float64]:
    """As `proper_operators`, which takes orix some hundredths of a second."""
    return proper_operators(point_group)


def _zonal(quaternion: NDArray[np.float64], operators: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """The functions of one degree for spread directions u and v, (grains, pairs)."""
    from scipy.special import eval_legendre

    directions = _spread_directions(2 * order + 3)
    zero = np.zeros((len(directions), 1))
    pure = np.concatenate([zero, directions], axis=1)
    flipped = quaternion * [1, -1, -1, -1]
    crystal = product(product(quaternion[:, None], pure[None]), flipped[:, None])[..., 1:]
    # The symmetries act on u rather than on h: u · s h = s⁻¹u · h, and the group holds every inverse.
    around = product(product(operators[:, None], pure[None]), (operators * [1, -1, -1, -1])[:, None])[..., 1:]
    values = np.zeros((len(quaternion), len(directions), len(directions)))
    for own in around:
        values += eval_legendre(order, np.clip(crystal @ own.T, -1, 1))
    return values.reshape(len(quaternion), -1) / len(operators)


def _spread_directions(count: int) -> NDArray[np.float64]:
    """Directions on a spiral over the half sphere, none related to another by a symmetry of a crystal."""
    number = np.arange(count) + 0.5
    height, angle = 1 - number / count, np.pi * (1 + np.sqrt(5)) * number
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def _components(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Principal components of length √n, those of no variance left out."""
    if len(values) < 2:
        return np.empty((len(values), 0))
    left, size, right = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    # A degree without any invariant function leaves rounding only.
    kept = (size > np.sqrt(_SAME) * size[:1]) & (size > 1e-9 * np.sqrt(values.size))
    sign = np.sign(right[np.arange(len(right)), np.argmax(np.abs(right), axis=1)])
    return np.asarray((left * sign)[:, kept] * np.sqrt(len(values)))


def _powers(maps: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Standardised maps, then their squares and so on, (grains, maps · degree)."""
    if not maps.size:
        return np.empty((len(maps), 0))
    scale = maps.std(axis=0)
    standard = (maps - maps.mean(axis=0)) / np.where(scale > 0, scale, 1)
    return np.concatenate([standard**power for power in range(1, degree + 1)], axis=1)


def _trend(centre: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Products of powers of y and x up to a total degree, without the constant."""
    span = np.ptp(centre, axis=0).max(initial=0) or 1.0
    y, x = ((centre - centre.mean(axis=0)) * 2 / span).T
    powers = [(i, j) for i, j in all_pairs(range(degree + 1), repeat=2) if 0 < i + j <= degree]
    return np.stack([y**i * x**j for i, j in powers], axis=1) if powers else np.empty((len(centre), 0))
