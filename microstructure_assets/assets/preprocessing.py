"""The one pass over a scan's raw patterns, and the static background that it removes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets import progress
from microstructure_assets.compute import Compute
from microstructure_assets.errors import InputError
from microstructure_assets.memory import GIB, MEMORY_VARIABLE, MemoryLimit
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.streams import ArrayStream, RowWriter

if TYPE_CHECKING:
    from microstructure_assets.acquisition.pattern_source import PatternSource
    from microstructure_assets.acquisition.scan import Scan
    from microstructure_assets.acquisition.settings import AcquisitionSettings
    from microstructure_assets.methods.background import BackgroundCorrection
    from microstructure_assets.methods.pattern_pass import ProcessedPatterns
    from microstructure_assets.methods.settings import PreprocessingSettings

MAPS = ("pattern_contrast", "mean_intensity", "gain", "offset", "binned_gain", "binned_offset")


class NoPatterns(InputError):
    """A scan without patterns, with ones that are no numbers, or with more than the disk can hold."""


class OpenedScan:
    """A scan's raw files as they were found; another process opens them at its first use, and refuses others.

    Parameters
    ----------
    source : Path
    settings : AcquisitionSettings
        That it is opened with.
    states_hash : str
        Hash of what `file_states` says of its files.
    scan : Scan, optional
        Opened already.
    """

    def __init__(self, source: Path, settings: AcquisitionSettings, states_hash: str, scan: Scan | None = None) -> None:
        self._place, self._scan = (source, settings, states_hash), scan

    def __reduce__(self) -> tuple[Any, ...]:
        """The place alone: who only passes it on, as a scheduler, opens nothing."""
        return OpenedScan, self._place

    @property
    def scan(self) -> Scan:
        """The scan.

        Raises
        ------
        RawFilesChanged
            If the files are not those that were found.
        """
        return self._scan or _opened(*self._place)


@lru_cache(maxsize=2)
def _opened(source: Path, settings: AcquisitionSettings, states_hash: str) -> Scan:
    """The scan in another process; one that works on many bands opens it once."""
    from microstructure_assets.acquisition.formats import open_without_spectra
    from microstructure_assets.acquisition.raw_files import CHANGED, RawFilesChanged, file_states

    scan = open_without_spectra(source, settings)
    if hash_json(file_states(scan.files)) != states_hash:
        raise RawFilesChanged(f"{source}: a worker found files of other names, sizes or times there; {CHANGED}")
    return scan


@dataclass(frozen=True)
class MeasuredRows:
    """What is known of a band of rows once its codes are written.

    Attributes
    ----------
    maps : dict of ndarray
        ``(points,)`` float32 by name.
    digests, binned_digests : bytes
        Of the rows of codes, for the streams.
    raw, codes : dict of ndarray
        Patterns to show, by position in the scan.
    """

    maps: dict[str, np.ndarray]
    digests: bytes
    binned_digests: bytes
    raw: dict[int, np.ndarray]
    codes: dict[int, np.ndarray]


@dataclass(frozen=True)
class PreprocessingWork:
    """Reads, corrects, encodes, writes and measures bands of rows wherever raw files and store can be seen.

    Attributes
    ----------
    raw : OpenedScan
    correction : BackgroundCorrection
    codes : RowWriter or None
        Takes the codes; without it patterns are only measured.
    binned : RowWriter or None
        Takes the codes of the binned patterns of a large detector.
    shown : tuple of int
        Positions of the patterns to show.
    memory : MemoryLimit
    device : str
    """

    raw: OpenedScan
    correction: BackgroundCorrection
    codes: RowWriter | None
    binned: RowWriter | None
    shown: tuple[int, ...]
    memory: MemoryLimit
    device: str

    def __call__(self, rows: tuple[int, int]) -> MeasuredRows:
        """Work on the rows from the first up to the second."""
        scan, (first, last) = self.raw.scan, rows
        columns = scan.grid.columns
        maps = {name: np.empty((last - first) * columns, np.float32) for name in MAPS}
        found = MeasuredRows(maps, b"", b"", {}, {})
        written: list[Future[bytes]] = []
        smaller: list[np.ndarray] = []
        step = self.codes.preferred_rows if self.codes else last - first
        with ThreadPoolExecutor(1) as disk:  # one shard is hashed and written while the next one is worked on
            for part in parts(first, last, step):
                views = {name: values[(part.start - first) * columns :] for name, values in maps.items()}
                codes, small = self._rows(part, views, found)
                smaller += small
                if written:
                    written[-1].result()
                if self.codes:
                    written.append(disk.submit(self.codes.write, part.start, codes))
        digests = b"".join(future.result() for future in written)
        binned_digests = b""
        if self.binned:
            whole = np.concatenate(smaller)
            binned_digests = self.binned.write(first, whole.reshape(-1, columns, *whole.shape[1:]))
        return replace(found, digests=digests, binned_digests=binned_digests)

    def _rows(
        self, rows: slice, maps: Mapping[str, np.ndarray], found: MeasuredRows
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Codes ``(rows, columns, h, w)`` of rows and, by blocks of points, those of their binned patterns.

        Fills maps and patterns to show.
        """
        from microstructure_assets.methods.pattern_pass import PatternPass

        scan = self.raw.scan
        columns = scan.grid.columns
        first, last = rows.start * columns, rows.stop * columns
        kept = last - first if self.codes else 0
        codes, smaller = np.empty((kept, *self.correction.cropped_shape), np.uint8), []
        process = PatternPass.prepare(self.correction, binned=self.binned is not None, device=self.device)
        for read in parts(first, last, points_at_once(scan.patterns, self.memory)):
            raw = _read(scan, np.arange(read.start, read.stop))
            for block in parts(read.start, read.stop, process.block_points):
                patterns = raw[block.start - read.start : block.stop - read.start]
                done = process(patterns)
                inside = slice(block.start - first, block.stop - first)
                for name, values in _maps(done).items():
                    maps[name][inside] = values
                if done.binned:
                    smaller.append(done.binned.code)
                if self.codes:
                    codes[inside] = done.encoded.code
                for place in self.shown:
                    if block.start <= place < block.stop:
                        found.raw[place] = patterns[place - block.start].copy()
                        found.codes[place] = done.encoded.code[place - block.start].copy()
        return codes.reshape(-1, columns, *codes.shape[1:]), smaller


def _maps(done: ProcessedPatterns) -> dict[str, np.ndarray]:
    """The maps' values at the points of a block."""
    binned = {} if done.binned is None else {"binned_gain": done.binned.gain, "binned_offset": done.binned.offset}
    return {
        "pattern_contrast": done.quality.band_contrast,
        "mean_intensity": done.quality.mean_intensity,
        "gain": done.encoded.gain,
        "offset": done.encoded.offset,
        **binned,
    }


@dataclass(frozen=True)
class Preprocessed:
    """What one pass leaves besides the codes: maps ``(rows, columns)`` float32 by name, and four patterns to show."""

    maps: dict[str, np.ndarray]
    raw: np.ndarray
    codes: np.ndarray


def preprocess(
    raw: OpenedScan,
    correction: BackgroundCorrection,
    stream: ArrayStream | None,
    binned: ArrayStream | None,
    compute: Compute,
) -> Preprocessed:
    """Read, correct, encode and measure all patterns, in bands of whole shards of what is written.

    Parameters
    ----------
    raw : OpenedScan
    correction : BackgroundCorrection
    stream : ArrayStream, optional
        Takes the codes; without it patterns are only measured.
    binned : ArrayStream, optional
        Takes the codes of the binned patterns of a large detector; its shards hold whole shards of `stream`.
    compute : Compute
        Where the bands are worked on.
    """
    assert raw.scan.patterns is not None
    rows, columns, *_ = raw.scan.patterns.shape
    if stream:
        _require_room(columns * int(np.prod(correction.cropped_shape)), raw.scan, compute.memory)
    shown = _four_places(rows * columns)
    codes, small = (one.writer if one else None for one in (stream, binned))
    work = PreprocessingWork(raw, correction, codes, small, tuple(shown), compute.memory, compute.device)
    longest = binned or stream
    step = longest.preferred_rows if longest else max(1, points_at_once(raw.scan.patterns, compute.memory) // columns)
    bands = [(part.start, part.stop) for part in parts(0, rows, step)]
    maps = {name: np.empty((rows, columns), np.float32) for name in MAPS}
    shown_raw: dict[int, np.ndarray] = {}
    shown_codes: dict[int, np.ndarray] = {}
    with progress.bar("preprocessing", rows) as bar:
        for band, found in zip(bands, compute.run(work, bands), strict=True):
            for name, values in found.maps.items():
                maps[name][slice(*band)] = values.reshape(-1, columns)
            if stream:
                stream.take(found.digests)
            if binned:
                binned.take(found.binned_digests)
            shown_raw |= found.raw
            shown_codes |= found.codes
            bar.update(band[1] - band[0])
    return Preprocessed(maps, *(np.stack([one[place] for place in shown]) for one in (shown_raw, shown_codes)))


def _require_room(row_bytes: int, scan: Scan, memory: MemoryLimit) -> None:
    """Codes are written by whole rows: one is written while the next one is made, and written they are copied once."""
    needed = 3 * row_bytes
    if needed > memory.pattern_bytes:
        gib = (memory.limit_bytes - memory.pattern_bytes + needed) / GIB
        raise NoPatterns(
            f"{scan.path}: a row of points has {row_bytes / 1e6:,.0f} MB of codes, of which three must fit into the "
            f"memory limit of {memory.limit_bytes / GIB:g} GiB; set {MEMORY_VARIABLE} to at least {gib:.1f}, or crop "
            "more (preprocessing.crop_height_px)"
        )


def _read(scan: Scan, points: np.ndarray) -> np.ndarray:
    """Raw patterns ``(n, height, width)`` of flat positions; all finite."""
    assert scan.patterns is not None
    raw = scan.patterns.read_points(points)
    if raw.dtype.kind == "f":
        # A sum is not finite if any of its terms is not; it needs no second array of the patterns' size.
        with np.errstate(invalid="ignore", over="ignore"):
            odd = np.flatnonzero(~np.isfinite(raw.sum(axis=(1, 2), dtype=np.float64)))
        if odd.size:
            row, column = divmod(int(points[odd[0]]), scan.grid.columns)
            raise NoPatterns(
                f"{scan.path}: found NaN or infinity in {odd.size} of {len(raw)} patterns read together (the first: "
                f"row {row}, column {column}), expected finite grey values; write a constant where nothing was measured"
            )
    return raw


def static_background(scan: Scan, settings: PreprocessingSettings) -> tuple[np.ndarray | None, str]:
    """The static background to remove and where it comes from; estimated where the scan brings none."""
    from microstructure_assets.methods import static_background as estimation
    from microstructure_assets.methods.background import BackgroundCorrection
    from microstructure_assets.methods.noise import noise_variance

    if settings.static_background == "none":
        return None, "none, as set"
    own = scan.static_background
    if own is not None:
        if not np.isfinite(own).all():
            raise NoPatterns(
                f"{scan.path}: static background: found NaN or infinity, expected finite grey values; "
                "declare another image (acquisition.static_background) or set preprocessing.static_background=none"
            )
        return own, "the scan's"
    if settings.static_background == "scan":
        return None, "none: the scan brings none, and none is to be estimated, as set"
    assert scan.patterns is not None
    rows, columns, height, width = scan.patterns.shape
    raw = _read(scan, estimation.sample_points(rows, columns, estimation.sample_size(height, width)))
    correction = BackgroundCorrection.prepare(
        (height, width), settings.model_copy(update={"intensity": "zero_mean", "static_background": "none"}), None
    )
    near = estimation.noise_points(rows, columns)
    beside = correction(_read(scan, near.ravel())).reshape(*near.shape, -1)
    noise = noise_variance(beside, detector_shape=correction.cropped_shape).variance
    found = estimation.estimate_static_background(raw, correction(raw).reshape(len(raw), -1), noise)
    if found.pattern is None:
        return None, f"none: the scan brings none, and {found.reason}"
    return found.pattern, f"estimated: {found.reason}"


def points_at_once(source: PatternSource | None, memory: MemoryLimit) -> int:
    """Points whose raw patterns fill their share of the memory: whole rows, or part of one where that is larger."""
    assert source is not None
    _, columns, height, width = source.shape
    points = max(1, memory.read_bytes // (height * width * source.dtype.itemsize))
    return points // columns * columns or points


def _four_places(count: int) -> list[int]:
    return sorted({count * part // 8 for part in (1, 3, 5, 7)})


def parts(start: int, stop: int, step: int) -> Iterator[slice]:
    """Slices of at most `step` that cover `start` to `stop`."""
    return (slice(place, min(stop, place + step)) for place in range(start, stop, step))
