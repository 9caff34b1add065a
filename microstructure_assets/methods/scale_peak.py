"""The tiling that the scale curve recommends, how sure that is, and whether the cap on K made the peak.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization,
   Section 3.2.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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

Kind = Literal["peak", "edge", "plateau", "flat", "untested", "none"]

# With fewer, one ROI moves the mean by more than the curve does, and no interval of it holds.
FEWEST_ROIS = 8
# What chance puts between equal tilings: nine ROIs whose NMI scatters by 0.15 leave 0.05 on their mean, and the largest
# and smallest of a few such means lie three deviations apart. With more than that between tilings that cannot be told
# apart, the scan is too small to tell, which is not the same as a flat curve.
FLAT_RANGE = 0.15
# Share of ROIs beyond which what most of them could not do decides their mean.
LIMITED_SHARE = 0.5
LIMITS_SENTENCE = "set by the limits on clusters and components, not by the microstructure"
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
        None if no tiling is eligible or none could be resampled.
    kind : {"peak", "edge", "plateau", "flat", "untested", "none"}
    reason : str
        A sentence with figures.
    cap_shift : dict of int to int or None
        Tiling with the largest mean for each cap, None without an eligible one.
    caps_apart : tuple of int
        Caps whose largest mean lies more than one tiling step from that of the cap in force, unless neither place can
        be told from the largest mean of the other cap. None where the curve is flat, as the largest means of flat
        curves lie anywhere.
    set_by_cap : bool
        Whether a larger cap is among them, or the next smaller one where larger caps are no witnesses: there is none,
        or ROIs are at other limits already. That a smaller cap alone moves the peak says that it is too small.
    set_by_limits : bool
        Whether most ROIs of the next larger size have as many clusters, or as many components, as they may: the curve
        falls, or would fall, towards larger ROIs because of these limits.
    alike : tuple of int
        Eligible tilings that cannot be told from the one with the largest mean, itself among them.
    """

    n: int | None
    n_low: int | None
    n_high: int | None
    kind: Kind
    reason: str
    cap_shift: dict[int, int | None]
    caps_apart: tuple[int, ...]
    set_by_cap: bool
    set_by_limits: bool
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

    @cached_property
    def alike(self) -> np.ndarray:
        """Whether each tiling cannot be told from the one with the largest mean, ``(tilings,)`` bool."""
        return like_the_best(self.mean, self.drawn, self.block_count)

    def is_alike(self, n: int | None) -> bool:
        """Whether the draws cannot tell a tiling from the one with the largest mean; never where nothing was drawn."""
        return bool(self.known.any() and n in self.n[self.alike])

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
    - *edge*: the best is the first or the last eligible tiling; the curve may rise beyond. It is recommended.
    - *plateau*: the tilings next to the best that cannot be told from it reach the first or the last eligible one, or
      none can be told from it although their means differ by more than `flat_range`. The best is recommended.
    - *untested*: the best could not be resampled, so that nothing is known of its neighbours. It is recommended.
    - *peak*: the curve falls on both sides. The best is recommended.
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
        return Recommendation(None, None, None, "none", _nothing(summary, k_max), cap_shift, (), False, False, ())
    kind = _kind(curve, curve.alike, flat_range)
    apart = () if kind == "flat" else _caps_apart(np.unique(summary.n), curves, k_max)
    limited = _limited(summary, k_max, curve.n[curve.best])
    set_by_limits = limited > LIMITED_SHARE and kind != "flat"
    set_by_cap = _decided_by_cap(caps, k_max, apart, set_by_limits)
    interval = _peak_interval(curve)
    clauses = [_head(curve, k_max, kind)]
    clauses += [_told(curve, curve.alike, interval)] if len(curve.n) > 1 else []
    clauses += [_caps(cap_shift, k_max, apart, set_by_cap)] if len(caps) > 1 else []
    if set_by_limits:
        clauses.append(_limits(limited))
    return Recommendation(
        n=None if kind == "flat" else curve.peak,
        n_low=interval[0],
        n_high=interval[1],
        kind=kind,
        reason="; ".join(clauses),
        cap_shift=cap_shift,
        caps_apart=apart,
        set_by_cap=set_by_cap,
        set_by_limits=set_by_limits,
        alike=tuple(int(n) for n in curve.n[curve.alike]),
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
    if alike.all() and np.ptp(curve.mean) <= flat_range:
        return "flat"
    if not curve.known[curve.best]:
        return "untested"
    if alike.all():
        return "plateau"
    if curve.at_edge:
        return "edge"
    first, last = _neighbours(alike, curve.best)
    return "plateau" if first == 0 or last == len(alike) - 1 else "peak"


def _peak_interval(curve: _Curve) -> tuple[int | None, int | None]:
    if not curve.known.any():
        return None, None
    peaks = curve.peaks()
    peaks = peaks[np.isfinite(peaks)]
    ends = [int(n) for n in curve.n[~curve.known]]
    if len(peaks):
        levels = interval_levels(int(curve.block_count[curve.best]))
        ends += [int(n) for n in np.quantile(peaks, levels, method="inverted_cdf")]
    return min(ends), max(ends)


def _caps_apart(tilings: np.ndarray, curves: Mapping[int, _Curve], k_max: int) -> tuple[int, ...]:
    """Caps whose peak lies more than one step from that of the cap in force; a lone tiling is no peak."""
    own = curves[k_max]
    found = []
    for cap, curve in curves.items():
        if cap == k_max or len(curve.n) < 2:
            continue
        steps = np.searchsorted(tilings, own.n[own.best]) - np.searchsorted(tilings, curve.n[curve.best])
        # On a plateau chance alone puts the largest means apart; without draws nothing speaks for chance.
        if abs(steps) > 1 and not (own.is_alike(curve.peak) and curve.is_alike(own.peak)):
            found.append(cap)
    return tuple(found)


def _decided_by_cap(caps: Sequence[int], k_max: int, apart: tuple[int, ...], set_by_limits: bool) -> bool:
    larger, smaller = [cap for cap in caps if cap > k_max], [cap for cap in caps if cap < k_max]
    witnesses = larger + (smaller[-1:] if set_by_limits or not larger else [])
    return any(cap in apart for cap in witnesses)


def _limited(summary: TilingSummary, k_max: int, n: int) -> float:
    """Share of limited ROIs in the next coarser tiling of the curve; in this one if it is the coarsest."""
    coarser = summary.n[(summary.k_max == k_max) & (summary.n < n)]
    place = (summary.k_max == k_max) & (summary.n == (coarser.max() if coarser.size else n))
    return float(summary.limited_fraction[place][0])


def _limits(share: float) -> str:
    return (
        f"of the next larger ROIs {share:.0%} have as many clusters or components as they may (K_max, "
        f"mixture.points_per_parameter, knee.maximum): {LIMITS_SENTENCE}"
    )


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
    end = "first" if curve.best == 0 else "last"
    edge = f", the {end} eligible tiling, so that the curve may rise beyond" if curve.at_edge else ""
    name = "largest mean" if kind in ("untested", "edge") else kind
    return f"{name} at n = {curve.peak}{edge}, with {figures}"


def _told(curve: _Curve, alike: np.ndarray, interval: tuple[int | None, int | None]) -> str:
    """What the draws tell: which tilings are like the best, and where else the largest mean could lie."""
    if not curve.known.any():
        return (
            f"the scan is too small to say how sure that is: {_counted(curve.block_count.max())} of three grain "
            f"diameters with ROIs, and {FEWEST_BLOCKS} are needed"
        )
    first, last = _neighbours(alike, curve.best)
    far = ", ".join(str(n) for place, n in enumerate(curve.n) if alike[place] and not first <= place <= last)
    if last > first:
        run = f"n = {curve.n[first]} to {curve.n[last]} cannot be told from it"
        others = f", nor can n = {far}" if far else ""
    else:
        run = "its neighbours are lower"
        others = f", but n = {far} cannot be told from it" if far else ""
    return f"{run}{others}; the largest mean lies between n = {interval[0]} and {interval[1]} in 95 % of the draws"


def _caps(cap_shift: dict[int, int | None], k_max: int, apart: tuple[int, ...], set_by_cap: bool) -> str:
    places = ", ".join(f"n = {n} for K_max {cap}" for cap, n in cap_shift.items() if n is not None)
    said = f"the largest means of all caps lie at {places}"
    if set_by_cap:
        return f"{said}: {CAP_SENTENCE}"
    if apart:
        return f"{said}; for K_max {_listed(apart)} it is {CAP_SENTENCE}, for K_max {k_max} it is not"
    return f"{said}; none can be told to lie more than one step from that of K_max {k_max}"


def _counted(blocks: int) -> str:
    return f"{blocks} {'block' if blocks == 1 else 'blocks'}"


def _listed(caps: Sequence[int]) -> str:
    return " and ".join(filter(None, [", ".join(str(cap) for cap in caps[:-1]), str(caps[-1])]))
