"""The scale curve beside its peer and the whole command: models of cost, samples, the peer itself, the checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import nnls

from benchmarks.speed import characterize, curve, curve_large, curve_peer
from benchmarks.speed.benchmark import Arrays
from benchmarks.speed.machine import ROOT
from benchmarks.speed.running import Run
from benchmarks.speed.scans import codes_of, corrected, stored, twin_of
from microstructure_assets.methods.tiling import rois


@pytest.mark.parametrize(("pairs", "quadratic"), [(False, 0.0), (True, 3e-5)])
def test_a_cost_model_is_found_again_and_summed_over_all_rois(pairs: bool, quadratic: float) -> None:
    points = np.array([100, 101, 400, 1600, 3000])
    seconds = 0.2 + 0.001 * points + quadratic * points * np.minimum(points, 2048)
    seconds[:2] = seconds[:2].mean()  # two ROIs of about one size
    model, misfit = curve_peer.cost_model(points, seconds, pairs=pairs)
    np.testing.assert_allclose(model, [0.2, 0.001, quadratic], rtol=1e-2)
    assert misfit < 1e-3
    whole = curve_peer.of_tilings(np.array([0.2, 0.001, quadratic]), (2, 10), 36_000)
    each = [0.2 + 0.001 * size + quadratic * size * min(size, 2048) for n in (2, 10) for size in [36_000 / n**2] * n**2]
    assert whole == pytest.approx(sum(each))


def test_a_cost_that_is_no_line_has_a_misfit() -> None:
    points = np.array([100, 1000, 10_000])
    assert curve_peer.cost_model(points, 1e-6 * points.astype(float) ** 2)[1] > 0.5


def test_sampled_rois_lie_in_their_tilings_and_are_drawn_alike() -> None:
    data = {"gain": np.ones((60, 90)), "tilings": np.array([3, 10]), "sample": np.array(12)}
    places = curve.sampled(data)
    assert [n for n, _ in places] == [3] * 9 + [10] * 12
    assert len({(n, *bounds) for n, bounds in places}) == 21
    assert all((rois(60, 90, n).reshape(-1, 4) == bounds).all(axis=1).any() for n, bounds in places)
    for (_, first), (_, again) in zip(places, curve.sampled(data), strict=True):
        np.testing.assert_array_equal(first, again)


def two_halves() -> np.ndarray:
    """Codes (12, 16, 8, 8) of two patterns, left and right, with noise."""
    generator = np.random.default_rng(1)
    signal = np.repeat(generator.integers(60, 190, (2, 8, 8)), 8, axis=0)
    return (signal + generator.normal(0, 6, (12, 16, 8, 8))).clip(0, 255).astype(np.uint8)


def test_the_peer_finds_two_grains() -> None:
    found = curve_peer.measured_roi(two_halves())
    assert found.points == 192
    assert 0.4 < found.result["nmi"] <= 1  # its weights have more clusters: a mixture shrinks onto zeros among them
    labels = found.result["label_scores"][1].reshape(12, 16)
    assert (labels[:, :8] == labels[0, 0]).all()
    assert (labels[:, 8:] == 1 - labels[0, 0]).all()
    assert found.workflow.wall_s > 0


def test_ours_on_what_the_peer_was_given() -> None:
    codes = two_halves()
    result = curve_peer.measured_roi(codes).result
    fine = curve_peer.quality_figures([(codes, result)])
    assert 1 - 1e-5 <= fine["variance"] < 1.5
    assert fine["objective"] <= 1 + 1e-9
    basis = result["reference"].astype(float).T
    best = np.stack([nnls(basis, pattern)[0] for pattern in codes.reshape(192, 64) / 255])
    same = curve_peer.quality_figures([(codes, {**result, "weight": best})])
    assert same["objective"] == pytest.approx(1.0, abs=1e-6)
    unlikely = curve_peer.quality_figures([(codes, {**result, "log_likelihood": result["log_likelihood"] - 192 * 0.5})])
    assert unlikely["likelihood"] == pytest.approx(fine["likelihood"] + 0.5)


def test_stored_codes_are_read_as_they_were_corrected(tmp_path: Path) -> None:
    twin = twin_of((7, 9), (16, 20), 4.0)
    codes = codes_of(twin)
    patterns = stored(tmp_path / "patterns", codes)
    read = patterns.read(2, 6, 1, 8)
    wanted = corrected(twin.read_rows(0, 7)).reshape(7, 9, -1)[2:6, 1:8]
    assert patterns.shape == (7, 9, 320)
    assert np.abs(read - wanted).max() <= codes["gain"].max() * 0.5 * (1 + 1e-3)


def test_binned_patterns_that_keep_too_little_have_no_verdict() -> None:
    data = curve_large.prepare(True)
    forms = {
        form: {name: np.array(1.0) for name in ("wall_s", "rois_s", "check_s", "misfit", "signal", "binning_s")}
        for form in (curve_large.WHOLE, curve_large.BINNED, curve_large.ALONE)
    }
    peer = curve_large.peer(data)
    for signal, kept in ((0.95, True), (0.85, False)):
        forms[curve_large.BINNED]["signal"] = np.array(signal)
        figures = curve_large.check(data, {**forms, curve_large.PEER: peer})
        run = Run("curve-400", False, {}, figures, 0)
        assert run.holds
        assert run.is_equal(curve_large.BINNED, curve_large.PEER) is kept
        assert run.is_equal(curve_large.WHOLE, curve_large.PEER)


def test_the_account_of_a_command_is_its_own() -> None:
    held = np.ones(60_000_000)  # 480 MB here must not count there
    code = "import time; data = bytearray(100 * 2**20); time.sleep(0.3)"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.account", sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    spent = json.loads(done.stdout)
    assert held.sum() == 60_000_000
    assert 105e6 < spent["peak_bytes"] < 250e6
    assert spent["wall_s"] > 0.3
    assert 0 < spent["cpu_s"] < spent["wall_s"]


def growing(power: float) -> dict[str, Arrays]:
    """Results of the command whose time grows by a power of the points, half of it in the steps."""
    found = {}
    for size, points in zip(characterize.SIZES, (25e3, 50e3, 100e3), strict=True):
        wall = 1e-3 * points**power
        steps = np.full(len(characterize.STEPS), wall / 2 / len(characterize.STEPS))
        found[f"h5, {size}"] = {
            "points": np.array(points),
            "wall_s": np.array(wall),
            "cpu_s": np.array(2 * wall),
            "peak_bytes": np.array(1e9 * power),
            "tilings": np.array(19),
            "steps_s": steps,
        }
    return found


@pytest.mark.parametrize(("power", "reached"), [(1.0, True), (1.2, False)])
def test_exponents_of_the_command(power: float, reached: bool) -> None:
    figures = characterize.check({}, growing(power))
    assert figures["exponent of wall time over points"].value == pytest.approx(power)
    assert figures["exponent of CPU time over points"].holds is reached
    assert figures["exponent of scan_report"].value == pytest.approx(power)
    assert figures["peak memory, largest over smallest scan"].value == pytest.approx(1.0)
    assert Run("characterize", False, {}, figures, 0).holds


def test_the_steps_are_the_first_artifacts_of_the_makers() -> None:
    from microstructure_assets.assets import length_scale, patterns, reports, segmentation, tiles

    makers = [maker for lane in (patterns, length_scale, tiles, segmentation, reports) for maker in lane.MAKERS]
    assert {maker.artifacts[0] for maker in makers} == set(characterize.STEPS)
