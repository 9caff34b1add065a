"""The test of gradients inside grains, by flipping the signs of whole grains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.association_permutations import BATCH_BYTES, EQUAL, Tested
from microstructure_assets.methods.parallel import block_bounds, in_waves, single_blas_thread


def sign_flip_test(
    products: NDArray[np.float64],
    total: NDArray[np.float64],
    coefficient: NDArray[np.float64],
    permutations: int,
    seed: Sequence[int],
) -> Tested:
    """Whether products inside grains have the same sign in more grains than chance has it.

    Inside a grain fields are smooth, so that hardly any two are uncorrelated there; but where they are unrelated the
    sign of their covariance is as often plus as minus over the grains. Flipping the signs of whole grains, all pairs
    together, therefore needs no model of how smooth the fields are, nor a field that is alike everywhere, as a shift
    around the edges or a phase-randomised surrogate does: those would move gradients across boundaries.

    Parameters
    ----------
    products : ndarray, shape (grains, L, T)
        Of each pair inside each grain, nought where a grain takes no part.
    total : ndarray, shape (L, T)
        What is tested: the sum of the products, or one that is known better.
    coefficient : ndarray, shape (L, T)
        What to report beside it.
    permutations : int
        Sets of signs.
    seed : sequence of int

    Returns
    -------
    Tested
        ``effective`` counts the grains that take part; ``statistic`` is the total over the root of the sum of squares.
    """
    grains, *pairs = products.shape
    flat = products.reshape(grains, -1)
    length = np.sqrt(np.sum(flat**2, axis=0))
    counted = np.count_nonzero(flat, axis=0)
    scaled = (flat / np.where(length > 0, length, 1)).astype(np.float32)
    observed = np.where(counted > 1, np.abs(total.ravel()) / np.where(length > 0, length, 1), np.nan)
    generator = np.random.default_rng(seed)
    signs = (2 * generator.integers(0, 2, (permutations, grains), dtype=np.int8) - 1).astype(np.float32)
    batch = max(1, BATCH_BYTES // (4 * max(1, flat.shape[1])))

    def part(bound: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        found = np.abs(signs[slice(*bound)] @ scaled)
        return np.sum(found >= observed * (1 - EQUAL), axis=0), found.max(axis=1, initial=0).astype(np.float64)

    with single_blas_thread():
        parts = list(in_waves(part, block_bounds(permutations, batch)))
    probability = (1 + np.sum([count for count, _ in parts], axis=0)) / (1 + permutations)
    return Tested(
        coefficient=coefficient,
        effective=counted.astype(np.float64).reshape(pairs),
        probability=np.where(np.isnan(observed), np.nan, probability).reshape(pairs),
        statistic=observed.reshape(pairs),
        largest=np.concatenate([most for _, most in parts]),
    )
