"""The pattern centre from the bands of some patterns: the one with which bands and lattice planes fit best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.indexing.engine import alone
from microstructure_assets.indexing.geometry import Centre
from microstructure_assets.indexing.hough import HoughIndexer

Float64 = NDArray[np.float64]

#: Deviation above which a band counts less [rad]; well-placed bands deviate by 0.2 to 0.5 degrees.
_TYPICAL_DEVIATION = 0.006
#: Band normals come in single precision, which smaller steps would drown in.
_STEP = 1e-3
_ROUNDS = 5
_CLOSE = 2e-4


def fitted_centre(indexer: HoughIndexer, patterns: NDArray[Any]) -> Centre:
    """The one centre with which the bands of some patterns fit best, sought from the indexer's.

    Parameters
    ----------
    indexer : HoughIndexer
    patterns : (n, height, width) ndarray
        Of the indexer's geometry, which it can index.

    Returns
    -------
    (x, y, z)
        Bruker's convention.

    Notes
    -----
    Bands are matched with lattice planes, then the centre is fitted with the orientations eliminated: for each centre
    the best rotation of each pattern follows from a singular value decomposition (Wahba's problem). As the centre
    moves, bands may match other planes, so both steps are repeated until it stays. PyEBSDIndex 0.3.10's own search
    (`pcopt.optimize`) found a centre as good on one twin, a hundred times slower, by an objective that moves the bands
    a little each time it is evaluated, so that its value depends on how often it was asked.
    """
    from scipy.optimize import least_squares

    engine, prepared = indexer.engine, indexer.prepared(patterns)
    centre = np.array(engine.PC, dtype=np.float64)
    for _ in range(_ROUNDS):
        bands, poles, matched = _matched(engine, prepared, centre)
        before = centre
        centre = least_squares(
            _deviations,
            centre,
            args=(engine, bands, poles, matched),
            loss="soft_l1",
            f_scale=_TYPICAL_DEVIATION,
            diff_step=_STEP,
            x_scale=0.01,
        ).x
        if np.abs(centre - before).max() < _CLOSE:
            break
    x, y, z = (float(part) for part in centre)
    return indexer.geometry.from_averaged((x, y, z), indexer.averaged)


def _matched(
    engine: Any, patterns: NDArray[np.float32], centre: Float64
) -> tuple[NDArray[Any], Float64, NDArray[np.bool_]]:
    """Bands of patterns (n, bands), the planes that they show in crystal coordinates, and which bands have one."""
    with alone():
        found, bands, _, _ = engine.index_pats(patsin=patterns, PC=centre)
    poles = np.zeros((*bands.shape, 3))
    known = np.zeros(bands.shape, dtype=bool)
    fitted = np.zeros(bands.shape, dtype=bool)
    tolerance_deg = max(library.angTol for library in engine.phaseLib)
    for number, library in enumerate(engine.phaseLib):
        match = bands["band_match_index"][:, :, number]
        own = (found[-1]["phase"] == number)[:, None] & (match >= 0) & (bands["valid"] > 0)
        poles[own] = library.completelib["polesCart"][match[own]]
        known |= own
        # The engine fits the orientation to the six bands of most votes and marks the others by 180 degrees.
        fitted |= own & (bands["bandfit"][:, :, number] <= tolerance_deg)
    normals = _normals(centre, engine, bands)
    apart = np.linalg.norm(poles - _rotated(normals, poles, fitted), axis=2)
    matched = known & (apart <= np.radians(tolerance_deg))
    return bands, poles, matched & (matched.sum(axis=1, keepdims=True) > 2)


def _deviations(
    centre: Float64, engine: Any, bands: NDArray[Any], poles: Float64, matched: NDArray[np.bool_]
) -> Float64:
    """Differences between planes and rotated normals of their bands, (3 x matched bands,) [rad, where small]."""
    rotated = _rotated(_normals(centre, engine, bands), poles, matched)
    return np.asarray((poles - rotated)[matched].ravel())


def _normals(centre: Float64, engine: Any, bands: NDArray[Any]) -> Float64:
    """Normals of the planes that meet the detector in the middle of each band, for a pattern centre (n, bands, 3)."""
    plan = engine.bandDetectPlan.radonPlan
    return np.asarray(plan.radon2pole(bands, PC=centre, vendor=engine.vendor), dtype=np.float64)


def _rotated(normals: Float64, poles: Float64, counted: NDArray[np.bool_]) -> Float64:
    """Normals of each pattern turned onto its planes as well as can be, by those bands that count."""
    left, _, right = np.linalg.svd(np.einsum("pbi,pbj->pij", poles * counted[..., None], normals))
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
    return np.asarray(np.einsum("pij,pbj->pbi", left @ right, normals))
