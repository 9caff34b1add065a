"""Incremental PCA as the paper has it for data beyond the memory, by scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from microstructure_assets.methods.eigenvectors import signed
from microstructure_assets.methods.parallel import single_blas_thread


def incremental_pca(
    blocks: Iterable[np.ndarray], pixels: int, component_count: int, batch_points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Loadings ``(k, p)`` float32, mean ``(p,)`` float32, variances ``(k,)`` float64 and the total variance.

    Parameters
    ----------
    blocks : iterable of numpy.ndarray
        Patterns ``(m, p)`` float32.
    pixels : int
    component_count : int
        At most as many components as a batch has points.
    batch_points : int
        Points in a batch. What a batch leaves out is lost, so that the result depends on it and on the order.

    Raises
    ------
    ValueError
        If there are fewer than two patterns.
    """
    from sklearn.decomposition import IncrementalPCA

    batch = max(batch_points, 2)
    waiting = np.empty((0, pixels), np.float32)
    model = None
    with single_blas_thread():
        for block in blocks:
            waiting = np.concatenate((waiting, block))
            # The last batch must not be smaller than the number of components, so one batch is always held back.
            while len(waiting) >= 2 * batch:
                model = model or IncrementalPCA(min(component_count, batch - 1, pixels))
                model.partial_fit(waiting[:batch])
                waiting = waiting[batch:]
        if len(waiting) < 2:
            raise ValueError(f"read_blocks: found {len(waiting)} patterns, expected at least 2")
        model = model or IncrementalPCA(min(component_count, len(waiting) - 1, pixels))
        model.partial_fit(waiting)
    total = float(np.sum(model.var_) * model.n_samples_seen_ / (model.n_samples_seen_ - 1))
    variance = np.nan_to_num(np.asarray(model.explained_variance_, np.float64))
    loading = signed(model.components_.astype(np.float32))[0]
    loading[variance <= 0] = 0.0
    return loading, model.mean_.astype(np.float32), variance, total
