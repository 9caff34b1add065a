"""PyEBSDIndex behind one door: how it is imported, set up for phases and a geometry, and called."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.indexing.geometry import PatternGeometry
from microstructure_assets.indexing.phases import IndexedPhase
from microstructure_assets.methods.parallel import single_blas_thread, worker_count

#: Points that the engine takes at once; about 0.7 MB each are in use.
BATCH_POINTS = 128
_CACHE_VARIABLE = "NUMBA_CACHE_DIR"
# The compiled loops of PyEBSDIndex start threads of their own, and not every layer of them bears two callers.
_one_caller = threading.Lock()


@lru_cache(maxsize=4)
def band_engine(
    phases: tuple[IndexedPhase, ...], geometry: PatternGeometry, band_count: int, rho_fraction: float
) -> Any:
    """A ``pyebsdindex`` indexer for patterns of a geometry.

    Every phase is tried on every pattern: PyEBSDIndex would take the first one that matches some number of bands, so
    that the order of the phases would decide between similar ones.
    """
    with _environment_kept():
        from pyebsdindex.ebsd_index import EBSDIndexer

    # This vendor's convention is kikuchipy's: Bruker's pattern centre, and orientations as orix has them.
    return EBSDIndexer(
        phaselist=[_library(phase, band_count) for phase in phases],
        vendor="KIKUCHIPY",
        PC=np.array(geometry.pattern_centre),
        sampleTilt=geometry.sample_tilt_deg,
        camElev=geometry.detector_tilt_deg,
        patDim=(geometry.height_px, geometry.width_px),
        nBands=band_count,
        rhoMaskFrac=rho_fraction,
        nband_earlyexit=band_count + 1,
    )


def solutions(engine: Any, patterns: NDArray[np.float32]) -> NDArray[Any]:
    """The best solution of each pattern.

    Parameters
    ----------
    engine
        From :func:`band_engine`.
    patterns : (n, height, width) ndarray of float32

    Returns
    -------
    (n,) structured ndarray
        With ``quat`` (4), ``phase`` (from 0 in the engine's order; -1 for none), ``cm``, ``fit`` and ``nmatch``.
    """
    with alone():
        found, _, _, _ = engine.index_pats(patsin=patterns, chunksize=BATCH_POINTS)
    return np.asarray(found[-1])


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else uses the engine inside, and it uses as many threads as this process may."""
    import numba

    with _one_caller, single_blas_thread():
        threads = numba.get_num_threads()
        numba.set_num_threads(min(worker_count(), int(vars(numba.config)["NUMBA_NUM_THREADS"])))
        try:
            yield
        finally:
            numba.set_num_threads(threads)


def _library(phase: IndexedPhase, band_count: int) -> Any:
    """Angles between the planes of a phase."""
    from pyebsdindex.tripletvote import BandIndexer

    library = BandIndexer(
        phasename=phase.name,
        spacegroup=phase.space_group,
        latticeparameter=np.array([*phase.lattice_angstrom, *phase.lattice_angles_deg]),
        polefamilies=np.array(phase.families),
        nband_earlyexit=band_count + 1,
    )
    # Its own operators know one setting of trigonal groups, where the International Tables have two.
    library.qsymops = np.array(phase.symmetry)
    library.build_trip_lib()
    return library


@contextmanager
def _environment_kept() -> Iterator[None]:
    """PyEBSDIndex moves every library's compiled code to a folder of its own when it is imported; here it stays."""
    before = os.environ.get(_CACHE_VARIABLE)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_CACHE_VARIABLE, None)
        else:
            os.environ[_CACHE_VARIABLE] = before
