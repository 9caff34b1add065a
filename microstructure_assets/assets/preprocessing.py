"""The one pass over a scan's raw patterns, and the static background that it removes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets import progress
from microstructure_assets.assets.views import BLOCK_BYTES
from microstructure_assets.errors import InputError

if TYPE_CHECKING:
    from microstructure_assets.acquisition.pattern_source import PatternSource
    from microstructure_assets.acquisition.scan import Scan
    from microstructure_assets.methods.background import BackgroundCorrection
    from microstructure_assets.methods.settings import PreprocessingSettings
    from microstructure_assets.store.draft import ArrayStream

READ_BYTES = 256 << 20
MAPS = ("pattern_contrast", "mean_intensity", "gain", "offset", "binned_gain", "binned_offset")


class NoPatterns(InputError):
    """A scan without patterns, with ones that are no numbers, or with more than the disk can hold."""


@dataclass(frozen=True)
class Preprocessed:
    """What one pass leaves besides the codes: maps ``(rows, columns)`` float32 by name, and four patterns to show."""

    maps: dict[str, np.ndarray]
    raw: np.ndarray
    codes: np.ndarray


class RowBuffer:
    """Collects rows of points until they fill whole shards: a shard that is written twice is also read again."""

    def __init__(self, stream: ArrayStream, rows: int) -> None:
        self._stream, self._left = stream, rows
        self._waiting: list[np.ndarray] = []

    def append(self, block: np.ndarray) -> None:
        """Take the next rows, ``(m, ...)``; the last ones of the scan are written at once."""
        self._waiting.append(block)
        self._left -= len(block)
        step, waiting = self._stream.preferred_rows, sum(len(part) for part in self._waiting)
        whole = waiting if not self._left else waiting // step * step
        if whole:
            rows = np.concatenate(self._waiting)
            self._stream.append(rows[:whole])
            self._waiting = [rows[whole:]]


def preprocess(
    scan: Scan, correction: BackgroundCorrection, stream: ArrayStream | None, binned_stream: ArrayStream | None
) -> Preprocessed:
    """Read, correct, encode and measure all patterns, shard by shard of what is written.

    Parameters
    ----------
    scan : Scan
    correction : BackgroundCorrection
    stream : ArrayStream, optional
        Takes the codes; without it patterns are only measured.
    binned_stream : ArrayStream, optional
        Takes the codes of the binned patterns of a large detector.
    """
    assert scan.patterns is not None
    rows, columns, height, width = scan.patterns.shape
    at_once = _points_at_once(scan.patterns)
    step = stream.preferred_rows if stream else max(1, at_once // columns)
    maps = {name: np.empty(rows * columns, np.float32) for name in MAPS}
    shown = _four_places(rows * columns)
    raw_shown = np.empty((len(shown), height, width), scan.patterns.dtype)
    codes_shown = np.empty((len(shown), *correction.cropped_shape), np.uint8)
    binned = RowBuffer(binned_stream, rows) if binned_stream else None
    with progress.bar("preprocessing", rows) as bar:
        for start in range(0, rows, step):
            first, last = start * columns, min(rows, start + step) * columns
            codes, smaller = np.empty((last - first, *correction.cropped_shape), np.uint8), []
            for block in parts(first, last, at_once):
                raw = _read(scan, np.arange(block.start, block.stop))
                inside = slice(block.start - first, block.stop - first)
                codes[inside], small = _correct(
                    raw, correction, {name: values[block] for name, values in maps.items()}, binned is not None
                )
                smaller.append(small)
                for number, place in enumerate(shown):
                    if block.start <= place < block.stop:
                        raw_shown[number], codes_shown[number] = raw[place - block.start], codes[place - first]
            if stream:
                stream.append(codes.reshape(-1, columns, *correction.cropped_shape))
            if binned:
                whole = np.concatenate(smaller)
                binned.append(whole.reshape(-1, columns, *whole.shape[1:]))
            bar.update((last - first) // columns)
    return Preprocessed({name: values.reshape(rows, columns) for name, values in maps.items()}, raw_shown, codes_shown)


def _correct(
    raw: np.ndarray, correction: BackgroundCorrection, maps: Mapping[str, np.ndarray], binned: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Codes ``(n, h, w)`` uint8 of raw patterns and of binned ones, if asked for; fills the views `maps` ``(n,)``."""
    from microstructure_assets.methods.background import encode
    from microstructure_assets.methods.binning import bin_patterns, binned_shape
    from microstructure_assets.methods.quality import pattern_quality

    codes = np.empty((len(raw), *correction.cropped_shape), np.uint8)
    small = np.empty((len(raw) if binned else 0, *binned_shape(correction.cropped_shape)), np.uint8)
    for part in parts(0, len(raw), max(1, BLOCK_BYTES // (4 * raw.shape[1] * raw.shape[2]))):
        corrected = correction(raw[part])
        measured = pattern_quality(raw[part], corrected)
        encoded = encode(corrected)
        codes[part] = encoded.code
        maps["pattern_contrast"][part] = measured.band_contrast
        maps["mean_intensity"][part] = measured.mean_intensity
        maps["gain"][part], maps["offset"][part] = encoded.gain, encoded.offset
        if binned:
            height, width = correction.cropped_shape
            means, _ = bin_patterns(corrected.reshape(-1, height * width), (height, width))
            encoded = encode(means.reshape(-1, *small.shape[1:]))
            small[part] = encoded.code
            maps["binned_gain"][part], maps["binned_offset"][part] = encoded.gain, encoded.offset
    return codes, small


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


def _points_at_once(source: PatternSource) -> int:
    """Points whose raw patterns fill at most `READ_BYTES`: whole rows, or part of a row where that is larger."""
    _, columns, height, width = source.shape
    points = max(1, READ_BYTES // (height * width * source.dtype.itemsize))
    return points // columns * columns or points


def _four_places(count: int) -> list[int]:
    return sorted({count * part // 8 for part in (1, 3, 5, 7)})


def parts(start: int, stop: int, step: int) -> Iterator[slice]:
    """Slices of at most `step` that cover `start` to `stop`."""
    return (slice(place, min(stop, place + step)) for place in range(start, stop, step))
