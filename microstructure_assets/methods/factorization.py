"""Weights of fixed references in each pattern: constrained non-negative matrix factorization, solved exactly.

With the references H fixed, each pattern's weights follow from H Hᵀ and x Hᵀ alone: one product touches the patterns
once, and what is left is a small non-negative least-squares problem per point.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization", Eq. 10.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import factorization_kernels as kernels
from microstructure_assets.methods.device import COMPILED
from microstructure_assets.methods.least_squares import nonnegative_least_squares, unit_scale
from microstructure_assets.methods.parallel import block_bounds, map_blocks, single_blas_thread
from microstructure_assets.methods.reference_gram import denoised_gram, redundant_references
from microstructure_assets.methods.settings import FactorizationSettings

_BLOCK_POINTS = 2048


@dataclass(frozen=True)
class Weights:
    """Weights of r references in n patterns.

    Attributes
    ----------
    weight : (n, r) float32
        ``paper``: non-negative, free sum. ``noise_corrected``: shares that sum to one; 0 throughout for a pattern that
        no reference explains.
    weight_std : (n, r) float32
        Standard deviation from the noise of the pattern and of the references, among the references that take part at
        the point (a weight at its bound has one too); 0 for a reference that does not, and for the share of a lone one.
    residual : (n,) float32
        Root mean square of what the references leave of the pattern, over the noise deviation that pattern and
        references explain; 1 where the model holds. Without noise, over the pattern's own root mean square.
    gain : (n,) float32
        Sum of the weights before they are divided by it.
    active : (r,) bool
        References that took part.
    condition : float
        Condition number of the Gram matrix of the active references scaled to unit diagonal: how well they can be told
        apart.
    """

    weight: NDArray[np.float32]
    weight_std: NDArray[np.float32]
    residual: NDArray[np.float32]
    gain: NDArray[np.float32]
    active: NDArray[np.bool_]
    condition: float

    def inside(self, shape: tuple[int, int], area: tuple[slice, slice]) -> Weights:
        """The weights of a part of the rectangle of points, whose rows and columns are `shape`."""
        height, width = shape

        def part(values: NDArray[np.float32]) -> NDArray[np.float32]:
            own = values.reshape(height, width, *values.shape[1:])[area]
            return np.ascontiguousarray(own).reshape(-1, *values.shape[1:])

        return replace(
            self,
            weight=part(self.weight),
            weight_std=part(self.weight_std),
            residual=part(self.residual),
            gain=part(self.gain),
        )


def nearby_references(dominant: NDArray[np.integer], references: int, reach: int) -> NDArray[np.bool_]:
    """References that dominate within ``reach`` points (square window) of each point.

    Parameters
    ----------
    dominant : (rows, columns) int
        Reference with the largest weight, negative for none.
    references
        r.
    reach
        Points.

    Returns
    -------
    (rows × columns, r) bool
    """
    from scipy.ndimage import maximum_filter

    near = [maximum_filter(dominant == k, size=2 * reach + 1, mode="constant").ravel() for k in range(references)]
    return np.stack(near, axis=1) if near else np.zeros((dominant.size, 0), dtype=bool)


def constrained_weights(
    patterns: NDArray[np.float32],
    reference: NDArray[np.float32],
    reference_noise_variance: NDArray,
    noise_variance: float,
    settings: FactorizationSettings,
    shape: tuple[int, int] | None = None,
    energy: NDArray[np.float64] | None = None,
    device: str = COMPILED,
) -> Weights:
    """Weights of the references in each pattern, with their uncertainty and the residual.

    Parameters
    ----------
    patterns : (n, p) float32
        Preprocessed patterns, 0-1 for ``paper``, mean removed and gain kept for ``noise_corrected`` (a mean left in is
        taken off).
    reference : (r, p) float32
        Rows of H.
    reference_noise_variance : (r,)
        Noise variance per pixel left in each reference.
    noise_variance
        Noise variance per pixel of a single pattern.
    settings
        Form, reach, tolerance for mixed references.
    shape
        Rows and columns of the ROI, rows × columns = n. With it, ``noise_corrected`` lets a reference take part only
        within ``reach_points`` of a point that it dominates: the beam mixes neighbours, whereas noise spreads weight
        over all references there are.
    energy : (n,) float64, optional
        From `pattern_energy`, for patterns that are weighed more than once.
    device
        Where the small problems of the points are solved, as `nonnegative_least_squares` takes it; the products with
        the patterns, which lie in the processor's memory, are always made there.

    Returns
    -------
    Weights

    Raises
    ------
    ValueError
        If the shapes do not belong together, or there is no device of that name.
    RuntimeError
        If torch does not find the device.

    Notes
    -----
    ``paper`` is Eq. 10 of [1]_ solved exactly, with all references and a free sum. ``noise_corrected`` removes the mean
    of patterns and references, takes the noise of the references off the diagonal of H Hᵀ (otherwise it pulls all
    weights down by 1 / (1 + ν²/m) for a mean of m patterns), leaves out references that are mixtures of others, solves
    twice (the first solution says which reference dominates where) and divides the weights by their sum, so that they
    are shares of the interaction volume. The standard deviations follow from the noise by linear propagation among the
    references that take part; the noise of the references enters through the weights that they carry.
    """
    n, r = len(patterns), len(reference)
    reference_noise = np.asarray(reference_noise_variance, dtype=np.float64)
    if (
        patterns.ndim != 2
        or reference.ndim != 2
        or patterns.shape[1] != reference.shape[1]
        or len(reference_noise) != r
    ):
        raise ValueError(
            f"patterns {patterns.shape}, reference {reference.shape}, "
            f"reference_noise_variance {reference_noise.shape}: expected (n, p), (r, p) and (r,)"
        )
    if shape is not None and shape[0] * shape[1] != n:
        raise ValueError(f"shape: found {shape}, expected rows × columns = {n} patterns")
    corrected = settings.form == "noise_corrected"
    pixels = patterns.shape[1]
    basis = np.asarray(reference, dtype=np.float64)
    if corrected:
        basis = basis - basis.mean(axis=1, keepdims=True)
    raw, projection = _products(patterns, basis)
    energy = pattern_energy(patterns, settings) if energy is None else energy
    gram = denoised_gram(raw, pixels * reference_noise) if corrected else raw
    active = np.diag(raw) > 0
    if corrected:
        active[active] = ~redundant_references(
            gram[np.ix_(active, active)],
            pixels * reference_noise[active],
            pixels,
            settings.equivalence_tolerance,
            settings.mixed_tolerance,
        )
        # Lifting eigenvalues for the sake of references that are left out must not touch those that stay.
        block = np.ix_(active, active)
        gram[block] = denoised_gram(raw[block], pixels * reference_noise[active])
    allowed = np.repeat(active[None], n, axis=0)
    weight = nonnegative_least_squares(gram, projection, allowed, device)
    if corrected and shape is not None and settings.reach_points > 0:
        dominant = np.where(weight.max(axis=1, initial=0.0) > 0, np.argmax(weight, axis=1) if r else -1, -1)
        allowed &= nearby_references(dominant.reshape(shape), r, settings.reach_points)
        weight = nonnegative_least_squares(gram, projection, allowed, device)
    return _finish(
        weight, projection, energy, raw, gram, active, allowed, reference_noise, noise_variance, pixels, corrected
    )


def pattern_energy(patterns: NDArray[np.float32], settings: FactorizationSettings) -> NDArray[np.float64]:
    """Squared length of each pattern of (n, p), without its mean in the form ``noise_corrected``; (n,)."""
    zero_mean = settings.form == "noise_corrected"

    def work(bounds: tuple[int, int]) -> NDArray[np.float64]:
        block = np.asarray(patterns[slice(*bounds)], dtype=np.float32)
        energy = np.einsum("ij,ij->i", block, block, dtype=np.float64)
        if zero_mean:
            energy -= block.sum(axis=1, dtype=np.float64) ** 2 / max(1, block.shape[1])
        return energy

    return np.concatenate([np.empty(0), *map_blocks(work, block_bounds(len(patterns), _BLOCK_POINTS))])


def _products(
    patterns: NDArray[np.float32], basis: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """H Hᵀ and X Hᵀ; where H has no mean, that of the patterns does not show."""
    single = basis.astype(np.float32)

    def work(bounds: tuple[int, int]) -> NDArray[np.float32]:
        return np.asarray(patterns[slice(*bounds)], dtype=np.float32) @ single.T

    with single_blas_thread():
        parts = map_blocks(work, block_bounds(len(patterns), _BLOCK_POINTS))
    exact = single.astype(np.float64)
    return exact @ exact.T, np.concatenate([np.empty((0, len(basis))), *parts])


def _finish(
    weight: NDArray[np.float64],
    projection: NDArray[np.float64],
    energy: NDArray[np.float64],
    raw: NDArray[np.float64],
    gram: NDArray[np.float64],
    active: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    reference_noise: NDArray[np.float64],
    noise_variance: float,
    pixels: int,
    normalised: bool,
) -> Weights:
    """Residual, uncertainty and, where asked for, division by the sum."""
    left = np.maximum(energy - 2 * np.sum(weight * projection, axis=1) + np.sum(weight @ raw * weight, axis=1), 0.0)
    explained = noise_variance + weight**2 @ reference_noise
    expected = np.where(explained > 0, pixels * explained, energy)
    residual = np.sqrt(left / np.where(expected > 0, expected, 1.0))
    gain = weight.sum(axis=1)
    noise = np.maximum(explained, left / max(1, pixels))
    share = weight
    if normalised:
        share = weight / np.where(gain > 0, gain, 1.0)[:, None]
        noise = noise / np.where(gain > 0, gain, 1.0) ** 2
    variance = np.zeros(weight.shape)
    share = np.ascontiguousarray(share)
    map_blocks(
        lambda bounds: kernels.weight_variance_rows(gram, raw, share, allowed, noise, variance, *bounds, normalised),
        block_bounds(len(weight), _BLOCK_POINTS),
    )
    scale = unit_scale(gram[np.ix_(active, active)])
    unit = gram[np.ix_(active, active)] * scale * scale[:, None]
    return Weights(
        weight=share.astype(np.float32),
        weight_std=np.sqrt(variance).astype(np.float32),
        residual=residual.astype(np.float32),
        gain=gain.astype(np.float32),
        active=active,
        condition=float(np.linalg.cond(unit)) if active.any() else 1.0,
    )
