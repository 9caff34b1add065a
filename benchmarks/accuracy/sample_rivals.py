"""What indexing makes of a region of a twin: phases and grains, of single patterns and of averaged ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.indexing import grains_of, indexer_of, phases_of
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.crystallography.symmetry import PhaseSymmetries
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.simulation.twin import Twin

#: As PyEBSDIndex has them: points along each direction, and the scale of the distances.
_REACH, _SCALE = 3, 0.7


def indexed_maps(twin: Twin, place: tuple[int, int, int, int]) -> Iterator[tuple[str, NDArray[np.integer]]]:
    """Phases and grains of more than 2°, by Hough indexing of the patterns and of their means over alike neighbours."""
    row, column, rows, columns = place
    height, width = twin.shape[2:]
    correct = BackgroundCorrection.prepare((height, width), PreprocessingSettings(), twin.static_background)
    raw = twin.read_rows(row, row + rows)[:, column : column + columns]
    patterns = correct(raw.reshape(-1, height, width))
    indexer, symmetries = indexer_of(twin), PhaseSymmetries.of([own.point_group for own in phases_of(twin)])
    for name, given in (("indexing", patterns), ("indexing of averaged patterns", averaged(patterns, rows, columns))):
        found = indexer.index(given)
        phase = found.phase_id.reshape(rows, columns)
        yield f"{name}, phases", phase
        yield f"{name}, grains", grains_of(found.quaternion.reshape(rows, columns, 4), phase, symmetries)


def averaged(patterns: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """Means over neighbours, weighted by how alike they are: NLPAR, by PyEBSDIndex [1]_.

    References
    ----------
    .. [1] P. T. Brewick, S. I. Wright, D. J. Rowenhorst, Ultramicroscopy 200, 50-61 (2019),
       doi:10.1016/j.ultramic.2019.02.013.
    """
    from pyebsdindex.nlpar_cpu import NLPAR

    flat = np.ascontiguousarray(patterns.reshape(len(patterns), -1))
    every = np.arange(flat.shape[1], dtype=np.int64)
    sigma = NLPAR.sigma_numba(flat, 1, rows, columns, np.array([0, rows]), np.array([0, columns]), every, False)[0]
    limits = np.array([0, 0, columns, rows], np.int64)
    found = NLPAR.nlpar_nb(flat, _SCALE, _REACH, 0.0, sigma, rows, columns, limits, every, False)
    return np.asarray(found, np.float32).reshape(patterns.shape)
