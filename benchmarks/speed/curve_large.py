"""The scale curve of large patterns, from a handful of ROIs on both sides: all patterns of the scan would be 26 GB."""

from __future__ import annotations

import math
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
from benchmarks.speed.curve import GRAIN_DIAMETER_POINTS, NO_SHIFT, PEER, Offset, cost_figures, kept, peer_figures
from benchmarks.speed.curve_peer import cost_model, extrapolated, measured_rois, of_tilings
from benchmarks.speed.scans import Shape, codes_of, stored, twin_of
from microstructure_assets.methods.background import decode
from microstructure_assets.methods.binning import bin_patterns, binning_factor
from microstructure_assets.methods.roi_agreement import WorkflowSettings
from microstructure_assets.methods.scale_curve import Band, band_agreements
from microstructure_assets.methods.scan_noise import PLACES_PER_SIDE, SIDE_POINTS, binned_signal_share
from microstructure_assets.rectangle import Rectangle

Result = TypeVar("Result")
#: Wall and CPU time.
Seconds = NDArray[np.float64]
WHOLE, BINNED = "whole patterns, extrapolated", "binned patterns, extrapolated"
ALONE = "binned patterns, one cap, no controls, extrapolated"
TILINGS = range(2, 31)
LEAST_SIGNAL = WorkflowSettings().scale.least_binned_signal
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
    binned, whole, peer : tuple of int
        Tilings whose ROIs are worked on, the coarsest first: by either form of ours, and by the peer, which holds
        several copies of its ROIs in memory.
    """

    shape: Shape
    detector_px: Shape
    binned: tuple[int, ...]
    whole: tuple[int, ...]
    peer: tuple[int, ...]

    def twin_shape(self, n: int) -> Shape:
        """Points of `ROIS` ROIs of a tiling beside each other."""
        return self.shape[0] // n, ROIS * (self.shape[1] // n)


FULL = Scan((266, 495), (400, 500), binned=(8, 15, 20, 26), whole=(15, 20, 25, 30), peer=(20, 25, 30))
SMALL = Scan((32, 32), (100, 125), binned=(3, 4), whole=(3, 4), peer=(3, 4))


def prepare(small: bool) -> Arrays:
    """Codes of a few ROIs: ``whole-N-NAME`` of tiling N and ``binned-N-NAME``; ``peer``, the tilings of the peer."""
    scan = SMALL if small else FULL
    data: Arrays = {"shape": np.array(scan.shape), "peer": np.array(scan.peer)}
    for kind, tilings in (("binned", scan.binned), ("whole", scan.whole)):
        for n in tilings:
            twin = twin_of(scan.twin_shape(n), scan.detector_px, GRAIN_DIAMETER_POINTS)
            codes = codes_of(twin, binned=kind == "binned")
            data |= {f"{kind}-{n}-{name}": values for name, values in codes.items()}
    return data


def _pieces(data: Arrays, kind: str) -> dict[int, Arrays]:
    """Codes by tiling, the largest ROIs first."""
    tilings = sorted({int(name.split("-")[1]) for name in data if name.startswith(kind)})
    return {n: {name: data[f"{kind}-{n}-{name}"] for name in ("intensity", "gain", "offset")} for n in tilings}


def binned(data: Arrays) -> Arrays:
    """The workflow in binned patterns, and what binning adds to the streaming pass.

    Returns
    -------
    dict
        As `_curve`, and ``binning_s``.
    """
    return _curve(data, "binned", {"binning": _binning(data)})


def alone(data: Arrays) -> Arrays:
    """What the peer does too, in binned patterns: under the cap in force, without controls and shifted grids.

    Returns
    -------
    dict
        As `_curve`, and ``binning_s``.
    """
    return _curve(data, "binned", {"binning": _binning(data)}, offset=NO_SHIFT, shifted=0)


def _binning(data: Arrays) -> Seconds:
    """Seconds of binning all patterns."""
    codes = next(iter(_pieces(data, "whole").values()))
    detector = codes["intensity"].shape[2:]
    flat = decode(*(codes[name][0, :_BINNED_POINTS] for name in ("intensity", "gain", "offset")))
    spent, _ = _timed(lambda: bin_patterns(flat.reshape(len(flat), -1), detector))
    return spent * int(np.prod(data["shape"])) / len(flat)


def whole(data: Arrays) -> Arrays:
    """The workflow in whole patterns: what the asset does where binned ones keep too little of the signal.

    Returns
    -------
    dict
        As `_curve`.
    """
    return _curve(data, "whole", {})


def _curve(
    data: Arrays, kind: str, more: Mapping[str, Seconds], *, offset: Offset = (0.0, 0.0), shifted: int = SHIFTED
) -> Arrays:
    """The workflow of the asset in each ROI, and what all ROIs and so many shifted grids would take.

    Returns
    -------
    dict
        ``wall_s`` and ``cpu_s`` of the whole scan; ``rois_s``, ``check_s`` of its parts and of those that come on top;
        ``signal``, the share of it that binned patterns keep; ``misfit`` of the cost model.
    """
    points, seconds = [], []
    with TemporaryDirectory(prefix="curve-") as folder:
        for n, codes in _pieces(data, kind).items():
            patterns, band = stored(Path(folder) / str(n), codes), _band(n, codes["gain"].shape, offset)
            spent, _ = _timed(partial(band_agreements, patterns, band, WorkflowSettings()))
            points.append(band.points // ROIS)
            seconds.append(spent / ROIS)
        check, signal = _signal_check(data, Path(folder))
    fits = [cost_model(np.array(points), column, pairs=True) for column in np.stack(seconds, axis=1)]
    grids = 1 + shifted / len(TILINGS)
    rois = grids * np.array([of_tilings(model, TILINGS, int(np.prod(data["shape"]))) for model, _ in fits])
    parts = {"rois": rois, "check": check, **more}
    wall, cpu = sum(parts.values())
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        **{f"{name}_s": spent[0] for name, spent in parts.items()},
        "signal": np.array(signal),
        "misfit": np.array(fits[0][1]),
    }


def _band(n: int, shape: Shape, offset: Offset) -> Band:
    """ROIs beside each other."""
    width = shape[1] // ROIS
    places = [(number, Rectangle(0, shape[0], number * width, (number + 1) * width)) for number in range(ROIS)]
    return Band(n, offset, tuple(places))


def _signal_check(data: Arrays, folder: Path) -> tuple[Seconds, float]:
    """Seconds of measuring, in 16 places of the scan, the signal that binned patterns keep; that signal."""
    common = max(_pieces(data, "binned").keys() & set(data["peer"].tolist()))
    large, small = (_pieces(data, kind)[common] for kind in ("whole", "binned"))
    patterns, reduced = stored(folder / "large", large), stored(folder / "small", small)
    factor = binning_factor(patterns.pattern_shape)
    spent, signal = _timed(lambda: binned_signal_share(patterns, reduced, factor))
    return spent * (PLACES_PER_SIDE * SIDE_POINTS) ** 2 / large["gain"].size, signal


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
    """Codes of each of the peer's ROIs, the largest first."""
    pieces = [codes["intensity"] for n, codes in _pieces(data, "whole").items() if n in data["peer"]]
    return [part for piece in pieces for part in np.split(piece, ROIS, axis=1)]


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """The binned route is one only where it keeps the signal; ours on what the peer was given; parts of the times."""
    other = results[PEER]
    figures = {
        **{
            f"share of the signal kept, {form}": Equality(
                float(results[form]["signal"]), least=LEAST_SIGNAL, pair=(form, PEER)
            )
            for form in (BINNED, ALONE)
        },
        **peer_figures(other, _roi_codes(data), shortfall=math.inf),
    }
    for form in (WHOLE, BINNED, ALONE):
        own = results[form]
        figures |= {
            f"ROIs of all tilings and of nine shifted grids, {form} [s]": Equality(float(own["rois_s"])),
            f"check of the signal kept, {form} [s]": Equality(float(own["check_s"])),
            f"largest misfit of the cost model, {form}": Equality(float(own["misfit"])),
        }
    figures["binning in the streaming pass [s]"] = Equality(float(results[BINNED]["binning_s"]))
    return figures | cost_figures(float(results[WHOLE]["wall_s"]), other)


BENCHMARKS = (
    Benchmark(
        name="curve-400",
        step="The whole scale curve, tilings 2×2 to 30×30, after the streaming pass",
        size="131,670 × 400×500, from two ROIs of each of 3 or 4 sizes",
        data="codes of twins that hold two ROIs each, grains of 14 points",
        goal=50,
        repeats=1,
        prepare=prepare,
        ours={WHOLE: whole, BINNED: binned, ALONE: alone},
        peers={PEER: peer},
        check=check,
    ),
)
