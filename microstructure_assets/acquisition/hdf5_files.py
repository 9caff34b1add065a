"""HDF5 of any vendor: open it safely, read scalars, read rows of patterns without reading the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets.acquisition.pattern_source import checked_points, rows_of, runs
from microstructure_assets.acquisition.scan import LazyImage
from microstructure_assets.acquisition.values import natural_key, require_count

if TYPE_CHECKING:
    import h5py

_LARGEST_SCALAR_BYTES = 1 << 20
_OWN = "values in the file itself"
_OWN_REMEDY = "Copy the scan with its values into one file, or export it again."
SIGNATURE = b"\x89HDF\r\n\x1a\n"


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file for reading, or an error that says what it is instead."""
    import h5py

    with path.open("rb") as stream:
        start = stream.read(8)
    if not start:
        raise ScanFormatError(path, "file", "an empty file", "an HDF5 file", "Copy it again from the microscope.")
    if start != SIGNATURE and not h5py.is_hdf5(path):
        raise ScanFormatError(
            path, "signature", repr(start), "the signature of an HDF5 file", "Name the file after what it is."
        )
    expected, remedy = "a whole HDF5 file that nobody is writing", "Copy it again from the microscope."
    try:
        # Without the chunk cache HDF5 reads of an uncompressed chunk only what is asked for: six times faster by rows.
        with h5py.File(path, "r", rdcc_nbytes=0) as file:
            yield file
    except (OSError, RuntimeError, KeyError) as error:  # what h5py raises on damaged structures, here or later
        raise ScanFormatError(path, "HDF5 structure", error, expected, remedy) from error


@dataclass(frozen=True)
class Header:
    """A group of an open HDF5 file, read with errors that name file and field. Names are found without regard to
    case and to spaces around them (EDAX writes some)."""

    path: Path
    group: h5py.Group

    def find(self, name: str) -> h5py.Dataset | h5py.Group | None:
        """The object at a path below the group, or None. Links that lead nowhere in the file count as absent.

        Raises
        ------
        ScanFormatError
            At a link into another file: nothing would hash or watch that one.
        """
        node: Any = self.group
        for part in name.split("/"):
            if not hasattr(node, "keys"):
                return None
            match = next((key for key in node if key.strip().lower() == part.lower()), None)
            if match is None:
                return None
            self._refuse_foreign_link(node, match)
            try:
                node = node[match]
            except (KeyError, OSError):
                return None
            if node.file.filename != self.group.file.filename:  # a soft link by way of a foreign one
                raise ScanFormatError(self.path, name, f"a link to the file {node.file.filename}", _OWN, _OWN_REMEDY)
        return node

    def _refuse_foreign_link(self, group: h5py.Group, key: str) -> None:
        import h5py

        field = f"{group.name.rstrip('/')}/{key}"
        try:
            link = group.get(key, getlink=True)
        except TypeError as error:  # a kind of link that the file's writer registered
            raise ScanFormatError(self.path, field, error, _OWN, _OWN_REMEDY) from error
        if isinstance(link, h5py.ExternalLink):
            raise ScanFormatError(self.path, field, f"a link to the file {link.filename}", _OWN, _OWN_REMEDY)

    def child(self, name: str) -> Header:
        """A group below, which must be there."""
        node = self.find(name)
        if node is None or not hasattr(node, "keys"):
            raise ScanFormatError(self.path, f"{self.group.name}/{name}", "nothing", "a group")
        return Header(self.path, node)

    def names(self, name: str = "") -> list[str]:
        """Names in a group below, in natural order; none where it is absent."""
        node = self.find(name) if name else self.group
        # h5py gives a name that is not UTF-8 as bytes
        return [] if node is None or not hasattr(node, "keys") else sorted(map(str, node), key=natural_key)

    def scalar(self, name: str) -> Any:
        """A number or text, or None where it is absent. Only its first element is read."""
        data = self.dataset(name)
        if data is None or not data.size:
            return None
        if data.dtype.itemsize > _LARGEST_SCALAR_BYTES:
            expected = f"at most {_LARGEST_SCALAR_BYTES}"
            raise ScanFormatError(self.path, data.name, f"a value of {data.dtype.itemsize} bytes", expected)
        try:
            value = data[(0,) * data.ndim] if data.ndim else data[()]
        except (TypeError, ValueError) as error:
            raise ScanFormatError(self.path, data.name, error, "a number or a text") from error
        if isinstance(value, bytes):
            return value.decode("utf-8", errors="replace").strip("\x00 \t\r\n")
        return value.item() if isinstance(value, np.generic) else value

    def text(self, name: str) -> str | None:
        """A text, or None where it is absent."""
        value = self.scalar(name)
        return None if value is None else str(value)

    def count(self, name: str) -> int:
        """A count of cells or pixels, which must be there."""
        return require_count(self.path, f"{self.group.name}/{name}", self.scalar(name))

    def number(self, name: str) -> float | None:
        """A number, or None where it is absent."""
        value = self.scalar(name)
        if value is None:
            return None
        if isinstance(value, str | bool) or not isinstance(value, int | float):
            raise ScanFormatError(self.path, f"{self.group.name}/{name}", repr(value), "a number")
        return float(value)

    def mean(self, name: str, points: int) -> float | None:
        """Mean over the points of a quantity that is stored once or per point; NaN where all are NaN."""
        node = self.dataset(name)
        if node is None or node.size not in (1, points):
            return None
        values = np.asarray(node[()], dtype=np.float64)
        finite = values[np.isfinite(values)]
        return float(finite.mean()) if finite.size else float("nan")

    def dataset(self, name: str) -> h5py.Dataset | None:
        """An array, or None where it is absent.

        Raises
        ------
        ScanFormatError
            If its values lie in another file or are put together from other datasets, or are of an unknown type.
        """
        import h5py

        node = self.find(name)
        if not isinstance(node, h5py.Dataset):
            return None
        if node.external is not None:
            found = f"values stored in the file {node.external[0][0]}" if node.external else "values stored outside"
            raise ScanFormatError(self.path, node.name, found, _OWN, _OWN_REMEDY)
        if node.is_virtual:
            raise ScanFormatError(self.path, node.name, "a virtual dataset", _OWN, _OWN_REMEDY)
        try:
            _ = node.dtype
        except (TypeError, ValueError) as error:
            raise ScanFormatError(self.path, node.name, error, "values of a known type") from error
        return node

    def numbers(self, name: str, size: int) -> tuple[float, ...] | None:
        """Exactly `size` numbers, or None where they are absent."""
        node = self.dataset(name)
        if node is None:
            return None
        if node.size != size or node.dtype.kind not in "iuf":
            found = f"shape {node.shape}, type {node.dtype}"
            raise ScanFormatError(self.path, node.name, found, f"{size} numbers")
        return tuple(float(value) for value in np.ravel(node[()]))


@dataclass(frozen=True)
class HDF5Patterns:
    """Patterns of one HDF5 dataset, in the file's order or in a given one.

    Each call opens the file anew: so the source can be shared by threads and handed to other processes. HDF5's own
    lock lets one thread read at a time.

    Attributes
    ----------
    file : Path
    dataset : str
    shape : (rows, columns, height, width)
    dtype : dtype
    order : (rows * columns,) ndarray of int64 or None
        Position in the dataset of each point, where that is not row by row.
    """

    file: Path
    dataset: str
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    order: NDArray[np.int64] | None = field(default=None, repr=False, compare=False)

    def read_points(self, points: NDArray[np.int64]) -> NDArray[Any]:
        """Patterns of some points, as `PatternSource` has it. Read as runs: HDF5 selects single entries very slowly."""
        wanted = checked_points(self.shape, points)
        positions = wanted if self.order is None else self.order[wanted]
        block = np.empty((wanted.size, *self.shape[2:]), dtype=self.dtype)
        with open_hdf5(self.file) as file:
            data = Header(self.file, file["/"]).dataset(self.dataset.strip("/"))
            if data is None:
                expected = "the patterns that were there when it was opened"
                raise ScanFormatError(self.file, self.dataset, "nothing", expected, "Characterize the scan again.")
            for into, first, last in runs(positions):
                for start, stop in _pieces(data, first, last + 1):
                    block[into[start - first : stop - first]] = _piece(data, start, stop)
        return block

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns of rows start to stop - 1."""
        return rows_of(self, start, stop)


def pattern_dataset(path: Path, data: h5py.Dataset, height: int | None, width: int | None) -> tuple[int, int, int]:
    """Check a dataset of patterns without reading it.

    Returns
    -------
    (points, height, width)

    Raises
    ------
    ScanFormatError
        If it is not a stack of images of numbers, disagrees with the header, or was never (wholly) written.
    """
    if data.ndim not in (3, 4) or 0 in data.shape:
        raise ScanFormatError(path, data.name, f"shape {data.shape}", "(points, height, width)")
    if data.dtype.kind not in "uif":
        raise ScanFormatError(path, data.name, f"values of type {data.dtype}", "greyscale numbers")
    found = data.shape[-2:]
    if height is not None and width is not None and found != (height, width):
        raise ScanFormatError(
            path, data.name, f"patterns of {found[0]}×{found[1]} pixels", f"{height}×{width} by the header"
        )
    check_written(path, data)
    return int(np.prod(data.shape[:-2], dtype=object)), found[0], found[1]


def lazy_image(path: Path, data: h5py.Dataset | None, name: str) -> LazyImage | None:
    """A detector image in a dataset, or None where there is none (kikuchipy writes -1)."""
    if data is None or data.ndim != 2:
        return None

    def read(dataset: str = data.name) -> NDArray[Any]:
        with open_hdf5(path) as file:
            return np.asarray(file[dataset][()])

    return LazyImage(name, path, (int(data.shape[0]), int(data.shape[1])), read)


def _pieces(data: h5py.Dataset, start: int, stop: int) -> list[tuple[int, int]]:
    """Cut a stretch of points into what one selection reads: with two axes of points head, whole rows and tail."""
    if data.ndim == 3:
        return [(start, stop)]
    columns = data.shape[1]
    head = min(-(-start // columns) * columns, stop)
    tail = max(stop // columns * columns, head)
    return [(low, high) for low, high in ((start, head), (head, tail), (tail, stop)) if low < high]


def _piece(data: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
    """Patterns start to stop - 1, (stop - start, height, width), of one of the `_pieces`."""
    if data.ndim == 3:
        return np.asarray(data[start:stop])
    row, column = divmod(start, data.shape[1])
    if column + stop - start <= data.shape[1]:
        return np.asarray(data[row, column : column + stop - start])
    return np.asarray(data[row : stop // data.shape[1]]).reshape(-1, *data.shape[2:])


def check_written(path: Path, data: h5py.Dataset) -> None:
    """Refuse a dataset that was not wholly written: an aborted acquisition or a hoax. HDF5 gives zeros for the rest.

    Raises
    ------
    ScanFormatError
    """
    remedy = "The acquisition or the copy was cut off: repeat it, or cut the scan to the points it has."
    if data.id.get_storage_size() == 0:
        raise ScanFormatError(path, data.name, "no stored values", f"{data.size} values", remedy)
    if data.chunks is None:
        return
    expected = 1
    for length, chunk in zip(data.shape, data.chunks, strict=True):
        expected *= -(-length // chunk)
    written = data.id.get_num_chunks()
    if written < expected:
        raise ScanFormatError(path, data.name, f"{written} of {expected} chunks written", "all", remedy)
