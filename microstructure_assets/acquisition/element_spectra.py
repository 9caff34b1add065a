"""Counts of X-ray lines from a spectrum image beside a scan, on the scan's grid."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.element_symbols import element_symbols
from microstructure_assets.acquisition.registration import MapGrid, differences, require_known, resampled
from microstructure_assets.acquisition.scan import Grid, LazyMap, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.acquisition.source_files import declared_file, find_spectra, spectra_files
from microstructure_assets.acquisition.spectra import SpectrumImage
from microstructure_assets.acquisition.spectrum_files import read_spectra
from microstructure_assets.acquisition.xray_lines import line_windows


def attach_spectra(scan: Scan, settings: AcquisitionSettings) -> Scan:
    """The scan with the element maps of a spectrum image: the declared one, else the one beside it.

    A map is the sum of the counts in a window around an X-ray line (`line_windows`). It is no concentration: neither
    the background under the line is taken off, nor what lines of other elements bring into its window (Mn Kβ falls into
    that of Fe Kα, Cr Lα into that of O Kα), nor are absorption and fluorescence corrected.

    Parameters
    ----------
    scan : Scan
        With its declared facts: steps and beam energy are held against the image's.
    settings : AcquisitionSettings

    Raises
    ------
    ScanFormatError
        If the image is damaged, names no elements and none are declared, has no line of a declared one in its range, or
        lies on another grid and resampling was not asked for or not possible.
    """
    path, beside = _chosen(scan, settings), find_spectra(scan.path)
    sources = sorted({one.file.name for one in scan.element_maps.values()})
    if path is None:
        names, taken = ", ".join(file.name for file in beside), ", ".join(sources)
        return (
            replace(scan, notes=(*scan.notes, f"{names} left out: element maps of {taken} are taken"))
            if beside
            else scan
        )
    left = [*(file.name for file in beside if file != path), *sources]
    image = read_spectra(path)
    elements = element_symbols(settings.eds_elements) if settings.eds_elements else ()
    windows, notes = line_windows(image, elements, scan.beam_energy_kev)
    own = MapGrid(image.shape, image.step_um, image.offset_um)
    differing, unknown = differences(scan.grid, own)
    require_known(path, scan.grid, own, differing, settings.eds_resample)
    counts = _Counts(
        image, np.array([(one.first, one.stop) for one in windows], np.int64), scan.grid, own if differing else None
    )
    maps = {
        one.line: LazyMap(one.line, "counts", path, scan.grid.shape, partial(counts.read, number))
        for number, one in enumerate(windows)
    }
    ranges = ", ".join(f"{one.line} {one.low_kev:.3f} to {one.high_kev:.3f} keV" for one in windows)
    said = [f"element maps of {path.name}: counts in {ranges}, with background and overlapping lines", *notes]
    if differing:
        said.append(
            f"{path.name} resampled by areas: {', '.join(f'{one.found} to {one.expected}' for one in differing)}"
        )
    if unknown:
        said.append(
            f"{path.name} lies on the scan's grid by its number of points alone: unknown {' and '.join(unknown)}"
        )
    if left:
        said.append(f"element maps of {', '.join(left)} left out: {path.name} is taken")
    return replace(
        scan,
        files=_with(scan, image.files),
        element_maps=MappingProxyType(maps),
        notes=(*scan.notes, *image.notes, *said),
    )


def with_spectra_files(scan: Scan, settings: AcquisitionSettings) -> Scan:
    """The scan with the files of its spectrum image, which stays closed: for who needs no element maps."""
    path = _chosen(scan, settings)
    return scan if path is None else replace(scan, files=_with(scan, spectra_files(path)))


def _chosen(scan: Scan, settings: AcquisitionSettings) -> Path | None:
    """The declared image, else, where the scan has no element maps of its own, the first beside it."""
    if settings.eds_file is not None:
        return declared_file(scan.path, settings.eds_file)
    return next(iter(find_spectra(scan.path)), None) if not scan.element_maps else None


def _with(scan: Scan, files: Iterable[Path]) -> tuple[Path, ...]:
    return (*scan.files, *(file for file in files if file not in scan.files))


@dataclass
class _Counts:
    """Counts of all lines, taken in one pass over the spectra when the first is asked for."""

    image: SpectrumImage
    windows: NDArray[np.int64]
    grid: Grid
    resampled_from: MapGrid | None
    _maps: NDArray[np.float64] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, number: int) -> NDArray[np.float64]:
        """The map of one line, (rows, columns) of the scan."""
        with self._lock:
            if self._maps is None:
                counts = self.image.sums(self.windows)
                other = self.resampled_from
                self._maps = counts if other is None else resampled(counts, self.grid, other)
            return self._maps[number].copy()
