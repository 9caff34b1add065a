"""The latents in a plane, for the eye."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.latents.settings import LatentSettings
from microstructure_assets.methods.parallel import single_thread
from microstructure_assets.methods.rows import Rows

NEIGHBOURS = 10


def embed_latents(latent: Rows, used: NDArray[np.bool_], settings: LatentSettings) -> tuple[NDArray[np.float32], int]:
    """Place points in a plane by t-SNE [1]_.

    scikit-learn's is fitted to a sample; every other point is placed at the median of its ten nearest in the latent
    space, which shows where it belongs but is no embedding of its own. Distances between groups in the plane, and
    their sizes, mean nothing.

    Parameters
    ----------
    latent : Rows
        ``(n, latents)``.
    used : (n,) bool
        False for pores, which have no place.
    settings : LatentSettings

    Returns
    -------
    place : (n, 2) float32
        In units of the plane's own; NaN for pores, or where there are fewer than four points to place.
    fitted : int
        Points that the plane was fitted to.

    References
    ----------
    .. [1] L. van der Maaten, G. Hinton, Visualizing data using t-SNE, J. Mach. Learn. Res. 9 (2008) 2579.
    """
    from sklearn.manifold import TSNE
    from sklearn.neighbors import NearestNeighbors

    found = np.full((latent.shape[0], 2), np.nan, dtype=np.float32)
    place = np.flatnonzero(used)
    if len(place) < 4:
        return found, 0
    random = np.random.default_rng(settings.seed)
    sample = np.sort(random.choice(place, min(settings.embedded_points, len(place)), replace=False))
    fitted = latent.take(sample)
    with single_thread():
        perplexity = min(settings.perplexity, (len(sample) - 1) / 3)
        model = TSNE(2, perplexity=perplexity, init="pca", random_state=settings.seed, n_jobs=1)
        plane = model.fit_transform(fitted)
        found[sample] = plane
        rest = used.copy()
        rest[sample] = False
        if rest.any():
            near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(sample))).fit(fitted)
            for numbered, block in latent.blocks():
                own = rest[numbered]
                if own.any():
                    beside = near.kneighbors(block[own], return_distance=False)
                    found[numbered][own] = np.median(plane[beside], axis=1)
    return found, len(sample)
