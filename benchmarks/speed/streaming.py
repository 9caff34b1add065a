"""The one pass over the raw patterns of a paper-size scan: background, codes, quality, binned patterns, to disk."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality
from benchmarks.speed.scans import Shape, twin_of
from microstructure_assets.acquisition.pattern_source import rows_of
from microstructure_assets.acquisition.scan import Grid, Scan
from microstructure_assets.acquisition.settings import AcquisitionSettings
from microstructure_assets.assets.patterns import pattern_streams
from microstructure_assets.assets.preprocessing import OpenedScan, preprocess
from microstructure_assets.compute import LocalCompute
from microstructure_assets.memory import MemoryLimit
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets.store.contract import artifact_spec
from microstructure_assets.store.draft import Draft

#: Rows and columns of the scan, of the part that is worked on, and of the small one.
WHOLE, PART, SMALL = (266, 495), (66, 495), (6, 20)
#: Raw patterns that are there in memory; the scan repeats them.
DIFFERENT = 500
MEMORY_GIB = 2.0


@dataclass(frozen=True)
class RepeatedPatterns:
    """A scan of few patterns that come again and again: what is measured is the pass, not the disk it reads from."""

    shape: tuple[int, int, int, int]
    patterns: NDArray[np.uint8]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the intensities."""
        return self.patterns.dtype

    def read_points(self, points: NDArray[np.int64]) -> NDArray[Any]:
        """Patterns of some points."""
        return self.patterns[points % len(self.patterns)]

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Patterns of rows."""
        return rows_of(self, start, stop)


def ours(data: Arrays) -> Arrays:
    """The pass as the asset runs it, into a draft on disk that is thrown away.

    Returns
    -------
    dict
        ``wall_s`` and ``cpu_s`` without making the data ready; ``points``, ``bytes`` of raw patterns and of codes.
    """
    rows, columns = (int(side) for side in data["shape"])
    height, width = data["raw"].shape[1:]
    source = RepeatedPatterns((rows, columns, height, width), data["raw"])
    scan = Scan(Path("repeated"), "repeated", (), Grid(rows, columns, None, None), patterns=source)
    correction = BackgroundCorrection.prepare((height, width), PreprocessingSettings(), None)
    with TemporaryDirectory(prefix="pass-", dir=Path.cwd()) as folder:
        draft = Draft(Path(folder) / "draft", artifact_spec("preprocessed_patterns"))
        stream, binned = pattern_streams(
            draft, (rows, columns, *correction.cropped_shape), str(scan.path), Path(folder)
        )
        clock, cpu = time.perf_counter(), time.process_time()
        compute = LocalCompute(MemoryLimit(int(MEMORY_GIB * (1 << 30))))
        found = preprocess(OpenedScan(scan.path, AcquisitionSettings(), "", scan), correction, stream, binned, compute)
        spent = time.perf_counter() - clock
        used = time.process_time() - cpu
    return {
        "wall_s": np.array(spent),
        "cpu_s": np.array(used),
        "points": np.array(rows * columns),
        "raw_bytes": np.array(rows * columns * height * width),
        "code_bytes": np.array(rows * columns * int(np.prod(correction.cropped_shape))),
        "gain": found.maps["gain"].ravel()[: len(data["raw"])],
    }


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Rates, and the whole scan's time at the rate of the part."""
    found = results["ours"]
    wall, points = float(found["wall_s"]), int(found["points"])
    whole = WHOLE[0] * WHOLE[1]
    return {
        "share of patterns with a code": Equality(float((found["gain"] > 0).mean()), least=1.0),
        "patterns per second": Equality(points / wall),
        "raw patterns read [GB/s]": Equality(float(found["raw_bytes"]) / wall / 1e9),
        "codes written [GB/s]": Equality(float(found["code_bytes"]) / wall / 1e9),
        f"points measured, of {whole}": Equality(points),
        "the whole scan at this rate [min]": Equality(whole / points * wall / 60),
    }


def prepare(small: bool) -> Arrays:
    """Raw patterns of a twin with a large detector, and the shape of the scan."""
    shape: Shape = (2, 5) if small else (20, DIFFERENT // 20)
    twin = twin_of(shape, (120, 140) if small else (512, 672), 5.0)
    raw = twin.read_rows(0, shape[0])
    return {"raw": raw.reshape(-1, *raw.shape[2:]), "shape": np.array(SMALL if small else PART)}


BENCHMARKS = (
    Benchmark(
        name="streaming",
        step="The one pass over raw patterns, to disk",
        size="66 of 266 rows of 495 points, 512×672 cropped to 400×500",
        data=f"{DIFFERENT} raw patterns of a twin that repeat; a memory limit of {MEMORY_GIB:g} GiB",
        goal=None,
        repeats=3,
        prepare=prepare,
        ours={"ours": ours},
        peers={},
        check=check,
    ),
)
