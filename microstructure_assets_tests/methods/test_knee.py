"""The paper's knee against Kaiser's rule; the noise edge against simulated noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.methods.knee import choose_components, noise_edge, paper_gap
from microstructure_assets.methods.parallel import single_blas_thread
from microstructure_assets.methods.settings import KneeSettings


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread() -> Iterator[None]:
    """Keeps the oracles from fighting over busy cores."""
    with single_blas_thread():
        yield


spectra = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=60).map(lambda values: np.sort(values)[::-1])
PAPER = KneeSettings(method="paper", minimum=1)


def noise_spectrum(
    points: int, pixels: int, rng: np.random.Generator, deviation: np.ndarray | float = 1.0
) -> np.ndarray:
    values = rng.standard_normal((points, pixels)) * np.broadcast_to(deviation, (points,))[:, None]
    values -= values.mean(axis=0)
    return np.linalg.eigvalsh(values @ values.T)[::-1] / (points - 1)


def test_gap_of_equations_2_and_3() -> None:
    variance = np.array([10.0, 4.0, 2.0, 1.0, 1.0])
    curve = paper_gap(variance)
    cumulative = np.cumsum(variance)
    np.testing.assert_allclose(curve.index, [0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(curve.cumulative, (cumulative - cumulative[0]) / (cumulative[-1] - cumulative[0]))
    np.testing.assert_allclose(curve.gap, curve.cumulative - curve.index)


@settings(max_examples=200, deadline=None)
@given(spectra)
def test_paper_is_kaisers_rule_on_the_later_variances(variance: np.ndarray) -> None:
    threshold = variance[1:].sum() / len(variance)
    close = np.abs(variance[1:] - threshold) <= 1e-9 * max(threshold, 1e-300)
    kaiser = 1 + int(np.count_nonzero(variance[1:] > threshold))
    count = choose_components(variance, PAPER, edge=0).count
    assert kaiser <= count + close.sum()
    assert count <= kaiser + close.sum()


@settings(max_examples=100, deadline=None)
@given(spectra, st.floats(1e-9, 1e9), st.integers(1, 5))
def test_scaling_changes_nothing(variance: np.ndarray, scale: float, minimum: int) -> None:
    for method in ("paper", "noise_edge"):
        chosen = KneeSettings(method=method, minimum=minimum)
        edge = float(np.median(variance)) * 1.001
        first = choose_components(variance, chosen, edge=edge)
        second = choose_components(variance * scale, chosen, edge=edge * scale)
        np.testing.assert_allclose(second.curve.gap, first.curve.gap, atol=1e-9)
        if method == "noise_edge":
            assert first.count == second.count


@settings(max_examples=100, deadline=None)
@given(spectra, st.integers(1, 12), st.integers(1, 30), st.floats(0, 1e6))
def test_count_stays_within_its_bounds(variance: np.ndarray, minimum: int, maximum: int, edge: float) -> None:
    minimum, maximum = sorted((minimum, maximum))
    own = choose_components(variance, KneeSettings(minimum=minimum, maximum=maximum), edge=edge)
    fewest = min(minimum, len(variance))
    assert fewest <= own.count <= max(fewest, min(maximum, len(variance)))
    assert own.above_edge == (variance > edge).sum()
    if not own.limited and own.above_edge >= fewest:
        assert own.count == own.above_edge
    paper = choose_components(variance, KneeSettings(method="paper", minimum=minimum, maximum=maximum), edge=edge)
    assert fewest <= paper.count <= len(variance)
    assert paper.count == own.paper_count


def test_number_of_components_computed_decides_the_paper() -> None:
    rng = np.random.default_rng(0)
    spectrum = noise_spectrum(594, 3600, rng)
    spectrum[:4] = spectrum[0] * np.array([40, 20, 10, 5])
    counts = [choose_components(spectrum[:p], PAPER, edge=0).count for p in (10, 30, 100, 593)]
    assert counts == sorted(counts)
    assert counts[0] <= 4
    assert counts[-1] > 100
    edge = noise_edge(1.0, 594, 3600)
    assert {choose_components(spectrum[:p], KneeSettings(), edge=edge).count for p in (10, 30, 100, 593)} == {4}


@pytest.mark.parametrize(("points", "pixels"), [(9, 400), (40, 400), (100, 300), (60, 30)])
def test_noise_alone_rarely_exceeds_the_edge(points: int, pixels: int) -> None:
    rng = np.random.default_rng(5)
    edge = noise_edge(1.0, points, pixels)
    tight = noise_edge(1.0, points, pixels, deviations=0.98)
    largest = np.array([noise_spectrum(points, pixels, rng)[0] for _ in range(300)])
    assert (largest > edge).mean() <= 0.03
    assert 0.015 <= (largest > tight).mean() <= 0.1
    assert edge < 1.25 * np.median(largest)


@pytest.mark.parametrize("loud", [0.2, 0.5, 0.9])
def test_edge_of_unequal_noise(loud: float) -> None:
    rng = np.random.default_rng(6)
    points, pixels = 150, 600
    deviation = np.where(np.arange(points) < loud * points, 2.0, 1.0)
    edge = noise_edge(deviation**2, points, pixels)
    largest = np.array([noise_spectrum(points, pixels, rng, deviation)[0] for _ in range(60)])
    assert (largest > edge).mean() <= 0.1
    assert edge < 1.15 * np.median(largest)
    if loud < 0.9:
        assert (largest > noise_edge(float(np.mean(deviation**2)), points, pixels)).all()


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-6, 1e6), st.integers(2, 2000), st.integers(1, 10**6), st.floats(0.01, 100))
def test_edge_scales_with_the_variance(variance: float, points: int, pixels: int, scale: float) -> None:
    edge = noise_edge(variance, points, pixels)
    assert noise_edge(variance * scale, points, pixels) == pytest.approx(scale * edge, rel=1e-6)
    assert edge >= variance * pixels / (points - 1)
    assert noise_edge(np.full((3, 5), variance), points, pixels) == pytest.approx(edge, rel=1e-6)
    assert noise_edge(variance, points, pixels, max(1.0, pixels / 3)) >= edge * (1 - 1e-9)


def test_edge_without_noise_or_points() -> None:
    assert noise_edge(0.0, 100, 100) == 0
    assert noise_edge(1.0, 1, 100) == 0
    with_dead = noise_edge(np.array([0.0, 1.0, 1.0]), 300, 100)
    assert 0 < with_dead < noise_edge(1.0, 300, 100)
    with pytest.raises(ValueError, match="noise_variance"):
        noise_edge(-1.0, 10, 10)
    with pytest.raises(ValueError, match="point_count"):
        noise_edge(1.0, 0, 10)


def test_wrong_spectra_are_named() -> None:
    for bad in (np.empty(0), np.ones((2, 2)), np.array([1.0, 2.0]), np.array([1.0, np.nan]), np.array([1.0, -1.0])):
        with pytest.raises(ValueError, match="explained_variance"):
            choose_components(bad, KneeSettings(), edge=1)


def test_flat_and_single_spectra() -> None:
    assert choose_components(np.array([3.0]), KneeSettings(), edge=1).count == 1
    assert choose_components(np.zeros(5), KneeSettings(), edge=0).count == 2
    assert choose_components(np.array([5.0, 0, 0, 0]), PAPER, edge=1).count == 1
    limited = choose_components(np.arange(30.0, 0, -1), KneeSettings(), edge=5)
    assert (limited.count, limited.above_edge, limited.limited) == (10, 25, True)


def test_nine_real_patterns_separate_into_two_grains() -> None:
    import kikuchipy

    from microstructure_assets.methods.background import BackgroundCorrection
    from microstructure_assets.methods.components import principal_components
    from microstructure_assets.methods.noise import noise_variance
    from microstructure_assets.methods.settings import PreprocessingSettings

    signal = kikuchipy.data.nickel_ebsd_small()
    correction = BackgroundCorrection.prepare((60, 60), PreprocessingSettings(), signal.static_background)
    patterns = correction(signal.data.reshape(9, 60, 60)).reshape(9, -1)
    noise = noise_variance(patterns.reshape(3, 3, -1))
    parts = principal_components(patterns, 30)
    edge = noise_edge(noise.point_variance, 9, 3600, noise.effective_pixel_count)
    knee = choose_components(parts.explained_variance, KneeSettings(), edge=edge)
    first = parts.score[:, 0].reshape(3, 3)
    assert knee.above_edge >= 1
    assert len(np.unique(np.sign(first[:, 0]))) == 1
    assert len(np.unique(np.sign(first[:, 1:]))) == 1
    assert np.sign(first[0, 0]) != np.sign(first[0, 1])
    assert np.ptp(first[:, 1:]) < 0.5 * abs(first[:, 0].mean() - first[:, 1:].mean())
