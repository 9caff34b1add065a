"""The scale curve of large patterns, from a handful of ROIs on both sides: all patterns of the scan would be 26 GB."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality
from benchmarks.speed.curve import GRAIN_DIAMETER_POINTS, PEER, cost_figures, kept, peer_figures
from benchmarks.speed.curve_peer import cost_model, extrapolated, measured_rois, of_tilings
from benchmarks.speed.scans import Shape, codes_of, stored, twin_of
from microstructure_assets.assets.length_scale import LEAST_SIGNAL
from microstructure_assets.methods.binning import bin_patterns, binning_factor
from microstructure_assets.methods.roi_agreement import WorkflowSettings
from microstructure_assets.methods.scale_curve import Band, band_agreements
from microstructure_assets.methods.scan_noise import PLACES_PER_SIDE, SIDE_POINTS, binned_signal_share
from microstructure_assets.rectangle import Rectangle

Result = TypeVar("Result")
#: Wall and CPU time.
Seconds = NDArray[np.float64]
OWN = "binned patterns, extrapolated"
TILINGS = range(2, 31)
#: ROIs of each size: one for each of two cores.
ROIS = 2
#: The nine shifted grids of the tilings around the recommended one count as so many average tilings.
SHIFTED = 9
# Raw patterns that the binning is timed on.
_BINNED_POINTS = 64


@dataclass(frozen=True)
class Scan:
    """A scan of which only a handful of ROIs is made.

    Attributes
    ----------
    shape, detector_px : tuple of int
        Rows and columns of points, height and width of a pattern.
    own, peer : tuple of int
        Tilings whose ROIs either side works on; those of the peer are small ones, as it needs whole patterns.
    """

    shape: Shape
    detector_px: Shape
    own: tuple[int, ...]
    peer: tuple[int, ...]

    def twin_shape(self, n: int) -> Shape:
        """Points of `ROIS` ROIs of a tiling beside each other."""
        return self.shape[0] // n, ROIS * (self.shape[1] // n)


FULL = Scan((266, 495), (400, 500), (6, 13, 26), (20, 25, 30))
SMALL = Scan((32, 32), (100, 125), (3, 4), (3, 4))


def prepare(small: bool) -> Arrays:
    """Codes of a few ROIs, ``KIND-N-NAME`` of tiling N.

    The kinds: ``binned`` for ours, ``whole`` for the peer, ``reduced`` for the largest of the peer's, binned.
    """
    scan = SMALL if small else FULL
    data: Arrays = {"shape": np.array(scan.shape)}
    for kind, tilings in (("binned", scan.own), ("whole", scan.peer), ("reduced", scan.peer[:1])):
        for n in tilings:
            twin = twin_of(scan.twin_shape(n), scan.detector_px, GRAIN_DIAMETER_POINTS)
            codes = codes_of(twin, binned=kind != "whole")
            data |= {f"{kind}-{n}-{name}": values for name, values in codes.items()}
    return data


def _pieces(data: Arrays, kind: str) -> dict[int, Arrays]:
    """Codes by tiling, the largest ROIs first."""
    tilings = sorted({int(name.split("-")[1]) for name in data if name.startswith(kind)})
    return {n: {name: data[f"{kind}-{n}-{name}"] for name in ("intensity", "gain", "offset")} for n in tilings}


def ours(data: Arrays) -> Arrays:
    """The workflow of the asset in each ROI of binned patterns; what binning and its check cost the whole scan.

    Returns
    -------
    dict
        ``wall_s`` and ``cpu_s`` of the whole scan; ``rois_s``, ``binning_s``, ``check_s`` of its parts; ``signal``, the
        share of it that binned patterns keep; ``misfit`` of the cost model.
    """
    points, seconds = [], []
    with TemporaryDirectory(prefix="curve-") as folder:
        for n, codes in _pieces(data, "binned").items():
            patterns, band = stored(Path(folder) / str(n), codes), _band(n, codes["gain"].shape)
            spent, _ = _timed(partial(band_agreements, patterns, band, WorkflowSettings()))
            points.append(band.points // ROIS)
            seconds.append(spent / ROIS)
        binning, check, signal = _binning(data, Path(folder))
    models, misfits = zip(*(cost_model(np.array(points), column) for column in np.stack(seconds, axis=1)), strict=True)
    grids = 1 + SHIFTED / len(TILINGS)
    curve = grids * np.array([of_tilings(model, TILINGS, int(np.prod(data["shape"]))) for model in models])
    wall, cpu = curve + binning + check
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "rois_s": curve[0],
        "binning_s": binning[0],
        "check_s": check[0],
        "signal": np.array(signal),
        "misfit": np.array(misfits[0]),
    }


def _band(n: int, shape: Shape) -> Band:
    """ROIs beside each other."""
    width = shape[1] // ROIS
    places = [(number, Rectangle(0, shape[0], number * width, (number + 1) * width)) for number in range(ROIS)]
    return Band(n, (0.0, 0.0), tuple(places))


def _binning(data: Arrays, folder: Path) -> tuple[Seconds, Seconds, float]:
    """Seconds of binning all patterns, and of measuring the signal that is kept in 16 places; that signal."""
    (codes,) = list(_pieces(data, "whole").values())[:1]
    (reduced,) = _pieces(data, "reduced").values()
    whole, binned = stored(folder / "whole", codes), stored(folder / "reduced", reduced)
    detector = whole.pattern_shape
    flat = next(whole.blocks())[:_BINNED_POINTS]
    binning, _ = _timed(lambda: bin_patterns(flat, detector))
    check, signal = _timed(lambda: binned_signal_share(whole, binned, binning_factor(detector)))
    points, places = int(np.prod(data["shape"])), (PLACES_PER_SIDE * SIDE_POINTS) ** 2
    return binning * points / len(flat), check * places / codes["gain"].size, signal


def _timed(function: Callable[[], Result]) -> tuple[Seconds, Result]:
    clock, cpu = time.perf_counter(), time.process_time()
    result = function()
    return np.array([time.perf_counter() - clock, time.process_time() - cpu]), result


def peer(data: Arrays) -> Arrays:
    """The peer on whole patterns, and what all ROIs of the tilings would take it if they fitted into memory.

    Returns
    -------
    dict
        As `extrapolated` and `kept`.
    """
    found = measured_rois(_roi_codes(data))
    return {**extrapolated(found, TILINGS, int(np.prod(data["shape"]))), **kept(found)}


def _roi_codes(data: Arrays) -> list[NDArray[np.uint8]]:
    """Codes of each of the peer's ROIs."""
    pieces = [codes["intensity"] for codes in _pieces(data, "whole").values()]
    return [part for piece in pieces for part in np.split(piece, ROIS, axis=1)]


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Ours is no less accurate on what the peer was given; the binned route holds; each part of the time."""
    own, other = results[OWN], results[PEER]
    codes = _roi_codes(data)
    figures = {"share of the signal that binned patterns keep": Equality(float(own["signal"]), least=LEAST_SIGNAL)}
    figures |= peer_figures(other, codes, [number >= len(codes) - ROIS for number in range(len(codes))])
    figures |= {
        "ROIs of all tilings and of nine shifted grids, ours [s]": Equality(float(own["rois_s"])),
        "binning in the streaming pass, ours [s]": Equality(float(own["binning_s"])),
        "check of the signal kept, ours [s]": Equality(float(own["check_s"])),
        "largest misfit of our cost model": Equality(float(own["misfit"])),
    }
    return figures | cost_figures(float(own["wall_s"]), other)


BENCHMARKS = (
    Benchmark(
        name="curve-400",
        step="The whole scale curve, tilings 2×2 to 30×30, after the streaming pass",
        size="131,670 × 400×500, from six ROIs on either side",
        data="codes of twins that hold two ROIs each, grains of 14 points",
        goal=50,
        repeats=1,
        prepare=prepare,
        ours={OWN: ours},
        peers={PEER: peer},
        check=check,
    ),
)
