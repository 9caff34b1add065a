"""The scan's own assets: manifest, preprocessed patterns, quality and subspace."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets import progress
from microstructure_assets.assets.lane import lane
from microstructure_assets.assets.making import Maker
from microstructure_assets.assets.preprocessing import (
    NoPatterns,
    OpenedScan,
    Preprocessed,
    parts,
    preprocess,
    static_background,
)
from microstructure_assets.assets.raw_states import STATE, states_of_manifest
from microstructure_assets.assets.views import ScanView
from microstructure_assets.errors import InputError
from microstructure_assets.store.content import hash_columns, hash_json
from microstructure_assets.store.draft import Draft
from microstructure_assets.store.recipes import source_fingerprint
from microstructure_assets.store.streams import ArrayStream

if TYPE_CHECKING:
    from microstructure_assets.acquisition.scan import Scan


class TooFewPoints(InputError):
    """A scan of a single point."""


def fill_scan_manifest(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Read the header, hash the raw files, write down what the scan is."""
    from microstructure_assets.acquisition.formats import open_scan
    from microstructure_assets.acquisition.raw_files import (
        CHANGED,
        RawFilesChanged,
        file_states,
        hash_files,
        require_same,
    )
    from microstructure_assets.acquisition.source_files import element_files

    draft, source, settings = drafts["scan_manifest"], Path(view.scan.source), view.settings("acquisition")
    scan = open_scan(source, settings)
    states = file_states(scan.files)
    # Else what is hashed now would be kept under the key of what was there when the recipe was written.
    if source_fingerprint(settings.source_files(source)) != view.facts["source"]:
        raise RawFilesChanged(f"{source}: found other files, sizes or times than a moment ago; {CHANGED}")
    root = source if source.is_dir() else source.parent
    # Hashing reads the whole scan: not again because a tilt was declared.
    files = _known_hashes(view, states, root, scan.files)
    if files is None:
        files = hash_files(scan.files, root)
        require_same(states, scan.files)
    draft.table("files", files)
    others = [os.path.relpath(file, root) for file in element_files(source, settings.eds_file)]
    summary = scan.summary()
    draft.document(
        {
            **summary,
            "raw_files": {
                "count": len(files["path"]),
                "bytes": int(files["bytes"].sum()),
                "hash": hash_columns("files", files),
                "hash_but_element_files": hash_columns("files", _but(files, others)),
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
    draft.notes[STATE] = hash_json(states)


def _but(files: Mapping[str, np.ndarray], others: Sequence[str]) -> dict[str, np.ndarray]:
    """The rows of the other files."""
    kept = ~np.isin(files["path"].astype(str), others)
    return {name: values[kept] for name, values in files.items()}


def _known_hashes(
    view: ScanView, states: list[tuple[str, int, int]], root: Path, files: Sequence[Path]
) -> dict[str, np.ndarray] | None:
    """The hashes of the manifest that stands, where the same code made it of the same files in the same states."""
    known = view.standing("scan_manifest")
    if known is None or known.notes.get(STATE) != hash_json(states):
        return None
    table = known.table("files")
    same_code = known.record["recipe"]["code_version"] == view.recipes[0].code_version
    same_files = table["path"].tolist() == [os.path.relpath(path, root) for path in sorted(files)]
    return table if same_code and same_files else None


def fill_patterns(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """One pass over the raw patterns: correct, encode, measure quality."""
    from microstructure_assets.acquisition.formats import open_without_spectra
    from microstructure_assets.acquisition.raw_files import require_same
    from microstructure_assets.methods.background import BackgroundCorrection

    acquisition = view.settings("acquisition")
    scan = open_without_spectra(Path(view.scan.source), acquisition)
    if scan.patterns is None:
        raise NoPatterns(
            f"{view.scan.source}: holds maps but no patterns; the pattern lane needs the patterns of the scan"
        )
    states = states_of_manifest(view, scan)
    rows, columns, height, width = scan.patterns.shape
    settings = view.settings("preprocessing")
    static, origin = static_background(scan, settings)
    correction = BackgroundCorrection.prepare((height, width), settings, static)
    stored, quality = drafts.get("preprocessed_patterns"), drafts.get("pattern_quality")
    stream, binned = (
        pattern_streams(stored, (rows, columns, *correction.cropped_shape), view.scan_name, view.store.home.root)
        if stored
        else (None, None)
    )
    found = preprocess(
        OpenedScan(scan.path, acquisition, hash_json(states), scan), correction, stream, binned, view.compute
    )
    for draft in drafts.values():
        draft.notes["compute"] = view.compute.account()
    if stored:
        _finish_patterns(view, stored, found, origin, binned is not None)
    if quality:
        _finish_quality(view, quality, scan, found)
    require_same(states, scan.files)


def fill_pattern_subspace(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Principal components of the whole scan."""
    from microstructure_assets.methods.subspace import scan_subspace

    draft, patterns, settings = drafts["pattern_subspace"], view.patterns, view.settings("subspace")
    rows, columns, pixels = patterns.shape
    if rows * columns < 2:
        raise TooFewPoints(
            f"{view.scan_name}: found 1 point, expected 2 at least: components are differences between patterns; "
            "characterize a scan of more points"
        )
    height, width = patterns.pattern_shape
    subspace = scan_subspace(patterns.blocks, pixels, settings)
    count = len(subspace.loading)
    score = draft.stream("score", (rows, columns, count), np.float32)
    residual = np.empty((rows, columns), dtype=np.float32)
    step = score.preferred_rows
    with progress.bar("subspace", rows) as bar:
        for start in range(0, rows, step):
            shard = np.empty((min(rows, start + step) - start, columns, count), np.float32)
            for part in parts(0, len(shard), patterns.rows_per_block()):
                block = patterns.read(start + part.start, start + part.stop, 0, columns)
                projected, left = subspace.project(block.reshape(-1, pixels))
                shard[part] = projected.reshape(len(block), columns, count)
                residual[start + part.start : start + part.stop] = left.reshape(len(block), columns)
                bar.update(len(block))
            score.append(shard)
    view.save(
        draft,
        {
            "loading": subspace.loading.reshape(count, height, width),
            "explained_variance_ratio": subspace.explained_variance_ratio,
            "residual_energy": residual,
        },
        facts={"components": count, "explained_variance": float(np.sum(subspace.explained_variance_ratio))},
    )


def pattern_streams(
    draft: Draft, shape: tuple[int, int, int, int], scan_name: str, root: Path
) -> tuple[ArrayStream, ArrayStream | None]:
    """Where the codes go, and those of the binned patterns where the detector is large.

    Raises
    ------
    NoPatterns
        If the disk of `root` has no room for them.
    """
    from microstructure_assets.methods.binning import binned_shape

    small = binned_shape(shape[2:])
    pixels = shape[2] * shape[3] + (small[0] * small[1] if small != shape[2:] else 0)
    needed, free = shape[0] * shape[1] * pixels, shutil.disk_usage(draft.folder).free
    if needed * 1.05 > free:
        raise NoPatterns(
            f"{scan_name}: the preprocessed patterns need {needed / 1e6:,.1f} MB, found {free / 1e6:,.1f} MB free "
            f"on {root}; free some, crop more (preprocessing.crop_height_px) or choose another --home"
        )
    stream = draft.stream("intensity", shape, np.uint8)
    if small == shape[2:]:
        return stream, None
    dimensions = ("y", "x", "dy_binned", "dx_binned")
    return stream, draft.stream(
        "binned_intensity",
        (*shape[:2], *small),
        np.uint8,
        dimensions=dimensions,
        units="1",
        row_multiple=stream.preferred_rows,
    )


def _finish_patterns(view: ScanView, draft: Draft, found: Preprocessed, origin: str, binned: bool) -> None:
    gain, small = found.maps["gain"], ["binned_gain", "binned_offset"] if binned else []
    view.save(
        draft,
        {name: found.maps[name] for name in ["gain", "offset", *small]},
        more_dimensions=dict.fromkeys(small, ("y", "x")),
        facts={"quantisation_step_median": float(np.median(gain)), "static_background": origin},
        shown_arrays={"raw": found.raw, "corrected": found.codes},
    )


def _finish_quality(view: ScanView, draft: Draft, scan: Scan, found: Preprocessed) -> None:
    vendor = None if scan.band_contrast is None else np.asarray(scan.band_contrast.read(), dtype=np.float32)
    contrast, intensity = found.maps["pattern_contrast"], found.maps["mean_intensity"]
    chosen = contrast if vendor is None else vendor
    view.save(
        draft,
        {"band_contrast": chosen, "mean_intensity": intensity, "pattern_contrast": contrast},
        more_dimensions={"pattern_contrast": ("y", "x")},
        facts={
            "band_contrast_source": "computed from the patterns"
            if scan.band_contrast is None
            else f"the vendor's ({scan.band_contrast.name})",
            "band_contrast_median": float(np.median(chosen)),
            "mean_intensity_median": float(np.median(intensity)),
        },
    )


MAKERS = (
    Maker(("scan_manifest",), fill_scan_manifest),
    Maker(("preprocessed_patterns", "pattern_quality"), fill_patterns),
    Maker(("pattern_subspace",), fill_pattern_subspace),
)

scan_lane = lane("patterns", "patterns", MAKERS)
