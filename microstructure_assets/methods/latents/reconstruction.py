"""How well principal components describe patterns that they were not made of: what an autoencoder is held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.components import principal_components
from microstructure_assets.methods.parallel import single_blas_thread


def component_error(learned: NDArray[np.float32], held_out: NDArray[np.float32], count: int) -> float:
    """Mean square per pixel of held-out patterns less their projection on principal components.

    Parameters
    ----------
    learned : (n, ...) float32
        Patterns that the components are made of [intensity].
    held_out : (m, ...) float32
    count : int
        Number of components; with 0, the variance about the mean of the others.

    Returns
    -------
    float
        [intensity²]
    """
    flat = held_out.reshape(len(held_out), -1)
    mean = learned.reshape(len(learned), -1).mean(axis=0, dtype=np.float64).astype(np.float32)
    left = flat - mean
    if count:
        loading = principal_components(learned.reshape(len(learned), -1), count).loading
        with single_blas_thread():
            left -= (left @ loading.T) @ loading
    return float(np.einsum("ij,ij->", left, left, dtype=np.float64) / left.size)
