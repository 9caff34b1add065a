"""Gram matrix of references without their noise, and which of them others make up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods.least_squares import nonnegative_least_squares, unit_scale

_EIGENVALUE_FLOOR = 1e-3
_LEAST_SHARE = 0.1


def denoised_gram(gram: NDArray[np.float64], noise_energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gram matrix of the references without the noise energy on its diagonal, made positive definite.

    Taking the expected noise off can leave the matrix indefinite, as references of one grain differ by noise only.
    After scaling to unit diagonal, eigenvalues below 1e-3 are raised to it; references that are all noise keep a
    thousandth of their energy.
    """
    diagonal = np.diag(gram)
    corrected = gram - np.diag(np.minimum(noise_energy, 0.999 * diagonal))
    scale = unit_scale(corrected)
    value, vector = np.linalg.eigh(corrected * scale * scale[:, None])
    if len(value) and value[0] < _EIGENVALUE_FLOOR:
        used = scale > 0
        lifted = (vector * np.maximum(value, _EIGENVALUE_FLOOR)) @ vector.T
        back = np.where(used, 1.0 / np.where(used, scale, 1.0), 0.0)
        corrected = lifted * back * back[:, None]
    return np.asarray(corrected)


def redundant_references(
    gram: NDArray[np.float64], noise_energy: NDArray[np.float64], pixels: float, equal: float, mixed: float
) -> NDArray[np.bool_]:
    """References that others make up: mixtures, as those of clusters of boundary points are, and equals.

    A reference is judged against the non-negative combination of the others that comes nearest. Where a single one
    makes up nine tenths of it, the reference is redundant when the two are ``equal`` but for that share of the
    energy. Where two or more hold a tenth each, it is when the combination is so much nearer than any of them that no
    more than a share ``mixed`` of the distance to the nearest is left: a mixture of two grains lies between them,
    whereas a third orientation half a degree away lies as far from the combination as from its members, nearly. In
    either case three standard deviations of what the noise leaves are added. The noisiest is judged first, of equals
    the last, and the rest without it. A pure pattern is never a mixture of those that contain it, as a weight would
    have to be negative.

    Parameters
    ----------
    gram : (r, r)
        Gram matrix without noise.
    noise_energy : (r,)
        Noise energy of each reference, pixels × noise variance.
    pixels
        p.
    equal
        Share of the reference's energy; 0 switches the test for equals off.
    mixed
        Share of the squared distance to the nearest member; 0 switches the test for mixtures off.
    """
    r = len(gram)
    redundant = np.zeros(r, dtype=bool)
    energy = np.where(np.diag(gram) > 0, np.diag(gram), 1.0)
    # Rounded, as the energies of one pattern taken twice differ by rounding, and the first of equals is to stay.
    for k in np.lexsort((-np.arange(r), -(noise_energy / energy).astype(np.float32))):
        others = np.flatnonzero(~redundant & (np.arange(r) != k))
        if len(others) == 0 or gram[k, k] <= 0:
            continue
        block = gram[np.ix_(others, others)]
        weight = nonnegative_least_squares(block, gram[k, others][None])[0]
        left = gram[k, k] - 2 * weight @ gram[k, others] + weight @ block @ weight
        scatter = np.sqrt(2.0 / pixels) * (noise_energy[k] + weight**2 @ noise_energy[others])
        part = weight > _LEAST_SHARE * weight.sum()
        tolerance = equal
        if part.sum() >= 2:
            likeness = gram[k, others[part]] ** 2 / (gram[k, k] * energy[others[part]])
            tolerance = max(equal, mixed * (1.0 - float(likeness.max()))) if mixed > 0 else 0.0
        redundant[k] = tolerance > 0 and left < tolerance * gram[k, k] + 3.0 * scatter
    return redundant
