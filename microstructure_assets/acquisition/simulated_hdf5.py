"""EMsoft's simulated patterns (EMEBSD.f90), an HDF5 file of its own kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from microstructure_assets.acquisition.crystallography import indexing_maps, make_phase
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.grids import resolve_grid
from microstructure_assets.acquisition.hdf5_files import HDF5Patterns, Header, open_hdf5, pattern_dataset
from microstructure_assets.acquisition.scan import Detector, Grid, Indexing, IndexingMaps, Phase, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.values import positive_or_none
from microstructure_assets.acquisition.vendor_indexing import laue_group_of

_PARAMETERS = "NMLparameters/EBSDNameList"


def read_emsoft(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """A list of simulated patterns; unless it is one pattern, its grid must be declared.

    Raises
    ------
    ScanFormatError
    """
    with open_hdf5(path) as file:
        header = Header(path, file["/"])
        data = header.dataset("EMData/EBSD/EBSDPatterns")
        if data is None:
            raise ScanFormatError(path, "EMData/EBSD/EBSDPatterns", "nothing", "simulated patterns")
        height, width = header.count(f"{_PARAMETERS}/numsy"), header.count(f"{_PARAMETERS}/numsx")
        points, height, width = pattern_dataset(path, data, height, width)
        grid = resolve_grid(path, points, settings, beside=beside)
        phase = _phase(header)
        return Scan(
            path=path,
            format_name="EMsoft h5",
            files=(path,),
            grid=grid,
            detector=Detector(height, width, _pattern_centre(header, height, width)),
            beam_energy_kev=positive_or_none(header.number(f"{_PARAMETERS}/energymax")),
            phases=(phase,),
            patterns=HDF5Patterns(path, data.name, (*grid.shape, height, width), data.dtype),
            indexing=_indexing(header, grid),
        )


def _phase(header: Header) -> Phase:
    lattice = header.numbers("CrystalData/LatticeParameters", 6) or ()
    space_group = header.count("CrystalData/SpaceGroupNumber")
    name = (header.text("EMData/EBSD/xtalname") or "").rsplit("/", 1)[-1].removesuffix(".xtal")
    group = laue_group_of(space_group)
    return make_phase(header.path, "CrystalData", name, group, space_group, lattice, unit_may_be_nm=True)


def _pattern_centre(header: Header, height: int, width: int) -> tuple[float, float, float] | None:
    """From EMsoft's convention (pixels from the detector's middle; µm): x has the other sign before version 5."""
    names = ("xpc", "ypc", "L", "delta")
    x, y, distance_um, pixel_um = (header.number(f"{_PARAMETERS}/{name}") for name in names)
    if x is None or y is None or distance_um is None or not pixel_um or distance_um <= 0:
        return None
    binning = header.number(f"{_PARAMETERS}/binning") or 1.0
    version = (header.text("EMheader/EBSD/Version") or "5")[:1]
    if version.isdigit() and int(version) < 5:
        x = -x
    centre = (
        0.5 - x / (width * binning),
        0.5 - y / (height * binning),
        distance_um / (height * binning * pixel_um),
    )
    return round(centre[0], 9), round(centre[1], 9), round(centre[2], 9)


def _indexing(header: Header, grid: Grid) -> Indexing | None:
    """The orientations that were simulated."""
    data = header.dataset("EMData/EBSD/EulerAngles")
    if data is None or data.shape != (grid.points, 3):
        return None
    path, name = header.path, data.name

    def read() -> IndexingMaps:
        with open_hdf5(path) as file:
            euler = np.asarray(file[name][()], dtype=np.float64)
        return indexing_maps(euler, np.ones(len(euler), dtype=np.int32), np.ones(len(euler)), grid.shape)

    return Indexing(path, grid.shape, "none: simulated", read)
