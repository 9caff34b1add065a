"""Non-negative least squares of many points at once in torch, on whatever device it is put.

References
----------
.. [1] J. Kim, H. Park, SIAM J. Sci. Comput. 33 (2011) 3261 (block principal pivoting).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: Entries of the matrices of the points that are solved at once; about four arrays of this many float64 are alive.
BLOCK_ENTRIES = 1 << 25
# Exchanges of whole sets that may fail to improve, before single references are exchanged.
_PATIENCE = 3
# ROIs are worked on in threads, and the device's memory is one.
_one_at_a_time = threading.Lock()
# As in the compiled kernel: what counts as dependent on the others, and as no slope, for a unit diagonal.
_LEAST_PIVOT = 1e-13
_LEAST_SLOPE = 1e-13


def nonnegative_weights(
    gram: NDArray[np.float64],
    projection: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    device: torch.device,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Exact solution of min ½ wᵀ G w - fᵀ w, w ≥ 0, for each row f among its own set of references.

    Block principal pivoting [1]_: all references of the wrong sign change sides at once, while that lowers their
    number; otherwise the last of them alone, which ends for every regular matrix. Every step solves for all points
    that are not done, one Cholesky factor each.

    Parameters
    ----------
    gram : (r, r) float64
        G, with a diagonal of ones, or 0 for no reference.
    projection : (n, r) float64
        F.
    allowed : (n, r) bool
        References that may take part at each point; no others have weight.
    device
        Where to work.

    Returns
    -------
    weight : (n, r) float64
    solved : (n,) bool
        False where references depend on each other or signs did not settle; the weights there mean nothing.
    """
    import torch

    points, references = projection.shape
    weight, solved = np.zeros(projection.shape), np.ones(points, dtype=bool)
    if not projection.size:
        return weight, solved
    matrix = torch.from_numpy(gram).to(device)
    step = max(1, BLOCK_ENTRIES // references**2)
    with torch.inference_mode(), _one_at_a_time:
        for start in range(0, points, step):
            part = slice(start, start + step)
            right, free = (torch.from_numpy(values[part]).to(device) for values in (projection, allowed))
            free = free & (matrix.diagonal() > 0)
            found, done = _pivoted(matrix, right * free, free)
            weight[part], solved[part] = found.cpu().numpy(), done.cpu().numpy()
    return weight, solved


def _pivoted(gram: Tensor, right: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of a block of points, and which of them are solutions."""
    import torch

    result, solved = torch.zeros_like(right), torch.zeros_like(allowed[:, 0])
    place = torch.arange(len(right), device=right.device)
    passive = allowed & (right > 0)
    references = right.shape[1]
    fewest = torch.full_like(place, references + 1)
    patience = torch.full_like(place, _PATIENCE)
    order = torch.arange(1, references + 1, device=right.device)
    for _ in range(10 * references + 10):
        weight, regular = _solve(gram, right, passive)
        slope = right - weight @ gram
        least = _LEAST_SLOPE * right.abs().amax(dim=1, keepdim=True)
        wrong = torch.where(passive, weight < 0, allowed & (slope > least))
        number = wrong.sum(dim=1)
        finished = regular & (number == 0)
        result[place[finished]], solved[place[finished]] = weight[finished], True
        better = number < fewest
        patience = torch.where(better, _PATIENCE, patience - 1)
        fewest = torch.minimum(fewest, number)
        last = wrong & (order == (order * wrong).amax(dim=1, keepdim=True))
        passive = passive ^ torch.where((patience >= 0)[:, None], wrong, last)
        left = torch.nonzero(regular & ~finished)[:, 0]
        if not len(left):
            break
        place, right, allowed, passive, fewest, patience = (
            values[left] for values in (place, right, allowed, passive, fewest, patience)
        )
    return result, solved


def _solve(gram: Tensor, right: Tensor, passive: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares among the passive references of each point, 0 for others, and whether these are independent."""
    import torch

    # Ones on the diagonal of what takes no part leave a system of full size whose solution is 0 there.
    both = passive[:, :, None] & passive[:, None, :]
    system = torch.where(both, gram, 0)
    system.diagonal(dim1=1, dim2=2).add_(~passive)
    factor, failure = torch.linalg.cholesky_ex(system)
    pivot = factor.diagonal(dim1=1, dim2=2)
    regular = (failure == 0) & (pivot.square() > _LEAST_PIVOT).all(dim=1)
    weight = torch.cholesky_solve((right * passive)[..., None], factor)[..., 0]
    return weight * passive, regular
