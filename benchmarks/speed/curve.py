"""The whole scale curve of a scan, beside the same workflow written with scikit-learn, ROI by ROI."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality
from benchmarks.speed.curve_peer import CAP, MeasuredRoi, extrapolated, measured_rois, quality_figures
from benchmarks.speed.mixtures import SHORTFALL
from benchmarks.speed.scans import Shape, codes_of, stored, twin_of
from microstructure_assets.assets.length_scale import rois_of
from microstructure_assets.assets.scale_work import CurveWork, joined
from microstructure_assets.compute import LocalCompute
from microstructure_assets.methods.correlation_length import grain_size
from microstructure_assets.methods.length_scale import (
    OFFSETS,
    fixed_points_curve,
    length_scale,
    offset_summary,
    tilings_around,
)
from microstructure_assets.methods.roi_agreement import WorkflowSettings
from microstructure_assets.methods.scale_curve import curve_tilings
from microstructure_assets.methods.tiling import rois

OWN, ALONE, PEER = "ours", "ours, one cap, no controls", "scikit-learn, ROI by ROI, extrapolated"
GRAIN_DIAMETER_POINTS = 14.0
MINUTES = 6.0
Offset = tuple[float, float]
#: A shifted grid has one cap and no control; shifted by less than a point it has the ROIs of the unshifted one.
NO_SHIFT: Offset = (1e-9, 0.0)


def ours(data: Arrays) -> Arrays:
    """What the asset does once patterns are stored: all tilings, caps, controls, shifted grids, bootstrap.

    Returns
    -------
    dict
        ``wall_s`` and ``cpu_s`` without writing the codes; seconds of the tilings, the shifted grids and the statistics
        (``curve_s``, ``shifted_s``, ``statistics_s``); ``n`` and ``nmi`` of the curve at the cap in force.
    """
    settings = WorkflowSettings()
    with TemporaryDirectory(prefix="curve-") as folder:
        work = _work(Path(folder), data)
        shape = work.patterns.shape
        tilings = curve_tilings(*shape[:2], settings.scale).n
        clock, cpu = [time.perf_counter()], processor_seconds()
        table = work([(n, (0.0, 0.0)) for n in tilings])
        clock.append(time.perf_counter())
        found = length_scale(table, shape[:2], settings.scale, grain_size(work.patterns).diameter)
        fixed_points_curve(table)
        clock.append(time.perf_counter())
        around = tilings_around(found.recommendation, tilings)
        if around:
            shifted = work([(n, offset) for n in around for offset in OFFSETS])
            offset_summary(joined([rois_of(table, around), shifted]), settings.scale)
        clock.append(time.perf_counter())
        used = processor_seconds() - cpu
    in_force = found.summary.k_max == settings.scale.cluster_cap
    curve, statistics, offsets = np.diff(clock)
    return {
        "wall_s": np.array(clock[-1] - clock[0]),
        "cpu_s": np.array(used),
        "curve_s": curve,
        "statistics_s": statistics,
        "shifted_s": offsets,
        "n": found.summary.n[in_force],
        "nmi": found.summary.nmi_mean[in_force],
    }


def alone(data: Arrays) -> Arrays:
    """What the peer does too: all tilings under the cap in force, without other caps, controls and shifted grids.

    Returns
    -------
    dict
        ``wall_s`` and ``cpu_s`` without writing the codes; ``n`` and ``nmi``, the mean over the ROIs of each tiling.
    """
    settings = WorkflowSettings()
    with TemporaryDirectory(prefix="curve-") as folder:
        work = _work(Path(folder), data)
        tilings = np.array(curve_tilings(*work.patterns.shape[:2], settings.scale).n)
        clock, cpu = time.perf_counter(), processor_seconds()
        table = work([(int(n), NO_SHIFT) for n in tilings])
        spent, used = time.perf_counter() - clock, processor_seconds() - cpu
    nmi = np.array([np.nanmean(table["nmi"][table["n"] == n]) for n in tilings])
    return {"wall_s": np.array(spent), "cpu_s": np.array(used), "n": tilings, "nmi": nmi}


def processor_seconds() -> float:
    """CPU time of this process and of its ended children [s]."""
    return sum(os.times()[:4])


def _work(folder: Path, data: Arrays) -> CurveWork:
    """The curve's work as the asset has it, on this machine."""
    return CurveWork.on(LocalCompute(), stored(folder / "patterns", data), WorkflowSettings(), folder)


def peer(data: Arrays) -> Arrays:
    """The peer on the sampled ROIs, and what all ROIs of the tilings of ours would take it.

    Returns
    -------
    dict
        As `extrapolated` and `kept`.
    """
    rows, columns = data["gain"].shape
    found = measured_rois(data["intensity"][_area(bounds)] for _, bounds in sampled(data))
    tilings = curve_tilings(rows, columns, WorkflowSettings().scale).n
    return {**extrapolated(found, tilings, rows * columns), **kept(found)}


def _area(bounds: Sequence[int]) -> tuple[slice, slice]:
    return slice(bounds[0], bounds[1]), slice(bounds[2], bounds[3])


def kept(found: Sequence[MeasuredRoi]) -> Arrays:
    """What the check compares: ``points`` and ``nmi`` of each ROI, and ``NAME-NUMBER`` for the results of each."""
    compared = ("variance", "score", "reference", "weight", "log_likelihood")
    results = {f"{name}-{number}": one.result[name] for number, one in enumerate(found) for name in compared}
    nmi = np.array([float(one.result["nmi"]) for one in found])
    return {**results, "points": np.array([one.points for one in found]), "nmi": nmi}


def sampled(data: Arrays) -> list[tuple[int, NDArray[np.int64]]]:
    """Tiling and bounds of the ROIs that the peer works on: some of each of its ``tilings``, drawn with a fixed seed.

    The largest come first, so that the cores end together.
    """
    generator = np.random.default_rng(0)
    places = []
    for n in data["tilings"]:
        bounds = rois(*data["gain"].shape, int(n)).reshape(-1, 4)
        chosen = generator.choice(len(bounds), min(len(bounds), int(data["sample"])), replace=False)
        places += [(int(n), bounds[number]) for number in np.sort(chosen)]
    return places


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Ours is no less accurate on what the peer was given, and how the two curves compare."""
    own, other = results[OWN], results[PEER]
    places = sampled(data)
    figures = peer_figures(other, [data["intensity"][_area(bounds)] for _, bounds in places], shortfall=SHORTFALL)
    for n in data["tilings"]:
        of_peer = other["nmi"][[place[0] == n for place in places]]
        figures |= {
            f"mean NMI of all ROIs, n = {n}, ours": Equality(float(own["nmi"][own["n"] == n][0])),
            f"mean NMI of {len(of_peer)} ROIs, n = {n}, peer": Equality(float(of_peer.mean())),
        }
    difference = float(np.nanmax(np.abs(own["nmi"] - results[ALONE]["nmi"])))
    figures |= {
        "mean NMI of a tiling, largest difference of our two forms": Equality(difference, most=1e-9),
        f"tilings n = {own['n'].min()} to {own['n'].max()}, ours [s]": Equality(float(own["curve_s"])),
        "bootstrap and recommendation, ours [s]": Equality(float(own["statistics_s"])),
        "nine shifted grids, ours [s]": Equality(float(own["shifted_s"])),
        "all of it, ours [min]": Equality(float(own["wall_s"]) / 60, most=MINUTES, is_goal=True),
    }
    return figures | cost_figures(float(own["wall_s"]), other)


def peer_figures(peer: Arrays, codes: Sequence[NDArray[np.uint8]], *, shortfall: float) -> dict[str, Equality]:
    """Ours on what the peer was given in its ROIs, with the bounds of the single steps' benchmarks.

    Likelihoods have the bound `shortfall` per point: in a handful of ROIs local optima decide.
    """
    names = ("variance", "score", "reference", "weight", "log_likelihood")
    found = quality_figures(
        [(code, {name: peer[f"{name}-{number}"] for name in names}) for number, code in enumerate(codes)]
    )
    return {
        "variance captured in the peer's ROIs, ours over the peer's, least": Equality(
            found["variance"], least=1 - 1e-5
        ),
        "log-likelihood per point on the peer's scores, ours less the peer's, mean": Equality(
            found["likelihood"], least=-shortfall
        ),
        "objective of the weights of the peer's references, ours over the peer's, largest": Equality(
            found["objective"], most=1 + 1e-9
        ),
    }


def cost_figures(own_s: float, peer: Arrays) -> dict[str, Equality]:
    """The peer's cost model, and its time if it weighed in silhouettes as the paper does."""
    wall = float(peer["wall_s"])
    return {
        "peer, seconds of a core per ROI": Equality(float(peer["per_roi_s"])),
        "peer, seconds of a core per point": Equality(float(peer["per_point_s"])),
        "largest misfit of the peer's cost model": Equality(float(peer["misfit"])),
        "peer, all of it [min]": Equality(wall / 60),
        "ratio of wall times if the peer took silhouettes too": Equality((wall + float(peer["silhouettes_s"])) / own_s),
    }


def scan(shape: Shape, tilings: Sequence[int], sample: int) -> Arrays:
    """Codes of a twin, and the tilings of which the peer takes so many ROIs each."""
    codes = codes_of(twin_of(shape, (60, 60), GRAIN_DIAMETER_POINTS))
    return {**codes, "tilings": np.array(tilings), "sample": np.array(sample)}


BENCHMARKS = (
    Benchmark(
        name="curve-60",
        step="The whole scale curve, tilings 2×2 to 30×30, after the streaming pass",
        size=f"131,670 × 60×60, 9,454 ROIs; K_max 5, 10, 20 and 40 ours, {CAP} the peer's",
        data="codes of a twin of 266×495 points with grains of 14 points",
        goal=20,
        repeats=1,
        prepare=lambda small: scan((30, 45), (2, 3, 4), 1) if small else scan((266, 495), (6, 13, 26), 12),
        ours={OWN: ours, ALONE: alone},
        peers={PEER: peer},
        check=check,
    ),
)
