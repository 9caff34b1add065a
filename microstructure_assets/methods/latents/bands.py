"""Latents in quantile bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def quantile_bands(values: NDArray[np.floating], used: NDArray[np.bool_], bands: int) -> NDArray[np.uint8]:
    """Bands of equally many points, as Fig. 14b of [1]_.

    Parameters
    ----------
    values : (rows, columns) float
        A latent.
    used : (rows, columns) bool
        False for pores.
    bands : int
        At most 254.

    Returns
    -------
    (rows, columns) uint8
        From 1, lowest values first; 0 for points left out. Equal values share a band.

    References
    ----------
    .. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, Multi-modal data-driven microstructure characterization,
       section 3.2.3.
    """
    band = np.zeros(values.shape, dtype=np.uint8)
    known = used & np.isfinite(values)
    if known.any():
        limits = np.quantile(values[known], np.arange(1, bands) / bands)
        band[known] = 1 + np.searchsorted(limits, values[known], side="left").astype(np.uint8)
    return band
