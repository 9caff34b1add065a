"""References from the cores of grains in a ROI and around it: purer than those of clusters, and of every grain near."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.binning import bin_patterns
from microstructure_assets.methods.cores import find_cores
from microstructure_assets.methods.least_squares import nonnegative_least_squares
from microstructure_assets.methods.reference_gram import denoised_gram
from microstructure_assets.methods.references import (
    FALLBACKS,
    SOURCES,
    References,
    equivalent_clusters,
    mean_pattern,
    reference_windows,
)
from microstructure_assets.methods.settings import ReferencesSettings

#: Noise over signal (energies) below which averaging more points gains less than a purer pattern.
_LITTLE_NOISE = 0.02


def references_with_cores(
    patterns: NDArray[np.float32],
    inside: tuple[slice, slice],
    detector_shape: tuple[int, int],
    label: NDArray[np.integer],
    mahalanobis_squared: NDArray,
    settings: ReferencesSettings,
    noise_variance: float,
) -> References:
    """Reference patterns of a ROI, with the help of the points around it.

    Grains that only reach into a ROI have few pure points there, or none: their clusters' references are mixtures, or
    missing. Around the ROI they go on. So cores of grains (`find_cores`) are sought in the rectangle; those that differ
    by gain and noise only are taken for one. A cluster's reference that a mixture of cores explains within the noise
    gives way to the one that holds most of it, if that averages at least half as many points, or ``wanted_points``, or
    is nearly free of noise as it is. Cores that no cluster takes become references of their own, after the clusters'.

    Parameters
    ----------
    patterns : (rows, columns, p) float32
        Preprocessed patterns of the ROI and a margin around it.
    inside
        Where the ROI lies in that rectangle.
    detector_shape
        Height and width of a pattern, height × width = p.
    label, mahalanobis_squared, settings, noise_variance
        As `reference_windows` takes them, of the ROI. ``paper``, or a margin of 0, leaves the cores out.

    Returns
    -------
    References
        Its ``row`` and ``column`` count from the ROI's first point and may lie outside the ROI; ``points`` count in the
        rectangle.

    Notes
    -----
    A deviation from Zhang et al., section 2.2.2, whose references come from the ROI alone.
    """
    found = reference_windows(patterns[inside], label, mahalanobis_squared, settings, noise_variance)
    columns = patterns.shape[1]
    top, left = int(inside[0].start), int(inside[1].start)
    width = label.shape[1]
    found = replace(found, points=tuple((own // width + top) * columns + own % width + left for own in found.points))
    if settings.margin == 0:
        return found
    cores = _grain_cores(patterns, detector_shape, settings, noise_variance)
    if cores is None:
        return found
    nearest = _nearest_cores(found, cores, noise_variance, settings)
    return _with_taken(found, cores, nearest, noise_variance, (top, left))


@dataclass(frozen=True)
class _GrainCores:
    """Cores of the grains in a rectangle: mean patterns (m, p), points, row and column of the most central point."""

    pattern: NDArray[np.float64]
    members: list[NDArray[np.intp]]
    centre: NDArray[np.int64]

    @property
    def number(self) -> NDArray[np.int64]:
        """Points of each core."""
        return np.array([len(own) for own in self.members])


def _grain_cores(
    patterns: NDArray[np.float32],
    detector_shape: tuple[int, int],
    settings: ReferencesSettings,
    noise_variance: float,
) -> _GrainCores | None:
    """Cores in a rectangle, those of one pattern taken together; None where there are none."""
    flat = patterns.reshape(-1, patterns.shape[2])
    small, factor = bin_patterns(patterns, detector_shape)
    # Of independent noise this is what binning leaves; of correlated noise `find_cores` measures how much more.
    core = find_cores(small, noise_variance / factor**2).ravel()
    count = int(core.max(initial=-1)) + 1
    if count == 0:
        return None
    same = equivalent_clusters(flat, core, count, noise_variance, settings.equivalence_tolerance)
    grain = np.append(same, -1)[core]
    members = [np.flatnonzero(grain == k) for k in np.unique(same)]
    centre = np.array([_most_central(own, patterns.shape[1]) for own in members])
    return _GrainCores(np.stack([mean_pattern(flat, own) for own in members]), members, centre)


def _with_taken(
    found: References, cores: _GrainCores, nearest: NDArray[np.int64], noise_variance: float, origin: tuple[int, int]
) -> References:
    """References in which clusters have given way to their cores, and cores that none takes come last."""
    clusters = len(nearest)
    core = np.concatenate([nearest, np.setdiff1d(np.arange(len(cores.members)), nearest)])
    taken, new = core >= 0, np.arange(len(core)) >= clusters
    number, centre = cores.number[core], cores.centre[core]
    group = np.arange(len(core), dtype=np.int32)
    group[:clusters] = found.group
    group[taken] = [np.flatnonzero(core == own)[0] for own in core[taken]]
    return References(
        pattern=_merged(found.pattern, cores.pattern[core], taken),
        row=_merged(found.row, centre[:, 0] - origin[0], taken),
        column=_merged(found.column, centre[:, 1] - origin[1], taken),
        metric=_merged(found.metric, np.full(len(core), np.nan), new),
        point_count=_merged(found.point_count, number, taken),
        noise_variance=_merged(found.noise_variance, noise_variance / number, taken),
        fallback=_merged(found.fallback, np.full(len(core), FALLBACKS[0]), taken),
        source=_merged(found.source, np.where(new, SOURCES[2], SOURCES[1]), taken),
        points=tuple(cores.members[core[k]] if taken[k] else found.points[k] for k in range(len(core))),
        group=group,
    )


def _most_central(points: NDArray[np.intp], columns: int) -> tuple[int, int]:
    """Row and column of the point nearest to the centre of some points."""
    row, column = np.divmod(points, columns)
    nearest = int(np.argmin((row - row.mean()) ** 2 + (column - column.mean()) ** 2))
    return int(row[nearest]), int(column[nearest])


def _nearest_cores(
    found: References, cores: _GrainCores, noise_variance: float, settings: ReferencesSettings
) -> NDArray[np.int64]:
    """Core whose pattern each cluster takes, -1 for none.

    A cluster's reference that a mixture of cores does not explain within the noise stands for a grain of its own,
    however like it is to another: 0.3° leave more than nine tenths in common.
    """
    pixels, number = cores.pattern.shape[1], cores.number
    pattern = cores.pattern - cores.pattern.mean(axis=1, keepdims=True)
    own = found.pattern - found.pattern.mean(axis=1, keepdims=True, dtype=np.float64)
    noise, own_noise = pixels * noise_variance / number, pixels * found.noise_variance
    gram, projection = denoised_gram(pattern @ pattern.T, noise), own @ pattern.T
    weight = nonnegative_least_squares(gram, projection)
    energy = np.maximum(np.einsum("ij,ij->i", own, own) - own_noise, 0.0)
    left = energy - 2 * np.sum(weight * projection, axis=1) + np.sum(weight @ gram * weight, axis=1)
    scatter = np.sqrt(2.0 / pixels) * (own_noise + weight**2 @ noise)
    main = np.argmax(weight, axis=1)
    share = np.max(weight, axis=1) / np.maximum(weight.sum(axis=1), 1e-300)
    taken = (energy > 0) & (share > 0.5) & (left < settings.equivalence_tolerance * energy + 3.0 * scatter)
    clean = (noise < _LITTLE_NOISE * np.diag(gram))[main]
    taken &= clean | (number[main] >= np.minimum(0.5 * found.point_count, settings.wanted_points))
    return np.where(taken, main, -1)


def _merged(own: NDArray, other: NDArray, taken: NDArray[np.bool_]) -> NDArray:
    """Values of the clusters where a core is not taken, of the cores elsewhere."""
    result = np.asarray(other).astype(own.dtype)
    keep = np.flatnonzero(~taken)
    result[keep] = own[keep]
    return result
