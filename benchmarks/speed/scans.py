"""Patterns for the benchmarks, from the project's simulator: nickel, Voronoi grains, mixed at boundaries, noisy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.twins import PURE, twin_settings
from benchmarks.speed.benchmark import Arrays
from microstructure_assets.assets.stored_patterns import StoredPatterns
from microstructure_assets.methods.background import BackgroundCorrection, encode
from microstructure_assets.methods.binning import bin_patterns, binned_shape
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.simulation.synthesis import Twin
from microstructure_assets.simulation.twin import simulate
from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.contract import SCHEMA_VERSION, artifact_spec
from microstructure_assets.store.draft import RECORD_FILE, Draft
from microstructure_assets.store.files import write_json

#: Noise deviation over band-signal deviation per pixel: bands are just visible in a single pattern.
NOISE_NU = 1.4
#: Points of the window whose mean is a published reference.
REFERENCE_POINTS = 9
# Raw patterns that are corrected at once.
_BLOCK_BYTES = 32 << 20

Shape = tuple[int, int]


def uncropped(intensity: str = "zero_mean") -> PreprocessingSettings:
    """Preprocessing of whole patterns."""
    return PreprocessingSettings(crop_height_px=0, crop_width_px=0, intensity=intensity, static_background="scan")


def twin_of(shape: Shape, detector_px: Shape, diameter_points: float) -> Twin:
    """A twin of the benchmarks: rows and columns of points, height and width of a pattern, mean grain diameter."""
    height, width = detector_px
    return simulate(
        twin_settings(shape, diameter_points, NOISE_NU, 0, detector_height_px=height, detector_width_px=width)
    )


def corrected(raw: NDArray[np.unsignedinteger], intensity: str = "zero_mean") -> NDArray[np.float32]:
    """Raw patterns ``(..., h, w)`` without their background, (n, h w)."""
    detector = (raw.shape[-2], raw.shape[-1])
    correction = BackgroundCorrection.prepare(detector, uncropped(intensity), None)
    patterns: NDArray[np.float32] = correction(raw.reshape(-1, *detector))
    return patterns.reshape(len(patterns), -1)


def corrected_scan(shape: Shape, detector_px: Shape, diameter_points: float) -> Arrays:
    """Corrected patterns of a scan, mean removed: ``patterns`` (n, p) float32."""
    twin = twin_of(shape, detector_px, diameter_points)
    return {"patterns": corrected(twin.read_rows(0, shape[0]))}


def scan_with_references(shape: Shape, detector_px: Shape, diameter_points: float, count: int) -> Arrays:
    """Corrected patterns between 0 and 1 and the mean patterns of the largest grains.

    Returns
    -------
    dict
        ``patterns`` (n, p) float32 and ``reference`` (count, p) float32.

    Raises
    ------
    ValueError
        If the twin has fewer grains of nine unmixed points.
    """
    twin = twin_of(shape, detector_px, diameter_points)
    patterns = corrected(twin.read_rows(0, shape[0]), "paper")
    pure = twin.truth.own_volume_fraction.ravel() >= PURE
    grain = np.where(pure, twin.truth.grain.ravel(), -1)
    number, size = np.unique(grain[pure], return_counts=True)
    largest = np.argsort(-size, kind="stable")[:count]
    if len(largest) < count or size[largest].min() < REFERENCE_POINTS:
        raise ValueError(
            f"count: found {len(number)} grains, the largest of {np.sort(size)[::-1][:count]} unmixed points; expected "
            f"{count} of at least {REFERENCE_POINTS}"
        )
    means = [patterns[np.flatnonzero(grain == own)[:REFERENCE_POINTS]].mean(axis=0) for own in number[largest]]
    return {"patterns": patterns, "reference": np.stack(means)}


def codes_of(twin: Twin, *, binned: bool = False) -> Arrays:
    """Corrected patterns of a twin as the store has them: 8-bit codes, each pattern with its own scale.

    Returns
    -------
    dict
        ``intensity`` (rows, columns, height, width) uint8, ``gain`` and ``offset`` (rows, columns) float32; of patterns
        averaged over blocks of pixels where `binned`.
    """
    rows, columns, height, width = twin.shape
    detector = binned_shape((height, width)) if binned else (height, width)
    step = max(1, _BLOCK_BYTES // (columns * height * width))
    parts = []
    for start in range(0, rows, step):
        patterns = corrected(twin.read_rows(start, min(rows, start + step)))
        if binned:
            patterns, _ = bin_patterns(patterns, (height, width))
        parts.append(encode(patterns.reshape(-1, *detector)))
    return {
        "intensity": np.concatenate([part.code for part in parts]).reshape(rows, columns, *detector),
        "gain": np.concatenate([part.gain for part in parts]).reshape(rows, columns),
        "offset": np.concatenate([part.offset for part in parts]).reshape(rows, columns),
    }


def stored(folder: Path, scan: Arrays) -> StoredPatterns:
    """Codes of `codes_of` written to a new folder in the layout of the store, to be read as the lane reads them."""
    spec = artifact_spec("preprocessed_patterns")
    draft = Draft(folder, spec)
    stream = draft.stream("intensity", scan["intensity"].shape, np.uint8)
    step = stream.preferred_rows
    for start in range(0, len(scan["intensity"]), step):
        stream.append(scan["intensity"][start : start + step])
    for name in ("gain", "offset"):
        draft.array(name, scan[name], dimensions=("y", "x"))
    # What worker processes open it by.
    record = {"schema_version": SCHEMA_VERSION, "artifact": spec.name, "content_hash": "", "attributes": {}}
    write_json(folder / RECORD_FILE, record)
    return StoredPatterns(Artifact(folder, spec, record))
