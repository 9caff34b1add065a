"""The tiling that the scale curve recommends, how sure that is, and whether the cap on K made the peak.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization,
   Section 3.2.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from microstructure_assets.methods.scale_resampling import (
    FEWEST_BLOCKS,
    RoiAgreements,
    TilingDraws,
    interval_levels,
    like_the_best,
    resample,
)
from microstructure_assets.methods.scale_summary import TilingSummary, check_same_tilings, tiling_summary

__all__ = ["Recommendation", "RoiAgreements", "TilingDraws", "TilingSummary", "recommend", "resample", "tiling_summary"]

Kind = Literal["peak", "plateau", "flat", "none"]

# With fewer, one ROI moves the mean by more than the curve does, and no interval of it holds.
FEWEST_ROIS = 8
# What chance puts between equal tilings: nine ROIs whose NMI scatters by 0.15 leave 0.05 on their mean, and the largest
# and smallest of a few such means lie three deviations apart. With more than that between tilings that cannot be told
# apart, the scan is too small to tell, which is not the same as a flat curve.
FLAT_RANGE = 0.15
CAP_SENTENCE = "set by the cap on K, not by the microstructure"


@dataclass(frozen=True)
class Recommendation:
    """The tiling that a scale curve recommends.

    Attributes
    ----------
    n : int or None
        ROIs along each axis; None where the curve gives no reason to prefer one (flat, none).
    n_low, n_high : int or None
        95 % interval of the place of the largest mean over the draws, widened by eligible tilings without an interval;
        None if no tiling is eligible.
    kind : {"peak", "plateau", "flat", "none"}
    reason : str
        A sentence with figures.
    cap_shift : dict of int to int or None
        Tiling with the largest mean for each cap, None without an eligible one.
    set_by_cap : bool
        Whether these lie more than one tiling step apart; False where no tiling is recommended, as the largest means of
        flat curves lie anywhere.
    alike : tuple of int
        Eligible tilings that cannot be told from the one with the largest mean, itself among them.
    """

    n: int | None
    n_low: int | None
    n_high: int | None
    kind: Kind
    reason: str
    cap_shift: dict[int, int | None]
    set_by_cap: bool
    alike: tuple[int, ...]


@dataclass(frozen=True)
class _Curve:
    """Eligible tilings of one cap: all ``(tilings,)``, but for the means in each draw, ``(tilings, draws)``."""

    n: np.ndarray
    mean: np.ndarray
    roi_count: np.ndarray
    drawn: np.ndarray
    block_count: np.ndarray

    @property
    def best(self) -> int:
        """Place of the largest mean among the eligible tilings."""
        return int(np.argmax(self.mean))

    @property
    def peak(self) -> int | None:
        """Tiling with the largest mean; None without an eligible one."""
        return int(self.n[self.best]) if len(self.n) else None

    @property
    def at_edge(self) -> bool:
        """Whether the largest mean lies at the first or the last eligible tiling."""
        return self.best in (0, len(self.n) - 1)

    @property
    def known(self) -> np.ndarray:
        """Whether each tiling could be resampled, ``(tilings,)`` bool."""
        return np.isfinite(self.drawn).any(axis=1)

    def peaks(self) -> np.ndarray:
        """Tiling with the largest mean in each draw, ``(draws,)`` float; NaN in draws without any ROI."""
        if not self.known.any():
            return np.full(self.drawn.shape[1], np.nan)
        mean = np.where(np.isfinite(self.drawn), self.drawn, -np.inf)
        return np.where(np.isfinite(mean).any(axis=0), self.n[np.argmax(mean, axis=0)], np.nan)


def recommend(
    summary: TilingSummary, draws: TilingDraws, k_max: int, *, flat_range: float = FLAT_RANGE
) -> Recommendation:
    """Tiling at which the mean agreement is largest, and how sure that is.

    Tilings with at least eight scored ROIs are eligible. The best one is that of the largest mean, of equal means the
    smallest n; which others cannot be told from it says
    :func:`~microstructure_assets.methods.scale_resampling.like_the_best`.

    - *flat*: no eligible tiling can be told from the best, and their means differ by at most `flat_range`. The curve
      then recommends nothing. One eligible tiling alone is flat too.
    - *plateau*: the tilings next to the best that cannot be told from it reach more than one step away on one side, or
      none can be told from it although their means differ by more than `flat_range`. The best is recommended.
    - *peak*: any other curve. The best is recommended.
    - *none*: nothing is eligible.

    Parameters
    ----------
    summary : TilingSummary
    draws : TilingDraws
        From the same agreements.
    k_max : int
        The cap in force. The other caps in `summary` witness whether the cap makes the peak.
    flat_range : float
        Largest difference of mean NMI in a flat curve.

    Returns
    -------
    Recommendation

    Raises
    ------
    ValueError
        If `draws` are of other tilings or caps, or `k_max` is not among them.
    """
    check_same_tilings(summary.n, summary.k_max, draws)
    caps = [int(cap) for cap in np.unique(summary.k_max)]
    if k_max not in caps:
        raise ValueError(f"k_max: found {k_max}, expected one of the caps in the table, {caps}")
    curves = {cap: _eligible(summary, draws, cap) for cap in caps}
    cap_shift = {cap: curve.peak for cap, curve in curves.items()}
    curve = curves[k_max]
    if curve.peak is None:
        return Recommendation(None, None, None, "none", _nothing(summary, k_max), cap_shift, False, ())
    alike = like_the_best(curve.mean, curve.drawn, curve.block_count)
    kind = _kind(curve, alike, flat_range)
    apart, share = _cap_shift(np.unique(summary.n), curves.values())
    set_by_cap = apart and kind != "flat"
    interval = _peak_interval(curve)
    clauses = [_head(curve, k_max, kind)]
    clauses += [_told(curve, alike, interval)] if len(curve.n) > 1 else []
    clauses += [_caps(cap_shift, set_by_cap, share)] if len(caps) > 1 else []
    return Recommendation(
        n=None if kind == "flat" else curve.peak,
        n_low=interval[0],
        n_high=interval[1],
        kind=kind,
        reason="; ".join(clauses),
        cap_shift=cap_shift,
        set_by_cap=set_by_cap,
        alike=tuple(int(n) for n in curve.n[alike]),
    )


def _eligible(summary: TilingSummary, draws: TilingDraws, k_max: int) -> _Curve:
    rows = np.flatnonzero((summary.k_max == k_max) & (summary.scored_count >= FEWEST_ROIS))
    return _Curve(
        summary.n[rows],
        summary.nmi_mean[rows],
        summary.scored_count[rows],
        draws.nmi_mean[rows],
        draws.block_count[rows],
    )


def _neighbours(alike: np.ndarray, best: int) -> tuple[int, int]:
    """First and last place of the unbroken run of tilings around the best that are like it."""
    apart = np.flatnonzero(~alike)
    before, after = apart[apart < best], apart[apart > best]
    return int(before[-1]) + 1 if len(before) else 0, int(after[0]) - 1 if len(after) else len(alike) - 1


def _kind(curve: _Curve, alike: np.ndarray, flat_range: float) -> Kind:
    if alike.all():
        return "flat" if np.ptp(curve.mean) <= flat_range else "plateau"
    first, last = _neighbours(alike, curve.best)
    return "plateau" if max(curve.best - first, last - curve.best) > 1 else "peak"


def _peak_interval(curve: _Curve) -> tuple[int, int]:
    peaks = curve.peaks()
    peaks = peaks[np.isfinite(peaks)]
    ends = [int(n) for n in curve.n[~curve.known]]
    if len(peaks):
        levels = interval_levels(int(curve.block_count[curve.best]))
        ends += [int(n) for n in np.quantile(peaks, levels, method="inverted_cdf")]
    return min(ends), max(ends)


def _cap_shift(tilings: np.ndarray, curves: Iterable[_Curve]) -> tuple[bool, float]:
    """Whether the peaks of the caps lie more than one step apart, and in which share of the draws they do."""
    eligible = [curve for curve in curves if len(curve.n)]
    steps = np.searchsorted(tilings, [curve.n[curve.best] for curve in eligible])
    peaks = np.stack([curve.peaks() for curve in eligible])
    peaks = peaks[:, np.isfinite(peaks).all(axis=0)]
    share = float(np.mean(np.ptp(np.searchsorted(tilings, peaks), axis=0) > 1)) if peaks.size else float("nan")
    return bool(np.ptp(steps) > 1), share


def _nothing(summary: TilingSummary, k_max: int) -> str:
    most = int(summary.scored_count[summary.k_max == k_max].max())
    return (
        f"no tiling is eligible at K_max {k_max}: none has more than {most} ROIs with several clusters on both sides, "
        f"and at least {FEWEST_ROIS} are needed"
    )


def _head(curve: _Curve, k_max: int, kind: Kind) -> str:
    figures = f"mean NMI {curve.mean[curve.best]:.3f} over {curve.roi_count[curve.best]} ROIs at K_max {k_max}"
    if len(curve.n) == 1:
        return f"only n = {curve.peak} is eligible, with {figures}, so there is no curve"
    if kind == "flat":
        lowest = f"{curve.mean.min():.3f} at n = {curve.n[np.argmin(curve.mean)]}"
        return f"the curve is flat: {figures} at most, at n = {curve.peak}, and at least {lowest}"
    edge = " at the end of the eligible tilings, so that the curve may rise beyond" if curve.at_edge else ""
    return f"{kind} at n = {curve.peak}{edge}, with {figures}"


def _told(curve: _Curve, alike: np.ndarray, interval: tuple[int, int]) -> str:
    """What the draws tell: which tilings are like the best, and where else the largest mean could lie."""
    if not curve.known.any():
        return (
            f"the ROIs cannot be resampled (blocks that hold any: {curve.block_count.max()}, needed: {FEWEST_BLOCKS}), "
            "so that no tiling can be told from another"
        )
    first, last = _neighbours(alike, curve.best)
    run = (
        f"n = {curve.n[first]} to {curve.n[last]} cannot be told from it"
        if last > first
        else "its neighbours are lower"
    )
    far = [str(n) for place, n in enumerate(curve.n) if alike[place] and not first <= place <= last]
    others = f", nor can n = {', '.join(far)}" if far else ""
    return f"{run}{others}; the largest mean lies between n = {interval[0]} and {interval[1]} in 95 % of the draws"


def _caps(cap_shift: dict[int, int | None], set_by_cap: bool, share: float) -> str:
    places = ", ".join(f"n = {n} for K_max {cap}" for cap, n in cap_shift.items() if n is not None)
    often = f" (more than one step apart in {share:.0%} of the draws)" if np.isfinite(share) else ""
    return f"the largest means of all caps lie at {places}{often}" + (f": {CAP_SENTENCE}" if set_by_cap else "")
