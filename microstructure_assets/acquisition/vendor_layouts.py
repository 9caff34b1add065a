"""Where the vendors' HDF5 files keep what: one declared layout per vendor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from microstructure_assets.acquisition import vendor_indexing as indexing
from microstructure_assets.acquisition.hdf5_files import Header
from microstructure_assets.acquisition.scan import Phase


@dataclass(frozen=True)
class Layout:
    """Where a vendor keeps what, as paths below one scan's group."""

    format_name: str
    manufacturer: str
    rows: str
    columns: str
    step_y_um: str
    step_x_um: str
    height_px: str
    width_px: str
    patterns: tuple[str, ...]
    pattern_centre: tuple[str, str, str]
    centre_convention: str
    tilt: str
    beam_energy_kev: str | None
    static_background: str | None
    quality: tuple[str, str] | None
    orientation: str
    phase_ids: str | None
    confidence_name: str | None
    phases: Callable[[Header], tuple[tuple[int, Phase], ...]]
    columns_of_points: Callable[[Header, tuple[int, ...], int], indexing.PointColumns]
    grid_type: str | None = None
    square_names: tuple[str, ...] = ()
    tilt_in_radians: bool = False
    oxford_frame: bool = False


LAYOUTS = (
    Layout(
        format_name="kikuchipy h5",
        manufacturer="kikuchipy",
        rows="EBSD/Header/n_rows",
        columns="EBSD/Header/n_columns",
        step_y_um="EBSD/Header/step_y",
        step_x_um="EBSD/Header/step_x",
        height_px="EBSD/Header/pattern_height",
        width_px="EBSD/Header/pattern_width",
        patterns=("EBSD/Data/patterns",),
        pattern_centre=("EBSD/Header/pcx", "EBSD/Header/pcy", "EBSD/Header/pcz"),
        centre_convention="bruker",
        tilt="EBSD/Header/sample_tilt",
        beam_energy_kev="SEM/Header/beam_energy",
        static_background="EBSD/Header/static_background",
        quality=None,
        orientation="EBSD/CrystalMap/crystal_map/data/phi1",
        phase_ids="EBSD/CrystalMap/crystal_map/data/phase_id",
        confidence_name=None,
        phases=indexing.kikuchipy_phases,
        columns_of_points=indexing.kikuchipy_columns,
        grid_type="EBSD/Header/grid_type",
        square_names=("square",),
    ),
    Layout(
        format_name="EDAX h5",
        manufacturer="edax",
        rows="EBSD/Header/nRows",
        columns="EBSD/Header/nColumns",
        step_y_um="EBSD/Header/Step Y",
        step_x_um="EBSD/Header/Step X",
        height_px="EBSD/Header/Pattern Height",
        width_px="EBSD/Header/Pattern Width",
        patterns=("EBSD/Data/Pattern",),
        pattern_centre=(
            "EBSD/Header/Pattern Center Calibration/x-star",
            "EBSD/Header/Pattern Center Calibration/y-star",
            "EBSD/Header/Pattern Center Calibration/z-star",
        ),
        centre_convention="edax",
        tilt="EBSD/Header/Sample Tilt",
        beam_energy_kev=None,
        static_background=None,
        quality=("EBSD/Data/IQ", "image quality"),
        orientation="EBSD/Data/Phi1",
        phase_ids=None,  # the confidence index tells what is not indexed
        confidence_name="confidence index, larger is better",
        phases=indexing.edax_phases,
        columns_of_points=indexing.edax_columns,
        grid_type="EBSD/Header/Grid Type",
        square_names=("sqrgrid",),
    ),
    Layout(
        format_name="Oxford h5oina",
        manufacturer="oxford instruments",
        rows="EBSD/Header/Y Cells",
        columns="EBSD/Header/X Cells",
        step_y_um="EBSD/Header/Y Step",
        step_x_um="EBSD/Header/X Step",
        height_px="EBSD/Header/Pattern Height",
        width_px="EBSD/Header/Pattern Width",
        patterns=("EBSD/Data/Processed Patterns", "EBSD/Data/Unprocessed Patterns"),
        pattern_centre=("EBSD/Data/Pattern Center X", "EBSD/Data/Pattern Center Y", "EBSD/Data/Detector Distance"),
        centre_convention="oxford",
        tilt="EBSD/Header/Tilt Angle",
        beam_energy_kev="EBSD/Header/Beam Voltage",
        static_background="EBSD/Header/Processed Static Background",
        quality=("EBSD/Data/Band Contrast", "band contrast"),
        orientation="EBSD/Data/Euler",
        phase_ids="EBSD/Data/Phase",
        confidence_name="mean angular deviation [degrees], smaller is better",
        phases=indexing.oxford_phases,
        columns_of_points=indexing.oxford_columns,
        tilt_in_radians=True,
        oxford_frame=True,
    ),
    Layout(
        format_name="Bruker h5",
        manufacturer="bruker nano",
        rows="EBSD/Header/NROWS",
        columns="EBSD/Header/NCOLS",
        step_y_um="EBSD/Header/YSTEP",
        step_x_um="EBSD/Header/XSTEP",
        height_px="EBSD/Header/PatternHeight",
        width_px="EBSD/Header/PatternWidth",
        patterns=("EBSD/Data/RawPatterns",),
        pattern_centre=("EBSD/Data/PCX", "EBSD/Data/PCY", "EBSD/Data/DD"),
        centre_convention="bruker",
        tilt="EBSD/Header/SampleTilt",
        beam_energy_kev="EBSD/Header/KV",
        static_background="EBSD/Header/StaticBackground",
        quality=("EBSD/Data/RadonQuality", "Radon quality"),
        orientation="EBSD/Data/phi1",
        phase_ids="EBSD/Data/Phase",
        confidence_name="mean angular deviation [degrees], smaller is better",
        phases=indexing.bruker_phases,
        columns_of_points=indexing.bruker_columns,
        grid_type="EBSD/Header/Grid Type",
        square_names=("isometric",),
    ),
)


def layout_of(format_name: str) -> Layout:
    """The layout by the format's name."""
    return next(layout for layout in LAYOUTS if layout.format_name == format_name)
