"""The pass over raw patterns in bands: what is passed on, what is refused, and what is held at a time."""

from __future__ import annotations

import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.raw_files import RawFilesChanged, file_states
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.assets import preprocessing
from microstructure_assets.assets.patterns import pattern_streams
from microstructure_assets.assets.preprocessing import NoPatterns, OpenedScan, preprocess
from microstructure_assets.compute import LocalCompute
from microstructure_assets.memory import PROGRAM_BYTES, MemoryLimit
from microstructure_assets.methods import pattern_pass
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.twin import make_twin
from microstructure_assets.store import streams
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.draft import Draft

MIB = 1 << 20


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> OpenedScan:
    """A twin of 40 x 50 points and 96 x 96 pixels, so large that its patterns are binned."""
    settings = TwinSettings(rows=40, columns=50, detector_height_px=96, detector_width_px=96, noise_nu=0.7, seed=1)
    path = make_twin(settings, tmp_path_factory.mktemp("twin") / "twin.h5").path
    scan = open_scan(path, AcquisitionSettings())
    return OpenedScan(path, AcquisitionSettings(), hash_json(file_states(scan.files)), scan)


def passed(raw: OpenedScan, folder: Path, limit: MemoryLimit) -> tuple[Draft, preprocessing.Preprocessed]:
    """The pass into a draft."""
    assert raw.scan.patterns is not None
    rows, columns, height, width = raw.scan.patterns.shape
    correction = BackgroundCorrection.prepare((height, width), PreprocessingSettings(static_background="none"), None)
    draft = Draft(folder, artifact_spec("preprocessed_patterns"))
    both = pattern_streams(draft, (rows, columns, height, width), "twin", folder.parent)
    return draft, preprocess(raw, correction, *both, LocalCompute(limit))


def test_what_is_held_at_a_time_follows_the_limit_and_changes_nothing(
    raw: OpenedScan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "CHUNK_BYTES", 16 * 96 * 96)  # bands of four rows, 1.8 MB of codes
    monkeypatch.setattr(pattern_pass, "BLOCK_BYTES", MIB)
    peaks, written = [], []
    for name, pattern_bytes in (("first", 8 * MIB), ("small", 8 * MIB), ("large", 800 * MIB)):
        tracemalloc.start()
        draft, found = passed(raw, tmp_path / name, MemoryLimit(PROGRAM_BYTES + pattern_bytes))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        written.append([hasher.hexdigest() for _, hasher in draft._streams.values()] + [found.maps["gain"].tobytes()])
    assert written[0] == written[1] == written[2]
    assert len(written[0]) == 3
    # The first call also loads and compiles.
    assert peaks[1] < 16 * MIB
    assert peaks[1] < peaks[2]


def test_a_row_that_does_not_fit_is_refused_with_the_limit_that_would_do(raw: OpenedScan, tmp_path: Path) -> None:
    limit = MemoryLimit(PROGRAM_BYTES + MIB)
    with pytest.raises(NoPatterns, match=r"a row of points has 0 MB .*MICROSTRUCTURE_MEMORY_GIB to at least 0\.8"):
        passed(raw, tmp_path / "draft", limit)


def test_another_process_gets_the_place_and_opens_the_same_files(raw: OpenedScan) -> None:
    there = pickle.loads(pickle.dumps(raw))
    assert len(pickle.dumps(raw)) < 2000
    assert there.scan is pickle.loads(pickle.dumps(raw)).scan
    points = np.array([3, 1999])
    np.testing.assert_array_equal(there.scan.patterns.read_points(points), raw.scan.patterns.read_points(points))


def test_another_process_that_finds_other_files_refuses_them(raw: OpenedScan) -> None:
    path = raw.scan.path
    states = path.stat()
    os.utime(path, ns=(1, 1))
    preprocessing._opened.cache_clear()
    there = pickle.loads(pickle.dumps(raw))  # nothing is opened by passing it on
    with pytest.raises(RawFilesChanged, match="a worker found files of other names, sizes or times"):
        _ = there.scan
    os.utime(path, ns=(states.st_atime_ns, states.st_mtime_ns))
