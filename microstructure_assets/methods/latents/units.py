"""Which latents are in use, how many a scan may need, and which come back when the network is trained again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Variance of the mean from which a latent counts as active [1]_.
ACTIVE_VARIANCE = 0.01
LEAST_DIMENSIONS, MOST_DIMENSIONS, STEP = 16, 512, 16
# A bent manifold of patterns may need more room than the plane through it.
ROOM = 1.25


def active_units(mean: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Latents that say something: the variance of their mean over the patterns exceeds 0.01.

    Parameters
    ----------
    mean : (n, latent) float32
        Of the posterior of each pattern.

    Returns
    -------
    (latent,) bool

    References
    ----------
    .. [1] Y. Burda, R. Grosse, R. Salakhutdinov, Importance weighted autoencoders, ICLR 2016, section 5.2.
    """
    return np.asarray(mean.astype(np.float64).var(axis=0) > ACTIVE_VARIANCE)


def suggested_dimensions(variance: NDArray[np.float64], edge: float) -> int:
    """Dimensions of a latent space for patterns with this spectrum.

    A linear autoencoder keeps a latent per component whose variance exceeds the noise's and lets the others collapse
    [1]_; a quarter more than there are such components is taken, in steps of 16, from 16 to 512. The paper leaves the
    number to the user and takes 512.

    Parameters
    ----------
    variance : (k,) float64
        Along the principal components [intensity²].
    edge : float
        Largest variance along a component that noise alone reaches [intensity²].

    References
    ----------
    .. [1] J. Lucas, G. Tucker, R. Grosse, M. Norouzi, Don't blame the ELBO! A linear VAE perspective on posterior
       collapse, NeurIPS 2019.
    """
    wanted = int(np.ceil(ROOM * np.count_nonzero(variance > edge) / STEP)) * STEP
    return min(max(wanted, LEAST_DIMENSIONS), MOST_DIMENSIONS)


def matched_units(
    first: NDArray[np.float32], others: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How well each latent of a training is found again in others.

    Latents of another training come in another order and with other signs. They are assigned one to one, so that the
    sum of the absolute correlations over the same patterns is greatest. A latent that is a mixture of another
    training's latents finds no match, though both may span the same space.

    Parameters
    ----------
    first : (n, a) float32
        Means of the latents of one training.
    others : sequence of (n, b) float32
        Those of the others, of the same patterns.

    Returns
    -------
    correlation : (others, a) float64
        Absolute correlation with the match; 0 where there is none left or one of the two is constant.
    match : (others, a) int64
        Number of the match; -1 where there is none.
    """
    from scipy.optimize import linear_sum_assignment

    correlation = np.zeros((len(others), first.shape[1]))
    match = np.full(correlation.shape, -1, dtype=np.int64)
    own = _standardised(first)
    for place, other in enumerate(others):
        alike = np.abs(own.T @ _standardised(other)) / max(1, len(first))
        row, column = linear_sum_assignment(-alike)
        correlation[place, row], match[place, row] = alike[row, column], column
    return np.minimum(correlation, 1.0), match


def _standardised(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Columns of mean 0 and deviation 1; zero where they are constant."""
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    deviation = centred.std(axis=0)
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9))
