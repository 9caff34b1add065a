"""Leading eigenvectors of symmetric matrices, and the sign and scale in which they are handed on."""

from __future__ import annotations

from typing import Any

import numpy as np

from microstructure_assets.methods.parallel import block_bounds, map_blocks

# From here on a product with one vector is worth threads; smaller matrices come many at a time, each in a thread.
_LARGE = 2500
# Up to here LAPACK takes all of a matrix apart sooner than Lanczos iteration finds the few vectors that are asked for.
_DIRECT = 900
_ROWS = 300


def leading_eigenvectors(matrix: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Largest eigenvalues (not negative) and their vectors of a symmetric matrix, strongest first."""
    size = len(matrix)
    if count == 0:
        return np.empty(0), np.empty((size, 0))
    if size > _DIRECT and count * 8 < size:
        from scipy.sparse.linalg import ArpackError, eigsh

        start = np.random.default_rng(seed).standard_normal(size)
        try:
            value, vector = eigsh(_operator(matrix) if size >= _LARGE else matrix, count, v0=start)
            order = np.argsort(-value, kind="stable")
            return np.maximum(value[order], 0), vector[:, order]
        except ArpackError:
            pass
    from scipy.linalg import eigh

    value, vector = eigh(matrix, subset_by_index=(size - count, size - 1), check_finite=False)
    return np.maximum(value[::-1], 0), vector[:, ::-1]


def _operator(matrix: np.ndarray) -> Any:
    """The matrix as something that multiplies, some rows to a thread; the bytes are those of one thread."""
    from scipy.sparse.linalg import LinearOperator

    bounds = block_bounds(len(matrix), _ROWS)

    def multiply(vector: np.ndarray) -> np.ndarray:
        flat = vector.ravel()
        return np.concatenate(map_blocks(lambda bound: matrix[slice(*bound)] @ flat, bounds))

    return LinearOperator(matrix.shape, matvec=multiply, dtype=matrix.dtype)


def signed(loading: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loadings with their entry of largest absolute value positive, and the signs that were applied."""
    rows = np.arange(len(loading))
    sign = (
        np.where(loading[rows, np.abs(loading).argmax(axis=1)] < 0, -1.0, 1.0)
        if loading.size
        else np.ones(len(loading))
    )
    return loading * sign[:, None].astype(loading.dtype), sign


def variance_ratio(variance: np.ndarray, total: float) -> np.ndarray:
    """Variances relative to the total; zero where there is none."""
    return variance / total if total > 0 else np.zeros_like(variance)
