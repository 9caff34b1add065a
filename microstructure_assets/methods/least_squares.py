"""Non-negative least squares for many right-hand sides, solved exactly from the Gram matrix.

References
----------
.. [1] C. L. Lawson, R. J. Hanson, "Solving Least Squares Problems", 1974, chapter 23.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import factorization_kernels as kernels
from microstructure_assets.methods.parallel import block_bounds, map_blocks

_BLOCK_POINTS = 2048


def nonnegative_least_squares(gram: NDArray, projection: NDArray) -> NDArray[np.float64]:
    """Exact solution of min ½ wᵀ G w - fᵀ w, w ≥ 0, for each row f.

    Parameters
    ----------
    gram : (r, r) float
        G = H Hᵀ, symmetric and positive semidefinite; may be rank deficient.
    projection : (n, r) float
        F = X Hᵀ.

    Returns
    -------
    (n, r) float64

    Raises
    ------
    ValueError
        If the shapes do not belong together.

    Notes
    -----
    Active-set method of [1]_ on the Gram matrix, scaled to unit diagonal, with a Cholesky factor that grows by rows. Of
    references that depend on each other linearly only as many are used as are independent; the fit is the same.
    """
    gram = np.ascontiguousarray(gram, dtype=np.float64)
    projection = np.ascontiguousarray(projection, dtype=np.float64)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or projection.ndim != 2 or projection.shape[1] != len(gram):
        raise ValueError(f"gram {gram.shape}, projection {projection.shape}: expected (r, r) and (n, r)")
    scale = unit_scale(gram)
    scaled, right = gram * scale * scale[:, None], projection * scale
    weight = np.zeros_like(right)
    map_blocks(
        lambda bounds: kernels.nonnegative_rows(scaled, right, weight, *bounds),
        block_bounds(len(right), _BLOCK_POINTS),
    )
    return weight * scale


def unit_scale(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors that bring the diagonal of a Gram matrix to one; 0 for a reference without energy."""
    diagonal = np.diag(gram)
    return np.where(diagonal > 0, 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 0.0)
