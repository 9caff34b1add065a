"""A twin scan from its settings: patterns made row by row on demand, the truth beside them, in memory or on disk."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.progress import bar
from microstructure_assets.simulation import chemistry, detector, interaction, microstructure, truth, writers
from microstructure_assets.simulation.master_patterns import MasterPattern, load_master_patterns
from microstructure_assets.simulation.patterns import Projector
from microstructure_assets.simulation.settings import TwinSettings

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

LIBRARY_BYTES = 2**30
CHUNK_BYTES = 32 * 2**20
NOISE_STREAM, INTENSITY_STREAM, CALIBRATION_STREAM = 2, 3, 4


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
        amplitude = _amplitudes(self.settings, self.truth.domain_phase)[1][domains]
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
        """Patterns of the domains below these rows; of all domains at once where they fit, else only the missing ones."""
        t = self.truth
        nothing = Library(
            np.full(len(t.domain_grain), -1, dtype=np.int64), np.zeros((0, self._projector.pixels), np.float32)
        )
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
        yields, bands = _amplitudes(self.settings, t.domain_phase)
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


@dataclass(frozen=True)
class TwinResult:
    """Where a twin lies.

    Attributes
    ----------
    path
        The h5 file or the folder of TIFF files.
    truth_path
        Folder with ``truth.npz`` and ``truth.json``; `truth.load_truth` reads it.
    eds_path
        ``.npz`` with an int32 map of counts for each element, or none.
    rows, columns
        Of the scan.
    noise_nu
        Measured ν.
    """

    path: Path
    truth_path: Path
    eds_path: Path | None
    rows: int
    columns: int
    noise_nu: float


def make_twin(
    settings: TwinSettings,
    path: Path,
    *,
    form: Literal["h5", "tiff"] = "h5",
    tiff_naming: Literal["number", "xy"] = "number",
    progress: Callable[[int, int], None] | None = None,
) -> TwinResult:
    """Write a twin scan with its truth beside it, block by block.

    Parameters
    ----------
    settings
        The twin.
    path
        The h5 file, or the folder for TIFF files; truth goes to ``<stem>_truth`` beside it, counts to
        ``<stem>_eds.npz``.
    form
        ``h5``: a file as kikuchipy writes it. ``tiff``: one file per point; its static background lies in the truth
        folder, because a foreign image among the patterns would pass for a point.
    tiff_naming
        ``number``: row by row from zero; ``xy``: with the position.
    progress
        Called with the points done and their total; besides, `microstructure_assets.progress` is told.

    Raises
    ------
    ValueError
        If the settings contradict each other.
    FileExistsError
        If the folder for TIFF files exists.
    """
    path = Path(path)
    twin = simulate(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    total = settings.rows * settings.columns
    done = 0
    with bar("twin", total) as running:

        def advance(points: int) -> None:
            nonlocal done
            done += points
            running.update(points)
            if progress is not None:
                progress(done, total)

        if form == "h5":
            phases = [master.signal.phase for master in twin.masters]
            writers.write_h5(twin, path, _written_header(twin), phases, twin.rows_per_block(), advance)
        else:
            writers.write_tiff_folder(twin, path, tiff_naming, twin.rows_per_block(), advance)
    truth_path = path.with_name(f"{path.stem}_truth")
    twin.truth.save(truth_path)
    np.save(truth_path / "static_background.npy", twin.static_background)
    eds_path = None
    if twin.eds_counts:
        eds_path = path.with_name(f"{path.stem}_eds.npz")
        _save_maps(eds_path, twin.eds_counts)
        _save_maps(truth_path / "eds_expected.npz", twin.eds_expected)
    return TwinResult(path, truth_path, eds_path, settings.rows, settings.columns, twin.calibration.noise_nu)


def _save_maps(path: Path, maps: Mapping[str, NDArray[Any]]) -> None:
    named: dict[str, Any] = dict(maps)
    np.savez_compressed(path, **named)


def _written_header(twin: Twin) -> dict[str, Any]:
    """What the file says, mismatches included."""
    s = twin.settings
    return {
        "title": "simulated twin",
        "step_um": s.step_um,
        "pattern_centre": (
            s.pattern_centre_x + s.mismatch_pattern_centre_x,
            s.pattern_centre_y + s.mismatch_pattern_centre_y,
            s.pattern_centre_z + s.mismatch_pattern_centre_z,
        ),
        "sample_tilt_deg": s.sample_tilt_deg + s.mismatch_tilt_deg,
        "beam_energy_kev": s.beam_energy_kev + s.mismatch_beam_energy_kev,
        "static_background": twin.static_background,
    }


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def _amplitudes(settings: TwinSettings, phases: NDArray[np.integer]) -> tuple[Float64, Float64]:
    """Yield of each domain, and its yield × contrast × band_contrast."""
    yields = np.array([*settings.per_phase("phase_yields"), settings.pore_yield])
    contrasts = np.array([*settings.per_phase("phase_contrasts"), 0.0]) * settings.band_contrast
    return yields[phases], (yields * contrasts)[phases]


def simulate(settings: TwinSettings) -> Twin:
    """Make a twin in memory; its patterns are made when they are read.

    Raises
    ------
    ValueError
        If the settings contradict each other or the files that they name; the message says which and what to do.
    """
    masters = load_master_patterns(settings)
    symmetries = tuple(master.symmetry for master in masters)
    fwhm_y, fwhm_x = settings.beam_fwhm_y_um / settings.step_um, settings.beam_fwhm_x_um / settings.step_um
    structure = microstructure.generate(
        settings, interaction.margin_points(fwhm_y), interaction.margin_points(fwhm_x), symmetries
    )
    mixing = interaction.domain_shares(
        structure.labels, settings.rows, settings.columns, settings.sub_points, fwhm_y, fwhm_x
    )
    projector = Projector.of(settings, masters)
    level = detector.background(settings.detector_height_px, settings.detector_width_px, settings.background_amplitude)
    calibration = _calibrate(settings, structure, projector, level.reshape(-1))
    gradient = settings.orientation_gradient_deg_per_um * settings.step_um
    yields, _ = _amplitudes(settings, structure.domain_phase)
    known = truth.build(structure, mixing, yields, symmetries, gradient, _information(settings, calibration))
    expected = chemistry.expected_counts(settings, structure) if settings.eds_maps else {}
    static, _ = calibration.detector.quantize(level)
    return Twin(
        settings=settings,
        truth=known,
        static_background=static,
        calibration=calibration,
        masters=masters,
        eds_expected=expected,
        eds_counts=chemistry.measured_counts(settings, expected),
        _structure=structure,
        _projector=projector,
        _background=level.reshape(-1),
    )


def _calibrate(
    settings: TwinSettings, structure: microstructure.Microstructure, projector: Projector, level: Float32
) -> detector.Calibration:
    """Set the detector on up to 96 patterns of single domains, drawn evenly from the points with crystal."""
    domain = structure.point_labels().ravel()
    crystalline = domain[structure.domain_phase[domain] >= 0]
    if len(crystalline) == 0:
        raise ValueError(f"no point of {settings.rows}x{settings.columns} has crystal; lower pore_fraction")
    count = int(np.clip(detector.CALIBRATION_PIXELS * 4 // projector.pixels, 8, 96))
    chosen = crystalline[np.unique(np.linspace(0, len(crystalline) - 1, count).round().astype(np.int64))]
    chosen = np.resize(chosen, max(len(chosen), min(count, math.ceil(detector.CALIBRATION_PIXELS / projector.pixels))))
    phases = structure.domain_phase[chosen]
    yields, bands = _amplitudes(settings, phases)
    patterns = projector.project(phases, structure.domain_orientation[chosen])
    return detector.calibrate(
        settings,
        yields.astype(np.float32)[:, None] * level[None, :],
        bands.astype(np.float32)[:, None] * patterns,
        phases,
        np.random.SeedSequence(settings.seed, spawn_key=(CALIBRATION_STREAM,)),
    )


def _information(settings: TwinSettings, calibration: detector.Calibration) -> dict[str, Any]:
    return {
        "schema_version": truth.SCHEMA_VERSION,
        "settings": settings.model_dump(mode="json"),
        "phases": list(settings.phases),
        "boundary_classes": list(truth.BOUNDARY_CLASSES),
        "region_tolerance_deg": truth.REGION_TOLERANCE_DEG,
        "noise_nu": calibration.noise_nu,
        "noise_nu_of_phase": [None if math.isnan(nu) else nu for nu in calibration.noise_nu_of_phase],
        "band_signal_grey_levels": calibration.band_signal_grey_levels,
        "noise_grey_levels": calibration.noise_grey_levels,
        "clipped_share": calibration.clipped_share,
        "dose_electrons": None
        if math.isinf(calibration.detector.dose_electrons)
        else calibration.detector.dose_electrons,
        "gain_grey_levels_per_count": calibration.detector.gain,
        "grey_levels_per_intensity": calibration.detector.grey_levels_per_intensity,
    }
