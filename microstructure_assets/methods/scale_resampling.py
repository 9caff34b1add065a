"""Agreement per ROI over all tilings of a scan, and its means resampled in spatial blocks."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from microstructure_assets.methods.parallel import single_blas_thread

# As for ROIs: the percentile interval of a mean of fewer independent units covers well below its nominal 95 %.
FEWEST_BLOCKS = 8
CONFIDENCE = 0.95
# Differences of NMI below this are rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class RoiAgreements:
    """Agreement of the clusters on PCA scores and on weights, one row per ROI, tiling and cap; all arrays ``(rows,)``.

    Attributes
    ----------
    n : numpy.ndarray of int
        Tiling: ROIs along each axis of the scan.
    k_max : numpy.ndarray of int
        Cap on the number of clusters.
    row, column : numpy.ndarray of float
        Centre of the ROI [points of the scan].
    points : numpy.ndarray of int
        Points in the ROI.
    clusters_scores, clusters_weights : numpy.ndarray of int
        Clusters found on the PCA scores and on the weights, at least one.
    limited : numpy.ndarray of int
        1 where the scores have as many clusters, or as many components, as they may.
    nmi, ami : numpy.ndarray of float
        Normalised and adjusted mutual information; not used, and may be NaN, where either side has one cluster.
    nmi_null : numpy.ndarray of float
        Normalised mutual information after toroidal shifts; NaN where not known.

    Raises
    ------
    ValueError
        If the arrays are not equally long or empty, a number of clusters is below one, or `nmi` or `ami` is not finite
        where both sides have several clusters.
    """

    n: np.ndarray
    k_max: np.ndarray
    row: np.ndarray
    column: np.ndarray
    points: np.ndarray
    clusters_scores: np.ndarray
    clusters_weights: np.ndarray
    limited: np.ndarray
    nmi: np.ndarray
    ami: np.ndarray
    nmi_null: np.ndarray

    def __post_init__(self) -> None:
        expected = np.shape(self.n)
        for field in fields(self):
            shape = np.shape(getattr(self, field.name))
            if len(shape) != 1 or shape != expected or not shape[0]:
                raise ValueError(f"{field.name}: found shape {shape}, expected one row per ROI as in n, at least one")
        for name in ("clusters_scores", "clusters_weights"):
            if getattr(self, name).min() < 1:
                raise ValueError(f"{name}: found {getattr(self, name).min()} clusters, expected at least 1")
        for name in ("nmi", "ami"):
            missing = np.count_nonzero(~np.isfinite(getattr(self, name)[self.scored]))
            if missing:
                raise ValueError(
                    f"{name}: found {missing} values that are not finite in ROIs with several clusters on both sides"
                )

    @property
    def scored(self) -> np.ndarray:
        """Whether both sides found several clusters, so that the ROI counts in the mean, ``(rows,)`` bool."""
        return (self.clusters_scores > 1) & (self.clusters_weights > 1)

    def ordered(self) -> RoiAgreements:
        """The same rows by cap, tiling and place, so that sums do not depend on the order in which ROIs were done."""
        order = np.lexsort((self.column, self.row, self.n, self.k_max))
        return RoiAgreements(*(np.asarray(getattr(self, field.name))[order] for field in fields(self)))

    def groups(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tiling and cap of each curve point ``(groups,)``, by cap and then tiling; and the group of each row."""
        pairs, group = np.unique(np.stack((self.k_max, self.n), axis=1), axis=0, return_inverse=True)
        return pairs[:, 1], pairs[:, 0], group.ravel()


@dataclass(frozen=True)
class TilingDraws:
    """Mean NMI of each tiling and cap in each bootstrap draw.

    Attributes
    ----------
    n, k_max : numpy.ndarray of int
        ``(groups,)``, by cap and then tiling.
    nmi_mean : numpy.ndarray of float
        ``(groups, draws)``; NaN in draws without a scored ROI of this tiling, and throughout for a tiling whose scored
        ROIs lie in fewer than ``FEWEST_BLOCKS`` blocks.
    block_count : numpy.ndarray of int
        ``(groups,)``, blocks that hold the centre of a scored ROI of this tiling.
    """

    n: np.ndarray
    k_max: np.ndarray
    nmi_mean: np.ndarray
    block_count: np.ndarray


def resample(
    agreements: RoiAgreements,
    scan_shape: tuple[int, int],
    block_side: float,
    *,
    draws: int,
    seed: int = 0,
) -> TilingDraws:
    """Mean NMI of every tiling and cap in draws of spatial blocks.

    The scan is cut into equal blocks; a ROI belongs to the block of its centre. Blocks are drawn with replacement, the
    same draw for all tilings and caps: neighbouring ROIs share grains and all tilings share points, so only draws of
    the same places tell how surely one tiling is better than another. One block fewer is drawn than there are, which
    makes the variance of a mean unbiased [1]_.

    A tiling of ROIs larger than the blocks leaves many blocks without a centre. Its ROIs are then drawn one by one, as
    if they were independent, and how many there are in a draw varies; what a large ROI shares with its neighbours and
    with the small ROIs on its margins is not seen. Its interval is about that of independent ROIs, and differences to
    other tilings come out less certain than they are. Draws that hold none of its ROIs say nothing on this tiling and
    are left out for it (NaN); with eight ROIs that is one draw in three thousand.

    Parameters
    ----------
    agreements : RoiAgreements
    scan_shape : tuple of int
        Points of the scan along y and along x.
    block_side : float
        Least side of a block [points]; at least three grains, so that blocks are about independent.
    draws : int
        Number of draws.
    seed : int
        Seed of the draws; the same seed, scan and blocks give the same draws whatever the tilings.

    Returns
    -------
    TilingDraws

    Raises
    ------
    ValueError
        If there is no draw, `block_side` is not positive, or a centre lies outside the scan.

    References
    ----------
    .. [1] J. N. K. Rao, C. F. J. Wu, Resampling inference with complex survey data, J. Am. Stat. Assoc. 83 (1988) 231.
    """
    if draws < 1:
        raise ValueError(f"draws: found {draws}, expected at least 1")
    rows = agreements.ordered()
    n, k_max, group = rows.groups()
    block, block_count = _blocks(rows, scan_shape, block_side)
    scored = rows.scored
    cell, cells = (group * block_count + block)[scored], len(n) * block_count
    total = np.bincount(cell, weights=rows.nmi[scored], minlength=cells).reshape(len(n), block_count)
    number = np.bincount(cell, minlength=cells).reshape(len(n), block_count)
    generator = np.random.default_rng(seed)
    times = generator.multinomial(max(1, block_count - 1), np.full(block_count, 1 / block_count), size=draws)
    weight = times.T.astype(np.float64)  # integers would not go through BLAS
    with single_blas_thread():
        drawn_total, drawn_number = total @ weight, number.astype(np.float64) @ weight
    occupied = np.count_nonzero(number, axis=1)
    known = (drawn_number > 0) & (occupied >= FEWEST_BLOCKS)[:, None]
    return TilingDraws(n, k_max, np.where(known, drawn_total / np.maximum(drawn_number, 1), np.nan), occupied)


def interval_levels(block_count: int) -> tuple[float, float]:
    """Levels of the quantiles of draws that enclose 95 %, the wider the fewer blocks there are.

    Draws scatter as a normal law does, an estimate from a few blocks as Student's; the levels are those at which both
    agree (expanded percentile interval [1]_).

    References
    ----------
    .. [1] T. C. Hesterberg, What teachers should know about the bootstrap, Am. Stat. 69 (2015) 371.
    """
    from scipy.special import ndtr, stdtrit

    low = float(ndtr(stdtrit(max(1, block_count - 1), (1 - CONFIDENCE) / 2)))
    return low, 1 - low


def like_the_best(mean: np.ndarray, drawn: np.ndarray, block_count: np.ndarray) -> np.ndarray:
    """Which tilings cannot be told from the one with the largest mean, at 95 % for all of them together.

    Two tilings are told apart if the difference of their means exceeds, in units of its deviation over the draws, what
    the largest of all pairwise differences exceeds in 5 % of the draws around equal means (the range statistic of
    Reference [1]_). An interval for each pair alone would not do: the best of thirty equal tilings is, being chosen,
    better than most of them. For few blocks the normal law of the draws is replaced by Student's.

    Parameters
    ----------
    mean : numpy.ndarray
        ``(tilings,)``.
    drawn : numpy.ndarray
        ``(tilings, draws)``; a row without any number cannot be told from the best, nor any row if the best has none.
    block_count : numpy.ndarray of int
        ``(tilings,)``.

    Returns
    -------
    numpy.ndarray of bool
        ``(tilings,)``, true for the best itself.

    References
    ----------
    .. [1] P. R. Hansen, A. Lunde, J. M. Nason, The model confidence set, Econometrica 79 (2011) 453.
    """
    from scipy.special import ndtr, stdtrit

    alike, best = np.ones(len(mean), dtype=bool), int(np.argmax(mean))
    known = np.isfinite(drawn).any(axis=1)
    if not known[best]:
        return alike
    error = drawn - mean[:, None]
    largest = np.zeros(drawn.shape[1])
    for own in error[known]:
        difference, deviation = _paired(error[known], own)
        largest = np.maximum(largest, np.max(np.abs(difference) / deviation[:, None], axis=0))
    _, deviation = _paired(error[known], error[best])
    freedom = np.minimum(block_count[known], block_count[best]) - 1
    critical = -stdtrit(freedom, ndtr(-np.quantile(largest, CONFIDENCE)))
    alike[known] = mean[best] - mean[known] <= np.maximum(critical * deviation, _ROUNDING)
    return alike


def _paired(error: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences in the same draw ``(tilings, draws)``, 0 where either is missing, and their deviation, above 0."""
    difference = error - own
    present = np.isfinite(difference)
    difference = np.where(present, difference, 0.0)
    number = np.maximum(np.count_nonzero(present, axis=1), 1)
    return difference, np.maximum(np.sqrt(np.sum(difference**2, axis=1) / number), _ROUNDING)


def _blocks(rows: RoiAgreements, scan_shape: tuple[int, int], block_side: float) -> tuple[np.ndarray, int]:
    """Block of each row's centre, and the number of blocks."""
    if not (block_side > 0 and np.isfinite(block_side)):
        raise ValueError(f"block_side: found {block_side}, expected a positive number of points")
    place = []
    sides = [max(1, int(length // block_side)) for length in scan_shape]
    for name, centre, length, parts in zip(("row", "column"), (rows.row, rows.column), scan_shape, sides, strict=True):
        outside = ~((centre >= 0) & (centre <= length))
        if outside.any():
            raise ValueError(f"{name}: found a centre at {centre[outside][0]}, expected 0 to {length} points")
        place.append(np.minimum((centre * parts / length).astype(np.int64), parts - 1))
    return place[0] * sides[1] + place[1], sides[0] * sides[1]
