"""How many principal components hold signal: the paper's knee, and the edge of the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from microstructure_assets.methods.settings import KneeSettings


@dataclass(frozen=True)
class GapCurve:
    """Curve of the paper's knee over the components k = 1..p.

    Attributes
    ----------
    index : numpy.ndarray
        ``(p,)``, x_k = k / p.
    cumulative : numpy.ndarray
        ``(p,)``, the cumulative variance brought to 0-1 between the first and the last component, Eq. 2.
    gap : numpy.ndarray
        ``(p,)``, cumulative − index, Eq. 3.
    """

    index: np.ndarray
    cumulative: np.ndarray
    gap: np.ndarray


@dataclass(frozen=True)
class Knee:
    """Number of components kept, and why.

    Attributes
    ----------
    count : int
    method : {"noise_edge", "paper"}
    curve : GapCurve
        The paper's curve, whatever the method.
    edge : float
        Noise edge that was handed in [intensity²].
    above_edge : int
        Number of components above the edge, before the minimum and the maximum.
    paper_count : int
        What the paper's knee says, with the same minimum.
    limited : bool
        Whether the maximum, or the number of components computed, cut the answer off.
    """

    count: int
    method: Literal["noise_edge", "paper"]
    curve: GapCurve
    edge: float
    above_edge: int
    paper_count: int
    limited: bool


def noise_edge(
    noise_variance: float | np.ndarray,
    point_count: int,
    pixel_count: int,
    effective_pixel_count: float | None = None,
    *,
    deviations: float = 2.02,
) -> float:
    """Largest variance along a component that noise alone reaches.

    For n centred patterns of p independent pixels of equal noise, the largest eigenvalue of the covariance
    (normalised by n − 1) lies around the Marchenko-Pastur edge and scatters by the Tracy-Widom law; centre and scale
    are Johnstone's [1]_ with Ma's second-order shift [2]_. Where the noise differs between points (phases of unequal
    yield, pores), the edge is that of the generalised Marchenko-Pastur law, the largest critical value of its inverse
    Stieltjes transform [3]_: with the plain edge at the mean variance, a fifth of the points with four times the
    noise variance brings a hundred noise components into the signal.

    Parameters
    ----------
    noise_variance : float or numpy.ndarray
        Noise variance per pixel [intensity²], one number or one for each point (any shape).
    point_count : int
        Number of points n.
    pixel_count : int
        Number of pixels p.
    effective_pixel_count : float, optional
        Number of independent pixels that scatter as these do; p if not given. An approximation for detectors that
        correlate neighbouring pixels, good while there are fewer points than effective pixels.
    deviations : float
        Margin in scales of the Tracy-Widom law of real matrices: 0.98 is exceeded by noise in 5 % and 2.02 in 1 % of
        cases.

    Returns
    -------
    float
        Edge [intensity²]; 0 for no noise or fewer than two points.

    Raises
    ------
    ValueError
        If a variance is negative or not finite, or a count is below one.

    References
    ----------
    .. [1] I. M. Johnstone, On the distribution of the largest eigenvalue in principal components analysis,
       Ann. Stat. 29 (2001) 295.
    .. [2] Z. Ma, Accuracy of the Tracy-Widom limits for the extreme eigenvalues in white Wishart matrices,
       Bernoulli 18 (2012) 322.
    .. [3] J. W. Silverstein, S. I. Choi, Analysis of the limiting spectral distribution of large dimensional random
       matrices, J. Multivar. Anal. 54 (1995) 295.
    """
    variances = np.atleast_1d(np.asarray(noise_variance, dtype=np.float64)).ravel()
    if not np.isfinite(variances).all() or (variances < 0).any():
        raise ValueError("noise_variance: found a negative or not finite value, expected variances of at least 0")
    pixels = float(pixel_count if effective_pixel_count is None else effective_pixel_count)
    if point_count < 1 or pixel_count < 1 or pixels < 1:
        raise ValueError(
            f"point_count, pixel_count: found {point_count}, {pixel_count} ({pixels:g} effective), expected at least 1"
        )
    freedom = point_count - 1
    if freedom < 1 or not variances.any():
        return 0.0
    first, second = np.sqrt(freedom - 0.5), np.sqrt(pixels - 0.5)
    centre = (first + second) ** 2
    scale = (first + second) * (1 / first + 1 / second) ** (1 / 3)
    plain = (np.sqrt(freedom) + np.sqrt(pixels)) ** 2
    largest = (centre + deviations * scale) / plain
    return float(_generalised_edge(variances, freedom / pixels) * pixel_count / freedom * largest)


def paper_gap(explained_variance: np.ndarray) -> GapCurve:
    """Gap between the cumulative variance and the diagonal, Eqs. 2 and 3 of Reference [1]_.

    The cumulative variance is taken relative to the components given, and ε is the smallest positive number, so that
    the curve does not change when all variances are scaled. Without any variance beyond the first component it is −k
    / p.

    Parameters
    ----------
    explained_variance : numpy.ndarray
        ``(p,)``, descending. The number p of components computed decides the result: the gap grows exactly as long as a
        variance exceeds the sum of the second and later ones over p, which is Kaiser's rule but for a factor (p − 1)
        / p.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization.
    """
    variance = _checked(explained_variance)
    later = np.concatenate(([0.0], np.cumsum(variance[1:])))
    cumulative = later / (later[-1] + np.finfo(float).tiny)
    index = np.arange(1, len(variance) + 1) / len(variance)
    return GapCurve(index, cumulative, cumulative - index)


def choose_components(explained_variance: np.ndarray, settings: KneeSettings, *, edge: float) -> Knee:
    """Choose how many components are kept.

    Parameters
    ----------
    explained_variance : numpy.ndarray
        ``(p,)``, descending [intensity²].
    settings : KneeSettings
        ``noise_edge``: the components above the edge, at least ``minimum`` and at most ``maximum``. ``paper``: the
        largest gap among k ≥ ``minimum``, Eq. 4 of Reference [1]_; no maximum.
    edge : float
        From :func:`noise_edge` [intensity²].

    Raises
    ------
    ValueError
        If there is no component, or a variance is negative, not finite or out of order.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization.
    """
    variance = _checked(explained_variance)
    curve = paper_gap(variance)
    fewest = min(settings.minimum, len(variance))
    paper = fewest + int(np.argmax(curve.gap[fewest - 1 :]))
    above = int(np.count_nonzero(variance > edge))
    if settings.method == "paper":
        return Knee(paper, "paper", curve, edge, above, paper, False)
    most = max(fewest, min(settings.maximum, len(variance)))
    count = min(max(above, fewest), most)
    limited = above > most or (above == len(variance) and above > 0)
    return Knee(count, "noise_edge", curve, edge, above, paper, limited)


def _generalised_edge(variances: np.ndarray, ratio: float) -> float:
    """Right edge of the spectrum of ``X Xᵀ / p`` for rows of these variances, `ratio` = rows over columns."""
    largest = variances.max()
    relative = variances / largest

    def slope(place: float) -> float:
        return 1 - ratio * float(np.mean((relative / (place - relative)) ** 2))

    low, high = 1.0, 1.0 + np.sqrt(ratio) + 1e-12
    for _ in range(80):
        middle = (low + high) / 2
        if middle > 1 and slope(middle) > 0:
            high = middle
        else:
            low = middle
    return float(largest * high * (1 + ratio * np.mean(relative / (high - relative))))


def _checked(explained_variance: np.ndarray) -> np.ndarray:
    variance = np.asarray(explained_variance, dtype=np.float64)
    if variance.ndim != 1 or not len(variance):
        raise ValueError(f"explained_variance: found shape {variance.shape}, expected (p,) with at least one component")
    if not np.isfinite(variance).all() or (variance < 0).any() or (np.diff(variance) > 1e-9 * variance[0]).any():
        raise ValueError("explained_variance: expected finite variances of at least 0 in descending order")
    return variance
