"""The scan's own assets: what they read, how much of it at once, and what they refuse."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from microstructure_assets.acquisition import formats, raw_files
from microstructure_assets.acquisition.binary_files import BinaryPatterns
from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.scan import Scan
from microstructure_assets.assets import preprocessing
from microstructure_assets.assets.making import make
from microstructure_assets.assets.patterns import MAKERS
from microstructure_assets.assets.stored_patterns import StoredPatterns
from microstructure_assets.errors import InputError
from microstructure_assets.memory import MemoryLimit
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets_tests.acquisition.conftest import write_kikuchipy_h5, write_up

MANIFEST, PATTERNS, SUBSPACE = MAKERS[:3]


def scan_of(rows: int, columns: int, side: int = 12, seed: int = 0, kinds: int = 12) -> NDArray[np.uint8]:
    """Patterns of a few kinds with noise, (rows, columns, side, side)."""
    draw = np.random.default_rng(seed)
    bands = draw.uniform(60, 180, (kinds, side, side))
    label = draw.integers(kinds, size=(rows, columns))
    return np.clip(bands[label] + draw.normal(0, 5, (rows, columns, side, side)), 0, 255).astype(np.uint8)


@pytest.fixture
def scan(store: Store, tmp_path: Path) -> Path:
    """A registered scan of 6 x 9 points."""
    path = tmp_path / "scan.up1"
    write_up(path, scan_of(6, 9), version=3)
    ScanRegistry(store.home).register("s", path)
    return path


def made(store: Store, maker: Any, settings: Mapping[str, Any] | None = None) -> dict[str, Artifact]:
    """The artifacts of one maker, as the lane has them made."""
    if settings:
        SettingsLayers(store.home).configure("s", settings)
    outcomes = make(store, "s", None, maker, maker.artifacts, {})
    return {name: outcome.artifact for name, outcome in outcomes.items()}


def test_a_file_that_changed_since_the_manifest_is_not_stored_under_its_name(store: Store, scan: Path) -> None:
    made(store, MANIFEST)
    write_up(scan, scan_of(6, 9, seed=1), version=3)
    with pytest.raises(InputError, match=r"scan\.up1.*changed while it was read; characterize again"):
        made(store, PATTERNS)
    assert store.head("s", "preprocessed_patterns") is None
    assert not list((store.home.store / "drafts").glob("*"))
    made(store, MANIFEST)
    raw = scan_of(6, 9, seed=1).mean(axis=(2, 3))
    np.testing.assert_allclose(made(store, PATTERNS)["pattern_quality"].array("mean_intensity"), raw, rtol=1e-6)


def test_a_file_that_changes_under_the_pass_is_not_stored(
    store: Store, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(store, MANIFEST)
    original = BinaryPatterns.read_points

    def read(self: BinaryPatterns, points: NDArray[np.int64]) -> NDArray[Any]:
        with scan.open("ab") as stream:
            stream.write(b"x")
        return original(self, points)

    monkeypatch.setattr(BinaryPatterns, "read_points", read)
    with pytest.raises(InputError, match=r"scan\.up1 of \d+ bytes: expected .* changed while it was read"):
        made(store, PATTERNS)
    assert store.head("s", "pattern_quality") is None


def test_a_file_that_changes_while_it_is_hashed_gives_no_manifest(
    store: Store, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = raw_files._sha256

    def growing(path: Path) -> str:
        digest = original(path)
        with path.open("ab") as stream:
            stream.write(b"x")
        return digest

    monkeypatch.setattr(raw_files, "_sha256", growing)
    with pytest.raises(InputError, match="changed while it was read"):
        made(store, MANIFEST)
    assert store.head("s", "scan_manifest") is None


def test_a_file_that_changes_after_the_recipe_is_written_gives_no_manifest(
    store: Store, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = formats.open_scan

    def opened(*arguments: Any) -> Scan:
        os.utime(scan, ns=(1, 1))
        return original(*arguments)

    monkeypatch.setattr(formats, "open_scan", opened)
    with pytest.raises(InputError, match=r"scan\.up1: found other files, sizes or times .* characterize again"):
        made(store, MANIFEST)
    assert store.head("s", "scan_manifest") is None


def test_a_file_that_was_only_touched_keeps_its_content_and_its_patterns(store: Store, scan: Path) -> None:
    first, patterns = made(store, MANIFEST)["scan_manifest"], made(store, PATTERNS)["preprocessed_patterns"]
    os.utime(scan, ns=(1, 1))
    second = made(store, MANIFEST)["scan_manifest"]
    assert first.notes["raw_files_state"] != second.notes["raw_files_state"]
    assert first.content_hash == second.content_hash
    assert made(store, PATTERNS)["preprocessed_patterns"].folder == patterns.folder


@pytest.mark.parametrize("points", [1, 5, 9, 20])
def test_no_more_raw_patterns_are_held_than_allowed(
    store: Store, scan: Path, monkeypatch: pytest.MonkeyPatch, points: int
) -> None:
    settings = {"preprocessing.crop_height_px": 6, "preprocessing.crop_width_px": 6}
    made(store, MANIFEST)
    whole = made(store, PATTERNS, settings)
    counts: list[int] = []
    original = BinaryPatterns.read_points

    def read(self: BinaryPatterns, wanted: NDArray[np.int64]) -> NDArray[Any]:
        counts.append(len(wanted))
        return original(self, wanted)

    monkeypatch.setattr(BinaryPatterns, "read_points", read)
    monkeypatch.setattr(MemoryLimit, "read_bytes", points * 12 * 12)
    (whole["preprocessed_patterns"].folder / "artifact.json").unlink()
    (whole["pattern_quality"].folder / "artifact.json").unlink()
    hashes = {name: artifact.content_hash for name, artifact in whole.items()}
    for artifact in whole.values():
        artifact.folder.rename(artifact.folder.with_name("away"))
    again = made(store, PATTERNS)
    static, noise, *passed = counts
    assert (static, noise) == (54, 27)
    assert max(passed) == {1: 1, 5: 5, 9: 9, 20: 18}[points]
    assert sum(passed) == 54
    assert {name: artifact.content_hash for name, artifact in again.items()} == hashes


def test_the_components_are_scored_by_blocks_of_bounded_size(
    store: Store, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(store, MANIFEST)
    made(store, PATTERNS)
    rows: list[int] = []
    original = StoredPatterns.read

    def read(self: StoredPatterns, start: int, stop: int, *columns: int) -> NDArray[np.float32]:
        rows.append(stop - start)
        return original(self, start, stop, *columns)

    monkeypatch.setattr(StoredPatterns, "read", read)
    monkeypatch.setattr(StoredPatterns, "rows_per_block", lambda self: 4)
    subspace = made(store, SUBSPACE)["pattern_subspace"]
    assert max(rows) == 4
    assert np.all(np.isfinite(subspace.array("score")))
    assert np.all(subspace.array("residual_energy") >= 0)


def test_the_static_background_is_estimated_from_single_points(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_up(scan, scan_of(420, 8), version=3)
    opened = open_scan(scan)
    monkeypatch.setattr(BinaryPatterns, "read_rows", None)
    counts: list[int] = []
    original = BinaryPatterns.read_points

    def read(self: BinaryPatterns, wanted: NDArray[np.int64]) -> NDArray[Any]:
        counts.append(len(wanted))
        return original(self, wanted)

    monkeypatch.setattr(BinaryPatterns, "read_points", read)
    pattern, origin = preprocessing.static_background(opened, PreprocessingSettings())
    assert pattern is not None
    assert "estimated: mean of 400 patterns of about 12 kinds" in origin
    assert counts == [400, 24]


def test_a_tall_scan_whose_columns_differ_shows_all_its_kinds(scan: Path) -> None:
    draw = np.random.default_rng(2)
    bands = draw.uniform(60, 180, (40, 12, 12))
    row, column = np.indices((420, 8))
    label = row // 84 * 8 + column  # every column of every fifth of the rows is a kind of its own
    patterns = np.clip(bands[label] + draw.normal(0, 5, (420, 8, 12, 12)), 0, 255).astype(np.uint8)
    write_up(scan, patterns, version=3)
    pattern, origin = preprocessing.static_background(open_scan(scan), PreprocessingSettings())
    assert pattern is not None
    kinds = float(origin.split("of about ")[1].split(" kinds")[0])
    assert kinds > 25, origin
    assert np.std(pattern - bands.mean(axis=0)) < 2.0, "the mean of all kinds, of which a column has a fifth"


def test_a_scan_of_one_point_has_no_components(store: Store, scan: Path) -> None:
    write_up(scan, scan_of(1, 1), version=3)
    made(store, MANIFEST)
    assert made(store, PATTERNS)["preprocessed_patterns"].array("gain").shape == (1, 1)
    with pytest.raises(InputError, match=r"s: found 1 point, expected 2 at least"):
        made(store, SUBSPACE)


@pytest.mark.parametrize(("rows", "columns"), [(1, 50), (50, 1), (2, 1)])
def test_few_points_and_lines_are_preprocessed(store: Store, scan: Path, rows: int, columns: int) -> None:
    raw = scan_of(rows, columns)
    write_up(scan, raw, version=3)
    made(store, MANIFEST)
    quality = made(store, PATTERNS)["pattern_quality"]
    np.testing.assert_allclose(quality.array("mean_intensity"), raw.mean(axis=(2, 3)), rtol=1e-6)
    assert made(store, SUBSPACE)["pattern_subspace"].array("score").shape[:2] == (rows, columns)


def test_constant_patterns_are_preprocessed(store: Store, scan: Path) -> None:
    write_up(scan, np.full((6, 9, 12, 12), 7, np.uint8), version=3)
    made(store, MANIFEST)
    patterns = made(store, PATTERNS)
    assert np.all(patterns["preprocessed_patterns"].array("gain") == 0)
    assert np.all(patterns["pattern_quality"].array("band_contrast") == 0)
    assert "do not differ" in patterns["preprocessed_patterns"].attributes["static_background"]
    assert np.all(np.isfinite(made(store, SUBSPACE)["pattern_subspace"].array("score")))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("background", [False, True])
def test_patterns_that_are_no_numbers_are_refused_with_their_place(
    store: Store, tmp_path: Path, value: float, background: bool
) -> None:
    patterns = scan_of(30, 40).astype(np.float32)
    patterns[17, 23, 4, 5] = value
    write_kikuchipy_h5(tmp_path / "scan.h5", patterns)
    with h5py.File(tmp_path / "scan.h5", "r+") as file:
        if background:  # else it is estimated, of points among which the odd one may be or not
            file["Scan 1/EBSD/Header/static_background"] = np.full((12, 12), 100.0)
    ScanRegistry(store.home).register("s", tmp_path / "scan.h5")
    made(store, MANIFEST)
    with pytest.raises(InputError, match=r"scan\.h5: found NaN or infinity in 1 of .* row 17, column 23\), expected"):
        made(store, PATTERNS)


def test_a_static_background_that_is_no_number_is_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    write_kikuchipy_h5(path, scan_of(3, 4))
    with h5py.File(path, "r+") as file:
        file["Scan 1/EBSD/Header/static_background"] = np.full((12, 12), np.nan)
    ScanRegistry(store.home).register("s", path)
    made(store, MANIFEST)
    with pytest.raises(InputError, match=r"scan\.h5: static background: found NaN"):
        made(store, PATTERNS)
