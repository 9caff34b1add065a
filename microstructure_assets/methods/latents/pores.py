"""Points that show no crystal: what the latents are not looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.latents.settings import LatentSettings


def pores(band_contrast: NDArray[np.floating], settings: LatentSettings) -> NDArray[np.bool_]:
    """Points that the latents are not looked at, by their band contrast.

    The paper names two rules that differ: a normalised band contrast below 0.176, and the lowest tenth. Which of them
    made its figure is not said; both are there.

    Parameters
    ----------
    band_contrast : ndarray
        Of any unit; NaN counts as a pore.

    Returns
    -------
    ndarray of bool, of the same shape
    """
    known = np.isfinite(band_contrast)
    if settings.pore_filter == "none" or not known.any():
        return ~known
    low, high = float(band_contrast[known].min()), float(band_contrast[known].max())
    if settings.pore_filter == "threshold":
        limit = low + settings.pore_threshold * (high - low)
    else:
        limit = float(np.quantile(band_contrast[known], settings.pore_share))
    return np.asarray(~known | (band_contrast < limit))
