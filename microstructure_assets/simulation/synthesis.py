"""Patterns of a twin, made row by row on demand: mixtures of domains under the beam, then the detector's noise."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.simulation import detector, microstructure, truth
from microstructure_assets.simulation.master_patterns import MasterPattern
from microstructure_assets.simulation.patterns import Projector
from microstructure_assets.simulation.settings import TwinSettings

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

LIBRARY_BYTES = 2**30
CHUNK_BYTES = 32 * 2**20
NOISE_STREAM, INTENSITY_STREAM = 2, 3


@dataclass(frozen=True)
class Library:
    """Projected patterns of some domains: ``patterns[index[domain]]``, with index -1 for those that are not here."""

    index: NDArray[np.int64]
    patterns: Float32


@dataclass(frozen=True)
class Twin:
    """A simulated scan: raw patterns by rows, and the truth.

    Attributes
    ----------
    settings
        From which everything follows.
    truth
        What is true of every point.
    static_background
        Grey levels of the background without bands, as `read_rows` has it, shape (height, width).
    calibration
        The detector as set, and its measured noise.
    masters
        Master patterns that made the patterns.
    eds_expected, eds_counts
        Mean and measured X-ray counts of each element, (rows, columns); empty unless asked for.
    """

    settings: TwinSettings
    truth: truth.Truth
    static_background: NDArray[np.unsignedinteger]
    calibration: detector.Calibration
    masters: tuple[MasterPattern, ...]
    eds_expected: dict[str, Float64]
    eds_counts: dict[str, NDArray[np.int32]]
    _structure: microstructure.Microstructure = field(repr=False)
    _projector: Projector = field(repr=False)
    _background: Float32 = field(repr=False)
    _kept: dict[str, Library] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Rows, columns, pattern height and width."""
        return (
            self.settings.rows,
            self.settings.columns,
            self.settings.detector_height_px,
            self.settings.detector_width_px,
        )

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Of the patterns."""
        return self.calibration.detector.dtype

    def read_rows(self, start: int, stop: int) -> NDArray[np.unsignedinteger]:
        """Raw patterns of rows ``start`` to ``stop`` - 1, shape (stop - start, columns, height, width).

        Each row has its own noise, so that the bytes do not depend on how rows are asked for, nor on the number of
        threads.

        Raises
        ------
        IndexError
            If the rows are not within the scan.
        """
        rows, columns, height, width = self.shape
        if not 0 <= start <= stop <= rows:
            raise IndexError(f"rows {start}:{stop} asked for; the twin has rows 0:{rows}")
        out = np.empty((stop - start, columns, height * width), dtype=self.dtype)
        library = self._prepare(start, stop)
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            list(pool.map(lambda row: self._fill_row(row, library, out[row - start]), range(start, stop)))
        return out.reshape(stop - start, columns, height, width)

    def expected_rows(self, start: int, stop: int) -> Float32:
        """Grey levels of rows without noise, rounding or clipping, float32 (stop - start, columns, height, width)."""
        rows, columns, height, width = self.shape
        if not 0 <= start <= stop <= rows:
            raise IndexError(f"rows {start}:{stop} asked for; the twin has rows 0:{rows}")
        library = self._prepare(start, stop)
        parts = [
            self.calibration.detector.response(intensity)
            for row in range(start, stop)
            for _, intensity in self._row_intensity(row, library)
        ]
        empty = np.empty((0, height * width), dtype=np.float32)
        return np.concatenate([empty, *parts]).astype(np.float32).reshape(stop - start, columns, height, width)

    def domain_patterns(self, domains: NDArray[np.integer]) -> Float32:
        """Noise-free band signal of domains, shape (n, height, width), in grey levels before gamma, without background.

        What a point consisting of the domain alone would add to its background: yield × contrast × projected pattern.
        """
        amplitude = amplitudes(self.settings, self.truth.domain_phase)[1][domains]
        scale = self.calibration.detector.grey_levels_per_intensity * amplitude
        patterns = self._projector.project(self.truth.domain_phase[domains], self.truth.domain_orientation[domains])
        return (patterns * scale[:, None].astype(np.float32)).reshape(len(domains), *self.shape[2:])

    @property
    def _each_point_its_own(self) -> bool:
        """Whether patterns differ from point to point within a domain."""
        s = self.settings
        drift = (s.pattern_centre_drift_x, s.pattern_centre_drift_y, s.pattern_centre_drift_z)
        return s.orientation_gradient_deg_per_um > 0 or any(drift)

    def rows_per_block(self) -> int:
        """Rows that read well at once: about 64 MB of patterns, at least one row."""
        _, columns, height, width = self.shape
        return max(1, 64 * 2**20 // (columns * height * width * self.dtype.itemsize))

    def _prepare(self, start: int, stop: int) -> Library:
        """Patterns of the domains below these rows; of all at once where they fit, else only of those missing."""
        t = self.truth
        empty = np.zeros((0, self._projector.pixels), dtype=np.float32)
        nothing = Library(np.full(len(t.domain_grain), -1, dtype=np.int64), empty)
        if self._each_point_its_own or start == stop:
            return nothing
        columns = self.settings.columns
        fits = len(t.domain_grain) * self._projector.pixels * 4 <= LIBRARY_BYTES
        span = slice(None) if fits else slice(t.mixing_indptr[start * columns], t.mixing_indptr[stop * columns])
        needed = np.unique(t.mixing_domain[span])
        with self._lock:
            library = self._kept.get("library", nothing)
            missing = needed[library.index[needed] < 0]
            if len(missing):
                kept = needed[library.index[needed] >= 0]
                fresh = self._projector.project(t.domain_phase[missing], t.domain_orientation[missing])
                index = np.full(len(library.index), -1, dtype=np.int64)
                index[np.concatenate([kept, missing])] = np.arange(len(kept) + len(missing))
                library = Library(index, np.concatenate([library.patterns[library.index[kept]], fresh]))
                self._kept["library"] = library
        return library

    def _fill_row(self, row: int, library: Library, out: NDArray[np.unsignedinteger]) -> None:
        shot, readout = (_generator(self.settings.seed, NOISE_STREAM, row, key) for key in (0, 1))
        for columns, intensity in self._row_intensity(row, library):
            noisy = self.calibration.detector.expose(intensity, shot, readout)
            out[columns] = self.calibration.detector.quantize(noisy)[0]

    def _row_intensity(self, row: int, library: Library) -> Iterator[tuple[slice, Float32]]:
        """Noise-free intensity of a row in chunks of columns, each (n, pixels); 1 is the mean of the background."""
        columns = self.settings.columns
        chunk = max(1, CHUNK_BYTES // (self._projector.pixels * 8))
        spread = np.ones(columns)
        if self.settings.gain_spread > 0:
            normal = _generator(self.settings.seed, INTENSITY_STREAM, row, 0).standard_normal(columns)
            spread = np.exp(self.settings.gain_spread * normal)
        for start in range(0, columns, chunk):
            stop = min(start + chunk, columns)
            yield slice(start, stop), self._intensity(row, start, stop, spread[start:stop], library)

    def _intensity(self, row: int, start: int, stop: int, spread: Float64, library: Library) -> Float32:
        """Σ volume share · yield · (background + contrast · pattern) of points of a row, (stop - start, pixels)."""
        from scipy.sparse import csr_array

        t = self.truth
        first, last = row * self.settings.columns + start, row * self.settings.columns + stop
        indptr = t.mixing_indptr[first : last + 1]
        entries = slice(indptr[0], indptr[-1])
        domains = t.mixing_domain[entries]
        volume = t.mixing_volume_fraction[entries].astype(np.float64) * np.repeat(spread, np.diff(indptr))
        yields, bands = amplitudes(self.settings, t.domain_phase)
        base = np.add.reduceat(volume * yields[domains], indptr[:-1] - indptr[0])
        if self._each_point_its_own:
            patterns = self._point_patterns(row, np.repeat(np.arange(start, stop), np.diff(indptr)), domains)
            place = np.arange(len(domains))
        else:
            patterns, place = library.patterns, library.index[domains]
        weights = (volume * bands[domains]).astype(np.float32)
        mixing = csr_array((weights, place, indptr - indptr[0]), shape=(stop - start, len(patterns)))
        return mixing @ patterns + base.astype(np.float32)[:, None] * self._background[None, :]

    def _point_patterns(self, row: int, columns: NDArray[np.integer], domains: NDArray[np.int32]) -> Float32:
        """Patterns of domains as seen at points of a row, with gradients and the drift of the pattern centre."""
        s = self.settings
        y, x = np.full(len(columns), float(row)), columns.astype(np.float64)
        gradient = s.orientation_gradient_deg_per_um * s.step_um
        orientations = microstructure.orientations_at(self._structure, domains, y, x, gradient)
        centres = None
        if s.pattern_centre_drift_x or s.pattern_centre_drift_y or s.pattern_centre_drift_z:
            down, across = y / max(s.rows - 1, 1), x / max(s.columns - 1, 1)
            drift = (
                s.pattern_centre_drift_x * across,
                s.pattern_centre_drift_y * down,
                s.pattern_centre_drift_z * down,
            )
            centres = np.array(self._projector.pattern_centre) + np.stack(drift, axis=1)
        return self._projector.project(self.truth.domain_phase[domains], orientations, centres)


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def amplitudes(settings: TwinSettings, phases: NDArray[np.integer]) -> tuple[Float64, Float64]:
    """Yield of each domain, and its yield × contrast × band_contrast."""
    yields = np.array([*settings.per_phase("phase_yields"), settings.pore_yield])
    contrasts = np.array([*settings.per_phase("phase_contrasts"), 0.0]) * settings.band_contrast
    return yields[phases], (yields * contrasts)[phases]
