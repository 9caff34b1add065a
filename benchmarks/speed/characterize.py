"""`microstructure characterize`, from the file to the report, as a user calls it, by the number of points."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.twins import STEP_UM, twin_settings
from benchmarks.speed.benchmark import Arrays, Benchmark, Equality, Side
from benchmarks.speed.machine import ROOT
from benchmarks.speed.running import BenchmarkError
from benchmarks.speed.scans import NOISE_NU, Shape
from microstructure_assets.simulation.twin import make_twin

Form = Literal["h5", "tiff"]
GRAIN_DIAMETER_POINTS = 14.0
#: Rows and columns at full size and at the small one.
SHAPES: dict[str, tuple[Shape, Shape]] = {
    "25,000 points": ((125, 200), (16, 20)),
    "50,000 points": ((200, 250), (20, 28)),
    "100,000 points": ((250, 400), (28, 40)),
}
SIZES = tuple(SHAPES)
#: Goals: near to proportional, and memory that the size of the scan does not show in.
EXPONENT, MEMORY_RATIO = 1.05, 1.2
#: Steps that are made together, named by their first artifact.
STEPS = (
    "scan_manifest",
    "preprocessed_patterns",
    "pattern_subspace",
    "nmi_scale_curve",
    "analysis_tiling",
    "pca_scores",
    "gmm_clusters",
    "anomalies",
    "reference_windows",
    "cnmf_weights",
    "weight_boundaries",
    "segmentation_map",
    "scan_report",
)


def characterized(size: str, form: Form) -> Side:
    """The command in a process of its own, on a twin that is written before the clock starts, into a new home.

    Its results: ``wall_s``, ``cpu_s`` and ``peak_bytes`` of the process and its children, ``points``, ``steps_s`` of
    all `STEPS` and the number of ``tilings`` of the curve.
    """

    def run(data: Arrays) -> Arrays:
        rows, columns = (int(side) for side in data[size])
        with TemporaryDirectory(prefix="characterize-") as temporary:
            folder = Path(temporary)
            settings = twin_settings((rows, columns), GRAIN_DIAMETER_POINTS, NOISE_NU, 0)
            path = make_twin(settings, folder / ("twin.h5" if form == "h5" else "twin"), form=form).path
            # Image files do not say where they lie.
            grid = {"rows": rows, "columns": columns, "step_x_um": STEP_UM, "step_y_um": STEP_UM}
            declared = [f"--set=acquisition.{name}={value}" for name, value in grid.items()] if form == "tiff" else []
            # Image files name no phases, and are not indexed: the other scans are not either, that both are alike.
            declared.append("--set=indexing.method=vendor")
            spent = _measured_command("characterize", str(path), "--home", str(folder / "home"), *declared)
            return {**spent, "points": np.array(rows * columns), **_steps(folder / "home")}

    return run


def _measured_command(*arguments: str) -> Arrays:
    """Run a command of the program; its time and memory with those of its children."""
    python = [sys.executable, "-m"]
    command = [*python, "benchmarks.speed.account", *python, "microstructure_assets.cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return {name: np.array(value) for name, value in json.loads(done.stdout).items()}


def _steps(home: Path) -> Arrays:
    """Seconds of the steps, over all tiles, as the events of the home say."""
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        seconds = [[_said(event, "seconds") for event in _events(instance, step)] for step in STEPS]
        tilings = _said(_events(instance, "nmi_scale_curve")[0], "tilings")
    return {"steps_s": np.array([sum(one) for one in seconds]), "tilings": np.array(tilings)}


def _events(instance: Any, artifact: str) -> list[Any]:
    import dagster as dg

    return list(instance.fetch_materializations(dg.AssetKey(artifact), limit=10_000).records)


def _said(event: Any, name: str) -> float:
    return float(event.asset_materialization.metadata[name].value)


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """How time and memory grow with the points, and where the time goes."""
    found = [results[f"h5, {size}"] for size in SIZES]
    points, wall, cpu, peak, tilings = (
        np.array([float(one[name]) for one in found]) for name in ("points", "wall_s", "cpu_s", "peak_bytes", "tilings")
    )
    steps = np.array([one["steps_s"] for one in found])
    curve = steps[:, STEPS.index("nmi_scale_curve")]
    largest = ", ".join(f"{count:.0f}" for count in tilings)
    return {
        "exponent of wall time over points": Equality(exponent(points, wall), most=EXPONENT, is_goal=True),
        "exponent of CPU time over points": Equality(exponent(points, cpu), most=EXPONENT, is_goal=True),
        f"exponent of wall time, curve counted per tiling ({largest} tilings)": Equality(
            exponent(points, wall - curve + curve * tilings[0] / tilings)
        ),
        "peak memory, largest over smallest scan": Equality(
            float(peak.max() / peak[0]), most=MEMORY_RATIO, is_goal=True
        ),
        "share of the wall time in steps, at most 1": Equality(
            float((steps.sum(axis=1) / wall).max()), least=0.01, most=1.0
        ),
        **{f"{step} [s]": Equality(float(seconds)) for step, seconds in zip(STEPS, steps[-1], strict=True)},
        **{
            f"exponent of {step}": Equality(exponent(points, seconds))
            for step, seconds in zip(STEPS, steps.T, strict=True)
            if seconds.min() > 0
        },
    }


def exponent(points: NDArray[np.float64], value: NDArray[np.float64]) -> float:
    """Slope of the line through the logarithms."""
    return float(np.polyfit(np.log(points), np.log(value), 1)[0])


def prepare(small: bool) -> Arrays:
    """Rows and columns of each size."""
    data = {size: np.array(shapes[small]) for size, shapes in SHAPES.items()}
    if not small:  # what is compiled once per installation is no part of a call
        for form in get_args(Form):
            characterized(SIZES[-1], form)(prepare(True))
    return data


BENCHMARKS = (
    Benchmark(
        name="characterize",
        step="`microstructure characterize`, from the file to the report",
        size="60×60 pixels",
        data="files of twins with grains of 14 points; seconds of steps are those of the largest h5 file",
        goal=None,
        repeats=1,
        prepare=prepare,
        ours={
            **{f"h5, {size}": characterized(size, "h5") for size in SIZES},
            f"folder of TIFF files, {SIZES[0]}": characterized(SIZES[0], "tiff"),
        },
        peers={},
        check=check,
        warm=False,
    ),
)
