"""Spectra in Bruker's .bcf, decoded as a stream.

RosettaSciIO tells the header and unpacks the container. Its own decoder is not used: it makes the whole cube, in bytes
where twice the mean of the strongest channel fits into one, so that brighter points wrap around, and it writes where a
damaged file tells it to. Here the stream is summed into the windows as it comes (form after RosettaSciIO's account,
`rsciio.bruker`), and nothing is held but one block of it and the maps.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError

_REMEDY = "Copy it again from the microscope, or save the map from Esprit anew."
_FOLDER = "EDSDatabase"
_SPECTRA_START = 0x1A0
_ENTRY_BYTES = 0x200
_MOST_ENTRIES = 10_000
#: Where a table entry has the size of its file (8 bytes) and the place of its folder (4 bytes, signed).
_SIZE_AT, _PARENT_AT = 4, 40


def bruker_signal(path: Path) -> tuple[Mapping[str, Any], str]:
    """Header of the first map in a .bcf, as RosettaSciIO has it, and the name of its spectra in the container.

    Raises
    ------
    ScanFormatError
        If it is damaged, or holds no map.
    """
    _require_table(path)
    from rsciio.bruker import file_reader

    try:
        signal = dict(file_reader(str(path), lazy=True, select_type="spectrum_image")[0])
        names = sorted(name for name in _container(path).vfs[_FOLDER] if name.startswith("SpectrumData"))
        microscope = signal.get("original_metadata", {}).get("Microscope", {})
        if "DX" in microscope:  # RosettaSciIO gives the step along y for both
            signal["axes"][1]["scale"] = float(microscope["DX"])
    except Exception as error:  # a damaged container breaks the library in many ways
        raise ScanFormatError(path, "Bruker map", error, "a whole .bcf with a map", _REMEDY) from error
    return signal, f"{_FOLDER}/{names[0]}"


def bruker_sums(
    path: Path, name: str, shape: tuple[int, int], channels: int, windows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Counts in windows of channels, (windows, rows, columns), in one pass over the stream.

    Parameters
    ----------
    path : Path
    name : str
        Of the spectra in the container.
    shape : (rows, columns)
    channels : int
    windows : ndarray of int64, shape (windows, 2)
        First channel of each, and one behind the last.

    Raises
    ------
    ScanFormatError
        If the stream ends early, is of another shape, or cannot be spectra.
    """
    from microstructure_assets.acquisition.bruker_kernels import DONE, MORE, decode

    channel = np.arange(channels)
    member = (windows[:, :1] <= channel) & (channel < windows[:, 1:])
    counts, state = np.zeros((len(windows), *shape)), np.array([0, -1], np.int64)
    data, at, status, begun = b"", 0, MORE, False
    try:
        blocks = _container(path).get_file(name).get_iter_and_properties()[0]
        while status == MORE:
            block = next(blocks, None)
            if not block:
                break
            data = data[at:] + block
            at = 0
            if not begun:
                if len(data) < _SPECTRA_START:
                    continue
                _require_shape(path, struct.unpack("<II", data[:8]), shape)
                begun, at = True, _SPECTRA_START
            at, status = decode(np.frombuffer(data, np.uint8), at, state, member, counts)
    except ScanFormatError:
        raise
    except Exception as error:
        raise ScanFormatError(path, "spectra", error, "a whole stream of spectra", _REMEDY) from error
    if status != DONE:
        found = "its end" if status == MORE else "what are no spectra"
        raise ScanFormatError(path, f"spectra of row {state[0]}", found, f"{shape[0]} rows of spectra", _REMEDY)
    return counts


def _container(path: Path) -> Any:
    from rsciio.bruker._api import SFS_reader  # the container has no public door

    return SFS_reader(str(path))


def _require_shape(path: Path, found: tuple[int, ...], expected: tuple[int, int]) -> None:
    if found != expected:
        raise ScanFormatError(path, "spectra", f"{found[0]}×{found[1]} points", f"{expected} as the header", _REMEDY)


def _require_table(path: Path) -> None:
    """Refuse a container whose table would keep the library busy for ever: folders in a ring, sizes beyond the file.

    Raises
    ------
    ScanFormatError
    """
    expected = "the table of files of a Bruker container"
    try:
        with path.open("rb") as file:
            if file.read(8) != b"AAMVHFSS":
                raise ScanFormatError(path, "signature", "another one", "that of a Bruker .bcf", _REMEDY)
            file.seek(0x128)
            (chunk,) = struct.unpack("<I", file.read(4))
            file.seek(0x140)
            address, count = struct.unpack("<II", file.read(8))
            each = (chunk - 0x20) // _ENTRY_BYTES
            if not 0 < count <= _MOST_ENTRIES or each < 1:
                raise ScanFormatError(path, "table", f"{count} entries in chunks of {chunk} bytes", expected, _REMEDY)
            entries: list[bytes] = []
            while len(entries) < count:
                file.seek(chunk * address + 0x118)
                (address,) = struct.unpack("<I", file.read(4))
                file.seek(28, 1)
                entries += [file.read(_ENTRY_BYTES) for _ in range(min(each, count - len(entries)))]
        sizes = [struct.unpack_from("<Q", entry, _SIZE_AT)[0] for entry in entries]
        parents = [struct.unpack_from("<i", entry, _PARENT_AT)[0] for entry in entries]
    except (OSError, struct.error, OverflowError) as error:
        raise ScanFormatError(path, "table", error, expected, _REMEDY) from error
    if max(sizes) > path.stat().st_size:
        raise ScanFormatError(path, "table", f"a file of {max(sizes)} bytes", "files within the container", _REMEDY)
    for place in range(count):
        seen: set[int] = set()
        while place != -1:
            if place in seen or not 0 <= place < count:
                raise ScanFormatError(path, "table", "folders in a ring, or none", expected, _REMEDY)
            seen.add(place)
            place = parents[place]
