"""HyperSpy's own files. .hspy is HDF5: the library tells the axes, the rows come straight from the dataset.

.zspy needs zarr below version 3, which this project does not use; it is refused with what to do instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.grids import resolve_grid
from microstructure_assets.acquisition.hdf5_files import HDF5Patterns, Header, open_hdf5, pattern_dataset
from microstructure_assets.acquisition.scan import Detector, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.values import micrometres, positive_or_none

_REMEDY = "Save the patterns from HyperSpy or kikuchipy with axes y, x (navigation) and dy, dx (signal)."


def read_hspy(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """Patterns of a HyperSpy signal with two signal axes and one or two navigation axes.

    Raises
    ------
    ScanFormatError
    """
    with open_hdf5(path) as file:
        names = Header(path, file["/"]).names("Experiments")
        if not names:
            raise ScanFormatError(path, "Experiments", "none", "a HyperSpy signal", _REMEDY)
        title = settings.scan_group or names[0]
        if title not in names:
            raise ScanFormatError(path, "signal", names, repr(title), "Correct acquisition.scan_group.")
        signal = _signal(path, len(names), title)
        data = Header(path, file["Experiments"]).dataset(f"{title}/data")
        if data is None:
            raise ScanFormatError(path, f"Experiments/{title}/data", "nothing", "the signal's values", _REMEDY)
        axes = signal["axes"]
        navigation = [axis for axis in axes if axis.get("navigate")]
        flags = [bool(axis.get("navigate")) for axis in axes]
        if flags not in ([True, True, False, False], [True, False, False]):
            kinds = ", ".join("navigation" if flag else "signal" for flag in flags)
            raise ScanFormatError(path, "axes", kinds, "navigation y, navigation x, signal, signal", _REMEDY)
        points, height, width = pattern_dataset(path, data, None, None)
        sizes = tuple(int(axis.get("size", 0)) for axis in axes)
        if sizes != tuple(data.shape):
            raise ScanFormatError(path, "axes", sizes, f"{data.shape} as the data", _REMEDY)
        stored = (sizes[0], sizes[1]) if len(navigation) == 2 else None
        steps = tuple(_step_um(axis) for axis in navigation) if stored else (None, _step_um(navigation[0]))
        grid = resolve_grid(path, points, settings, stored=stored, steps_um=(steps[0], steps[1]), beside=beside)
        instrument = signal.get("metadata", {}).get("Acquisition_instrument", {}).get("SEM", {})
        energy = instrument.get("beam_energy")
        shape = (*grid.shape, height, width)
        if data.ndim == 4 and grid.shape != stored:
            raise ScanFormatError(path, "grid", f"{grid.rows}×{grid.columns} declared", f"{stored} as the axes say")
        others = [name for name in names if name != title]
        return Scan(
            path=path,
            format_name="HyperSpy hspy",
            files=(path,),
            grid=grid,
            detector=Detector(height, width),
            beam_energy_kev=positive_or_none(float(energy)) if isinstance(energy, int | float) else None,
            patterns=HDF5Patterns(path, data.name, shape, data.dtype),
            notes=(f"{title!r} of {len(names)} signals; the others: {', '.join(others)}",) if others else (),
        )


def read_zspy(path: Path, settings: AcquisitionSettings, beside: Scan | None) -> Scan:
    """Refuse.

    Raises
    ------
    ScanFormatError
        Always.
    """
    remedy = "Load it where zarr is older than 3 and save it as .hspy, or with kikuchipy as .h5."
    raise ScanFormatError(
        path, "format", "zspy", "a format that the installed HyperSpy reads (it needs zarr < 3)", remedy
    )


def _signal(path: Path, count: int, title: str) -> dict[str, Any]:
    """What the library says of one signal; by its title where the file holds several."""
    from rsciio.hspy import file_reader

    try:
        signals = file_reader(str(path), lazy=True)
    except Exception as error:  # the library meets a damaged file in many ways
        raise ScanFormatError(path, "HyperSpy signal", error, "a file that HyperSpy wrote", _REMEDY) from error
    if count > 1:
        signals = [one for one in signals if one.get("metadata", {}).get("General", {}).get("title") == title]
    if not signals:
        raise ScanFormatError(path, f"Experiments/{title}", "no readable signal", "one", _REMEDY)
    return dict(signals[0])


def _step_um(axis: dict[str, Any]) -> float | None:
    """Step of an axis [µm]; None where its unit is not a length."""
    return positive_or_none(micrometres(axis.get("scale"), axis.get("units")))
