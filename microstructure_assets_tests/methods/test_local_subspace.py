from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microstructure_assets.methods import local_subspace
from microstructure_assets.methods.eigenvectors import subspace_iteration
from microstructure_assets.methods.local_subspace import Rectangle, local_subspaces, squares_of
from microstructure_assets.methods.noise import noise_variance
from microstructure_assets_tests.methods.grains import grain_scan


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([100, 3600, 200_000]))
def test_squares_cover_every_point_once(rows: int, columns: int, pixels: int) -> None:
    count = np.zeros((rows, columns), dtype=int)
    for square in squares_of(rows, columns, pixels):
        count[square.row_start : square.row_stop, square.column_start : square.column_stop] += 1
    assert (count == 1).all()


def test_squares_of_large_detectors_stay_within_their_memory() -> None:
    areas = [square.shape for square in squares_of(495, 266, 200_000)]
    assert max(height * width for height, width in areas) * 200_000 * 4 < 1.5 * local_subspace.SQUARE_BYTES


@pytest.fixture(scope="module")
def several() -> tuple[object, object]:
    scan = grain_scan(36, 48, 6, 0.5)
    patch = pytest.MonkeyPatch()
    patch.setattr(local_subspace, "SIDE_POINTS", 12)
    found = local_subspaces(scan)
    patch.undo()
    return scan, found


def test_a_square_has_a_component_for_every_grain(several: tuple) -> None:
    scan, found = several
    assert len(found.squares) == 12
    for square in found.squares:
        grains = len(np.unique(scan.grain[Rectangle(0, 36, 0, 48).common(square.area).inside(Rectangle(0, 36, 0, 48))]))
        assert len(square.loading) == grains == 4
        assert square.residual_share <= 0.01
        np.testing.assert_allclose(square.loading @ square.loading.T, np.eye(4), atol=1e-5)


def test_coordinates_across_squares_keep_lengths_and_angles_of_the_signal(several: tuple) -> None:
    scan, found = several
    area = Rectangle(5, 29, 7, 41)
    value = found.coordinates(area).value
    signal = scan.signal[area.row_start : area.row_stop, area.column_start : area.column_stop]
    grain = scan.grain[area.row_start : area.row_stop, area.column_start : area.column_stop]
    numbers = np.unique(grain)
    mean = np.stack([value[grain == k].mean(axis=0) for k in numbers]).astype(np.float64)
    true = np.stack([signal[grain == k].mean(axis=0) for k in numbers]).astype(np.float64)
    energy = float(np.mean(np.einsum("ij,ij->i", true, true)))
    np.testing.assert_allclose(mean @ mean.T, true @ true.T, atol=0.06 * energy)


def test_the_coordinates_hold_the_signal_and_as_much_noise_as_they_say(several: tuple) -> None:
    scan, found = several
    area = Rectangle(0, 36, 0, 48)
    coordinates, noise = found.coordinates(area), found.noise(area)
    energy = float(np.mean(np.sum(coordinates.value.astype(np.float64) ** 2, axis=2)))
    signal = float(np.mean(np.sum(scan.signal.astype(np.float64) ** 2, axis=2)))
    assert energy == pytest.approx(signal + coordinates.noise_pixels * noise.variance, rel=0.02)
    assert noise.variance == pytest.approx(scan.noise_variance, rel=0.03)


def test_noise_of_a_rectangle_is_that_of_its_patterns(several: tuple) -> None:
    scan, found = several
    own = noise_variance(scan.read(3, 30, 5, 40))
    assert found.noise(Rectangle(3, 30, 5, 40)).variance == pytest.approx(own.variance, rel=0.05)


def test_the_same_bytes_whatever_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = grain_scan(20, 20, 5, 1.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one = local_subspaces(scan)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    three = local_subspaces(scan)
    assert one.overlap.tobytes() == three.overlap.tobytes()
    assert one.squares[0].score.tobytes() == three.squares[0].score.tobytes()


def test_a_scan_of_one_point_and_one_without_any_signal_have_coordinates() -> None:
    point = local_subspaces(grain_scan(1, 1, 1, 0.0)).coordinates(Rectangle(0, 1, 0, 1))
    assert point.value.shape == (1, 1, 1)
    empty = grain_scan(6, 6, 3, 0.0)
    empty.patterns[:] = 0
    assert np.all(local_subspaces(empty).coordinates(Rectangle(0, 6, 0, 6)).value == 0)


def test_subspace_iteration_finds_the_strong_directions_above_a_bulk() -> None:
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.standard_normal((200, 200)))[0]
    energy = np.concatenate([[90.0, 70.0, 40.0, 20.0], random.uniform(0.5, 2.0, 196)])
    matrix = (basis * energy) @ basis.T
    value, vector = subspace_iteration(matrix, 8, 0)
    expected, known = np.linalg.eigh(matrix)
    np.testing.assert_allclose(value[:4], expected[::-1][:4], rtol=1e-6)
    overlap = np.abs(np.sum(vector[:, :4] * known[:, ::-1][:, :4], axis=0))
    np.testing.assert_allclose(overlap, 1.0, atol=1e-5)
    exact, _ = subspace_iteration(matrix, 150, 0)
    np.testing.assert_allclose(exact, expected[::-1][:150], rtol=1e-8)
