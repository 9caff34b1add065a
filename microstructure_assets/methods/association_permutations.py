"""Tests by permuting grains, with the largest statistic over all pairs.

A grain, not a point, is what is drawn at random: points of a grain share its orientation, phase and composition, so
that unrelated maps agree at thousands of points as soon as they agree in a few grains. On 96×96 points with grains of
14, permuting blocks of 32×32 points called a fifth of unrelated grain-wise fields related at a nominal 5 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_algebra import (
    centred,
    column_rank,
    orthonormal,
    residual,
    shrunk_squares,
    tails,
    unit,
    varied,
)
from microstructure_assets.methods.association_coefficients import ROUNDING
from microstructure_assets.methods.association_neighbours import effective_grains
from microstructure_assets.methods.parallel import block_bounds, in_waves, single_blas_thread

# Bytes of permuted maps in a batch; statistics this much below the observed one count as equal (float32 products).
BATCH_BYTES, EQUAL = 8 << 20, 1e-5


@dataclass(frozen=True)
class Comparison:
    """Latents and maps of one test, by grain.

    Attributes
    ----------
    latents : ndarray, shape (grains, L)
    maps : sequence of ndarray, shape (grains, columns)
        One per map: one column of means, or the shares of its classes.
    nuisance : ndarray, shape (grains, functions)
        What both are freed of; columns may depend on each other.
    strata : ndarray of int, shape (grains,)
        Grains are permuted inside these.
    weight : ndarray, shape (grains,)
        Above nought; inverse to the variance of what is permuted.
    centre : ndarray, shape (grains, 2), optional
        Places [µm], where grains that resemble their neighbours shall count as fewer.
    """

    latents: NDArray[np.float64]
    maps: Sequence[NDArray[np.float64]]
    nuisance: NDArray[np.float64]
    strata: NDArray[np.integer]
    weight: NDArray[np.float64]
    centre: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Tested:
    """What a test found; (L, T), NaN where a latent or a map has nothing left beyond the nuisance.

    Attributes
    ----------
    coefficient : ndarray of float64
        Partial correlation given the nuisance; for a map of classes the root of the share of the latent's variance that
        they explain, without a sign.
    effective : ndarray of float64
        Independent grains that the pair is worth.
    probability : ndarray of float64
        p of the pair alone.
    statistic : ndarray of float64
        Less the logarithm of the tail of the coefficient's square under independence and normality, which puts maps of
        one column and of several on one scale.
    largest : ndarray of float64, shape (permutations,)
        Largest statistic over all pairs in each permutation.
    functions : int
        Independent functions of the nuisance.
    """

    coefficient: NDArray[np.float64]
    effective: NDArray[np.float64]
    probability: NDArray[np.float64]
    statistic: NDArray[np.float64]
    largest: NDArray[np.float64]
    functions: int = 0


def family_probability(tests: Sequence[Tested]) -> list[NDArray[np.float64]]:
    """p of each pair among all pairs of all tests, by the largest statistic over them [1]_.

    Tests with nuisances of their own draw permutations of their own. Where their statistics hang together that makes
    the largest one larger than it need be, never smaller.

    References
    ----------
    .. [1] P. H. Westfall, S. S. Young, Resampling-Based Multiple Testing, Wiley 1993, section 2.3 (single step).
    """
    largest = np.sort(np.max([test.largest for test in tests], axis=0))
    found = []
    for test in tests:
        above = len(largest) - np.searchsorted(largest, test.statistic * (1 - EQUAL), side="left")
        found.append(np.where(np.isnan(test.statistic), np.nan, (1 + above) / (1 + len(largest))))
    return found


def permutation_test(comparison: Comparison, permutations: int, seed: Sequence[int]) -> Tested:
    """Partial correlations of all latents and maps, and how large they become when grains are permuted.

    Both sides are freed of the nuisance by least squares with the weights; then the residuals of the maps are permuted
    inside the strata, the same permutation for all maps, and freed of the nuisance again (Freedman and Lane [1]_).
    With a constant per stratum as the only nuisance and equal weights this is the exact permutation test; with more it
    is exact for many grains, and was the best of its kind in comparisons [2]_. Under permutation grains are
    independent; where neighbours are alike the observed coefficient is replaced by that which has the same tail among
    all grains as it has among the effective ones (:func:`.effective_grains`).

    Parameters
    ----------
    comparison : Comparison
    permutations : int
    seed : sequence of int

    References
    ----------
    .. [1] D. Freedman, D. Lane, A nonstochastic interpretation of reported significance levels, J. Bus. Econ. Stat. 1
       (1983) 292.
    .. [2] A. M. Winkler et al., Permutation inference for the general linear model, NeuroImage 92 (2014) 381.
    """
    root = np.sqrt(comparison.weight)[:, None]
    order = _permutations(comparison.strata, permutations, seed)
    with single_blas_thread():
        basis = orthonormal(root * comparison.nuisance)
        latents = unit(residual(root * centred(comparison.latents), basis))
        maps = [residual(root * centred(own), basis) for own in comparison.maps]
        every, whole = np.concatenate(maps, axis=1), [own.T @ own for own in maps]
        products = latents.T @ every
        observed = _squares(products, basis.T @ every, whole)
        # What the nuisance explains to the last digit has no correlation left; what never varied has none to speak of.
        present = np.outer(varied([comparison.latents[:, [k]] for k in range(len(products))]), varied(comparison.maps))
        observed = np.where(present, np.nan_to_num(observed, nan=0.0), np.nan)
        freedom, ranks = len(root) - basis.shape[1], [column_rank(own) for own in maps]
        effective = _effective(comparison, latents, maps, basis)
        shrunk = shrunk_squares(observed, effective - basis.shape[1], ranks, freedom)
        left, right = np.concatenate([latents, basis], axis=1).T.astype(np.float32), every.astype(np.float32)
        batch = max(1, BATCH_BYTES // max(1, 4 * right.size))

        def part(bound: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
            return _batch(left, latents.shape[1], right, whole, order[slice(*bound)], shrunk)

        parts = list(in_waves(part, block_bounds(permutations, batch)))
    largest = np.nanmax(tails(np.concatenate([most for _, most in parts]), ranks, freedom), axis=1, initial=0)
    probability = (1 + np.sum([count for count, _ in parts], axis=0)) / (1 + permutations)
    return Tested(
        _signed(observed, products, maps),
        effective,
        np.where(np.isnan(observed), np.nan, probability),
        tails(shrunk, ranks, freedom),
        largest,
        basis.shape[1],
    )


def _permutations(strata: NDArray[np.integer], count: int, seed: Sequence[int]) -> NDArray[np.int32]:
    """Random permutations inside strata, (count, grains)."""
    generator = np.random.default_rng(seed)
    order = np.tile(np.arange(len(strata), dtype=np.int32), (count, 1))
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        order[:, own] = generator.permuted(order[:, own], axis=1)
    return order


def _batch(
    left: NDArray[np.float32],
    latents: int,
    right: NDArray[np.float32],
    whole: Sequence[NDArray[np.float64]],
    order: NDArray[np.int32],
    observed: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How often some permutations reach the observed squares (L, T), and each one's largest per map (count, T)."""
    permuted = right[order.T]  # (grains, count, columns), which is one product for all
    products = (left @ permuted.reshape(len(right), -1)).reshape(len(left), len(order), -1)
    turned = products.transpose(1, 0, 2).astype(np.float64)
    squares = np.nan_to_num(_squares(turned[:, :latents], turned[:, latents:], whole), nan=0.0)
    return np.sum(squares >= observed * (1 - EQUAL), axis=0), squares.max(axis=1, initial=0)


def _squares(
    products: NDArray[np.float64], onto: NDArray[np.float64], whole: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Squared multiple correlation of each latent with each map after the nuisance is taken off the maps.

    `products` (..., L, columns) are those of unit latents, `onto` (..., functions, columns) those of the nuisance's
    basis, `whole` the products of each map's columns with each other, which no permutation changes. Gives (..., L, T).
    """
    found, start = [], 0
    for gram in whole:
        own, taken = (values[..., start : start + len(gram)] for values in (products, onto))
        start += len(gram)
        inner = gram - np.swapaxes(taken, -1, -2) @ taken
        if len(gram) == 1:
            size = inner[..., 0]
            known = size > ROUNDING * gram[0, 0]
            found.append(np.where(known, own[..., 0] ** 2 / np.where(known, size, 1), np.nan))
        else:
            inverse = np.linalg.pinv(inner, rcond=1e-6, hermitian=True)
            square = np.einsum("...li,...ij,...lj->...l", own, inverse, own)
            found.append(np.where(gram.any(), square, np.nan))
    return np.clip(np.stack(found, axis=-1), 0, 1)


def _effective(
    comparison: Comparison,
    latents: NDArray[np.float64],
    maps: list[NDArray[np.float64]],
    basis: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Effective grains of each pair; of a map of classes the fewest over its classes."""
    grains = len(comparison.latents)
    if comparison.centre is None:
        return np.full((latents.shape[1], len(maps)), float(grains))
    # Grains that count little should weigh little here too, so the weighted residuals are taken as they are.
    every = effective_grains(comparison.centre, np.nan_to_num(latents), np.concatenate(maps, axis=1), basis)
    ends = np.cumsum([own.shape[1] for own in maps])
    starts = [0, *ends[:-1]]
    return np.stack([every[:, start:end].min(axis=1) for start, end in zip(starts, ends, strict=True)], axis=1)


def _signed(
    squares: NDArray[np.float64], products: NDArray[np.float64], maps: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Roots of the squares (L, T), with the sign of the product where a map is one column."""
    root, start = np.sqrt(squares), 0
    for number, own in enumerate(maps):
        if own.shape[1] == 1:
            root[:, number] = np.copysign(root[:, number], products[:, start])
        start += own.shape[1]
    return root
