"""Noise and signal of a whole scan from a few places of it: for patterns that no ROI has measured (binned ones)."""

from __future__ import annotations

import numpy as np

from microstructure_assets.methods.binning import PatternBlocks
from microstructure_assets.methods.noise import noise_variance

PLACES_PER_SIDE = 4
SIDE_POINTS = 16
# What is left of pure noise once its measured energy is taken off.
LEAST_SIGNAL_SHARE = 1e-3


def scan_noise_variance(patterns: PatternBlocks) -> float:
    """Median of the noise variances per pixel in at most 16 squares of 16×16 points, spread evenly over the scan.

    Parameters
    ----------
    patterns
        Corrected patterns; binning correlates nothing but leaves what was correlated, so that the noise after it is
        measured rather than divided by the number of pixels averaged.

    Returns
    -------
    float
        0 where no place holds a signal.
    """
    rows, columns, _ = patterns.shape
    found = []
    for top in _starts(rows):
        for left in _starts(columns):
            block = patterns.read(top, min(rows, top + SIDE_POINTS), left, min(columns, left + SIDE_POINTS))
            found.append(noise_variance(np.ascontiguousarray(block)).variance)
    return float(np.median([variance for variance in found if variance > 0] or [0.0]))


def binned_signal_share(patterns: PatternBlocks, binned: PatternBlocks, factor: int) -> float:
    """Share of the signal energy that binned patterns keep, in the same places.

    Signal is the energy of the patterns about their means, less that of their noise as neighbours have it. Means
    of blocks are, but for a factor, coordinates in an orthonormal basis: a subspace that is the same for every grain.

    Parameters
    ----------
    patterns, binned
        The same corrected patterns before and after binning.
    factor
        Side of the averaged blocks [px].

    Returns
    -------
    float
        1 where there is no signal to lose.
    """
    rows, columns, _ = patterns.shape
    energies, whole = np.zeros(2), 0.0
    for top in _starts(rows):
        for left in _starts(columns):
            area = top, min(rows, top + SIDE_POINTS), left, min(columns, left + SIDE_POINTS)
            for place, (source, scale) in enumerate(((patterns, 1), (binned, factor**2))):
                read = source.read(*area)
                block = np.ascontiguousarray(
                    read - read.mean(axis=2, keepdims=True)
                )  # a level is kept and tells nothing
                noise = noise_variance(block)
                energy = np.einsum("ijk,ijk->", block, block, dtype=np.float64)
                energies[place] += scale * (energy - block.shape[2] * float(noise.point_variance.sum()))
                whole += energy if place == 0 else 0.0
    return float(energies[1] / energies[0]) if energies[0] > LEAST_SIGNAL_SHARE * whole else 1.0


def _starts(length: int) -> list[int]:
    """First points of the squares along one axis."""
    places = min(PLACES_PER_SIDE, max(1, length // SIDE_POINTS))
    return np.unique(np.linspace(0, max(0, length - SIDE_POINTS), places).round().astype(int)).tolist()
