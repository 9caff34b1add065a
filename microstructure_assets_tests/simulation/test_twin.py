"""Whole twins: noise, mixing, invariance, truth and files."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.simulation import detector, synthesis
from microstructure_assets.simulation.settings import TwinSettings
from microstructure_assets.simulation.truth import load_truth
from microstructure_assets.simulation.twin import make_twin, simulate

SMALL = {"rows": 14, "columns": 17, "detector_height_px": 20, "detector_width_px": 24, "mean_grain_diameter_points": 6}


def small(**values: object) -> TwinSettings:
    return TwinSettings.model_validate({**SMALL, **values})


@pytest.mark.parametrize("nu", [0.2, 0.7, 1.4, 3.0])
def test_noise_of_the_scan_is_nu_times_the_band_signal(nu: float) -> None:
    made = simulate(TwinSettings(rows=30, columns=30, noise_nu=nu, mean_grain_diameter_points=5, seed=3))
    raw = made.read_rows(0, 30).reshape(900, -1).astype(np.float64)
    expected = made.expected_rows(0, 30).reshape(900, -1)
    noise = detector.high_pass(raw - expected, 60, 60).std()
    domains, weight = np.unique(made.truth.domain, return_counts=True)
    pure = detector.high_pass(made.domain_patterns(domains).reshape(len(domains), -1), 60, 60)
    signal = np.sqrt(np.average(pure.var(axis=1), weights=weight))
    assert noise / signal == pytest.approx(nu, rel=0.1)
    assert made.truth.information["noise_nu"] == pytest.approx(nu, rel=0.05)


def test_expected_patterns_are_the_stated_mixtures_of_the_domains() -> None:
    values = {
        "master_pattern": "kinematical",
        "phases": "ferrite,magnetite",
        "phase_yields": "1,0.6",
        "pore_fraction": 0.1,
    }
    made = simulate(small(**values, phase_contrasts="1,0.5", noise_nu=1))
    t = made.truth
    levels = made.calibration.detector
    patterns = made.domain_patterns(np.arange(len(t.domain_grain))).reshape(len(t.domain_grain), -1)
    yields = np.array([1, 0.6, 0.15])[t.domain_phase]
    level = detector.background(20, 24, 1.0).reshape(-1)
    volume = t.domain_mixing(by_volume=True).toarray()
    expected = levels.dark_grey_level + volume @ (levels.grey_levels_per_intensity * yields[:, None] * level + patterns)
    np.testing.assert_allclose(made.expected_rows(0, 14).reshape(-1, 480), expected, rtol=1e-4)
    intensity = t.domain_mixing().toarray()
    np.testing.assert_allclose(intensity, volume * yields / (volume @ yields)[:, None], atol=1e-6)


@given(st.lists(st.integers(1, 13), max_size=5, unique=True))
@settings(max_examples=8, deadline=None)
def test_bytes_do_not_depend_on_blocks(cuts: list[int]) -> None:
    made = simulate(small())
    edges = [0, *sorted(cuts), 14]
    parts = [made.read_rows(a, b) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), simulate(small()).read_rows(0, 14))


def test_bytes_do_not_depend_on_the_library_the_chunks_or_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = simulate(small()).read_rows(0, 14)
    monkeypatch.setattr(synthesis, "LIBRARY_BYTES", 1)
    monkeypatch.setattr(synthesis, "CHUNK_BYTES", 20 * 24 * 8 * 3)
    monkeypatch.setattr(synthesis.os, "cpu_count", lambda: 1)
    made = simulate(small())
    backwards = np.concatenate([made.read_rows(row, row + 1) for row in reversed(range(14))][::-1])
    np.testing.assert_array_equal(backwards, reference)


def test_seeds_change_everything_and_noise_alone_nothing_of_the_truth() -> None:
    one, other = simulate(small(seed=1)), simulate(small(seed=2))
    assert not np.array_equal(one.truth.grain, other.truth.grain)
    assert not np.array_equal(one.read_rows(0, 1), other.read_rows(0, 1))
    louder = simulate(small(seed=1, noise_nu=3))
    np.testing.assert_array_equal(louder.truth.grain, one.truth.grain)
    np.testing.assert_array_equal(louder.truth.orientation, one.truth.orientation)


def test_gradients_and_drift_change_patterns_inside_a_grain() -> None:
    calm = simulate(small(beam_fwhm_x_um=0, beam_fwhm_y_um=0, mean_grain_diameter_points=100))
    assert len(np.unique(calm.truth.grain)) == 1
    same = calm.expected_rows(0, 14).reshape(-1, 480)
    np.testing.assert_array_equal(same, np.tile(same[0], (len(same), 1)))
    for values in ({"orientation_gradient_deg_per_um": 5.0}, {"pattern_centre_drift_x": 0.05}):
        moved = simulate(
            small(beam_fwhm_x_um=0, beam_fwhm_y_um=0, mean_grain_diameter_points=100, **values)
        ).expected_rows(0, 14)
        flat = moved.reshape(-1, 480)
        near, far = (np.corrcoef(flat[0], flat[index])[0, 1] for index in (1, 16))
        assert far < near < 1


def test_a_drift_shifts_the_pattern_centre_as_stated() -> None:
    values = {"beam_fwhm_x_um": 0, "beam_fwhm_y_um": 0, "mean_grain_diameter_points": 100}
    drifting = simulate(small(**values, pattern_centre_drift_x=0.05, pattern_centre_drift_y=-0.03))
    shifted = simulate(small(**values, pattern_centre_x=0.55, pattern_centre_y=0.22))
    level = detector.background(20, 24, 1.0)
    band, reference = (
        made.expected_rows(13, 14)[0, 16] - made.calibration.detector.response(level) for made in (drifting, shifted)
    )
    assert np.corrcoef(band.ravel(), reference.ravel())[0, 1] > 0.99999


def test_intensity_spread_and_yield_scale_whole_patterns() -> None:
    spread = simulate(small(gain_spread=0.1, rows=40)).expected_rows(0, 40).mean(axis=(2, 3))
    assert np.log(spread - 5.1).std() == pytest.approx(0.1, rel=0.15)


def test_truth_is_consistent() -> None:
    values = {"sub_grain_misorientation_deg": 1.0, "pore_fraction": 0.05, "rows": 40, "columns": 40}
    t = simulate(small(**values, mean_grain_diameter_points=10)).truth
    np.testing.assert_array_equal(t.domain_grain[t.domain], t.grain)
    np.testing.assert_array_equal(t.pore, t.phase == -1)
    np.testing.assert_array_equal(t.grain_points, np.bincount(t.grain.ravel(), minlength=len(t.grain_phase)))
    np.testing.assert_allclose(np.linalg.norm(t.orientation, axis=2), 1, rtol=1e-9)
    by_grain = t.grain_mixing().toarray()
    np.testing.assert_allclose(by_grain.sum(axis=1), 1, atol=1e-5)
    own = by_grain[np.arange(1600), t.grain.ravel()].reshape(40, 40)
    np.testing.assert_allclose(own, t.own_fraction, atol=1e-5)
    assert np.all(t.own_domain_fraction <= t.own_fraction + 1e-6)
    inside = t.boundary_x == 1
    np.testing.assert_allclose(t.misorientation_x_deg[inside], 1.0, atol=1e-4)
    assert inside.sum() > 0
    assert np.isnan(t.misorientation_x_deg[t.boundary_x == 6]).all()
    assert np.nanmax(t.misorientation_y_deg) < 62.81


def test_regions_join_below_five_degrees_and_split_grains_never_count() -> None:
    from scipy.ndimage import label

    t = simulate(small(sub_grain_misorientation_deg=2.0, rows=40, columns=40, mean_grain_diameter_points=9)).truth
    for region in np.unique(t.region):
        assert label(t.region == region)[1] == 1
    different_x = t.region[:, 1:] != t.region[:, :-1]
    np.testing.assert_array_equal(different_x & (t.misorientation_x_deg < 5), False)
    different_y = t.region[1:] != t.region[:-1]
    np.testing.assert_array_equal(different_y & (t.misorientation_y_deg < 5), False)
    assert len(np.unique(t.region)) <= len(np.unique(t.grain)) + 2
    assert len(np.unique(t.region)) < len(np.unique(t.domain))


def test_h5_is_what_kikuchipy_loads(tmp_path: Path) -> None:
    import kikuchipy

    calls: list[tuple[int, int]] = []
    values = {"mismatch_pattern_centre_x": 0.01, "mismatch_beam_energy_kev": -1, "eds_maps": True}
    asked = small(**values)
    made = simulate(asked)
    result = make_twin(asked, tmp_path / "scan.h5", progress=lambda done, total: calls.append((done, total)))
    for lazy in (False, True):
        signal = kikuchipy.load(str(result.path), lazy=lazy)
        if lazy:
            assert signal._lazy
            signal.compute(show_progressbar=False)
        assert signal.data.dtype == np.uint8
        np.testing.assert_array_equal(signal.data, made.read_rows(0, 14))
    np.testing.assert_array_equal(signal.static_background, made.static_background)
    np.testing.assert_allclose(signal.detector.pc.squeeze(), (0.51, 0.25, 0.55))
    assert signal.detector.sample_tilt == 70
    assert signal.metadata.Acquisition_instrument.SEM.beam_energy == 19
    assert [axis.scale for axis in signal.axes_manager.navigation_axes] == [0.05, 0.05]
    assert not signal.xmap.is_indexed.any()
    assert calls[-1] == (14 * 17, 14 * 17)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.h5", "scan_eds.npz", "scan_truth"]
    truth = load_truth(result.truth_path)
    np.testing.assert_array_equal(truth.region, made.truth.region)
    np.testing.assert_array_equal(truth.mixing_fraction, made.truth.mixing_fraction)
    assert truth.information == made.truth.information
    assert TwinSettings.model_validate(truth.information["settings"]) == asked
    with np.load(result.eds_path) as counts:
        np.testing.assert_array_equal(counts["Ni"], made.eds_counts["Ni"])


def test_h5_names_the_phases(tmp_path: Path) -> None:
    import h5py
    from kikuchipy.io.plugins._h5ebsd import _hdf5group2dict
    from orix.io.plugins.orix_hdf5 import dict2phaselist

    asked = small(master_pattern="kinematical", phases="ferrite,wustite", rows=3, columns=4)
    path = make_twin(asked, tmp_path / "scan.h5").path
    with h5py.File(path) as file:
        tree = _hdf5group2dict(file["Scan 1/EBSD/CrystalMap/crystal_map/header/phases"], recursive=True)
    phases = dict2phaselist(tree)
    assert phases.names == ["not_indexed", "ferrite", "wustite"]
    assert phases["ferrite"].space_group.number == 229


@pytest.mark.parametrize("naming", ["number", "xy"])
def test_tiff_folder_holds_one_pattern_per_point(tmp_path: Path, naming: str) -> None:
    import tifffile

    asked = small(rows=3, columns=4, bit_depth=16)
    result = make_twin(asked, tmp_path / "scan", form="tiff", tiff_naming=naming)  # type: ignore[arg-type]
    patterns = simulate(asked).read_rows(0, 3)
    assert len(list(result.path.glob("pattern_*.tif"))) == 12
    background = tifffile.imread(result.path / "static_background.tif")
    np.testing.assert_array_equal(background, simulate(asked).static_background)
    for row in range(3):
        for column in range(4):
            numbered = f"pattern_{4 * row + column:06d}.tif"
            name = numbered if naming == "number" else f"pattern_x{column:04d}_y{row:04d}.tif"
            np.testing.assert_array_equal(tifffile.imread(result.path / name), patterns[row, column])
    with pytest.raises(FileExistsError, match="new folder"):
        make_twin(asked, tmp_path / "scan", form="tiff")


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for name, form in (("scan.h5", "h5"), ("scan", "tiff")):
        with pytest.raises(KeyboardInterrupt):
            make_twin(small(), tmp_path / name, form=form, progress=stop)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_smallest_and_odd_shapes() -> None:
    one = simulate(small(rows=1, columns=1, detector_height_px=7, detector_width_px=13))
    assert one.read_rows(0, 1).shape == (1, 1, 7, 13)
    assert one.truth.misorientation_x_deg.shape == (1, 0)
    assert one.truth.region.tolist() == [[0]]
    assert one.read_rows(0, 0).shape == (0, 1, 7, 13)
    with pytest.raises(IndexError, match="rows 0:2"):
        one.read_rows(0, 2)
