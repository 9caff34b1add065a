"""Non-negative least squares for many right-hand sides, solved exactly from the Gram matrix.

References
----------
.. [1] C. L. Lawson, R. J. Hanson, "Solving Least Squares Problems", 1974, chapter 23.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import factorization_kernels as kernels
from microstructure_assets.methods.device import COMPILED, torch_device
from microstructure_assets.methods.parallel import block_bounds, map_blocks

_BLOCK_POINTS = 2048


def nonnegative_least_squares(
    gram: NDArray, projection: NDArray, allowed: NDArray[np.bool_] | None = None, device: str = COMPILED
) -> NDArray[np.float64]:
    """Exact solution of min ½ wᵀ G w - fᵀ w, w ≥ 0, for each row f.

    Parameters
    ----------
    gram : (r, r) float
        G = H Hᵀ, symmetric and positive semidefinite; may be rank deficient.
    projection : (n, r) float
        F = X Hᵀ.
    allowed : (n, r) bool, optional
        References that may have weight at each point; all where it is not given.
    device
        Where to solve, as `torch_device` takes it.

    Returns
    -------
    (n, r) float64

    Raises
    ------
    ValueError
        If the shapes do not belong together, or there is no device of that name.
    RuntimeError
        If torch does not find the device.

    Notes
    -----
    Active-set method of [1]_ on the Gram matrix, scaled to unit diagonal, with a Cholesky factor that grows by rows. Of
    references that depend on each other linearly only as many are used as are independent; the fit is the same. One
    solve per set of references allowed.

    On a device all points are solved together by block principal pivoting, and those whose references depend on each
    other, which that cannot do, by the active-set method here.
    """
    gram = np.ascontiguousarray(gram, dtype=np.float64)
    projection = np.ascontiguousarray(projection, dtype=np.float64)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or projection.ndim != 2 or projection.shape[1] != len(gram):
        raise ValueError(f"gram {gram.shape}, projection {projection.shape}: expected (r, r) and (n, r)")
    if allowed is not None and allowed.shape != projection.shape:
        raise ValueError(f"allowed: found shape {allowed.shape}, expected that of the projection, {projection.shape}")
    found = torch_device(device)
    scale = unit_scale(gram)
    scaled, right = gram * scale * scale[:, None], projection * scale
    if found is None:
        return (_solved(scaled, right) if allowed is None else _restricted(scaled, right, allowed)) * scale
    from microstructure_assets.methods.least_squares_torch import nonnegative_weights

    free = np.ones(right.shape, dtype=bool) if allowed is None else np.ascontiguousarray(allowed)
    weight, solved = nonnegative_weights(scaled, right, free, found)
    if not solved.all():
        weight[~solved] = _restricted(scaled, right[~solved], free[~solved])
    return weight * scale


def _solved(gram: NDArray[np.float64], projection: NDArray[np.float64]) -> NDArray[np.float64]:
    weight = np.zeros_like(projection)
    map_blocks(
        lambda bounds: kernels.nonnegative_rows(gram, projection, weight, *bounds),
        block_bounds(len(projection), _BLOCK_POINTS),
    )
    return weight


def _restricted(
    gram: NDArray[np.float64], projection: NDArray[np.float64], allowed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """One solve per set of references."""
    if len(allowed) and (allowed == allowed[0]).all():
        groups = [np.arange(len(allowed))]
    else:
        # Sets as strings of bytes are sorted many times faster than as rows of truth values.
        packed = np.packbits(allowed, axis=1)
        member = np.unique(packed.view(f"S{packed.shape[1]}").ravel(), return_inverse=True)[1]
        order = np.argsort(member, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(member[order])) + 1)
    weight = np.zeros(projection.shape)
    for points in groups:
        used = np.flatnonzero(allowed[points[0]]) if len(points) else points
        if len(used):
            # Copies, since the kernel wants them laid out without gaps.
            own = np.ascontiguousarray(projection[np.ix_(points, used)])
            weight[np.ix_(points, used)] = _solved(np.ascontiguousarray(gram[np.ix_(used, used)]), own)
    return weight


def unit_scale(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors that bring the diagonal of a Gram matrix to one; 0 for a reference without energy."""
    diagonal = np.diag(gram)
    return np.where(diagonal > 0, 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 0.0)
