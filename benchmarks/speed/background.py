"""Dynamic background and rescaling to 8 bits, beside kikuchipy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality, Side
from benchmarks.speed.graphics import GRAPHICS, graphics_sides
from benchmarks.speed.scans import Shape, twin_of, uncropped
from microstructure_assets.methods.background import BackgroundCorrection, encode
from microstructure_assets.methods.parallel import block_bounds
from microstructure_assets.methods.pattern_pass import PatternPass

BLOCK_BYTES = 64 << 20
#: Bytes of raw patterns in a chunk of the lazy signal; a handful of chunks per core.
LAZY_CHUNK_BYTES = 8 << 20


def ours(data: Arrays) -> Arrays:
    """Correct, rescale and encode in blocks, as the store is written: ``code`` (n, h, w) uint8."""
    detector = data["raw"].shape[2:]
    raw = data["raw"].reshape(-1, *detector)
    correction = BackgroundCorrection.prepare((detector[0], detector[1]), uncropped("paper"), None)
    code = np.empty(raw.shape, np.uint8)
    for start, stop in block_bounds(len(raw), BLOCK_BYTES // (4 * detector[0] * detector[1])):
        code[start:stop] = encode(correction(raw[start:stop])).code
    return {"code": code}


def on_device(device: str) -> Side:
    """The same on a device, with the quality of each pattern, which comes with it."""

    def run(data: Arrays) -> Arrays:
        detector = data["raw"].shape[2:]
        correction = BackgroundCorrection.prepare((detector[0], detector[1]), uncropped("paper"), None)
        process = PatternPass.prepare(correction, device=device)
        return {"code": process(data["raw"].reshape(-1, *detector)).encoded.code}

    return run


def in_memory(data: Arrays) -> Arrays:
    """kikuchipy on an array."""
    import kikuchipy

    signal = kikuchipy.signals.EBSD(data["raw"])
    done = signal.remove_dynamic_background(filter_domain="frequency", inplace=False, show_progressbar=False)
    return _codes(done.data)


def lazy(data: Arrays) -> Arrays:
    """kikuchipy on a chunked dask array, in dask's threads."""
    import dask.array
    import kikuchipy

    rows = max(1, LAZY_CHUNK_BYTES // data["raw"][0].nbytes)
    signal = kikuchipy.signals.LazyEBSD(dask.array.from_array(data["raw"], chunks=(rows, -1, -1, -1)))
    done = signal.remove_dynamic_background(filter_domain="frequency", inplace=False, show_progressbar=False)
    return _codes(done.data.compute())


def _codes(array: Any) -> Arrays:
    return {"code": np.asarray(array).reshape(-1, *array.shape[2:])}


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Largest difference to each other side [grey levels], and the share of pixels that differ at all."""
    own = results["ours"]["code"].astype(np.int16)
    figures = {}
    for peer in ("kikuchipy, in memory", "kikuchipy, lazy", *(results.keys() & {GRAPHICS})):
        difference = np.abs(own - results[peer]["code"])
        figures[f"largest difference to {peer} [grey levels]"] = Equality(float(difference.max()), most=1)
        figures[f"share of pixels that differ from {peer}"] = Equality(float((difference > 0).mean()))
    return figures


def _benchmark(name: str, shape: Shape, detector: Shape, goal: float, flops: float) -> Benchmark:
    def prepare(small: bool) -> Arrays:
        rows, columns = (shape[0] // 10, shape[1] // 10) if small else shape
        return {"raw": twin_of((rows, columns), detector, 14.0).read_rows(0, rows)}

    return Benchmark(
        name=name,
        step="Dynamic background in the frequency domain, rescaled to 8 bits",
        size=f"{shape[0] * shape[1]:,} × {detector[0]}×{detector[1]}",
        data="raw 8-bit patterns of a twin",
        goal=goal,
        repeats=5,
        prepare=prepare,
        ours={"ours": ours, **graphics_sides(on_device)},
        peers={"kikuchipy, in memory": in_memory, "kikuchipy, lazy": lazy},
        check=check,
        flops={"ours": flops},
    )


BENCHMARKS = (
    _benchmark("background-60", (100, 200), (60, 60), 10, 20_000 * 2 * 60 * 60 * (60 + 60)),
    _benchmark("background-400", (20, 20), (400, 500), 5, 0),
    _benchmark("background-512", (20, 20), (512, 672), 5, 0),
)
