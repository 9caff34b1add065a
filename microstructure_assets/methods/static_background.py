"""The detector's fixed pattern (vignetting, scintillator spots), estimated from a scan that comes without one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROUNDS = 6
LEAST_KINDS = 1.5
# Least variance of the differing part over the noise variance, on average and for a pattern to take part.
LEAST_SIGNAL = 0.03
SIGNAL_DEVIATIONS = 2.5
FEW_PATTERNS = 50
FEW_PATTERNS_STD_PX = 1.0
SAMPLE_PATTERNS = 400
SAMPLE_BYTES = 256 << 20
NOISE_ROWS, NOISE_COLUMNS = 3, 40
# The golden ratio of two dimensions, the root of x³ = x + 1: steps of its inverse powers fill a square evenly however
# many are taken (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
PLASTIC = 1.32471795724474602596


@dataclass(frozen=True)
class StaticBackground:
    """An estimated static background.

    Attributes
    ----------
    pattern : ndarray of float32, shape (height, width), or None
        None where the patterns differ too little for an estimate.
    kinds : float
        Number of different patterns in the sample, as it counts in the mean; 0 without any difference above the noise.
    reason : str
        How it came about, in words.
    """

    pattern: np.ndarray | None
    kinds: float
    reason: str


def sample_size(height: int, width: int) -> int:
    """How many patterns of this shape [px] to take: 400, or what fits into 256 MiB as float32, but two at least."""
    return max(2, min(SAMPLE_PATTERNS, SAMPLE_BYTES // (4 * height * width)))


def sample_points(rows: int, columns: int, wanted: int) -> np.ndarray:
    """Points that lie evenly over both axes of a grid, whatever its shape.

    Parameters
    ----------
    rows, columns : int
    wanted : int
        How many points; all of the grid where it has no more.

    Returns
    -------
    (n,) ndarray of int64
        ``row * columns + column``, ascending, each once. `wanted` of them; a few less where that is nearly all points.
    """
    if wanted >= rows * columns:
        return np.arange(rows * columns, dtype=np.int64)
    # More steps than points are wanted, as two may fall on one point of a small grid.
    steps = np.arange(1, 4 * wanted + 1, dtype=np.float64)
    row, column = (
        (np.modf(0.5 + steps / ratio)[0] * count).astype(np.int64)
        for ratio, count in ((PLASTIC, rows), (PLASTIC**2, columns))
    )
    points = row * columns + column
    _, first = np.unique(points, return_index=True)
    return np.sort(points[np.sort(first)[:wanted]])


def noise_points(rows: int, columns: int) -> np.ndarray:
    """Neighbouring points for the noise, a block (at most 3, at most 40) of ``row * columns + column``, int64."""
    row, column = np.arange(min(rows, NOISE_ROWS)), np.arange(min(columns, NOISE_COLUMNS))
    return (row[:, None] * columns + column).astype(np.int64)


def estimate_static_background(raw: np.ndarray, corrected: np.ndarray, noise_variance: float) -> StaticBackground:
    """Weighted mean of a sample of raw patterns in which every kind of pattern counts once.

    Parameters
    ----------
    raw : ndarray, shape (n, height, width)
        Raw patterns spread over the scan.
    corrected : ndarray of float32, shape (n, pixels)
        The same patterns with the dynamic background and the mean removed.
    noise_variance : float
        Noise variance per pixel of a corrected pattern.

    Returns
    -------
    StaticBackground

    Notes
    -----
    The plain mean of a scan is the usual stand-in for a missing static background. It holds the bands of a grain that
    covers much of the scan, and takes them away from that grain alone. So a pattern is weighted by the inverse of the
    number of patterns like it (squared correlations of what is left after the weighted mean, the noise taken off), and
    the mean is taken again, a few times. A scan of one kind of pattern has nothing to tell the fixed pattern from the
    bands by: there is no estimate then. Two grains come out as opposite halves of their difference, which still tells
    them apart but makes mixing weights hard.

    The mean of few patterns also holds their noise, and would take it from each of them: it is smoothed over a pixel.
    On the nine nickel patterns of kikuchipy (two grains, correlations 0.94 within and 0.88 between them without any
    static background, 0.6 to 0.7 and 0.3 with the measured one) this gives 0.5 to 0.7 and 0.0 to 0.2.
    """
    count, pixels = corrected.shape
    gram = (corrected @ corrected.T).astype(np.float64) / pixels
    weight = np.full(count, 1 / count)
    kinds = 0.0
    for _ in range(ROUNDS):
        centred = gram - weight @ gram - (gram @ weight)[:, None] + weight @ gram @ weight
        # The weighted mean shares each pattern's noise by its weight.
        noise = noise_variance * (1 - 2 * weight + np.sum(weight**2))
        signal = np.diag(centred) - noise
        least = max(LEAST_SIGNAL, SIGNAL_DEVIATIONS * np.sqrt(2 / pixels)) * noise_variance
        live = signal > least
        if live.sum() < 2 or signal.mean() <= LEAST_SIGNAL * noise_variance:
            return StaticBackground(None, 0.0, "the patterns do not differ by more than their noise")
        scale = np.sqrt(np.where(live, signal, np.inf))
        likeness = np.clip(centred / scale / scale[:, None], 0, 1) ** 2
        np.fill_diagonal(likeness, 1)
        alike = likeness.sum(axis=1)
        weight = np.where(live, 1 / alike, 0)
        kinds = float(weight.sum())
        weight /= kinds
    if kinds < LEAST_KINDS:
        return StaticBackground(None, kinds, "the patterns are all of one kind")
    pattern = np.tensordot(weight.astype(np.float32), raw.astype(np.float32, copy=False), axes=1)
    reason = f"mean of {count} patterns of about {kinds:.0f} kinds, each kind counted once"
    if count < FEW_PATTERNS:
        from scipy.ndimage import gaussian_filter

        pattern = gaussian_filter(pattern, FEW_PATTERNS_STD_PX, mode="nearest")
        reason += f", smoothed over {FEW_PATTERNS_STD_PX:g} px as they are few"
    return StaticBackground(pattern, kinds, reason)
