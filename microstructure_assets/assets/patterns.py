"""The scan's own assets: manifest, preprocessed patterns, quality, subspace and analysis tiling."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets import progress
from microstructure_assets.assets.lane import Maker, lane
from microstructure_assets.assets.views import BLOCK_BYTES, ScanView
from microstructure_assets.assets.writing import add_picture
from microstructure_assets.errors import InputError
from microstructure_assets.store.content import hash_columns
from microstructure_assets.store.draft import Draft

if TYPE_CHECKING:
    from microstructure_assets.acquisition.scan import Scan
    from microstructure_assets.methods.settings import PreprocessingSettings

STATIC_SAMPLE = 400
NOISE_SAMPLE_COLUMNS = 40


class NoPatterns(InputError):
    """A scan without patterns, or with more than the disk can hold."""


def fill_scan_manifest(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Read the header, hash the raw files, write down what the scan is."""
    from microstructure_assets.acquisition.formats import open_scan
    from microstructure_assets.acquisition.raw_files import hash_files

    draft, source = drafts["scan_manifest"], Path(view.scan.source)
    scan = open_scan(source, view.settings("acquisition"))
    files = hash_files(scan.files, source if source.is_dir() else source.parent)
    draft.table("files", files)
    summary = scan.summary()
    draft.document(
        {
            **summary,
            "raw_files": {
                "count": len(files["path"]),
                "bytes": int(files["bytes"].sum()),
                "hash": hash_columns("files", files),
            },
        }
    )
    draft.attributes.update(
        {
            "format": scan.format_name,
            "points": scan.grid.rows * scan.grid.columns,
            "raw_bytes": int(files["bytes"].sum()),
            "has_patterns": int(scan.patterns is not None),
        }
    )


def fill_patterns(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """One pass over the raw patterns: correct, encode, measure quality."""
    from microstructure_assets.acquisition.formats import open_scan
    from microstructure_assets.methods.background import BackgroundCorrection, encode
    from microstructure_assets.methods.quality import pattern_quality

    scan = open_scan(Path(view.scan.source), view.settings("acquisition"))
    if scan.patterns is None:
        raise NoPatterns(
            f"{view.scan.source}: holds maps but no patterns; the pattern lane needs the patterns of the scan"
        )
    rows, columns, *detector = scan.patterns.shape
    settings = view.settings("preprocessing")
    static, origin = static_background(scan, settings)
    correction = BackgroundCorrection.prepare((detector[0], detector[1]), settings, static)
    stored, quality = drafts.get("preprocessed_patterns"), drafts.get("pattern_quality")
    streams = _pattern_streams(view, stored, (rows, columns, *correction.cropped_shape)) if stored else {}
    contrast = np.empty((rows, columns), dtype=np.float32)
    intensity = np.empty((rows, columns), dtype=np.float32)
    gains, offsets = np.empty_like(contrast), np.empty_like(contrast)
    step = (
        streams["intensity"].preferred_rows if streams else max(1, BLOCK_BYTES // (columns * detector[0] * detector[1]))
    )
    sample: list[tuple[np.ndarray, np.ndarray]] = []
    with progress.bar("preprocessing", rows) as bar:
        for start in range(0, rows, step):
            raw = scan.patterns.read_rows(start, min(rows, start + step))
            flat = raw.reshape(-1, *detector)
            codes = np.empty((len(flat), *correction.cropped_shape), dtype=np.uint8)
            area = slice(start, start + len(raw))
            for part in _parts(len(flat), detector):
                corrected = correction(flat[part])
                measured = pattern_quality(flat[part], corrected)
                encoded = encode(corrected)
                codes[part] = encoded.code
                for target, values in (
                    (contrast, measured.band_contrast),
                    (intensity, measured.mean_intensity),
                    (gains, encoded.gain),
                    (offsets, encoded.offset),
                ):
                    target[area].reshape(-1)[part] = values
            if streams:
                streams["intensity"].append(codes.reshape(*raw.shape[:2], *correction.cropped_shape))
            if not sample:
                sample = [(flat[place].copy(), codes[place].copy()) for place in _four_places(len(flat))]
            bar.update(len(raw))
    if stored:
        _finish_patterns(view, stored, gains, offsets, sample, origin)
    if quality:
        _finish_quality(view, quality, scan, contrast, intensity)


def static_background(scan: Scan, settings: PreprocessingSettings) -> tuple[np.ndarray | None, str]:
    """The static background to remove and where it comes from; estimated where the scan brings none."""
    from microstructure_assets.methods.background import BackgroundCorrection
    from microstructure_assets.methods.noise import noise_variance
    from microstructure_assets.methods.static_background import estimate_static_background

    if settings.static_background == "none":
        return None, "none, as set"
    own = scan.static_background
    if own is not None:
        return own, "the scan's"
    assert scan.patterns is not None
    rows, columns, height, width = scan.patterns.shape
    wanted = max(2, min(STATIC_SAMPLE, BLOCK_BYTES * 4 // (height * width * 4)))
    picked = sorted({rows * part // wanted for part in range(wanted)})
    stride = max(1, len(picked) * columns // wanted)
    raw = np.concatenate([scan.patterns.read_rows(row, row + 1)[0, ::stride] for row in picked])
    correction = BackgroundCorrection.prepare(
        (height, width), settings.model_copy(update={"intensity": "zero_mean", "static_background": "none"}), None
    )
    near = scan.patterns.read_rows(0, min(rows, 3))[:, :NOISE_SAMPLE_COLUMNS]
    beside = correction(near.reshape(-1, height, width)).reshape(*near.shape[:2], -1)
    noise = noise_variance(beside, detector_shape=correction.cropped_shape).variance
    found = estimate_static_background(raw, correction(raw).reshape(len(raw), -1), noise)
    if found.pattern is None:
        return None, f"none: the scan brings none, and {found.reason}"
    return found.pattern, f"estimated: {found.reason}"


def fill_pattern_subspace(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Principal components of the whole scan."""
    from microstructure_assets.methods.subspace import scan_subspace

    draft, patterns, settings = drafts["pattern_subspace"], view.patterns, view.settings("subspace")
    rows, columns, pixels = patterns.shape
    height, width = patterns.pattern_shape
    subspace = scan_subspace(patterns.blocks, pixels, settings)
    count = len(subspace.loading)
    score = draft.stream("score", (rows, columns, count), np.float32)
    residual = np.empty((rows, columns), dtype=np.float32)
    step, row = score.preferred_rows, 0
    with progress.bar("subspace", rows) as bar:
        for start in range(0, rows, step):
            block = patterns.read(start, min(rows, start + step), 0, columns)
            projected, left = subspace.project(block.reshape(-1, pixels))
            score.append(projected.reshape(len(block), columns, count))
            residual[row : row + len(block)] = left.reshape(len(block), columns)
            row += len(block)
            bar.update(len(block))
    view.save(
        draft,
        {
            "loading": subspace.loading.reshape(count, height, width),
            "explained_variance_ratio": subspace.explained_variance_ratio,
            "residual_energy": residual,
        },
        facts={"components": count, "explained_variance": float(np.sum(subspace.explained_variance_ratio))},
    )


def fill_analysis_tiling(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """The ROIs and tiles that the scan is analysed in."""
    from microstructure_assets.methods.tiling import analysis_tiling

    draft = drafts["analysis_tiling"]
    rows, columns = view.grid_shape
    step_y, step_x = view.steps_um
    tiling = analysis_tiling(rows, columns, view.settings("tiling"))
    bounds = [(tile.slot, index, roi) for tile in tiling.tiles for index, roi in enumerate(tile.rois)]
    table = {
        "slot": np.asarray([slot for slot, _, _ in bounds], dtype=object),
        "roi": np.asarray([index for _, index, _ in bounds], dtype=np.int32),
        **{
            name: np.asarray([getattr(roi, name) for _, _, roi in bounds], dtype=np.int64)
            for name in ("row_start", "row_stop", "column_start", "column_stop")
        },
    }
    height, width = rows / tiling.n, columns / tiling.n
    facts = {
        "n": tiling.n,
        "roi_count": len(bounds),
        "tile_count": len(tiling.tiles),
        "roi_height_points": height,
        "roi_width_points": width,
        "roi_height_um": height * step_y,
        "roi_width_um": width * step_x,
        "why": tiling.reason,
    }
    draft.table("tiles", table)
    draft.document(facts)
    draft.attributes.update(facts)
    add_picture(draft, {"shape": np.asarray([rows, columns])}, {"tiles": table}, view.grid, view.heading)


def _pattern_streams(view: ScanView, draft: Draft, shape: tuple[int, ...]) -> dict[str, Any]:
    needed, free = int(np.prod(shape, dtype=np.int64)), shutil.disk_usage(draft.folder).free
    if needed * 1.05 > free:
        raise NoPatterns(
            f"{view.scan_name}: the preprocessed patterns need {needed / 1e9:.1f} GB, found {free / 1e9:.1f} GB free "
            f"on {view.store.home.root}; free some, crop more (preprocessing.crop_height_px) or choose another --home"
        )
    return {"intensity": draft.stream("intensity", shape, np.uint8)}


def _four_places(count: int) -> list[int]:
    return sorted({count * part // 8 for part in (1, 3, 5, 7)})


def _parts(count: int, detector: list[int]) -> Iterator[slice]:
    step = max(1, BLOCK_BYTES // (detector[0] * detector[1] * 4))
    return (slice(start, min(count, start + step)) for start in range(0, count, step))


def _finish_patterns(
    view: ScanView,
    draft: Draft,
    gain: np.ndarray,
    offset: np.ndarray,
    sample: list[tuple[np.ndarray, np.ndarray]],
    origin: str,
) -> None:
    view.save(
        draft,
        {"gain": gain, "offset": offset},
        facts={"quantisation_step_median": float(np.median(gain)), "static_background": origin},
        shown_arrays={
            "raw": np.stack([item[0] for item in sample]),
            "corrected": np.stack([item[1] for item in sample]),
        },
    )


def _finish_quality(view: ScanView, draft: Draft, scan: Any, contrast: np.ndarray, intensity: np.ndarray) -> None:
    vendor = None if scan.band_contrast is None else np.asarray(scan.band_contrast.read(), dtype=np.float32)
    chosen = contrast if vendor is None else vendor
    view.save(
        draft,
        {"band_contrast": chosen, "mean_intensity": intensity, "pattern_contrast": contrast},
        more_dimensions={"pattern_contrast": ("y", "x")},
        facts={
            "band_contrast_source": "computed from the patterns"
            if vendor is None
            else f"the vendor's ({scan.band_contrast.name})",
            "band_contrast_median": float(np.median(chosen)),
            "mean_intensity_median": float(np.median(intensity)),
        },
    )


MAKERS = (
    Maker(("scan_manifest",), fill_scan_manifest),
    Maker(("preprocessed_patterns", "pattern_quality"), fill_patterns),
    Maker(("pattern_subspace",), fill_pattern_subspace),
    Maker(("analysis_tiling",), fill_analysis_tiling),
)

scan_lane = lane("patterns", "patterns", MAKERS)
