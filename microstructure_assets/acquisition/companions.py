"""Maps that lie beside patterns under the same name, and what the user declares: both complete a scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.image_files import background_image
from microstructure_assets.acquisition.scan import Detector, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.source_files import declared_file
from microstructure_assets.acquisition.text_maps import ang_detector


def attach_map(scan: Scan, beside: Scan, others: list[Path]) -> Scan:
    """The scan with what the map beside it adds; what the scan's own file says comes first.

    Raises
    ------
    ScanFormatError
        If map and patterns have different grids.
    """
    if beside.grid.kind != scan.grid.kind:
        remedy = "Patterns are read on square grids only: convert the scan in the vendor's software."
        raise ScanFormatError(beside.path, "grid", beside.grid.kind, f"{scan.grid.kind} as the patterns", remedy)
    if beside.grid.shape != scan.grid.shape:
        expected = f"{scan.grid.rows}×{scan.grid.columns} as the patterns in {scan.path.name}"
        remedy = "They are not of one scan: rename or move one, or correct the declared grid."
        raise ScanFormatError(beside.path, "grid", f"{beside.grid.rows}×{beside.grid.columns}", expected, remedy)
    notes = [*scan.notes, *beside.notes]
    steps = []
    for own, given, name in (
        (scan.grid.step_y_um, beside.grid.step_y_um, "y"),
        (scan.grid.step_x_um, beside.grid.step_x_um, "x"),
    ):
        if own and given and abs(own - given) > 0.01 * own:
            notes.append(f"step along {name} is {own:g} µm in {scan.path.name}, but {given:g} µm in {beside.path.name}")
        steps.append(own or given)
    if others:
        notes.append(f"other maps beside left out: {', '.join(other.name for other in others)}")
    detector = scan.detector
    if detector and detector.pattern_centre is None and beside.path.suffix.lower() == ".ang":
        detector = ang_detector(beside.path, detector.height_px, detector.width_px)
    takes_indexing = scan.indexing is None and beside.indexing is not None
    if scan.indexing is not None and beside.indexing is not None:
        notes.append(f"indexing of {beside.path.name} left out: {scan.path.name} has its own")
    return replace(
        scan,
        files=(*scan.files, *(file for file in beside.files if file not in scan.files)),
        grid=replace(scan.grid, step_y_um=steps[0], step_x_um=steps[1]),
        detector=detector,
        sample_tilt_deg=beside.sample_tilt_deg if scan.sample_tilt_deg is None else scan.sample_tilt_deg,
        beam_energy_kev=scan.beam_energy_kev or beside.beam_energy_kev,
        phases=beside.phases if takes_indexing or not scan.phases else scan.phases,
        indexing=beside.indexing if takes_indexing else scan.indexing,
        band_contrast=scan.band_contrast or beside.band_contrast,
        notes=tuple(notes),
    )


def apply_declared(scan: Scan, settings: AcquisitionSettings) -> Scan:
    """The scan with what the user declares, which wins over what files say, and is listed in `Scan.declared`.

    Raises
    ------
    ScanFormatError
        If a pattern centre stays incomplete, or a static background does not fit the patterns.
    """
    given = settings.model_dump(exclude_none=True, exclude_defaults=True)
    grid = replace(
        scan.grid,
        step_y_um=settings.step_y_um or scan.grid.step_y_um,
        step_x_um=settings.step_x_um or scan.grid.step_x_um,
    )
    detector, background, files = scan.detector, scan.background, scan.files
    if detector is not None:
        detector = _declared_centre(scan, detector, settings)
        if settings.static_background is not None:
            image = declared_file(scan.path, settings.static_background)
            background = background_image(image, (detector.height_px, detector.width_px))
            files = (*(file for file in files if file != background.file), background.file)
    tilt, energy = settings.sample_tilt_deg, settings.beam_energy_kev
    return replace(
        scan,
        files=files,
        grid=grid,
        detector=detector,
        background=background,
        sample_tilt_deg=scan.sample_tilt_deg if tilt is None else tilt,
        beam_energy_kev=scan.beam_energy_kev if energy is None else energy,
        declared=tuple(sorted(given)),
    )


def _declared_centre(scan: Scan, detector: Detector, settings: AcquisitionSettings) -> Detector:
    declared = (settings.pattern_centre_x, settings.pattern_centre_y, settings.pattern_centre_z)
    if all(part is None for part in declared):
        return detector
    stored = detector.pattern_centre or (None, None, None)
    centre = tuple(own if part is None else part for part, own in zip(declared, stored, strict=True))
    if any(part is None for part in centre):
        remedy = "Declare acquisition.pattern_centre_x, pattern_centre_y and pattern_centre_z together."
        raise ScanFormatError(scan.path, "pattern centre", centre, "x, y and z; the file gives none", remedy)
    x, y, z = (float(part) for part in centre if part is not None)
    return Detector(detector.height_px, detector.width_px, (x, y, z))
