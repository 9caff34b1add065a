"""Benchmarks of speed run, their sides agree, their checks notice where they do not, and the tables say so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed import background, mixtures, subspace, updates, weights
from benchmarks.speed.__main__ import main
from benchmarks.speed.benchmark import Arrays, Equality
from benchmarks.speed.catalogue import BENCHMARKS
from benchmarks.speed.machine import ROOT
from benchmarks.speed.measurement import Measurement, measured
from benchmarks.speed.measuring import load, save
from benchmarks.speed.measuring import main as measuring_main
from benchmarks.speed.running import Run, run_here
from benchmarks.speed.tables import CONTENDED_CORES, append, latest, tables

MACHINE = {"processor": "abacus", "threads": 2, "code": "abc"}


@pytest.mark.benchmark_smoke
@pytest.mark.parametrize("name", BENCHMARKS)
def test_small_benchmark_runs_and_its_sides_agree(name: str) -> None:
    benchmark = BENCHMARKS[name]
    run = run_here(benchmark)
    assert run.holds, run.figures
    assert set(run.measurements) == {*benchmark.ours, *benchmark.peers}
    assert any(figure.most < np.inf or figure.least > -np.inf for figure in run.figures.values())
    assert set(benchmark.updates_to_equal.values()) <= set(run.figures)


def holds(figures: dict[str, Equality]) -> bool:
    return all(figure.holds for figure in figures.values() if not figure.pair)


def factorized(points: int, pixels: int, references: int) -> tuple[Arrays, Arrays]:
    """Patterns and references, and the optimal weights of SciPy's solver with the products they belong to."""
    from scipy.optimize import nnls

    generator = np.random.default_rng(3)
    reference = generator.random((references, pixels)).astype(np.float32)
    patterns = (generator.random((points, references)) ** 4 @ reference + generator.random((points, pixels))).astype(
        np.float32
    )
    basis = reference.astype(float)
    weight = np.stack([nnls(basis.T, pattern.astype(float))[0] for pattern in patterns])
    found = {"weight": weight, "gram": basis @ basis.T, "projection": patterns.astype(float) @ basis.T}
    return {"patterns": patterns, "reference": reference}, found


def test_two_grey_levels_are_too_many() -> None:
    code = np.arange(200, dtype=np.uint8).reshape(2, 10, 10)
    results = {name: {"code": code} for name in ("ours", "kikuchipy, in memory", "kikuchipy, lazy")}
    assert holds(background.check({}, results))
    assert not holds(background.check({}, {**results, "kikuchipy, lazy": {"code": code + np.uint8(2)}}))


def test_a_poorer_subspace_is_noticed() -> None:
    patterns = (np.random.default_rng(0).standard_normal((80, 12)) * np.arange(12, 0, -1)).astype(np.float32)
    best, other = np.eye(12, dtype=np.float32)[:3], np.eye(12, dtype=np.float32)[3:6]
    own, peers = dict.fromkeys(subspace.ROUTES, best), list(BENCHMARKS["subspace-50"].peers)

    def figures(exact: np.ndarray, block: np.ndarray) -> dict[str, Equality]:
        loading = {**own, "exact route": exact, "block route": block, **dict.fromkeys(peers, best)}
        return subspace.check({"patterns": patterns}, {name: {"loading": rows} for name, rows in loading.items()})

    assert holds(figures(best, best))
    assert not holds(figures(other, best))
    run = Run("subspace-50", False, {}, figures(best, other), 0)
    assert run.holds
    assert not run.is_equal("block route", peers[0])
    assert run.is_equal("exact route", peers[0])
    energy = ((patterns - patterns.mean(axis=0)) ** 2).sum(axis=0)
    captured = figures(best, best)["variance captured, exact route"].value
    assert captured == pytest.approx(energy[:3].sum() / energy.sum(), rel=1e-5)


def test_optimality_and_objective_of_weights() -> None:
    data, found = factorized(40, 60, 4)
    gram, projection, energy = weights.products(data)
    np.testing.assert_allclose(projection, found["projection"], rtol=1e-12)
    assert weights.kkt(found["weight"], gram, projection) < 1e-12
    assert weights.kkt(found["weight"] + 0.01, gram, projection) > 1e-4
    left = data["patterns"].astype(float) - found["weight"] @ data["reference"].astype(float)
    assert weights.objective(found["weight"], gram, projection, energy) == pytest.approx((left**2).sum() / 2)


def test_weights_that_are_not_optimal_fail() -> None:
    data, found = factorized(40, 60, 4)
    peer = {"weight": found["weight"] + 0.01, "sweeps": np.array(200)}
    results = {"weights alone": found, "with uncertainties": found, weights.PEER: peer}
    assert holds(weights.check(data, results))
    worse = {**found, "weight": found["weight"] + 0.001}
    assert not holds(weights.check(data, {**results, "weights alone": worse}))


def test_updates_are_scikit_learns_and_are_counted() -> None:
    from sklearn.decomposition import non_negative_factorization

    data, _ = factorized(40, 60, 4)
    gram, projection, energy = weights.products(data)
    start = np.full((40, 4), np.sqrt(data["patterns"].mean() / 4))  # where scikit-learn's updates start
    after, _, _ = non_negative_factorization(
        data["patterns"].astype(float),
        H=data["reference"].astype(float),
        n_components=4,
        update_H=False,
        solver="mu",
        max_iter=7,
        tol=0,
    )
    wanted = weights.objective(after, gram, projection, energy) * (1 + 1e-9)
    assert updates.updates_to(start, gram, projection, energy, wanted) == 7


def test_both_forms_of_the_updates_come_near_the_optimum() -> None:
    data, found = factorized(40, 60, 4)
    gram, projection, energy = weights.products(data)
    published, in_place = (updates.multiplicative(form)(data) for form in (updates.as_published, updates.in_place))
    best, reached, begun = (
        weights.objective(weight, gram, projection, energy)
        for weight in (found["weight"], published["weight"], published["start"])
    )
    assert best <= reached < best + 0.05 * (begun - best)
    assert 1 < published["updates"] <= updates.MOST_UPDATES
    np.testing.assert_allclose(in_place["weight"], published["weight"], atol=1e-2)


def test_a_likelihood_that_falls_short_is_noticed() -> None:
    curve = np.tile(-100.0 * np.arange(10, 0, -1), (2, 1))
    data = {"edges": np.array([0, 300, 600])}
    peer = {"log_likelihood": curve, "silhouette": np.full((2, 10), 0.5)}
    results = dict.fromkeys([*mixtures.STARTS, mixtures.PEER], peer)
    assert holds(mixtures.check(data, results))
    short = {**peer, "log_likelihood": curve - 300 * 0.02}
    assert not holds(mixtures.check(data, {**results, mixtures.DEFAULT: short}))
    figures = mixtures.check(data, {**results, "one start": short})
    assert holds(figures)
    assert not Run("mixtures", False, {}, figures, 0).is_equal("one start", mixtures.PEER)


def test_what_a_side_measures_itself_wins() -> None:
    measurement, _ = measured(lambda data: {"wall_s": np.array(7.0), "peak_bytes": np.array(9)}, {})
    assert (measurement.wall_s, measurement.peak_bytes) == (7.0, 9)
    assert 0 <= measurement.cpu_s < 1


def test_a_measurement_sees_memory_that_is_gone_when_the_call_ends() -> None:
    def side(data: Arrays) -> Arrays:
        return {"total": np.ones(25_000_000).sum(keepdims=True)}

    measurement, result = measured(side, {})
    assert result["total"][0] == 25e6
    assert 180e6 < measurement.peak_bytes < 400e6
    assert measurement.wall_s > 0


def test_the_processes_of_a_benchmark_hand_on_their_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "background-60"
    for folder in ("small", "full"):
        save(tmp_path / folder, BENCHMARKS[name].prepare(True))
    for side in BENCHMARKS[name].sides:
        measuring_main(["measure", name, str(tmp_path), "--side", side])
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["wall_s"] > 0
    measuring_main(["check", name, str(tmp_path)])
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["largest difference to kikuchipy, lazy [grey levels]"]["value"] <= 1
    np.testing.assert_array_equal(load(tmp_path / "full")["raw"], BENCHMARKS[name].prepare(True)["raw"])


def line_of(name: str, own_s: float, peer_s: float, figures: dict[str, Equality], busy: float) -> dict[str, object]:
    benchmark = BENCHMARKS[name]
    walls = {**dict.fromkeys(benchmark.ours, own_s), **dict.fromkeys(benchmark.peers, peer_s)}
    # The middle one counts, neither the mean nor the fastest.
    measurements = {
        side: [Measurement(factor * wall, wall, 10**6) for factor in (1, 0.5, 9)] for side, wall in walls.items()
    }
    run = Run(name, False, measurements, figures, 10**9, busy_cores=busy)
    rates = {"copy_gb_per_s": 10.0, "gflops": 100.0}
    return {**run.as_json(), "machine": MACHINE, "rates": rates, "when": "2026-01-01"}


@pytest.mark.parametrize(
    ("own_s", "value", "verdict"),
    [(0.5, 1, "3×: reached"), (2.0, 1, "3×: **missed**"), (0.5, 3, "**results differ**")],
)
def test_verdicts(tmp_path: Path, own_s: float, value: float, verdict: str) -> None:
    append(tmp_path, line_of("components-594", 9.0, 9.0, {}, 0))
    append(tmp_path, line_of("components-594", own_s, 4.0, {"off": Equality(value, most=2)}, 0))
    lines = latest(tmp_path)
    assert len(lines["components-594"]["measurements"]["ours"]) == 3
    (table,) = tables(lines).values()
    assert f"| {4 / own_s:g}× | {verdict} |" in table
    assert "contended" not in table
    gram_s = 2 * 594 * 594 * 200_000 / 100e9  # the products take longer than reading does, 0.1 s
    share = re.search(r"ours ([\d.]+) s \((\d+) % of it used\)", table)
    assert share is not None
    assert gram_s < float(share[1]) < 1.1 * gram_s
    assert 100 * gram_s / own_s - 1 < float(share[2]) < 110 * gram_s / own_s


def test_a_missed_goal_is_said_and_fails_nothing() -> None:
    figures = {"exponent": Equality(2.0, most=1.05, is_goal=True), "memory": Equality(1.0, most=1.2, is_goal=True)}
    line = line_of("characterize", 2.0, 0, figures, 0)
    assert line["holds"]
    (table,) = tables({"characterize": line}).values()
    assert "exponent 2 (goal ≤ 1.05: **missed**); memory 1 (goal ≤ 1.2: reached)" in table
    assert "| 60×60 pixels | h5, 25,000 points | 2 (1 to 18) | 2 | 1 | 3 |" in table
    (small,) = tables({"characterize": {**line, "small": True}}).values()
    assert "exponent 2; memory 1." in small


def test_results_of_other_sides_are_left_out(tmp_path: Path) -> None:
    line = line_of("mixtures", 1.0, 4.0, {}, 0)
    append(tmp_path, line)
    append(tmp_path, {**line, "when": "later", "measurements": {"ours": []}})
    assert latest(tmp_path)["mixtures"]["when"] == line["when"]


def test_a_busy_machine_is_marked(tmp_path: Path) -> None:
    append(tmp_path, line_of("mixtures", 1.0, 4.0, {}, CONTENDED_CORES + 1))
    (table,) = tables(latest(tmp_path)).values()
    assert "**contended: other programs used 1.2 cores**" in table


def test_the_page_has_a_place_for_every_table(tmp_path: Path) -> None:
    for name in BENCHMARKS:
        figures = dict.fromkeys(BENCHMARKS[name].updates_to_equal.values(), Equality(2.0))
        append(tmp_path, line_of(name, 1.0, 4.0, figures, 0))
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- table: (\S+) -->", page) == list(tables(latest(tmp_path)))


def test_the_command_keeps_small_results_only_where_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--small", "--only", "background-60"]) == 0
    assert list(tmp_path.iterdir()) == []
    assert "| 20,000 × 60×60 (a hundredth) | ours | kikuchipy, lazy |" in capsys.readouterr().out
    assert main(["--small", "--only", "background-60", "--results", "kept"]) == 0
    line = json.loads((tmp_path / "kept" / "background-60.jsonl").read_text())
    again = json.loads(json.dumps(Run.of_json(line).as_json()))
    assert again == {key: line[key] for key in again}
    assert line["machine"]["libraries"]["kikuchipy"]


@pytest.mark.parametrize(
    "arguments",
    [["--only", "backgrounds"], ["--repeats", "0"], ["--threads", "0"], ["--small", "--document", "page.md"]],
)
def test_wrong_calls_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert re.match(r"--(only|repeats|threads|document): ", capsys.readouterr().err)
