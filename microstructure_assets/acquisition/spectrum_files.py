"""Spectrum images in the formats of RosettaSciIO: what a file says of itself, and where its counts lie."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.bruker_spectra import bruker_signal, bruker_sums
from microstructure_assets.acquisition.element_symbols import MOST_ELEMENTS, SYMBOLS
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.hdf5_files import Header, check_written, open_hdf5
from microstructure_assets.acquisition.source_files import SPECTRA_SUFFIXES, spectra_files
from microstructure_assets.acquisition.spectra import REMEDY, SpectrumImage, StoredCube, require_size
from microstructure_assets.acquisition.values import micrometres, positive_or_none

Signal = Mapping[str, Any]
"""What RosettaSciIO says of one signal: data, axes, metadata."""

_KILOELECTRONVOLTS = {"keV": 1.0, "eV": 1e-3}
# What stands beside the spectra in an .hspy is small; more would be unpacked at opening.
_MOST_METADATA_BYTES = 1 << 26
_VELOX = "Velox stores single X-rays: save the map from HyperSpy as .hspy, or export it from Velox as .rpl."
_ZSPY = "Load it where zarr is older than 3 and save it as .hspy."


def read_spectra(path: Path) -> SpectrumImage:
    """Open a spectrum image: its header alone, and its last value to see that the file is whole.

    Parameters
    ----------
    path : Path
        A file with one of `SPECTRA_SUFFIXES`.

    Raises
    ------
    ScanFormatError
        If it is not there, no spectrum image of X-rays, damaged, or of a form that cannot be read by rows.
    """
    suffix = path.suffix.lower()
    if suffix not in SPECTRA_SUFFIXES:
        expected = f"a spectrum image: one of {', '.join(SPECTRA_SUFFIXES)}"
        raise ScanFormatError(path, "extension", repr(suffix), expected, "Correct acquisition.eds_file.")
    if not path.exists():
        raise ScanFormatError(path, "spectrum image", "no such file", "a file", "Correct acquisition.eds_file.")
    if suffix == ".zspy":
        found = "zspy"
        raise ScanFormatError(path, "format", found, "a format that the installed HyperSpy reads (zarr < 3)", _ZSPY)
    if not path.is_file():
        raise ScanFormatError(path, "spectrum image", "a folder", "a file", REMEDY)
    if suffix == ".bcf":
        signal, name = bruker_signal(path)
        _, shape = _layout(path, signal)
        require_size(path, *shape)
        return _image(path, signal, partial(bruker_sums, path, name, shape[:2], shape[2]))
    if suffix in (".hspy", ".hdf5"):
        return _from_hspy(path)
    if suffix == ".emd":
        with open_hdf5(path) as file:
            if Header(path, file["/"]).find("Data/SpectrumStream") is not None:
                raise ScanFormatError(path, "format", "a stream of Velox", "an array of spectra", _VELOX)
            _require_bounded(path, file)
    signal, notes = _spectral(path, _signals(path, suffix))
    data = signal["data"]
    cube = _cube(path, signal, lambda index: np.asarray(_computed(data[index])))
    return _image(path, signal, cube.sums, notes)


def _from_hspy(path: Path) -> SpectrumImage:
    """HyperSpy's own files: the library tells the axes, the counts come straight from the dataset."""
    with open_hdf5(path) as file:
        root = Header(path, file["/"])
        for title in root.names("Experiments"):
            root.dataset(f"Experiments/{title}/data")  # refuses what lies in another file
        _require_bounded(path, root.child("Experiments").group)
        signal, notes = _spectral(path, _signals(path, ".hspy"))
        name = _stored_name(path, root, signal)
        data = root.dataset(f"{name}/data")
        if data is None:
            raise ScanFormatError(path, f"{name}/data", "nothing", "the spectra", REMEDY)
        check_written(path, data)
        chunks, stored, shape = data.chunks, data.name, data.shape
        if tuple(int(axis.get("size", 0)) for axis in signal["axes"]) != tuple(shape):
            raise ScanFormatError(path, "axes", [axis.get("size") for axis in signal["axes"]], shape, REMEDY)

    def read(index: tuple[slice, ...]) -> NDArray[Any]:
        with open_hdf5(path) as again:
            return np.asarray(again[stored][index])

    order, _ = _layout(path, signal)
    cube = _cube(path, signal, read, chunks[order[0]] if chunks else 1)
    return _image(path, signal, cube.sums, notes)


def _require_bounded(path: Path, group: Any) -> None:
    """Refuse what the library would unpack at opening, or cut into more pieces than the file can hold."""
    import h5py

    def look(name: str, node: Any) -> None:
        if not isinstance(node, h5py.Dataset):
            return
        if node.ndim >= 3:
            check_written(path, node)
        elif node.nbytes > _MOST_METADATA_BYTES:
            expected = f"metadata of at most {_MOST_METADATA_BYTES} bytes"
            raise ScanFormatError(path, node.name, f"{node.nbytes} bytes", expected, REMEDY)

    group.visititems(look)


def _stored_name(path: Path, root: Header, signal: Signal) -> str:
    """Where the chosen signal lies: the only one, or the one of its title and shape."""
    names = root.names("Experiments")
    title = str(signal.get("metadata", {}).get("General", {}).get("title", ""))
    for name in [title.replace("/", "-"), *names]:
        data = root.dataset(f"Experiments/{name}/data") if name in names else None
        if data is not None and data.shape == signal["data"].shape:
            return f"Experiments/{name}"
    raise ScanFormatError(path, "Experiments", names, f"the spectra {title!r}", REMEDY)


def _signals(path: Path, suffix: str) -> list[Signal]:
    """All signals of a file, by the library."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            signals: list[Signal] = [dict(one) for one in _reader(path, suffix)(str(path), lazy=True)]
            if suffix == ".hspy":
                for one in signals:
                    _close(one["data"])
            return signals
    except Exception as error:  # a damaged file breaks the libraries in many ways
        raise ScanFormatError(path, "spectrum image", error, "a whole file that RosettaSciIO reads", REMEDY) from error


def _close(data: Any) -> None:
    """Close the file that the library holds open behind an array whose values are read without it."""
    from rsciio.utils.file import get_file_handle

    handle = get_file_handle(data, warn=False)
    if handle is not None:
        handle.close()


def _reader(path: Path, suffix: str) -> Callable[..., list[Signal]]:
    """The library's reader. Arrays without pieces of their own are one piece: a table of pieces is made at opening,
    as long as a damaged header says, and what is not asked for of a mapped file is not read anyway."""
    if suffix == ".hspy":
        from rsciio.hspy import file_reader as read_hspy

        return read_hspy
    if suffix == ".emd":
        from rsciio.emd import file_reader as read_emd

        return read_emd
    if suffix == ".rpl":
        from rsciio.ripple import file_reader as read_rpl

        return partial(read_rpl, chunks=-1)
    if suffix == ".spd":
        from rsciio.edax import file_reader as read_spd

        # Names that the header gives for further files are not followed: they would be read without being watched.
        parts, absent = {part.suffix.lower(): str(part) for part in spectra_files(path)}, str(path.with_suffix(""))
        names = {"spc_fname": parts.get(".spc", absent), "ipr_fname": parts.get(".ipr", absent)}
        return partial(read_spd, chunks=-1, **names)
    from rsciio.digitalmicrograph import file_reader as read_dm

    return partial(read_dm, chunks=-1)


def _spectral(path: Path, signals: list[Signal]) -> tuple[Signal, tuple[str, ...]]:
    """The first signal with an energy axis and two others, and what is left out."""
    spectra = [one for one in signals if len(one.get("axes", ())) == 3 and _energy_axes(one)]
    if not spectra:
        units = "; ".join(
            ", ".join(f"{axis.get('size')} [{axis.get('units')}]" for axis in one.get("axes", ())) for one in signals
        )
        expected = "a signal with axes y, x and energy [eV or keV]"
        raise ScanFormatError(path, "axes", units or "no signal", expected, REMEDY)
    kind = str(spectra[0].get("metadata", {}).get("Signal", {}).get("signal_type", "") or "")
    if kind and not kind.startswith("EDS"):
        raise ScanFormatError(path, "signal type", kind, "EDS_SEM or EDS_TEM", REMEDY)
    left = len(signals) - 1
    return spectra[0], (f"{left} other signals of {path.name} left out",) if left else ()


def _energy_axes(signal: Signal) -> list[int]:
    return [place for place, axis in enumerate(signal["axes"]) if _unit(axis) in _KILOELECTRONVOLTS]


def _unit(axis: Mapping[str, Any]) -> str:
    unit = axis.get("units")
    return (unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit)).strip()


def _layout(path: Path, signal: Signal) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Places of y, x and energy among the axes, and their lengths."""
    energy, shape = _energy_axes(signal), tuple(map(int, signal["data"].shape))
    if len(energy) != 1 or len(shape) != 3 or len(signal["axes"]) != 3:
        found = f"{len(shape)} axes, {len(energy)} of them in eV or keV"
        raise ScanFormatError(path, "axes", found, "y, x and energy [eV or keV]", REMEDY)
    y, x = (place for place in range(3) if place != energy[0])
    return (y, x, energy[0]), (shape[y], shape[x], shape[energy[0]])


def _cube(
    path: Path, signal: Signal, values: Callable[[tuple[slice, ...]], NDArray[Any]], rows_together: int = 1
) -> StoredCube:
    order, shape = _layout(path, signal)

    def read(start: int, stop: int, low: int, high: int) -> NDArray[Any]:
        index = [slice(None)] * 3
        index[order[0]], index[order[2]] = slice(start, stop), slice(low, high)
        return np.moveaxis(values(tuple(index)), order, (0, 1, 2))

    cube = StoredCube(path, shape, np.dtype(signal["data"].dtype), read, rows_together)
    cube.check()
    return cube


def _computed(values: Any) -> Any:
    return values.compute(scheduler="synchronous") if hasattr(values, "compute") else values


def _image(
    path: Path, signal: Signal, sums: Callable[[NDArray[np.int64]], NDArray[np.float64]], notes: tuple[str, ...] = ()
) -> SpectrumImage:
    """What the axes and the metadata say, in the units of `SpectrumImage`."""
    (y, x, energy), (rows, columns, channels) = _layout(path, signal)
    axes = signal["axes"]
    step, offset = (_kiloelectronvolts(path, axes[energy], name) for name in ("scale", "offset"))
    if step <= 0:
        raise ScanFormatError(path, "energy axis", f"a step of {step:g} keV", "a positive one", REMEDY)
    metadata = signal.get("metadata", {})
    instruments = metadata.get("Acquisition_instrument", {})
    instrument = instruments.get("SEM") or instruments.get("TEM") or {}
    sample = metadata.get("Sample", {})
    return SpectrumImage(
        path=path,
        files=tuple(spectra_files(path)),
        shape=(rows, columns),
        step_um=(_step(axes[y]), _step(axes[x])),
        offset_um=(_offset(axes[y]), _offset(axes[x])),
        channels=channels,
        energy_offset_kev=offset,
        energy_step_kev=step,
        beam_energy_kev=_number(instrument.get("beam_energy")),
        resolution_ev=_number(instrument.get("Detector", {}).get("EDS", {}).get("energy_resolution_MnKa")),
        elements=_texts(sample.get("elements")),
        lines=_texts(sample.get("xray_lines")),
        sums=sums,
        notes=notes,
    )


def _step(axis: Mapping[str, Any]) -> float | None:
    return positive_or_none(micrometres(axis.get("scale"), _unit(axis)))


def _offset(axis: Mapping[str, Any]) -> float | None:
    return micrometres(axis.get("offset", 0.0), _unit(axis))


def _kiloelectronvolts(path: Path, axis: Mapping[str, Any], name: str) -> float:
    try:
        value = float(axis[name]) * _KILOELECTRONVOLTS[_unit(axis)]
    except (KeyError, TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ScanFormatError(path, "energy axis", f"{name} {axis.get(name)}", "a number", REMEDY)
    return value


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        return None
    return positive_or_none(float(value))


def _texts(value: Any) -> tuple[str, ...]:
    """Names of elements or lines; what begins with no symbol of an element is left out."""
    if not isinstance(value, list | tuple | np.ndarray):
        return ()
    texts = [one.decode(errors="replace") if isinstance(one, bytes) else str(one) for one in value]
    return tuple(dict.fromkeys(text for text in texts if text.partition("_")[0] in SYMBOLS))[:MOST_ELEMENTS]
