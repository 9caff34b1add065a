"""A twin scan from its settings, in memory or on disk with its truth beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.source_files import ELEMENTS_ENDING
from microstructure_assets.progress import bar
from microstructure_assets.simulation import chemistry, detector, interaction, microstructure, truth, writers
from microstructure_assets.simulation.master_patterns import load_master_patterns
from microstructure_assets.simulation.patterns import Projector
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.synthesis import Twin, amplitudes

Float32 = NDArray[np.float32]

CALIBRATION_STREAM = 4


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
        The h5 file, or the folder for TIFF files; truth goes to ``<name>_truth`` beside it, counts to
        ``<name>_eds.npz``, where a scan that is opened looks for them.
    form
        ``h5``: a file as kikuchipy writes it. ``tiff``: one file per point and ``static_background.tif``.
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
            writers.write_tiff_folder(twin, path, twin.static_background, tiff_naming, twin.rows_per_block(), advance)
    name = path.stem if form == "h5" else path.name
    truth_path = path.with_name(f"{name}_truth")
    twin.truth.save(truth_path)
    eds_path = None
    if twin.eds_counts:
        eds_path = path.with_name(name + ELEMENTS_ENDING)
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
    yields, _ = amplitudes(settings, structure.domain_phase)
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
    yields, bands = amplitudes(settings, phases)
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
