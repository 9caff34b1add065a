"""How right a map of regions and a set of weights are; arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from microstructure_assets.methods.references import References

#: Two-sided 95 % of a normal law, in standard deviations.
NORMAL_95 = 1.959963984540054


def rand_index(
    truth: NDArray[np.integer], found: NDArray[np.integer], chosen: NDArray[np.bool_] | None = None
) -> float:
    """Adjusted Rand index of two labellings, on the chosen points where given; scikit-learn's, any shape."""
    from sklearn.metrics import adjusted_rand_score

    if chosen is not None:
        truth, found = truth[chosen], found[chosen]
    return float(adjusted_rand_score(truth.ravel(), found.ravel()))


@dataclass(frozen=True)
class GrainCounts:
    """Errors counted in whole grains.

    Attributes
    ----------
    true, found : int
        Regions in each map.
    split : int
        True regions that hold two or more found regions (over-segmented).
    merged : int
        True regions that share a found region with another (under-segmented).
    """

    true: int
    found: int
    split: int
    merged: int


def grain_counts(
    truth: NDArray[np.integer], found: NDArray[np.integer], smallest_points: int = 4, share: float = 0.5
) -> GrainCounts:
    """Count over- and under-segmented grains.

    A found region lies *in* the true one that holds more than ``share`` of it; a true region lies in the found one
    that holds more than ``share`` of it. A true region is split when two found regions of at least ``smallest_points``
    points lie in it, merged when it and another true region, both of at least that size, lie in the same found region.

    Parameters
    ----------
    truth, found
        Labels of the same shape.
    smallest_points
        Specks below this are not counted as grains; they cost the Rand index, not this count.
    share
        At least a half, so that a region lies in one other at most.
    """
    from sklearn.metrics.cluster import contingency_matrix

    table = contingency_matrix(truth.ravel(), found.ravel(), sparse=True).tocsr()
    true_size = np.asarray(table.sum(axis=1)).ravel()
    found_size = np.asarray(table.sum(axis=0)).ravel()
    overlap = table.tocoo()
    in_truth = (overlap.data > share * found_size[overlap.col]) & (found_size[overlap.col] >= smallest_points)
    parts = np.bincount(overlap.row[in_truth], minlength=len(true_size))
    in_found = (overlap.data > share * true_size[overlap.row]) & (true_size[overlap.row] >= smallest_points)
    members = np.bincount(overlap.col[in_found], minlength=len(found_size))
    merged = int(members[members >= 2].sum())
    return GrainCounts(len(true_size), len(found_size), int(np.sum(parts >= 2)), merged)


def grain_of_references(
    references: References, mixing: csr_array, point_index: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Grain that each reference stands for: the one with most of the points that were averaged; -1 for an empty one.

    Parameters
    ----------
    references
        Of a ROI.
    mixing : (points of the scan, grains)
        True shares.
    point_index
        Row-major numbers, in the scan, of the rectangle of points that the references were taken from.
    """
    grain = np.full(len(references.points), -1, dtype=np.int64)
    for k, points in enumerate(references.points):
        if len(points):
            grain[k] = int(np.argmax(np.asarray(mixing[point_index[points]].sum(axis=0)).ravel()))
    return grain


@dataclass(frozen=True)
class WeightErrors:
    """Errors of weights, point by point; NaN where a quantity has no meaning.

    Attributes
    ----------
    own : (n,)
        Weight on references of the point's own grain minus the true share.
    absent : (n,)
        Weight on references of grains that have no share in the point.
    covered : (n,)
        1 where the true share lies within the 95 % interval, else 0; NaN where the own grain has not exactly one
        reference, as the correlation between two is not stored.
    represented : (n,) bool
        Whether the own grain has a reference.
    """

    own: NDArray[np.float64]
    absent: NDArray[np.float64]
    covered: NDArray[np.float64]
    represented: NDArray[np.bool_]


def weight_errors(
    weight: NDArray[np.floating],
    deviation: NDArray[np.floating],
    grain_of_reference: NDArray[np.integer],
    active: NDArray[np.bool_],
    shares: csr_array,
    own_grain: NDArray[np.integer],
) -> WeightErrors:
    """Compare weights with true shares.

    Parameters
    ----------
    weight, deviation : (n, r)
        Weights and their standard deviations.
    grain_of_reference : (r,)
        Grain that each reference stands for, -1 for none.
    active : (r,)
        References that took part; others do not represent a grain.
    shares : (n, grains)
        True shares; what is not stored is zero.
    own_grain : (n,)
        Grain at the point.
    """
    n, _ = weight.shape
    true = np.asarray(shares[np.arange(n), own_grain]).ravel()
    mine = (grain_of_reference[None] == own_grain[:, None]) & active[None]
    number = mine.sum(axis=1)
    own = np.sum(np.where(mine, weight, 0.0), axis=1) - true
    known = np.maximum(grain_of_reference, 0)
    present = (shares[:, known].toarray() > 0) & (grain_of_reference >= 0)[None]
    absent = np.sum(np.where(present, 0.0, weight), axis=1)
    std = np.sum(np.where(mine, deviation, 0.0), axis=1)
    covered = np.where(number == 1, np.abs(own) <= NORMAL_95 * std, np.nan)
    return WeightErrors(own, absent, covered.astype(np.float64), number > 0)


def ranking(positive: NDArray[np.bool_], score: NDArray[np.floating]) -> tuple[float, float]:
    """Areas under the ROC and the precision-recall curve (average precision); NaN where one class is missing."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    if positive.all() or not positive.any():
        return float("nan"), float("nan")
    return float(roc_auc_score(positive, score)), float(average_precision_score(positive, score))


def recall_at_false_rate(
    positive: NDArray[np.floating], negative: NDArray[np.floating], false_rate: float
) -> tuple[float, float]:
    """Share of the positives above the threshold that at most this share of the negatives exceeds, and the threshold.

    Ties with the threshold do not count, so that the rate is kept also by scores with few values.
    """
    if len(positive) == 0 or len(negative) == 0:
        return float("nan"), float("nan")
    allowed = int(np.floor(false_rate * len(negative)))
    threshold = float(np.sort(negative)[::-1][allowed]) if allowed < len(negative) else -np.inf
    return float(np.mean(positive > threshold)), threshold
