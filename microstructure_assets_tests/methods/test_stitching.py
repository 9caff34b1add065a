"""The stitched map against truth: orthogonal patterns per grain, Gaussian mixing, white noise."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from microstructure_assets.methods.settings import StitchingSettings
from microstructure_assets.methods.stitching import ArrayPatterns, stitch

PIXELS = 400


def orthogonal_patterns(count: int, seed: int) -> np.ndarray:
    """Zero-mean, mutually orthogonal patterns of deviation 1."""
    generator = np.random.default_rng(seed)
    raw = generator.normal(size=(PIXELS, count))
    raw -= raw.mean(0)
    return np.linalg.qr(raw)[0].T * np.sqrt(PIXELS)


def voronoi(rows: int, columns: int, grains: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    centre = generator.uniform(0, 1, (grains, 2)) * (rows, columns)
    y, x = np.indices((rows, columns))
    nearest = ((y[..., None] - centre[:, 0]) ** 2 + (x[..., None] - centre[:, 1]) ** 2).argmin(-1)
    return np.unique(nearest, return_inverse=True)[1].reshape(rows, columns)


def scan(grain: np.ndarray, signal: np.ndarray, nu: float, seed: int, beam: float = 0.0) -> np.ndarray:
    """Patterns (rows, columns, pixels): each grain's signal, mixed by a Gaussian of the grain map, plus noise ν."""
    share = np.stack([(grain == k).astype(float) for k in range(len(signal))], -1)
    if beam:
        share = gaussian_filter(share, (beam, beam, 0), mode="nearest")
    noise = np.random.default_rng(seed).normal(size=(*grain.shape, PIXELS))
    return (share @ signal + nu * (noise - noise.mean(-1, keepdims=True))).astype(np.float32)


def tile_clusters(grain: np.ndarray, tiling: int) -> np.ndarray:
    """A perfect clustering of each tile: ids unique over all tiles."""
    rows, columns = grain.shape
    y, x = np.indices(grain.shape)
    tile = (y * tiling // rows) * tiling + x * tiling // columns
    return np.unique(tile * (grain.max() + 1) + grain, return_inverse=True)[1].reshape(grain.shape).astype(np.int32)


def run(array: np.ndarray, cluster: np.ndarray, nu: float, **fields: float):
    return stitch(ArrayPatterns(array), cluster, nu**2, StitchingSettings(**fields))


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    return adjusted_rand_score(a.ravel(), b.ravel()) == 1.0


@pytest.fixture(scope="module")
def polycrystal() -> tuple[np.ndarray, np.ndarray]:
    grain = voronoi(40, 48, 14, seed=3)
    return grain, scan(grain, orthogonal_patterns(grain.max() + 1, 1), 1.0, seed=2)


def test_a_grain_cut_by_a_seam_has_one_label() -> None:
    grain = np.zeros((12, 20), int)
    grain[6:] = 1
    array = scan(grain, orthogonal_patterns(2, 0), 1.0, seed=1)
    cluster = grain * 2 + (np.arange(20) >= 10)
    result = run(array, cluster, 1.0)
    np.testing.assert_array_equal(result.region, grain + 1)
    assert result.boundary[5:7].all()
    assert not result.boundary[[0, 1, 2, 3, 4, 7, 8, 9, 10, 11]].any()


@pytest.mark.parametrize("tiling", [1, 2, 3, 5, 8, 15])
def test_the_map_is_the_truth_for_every_tiling(polycrystal: tuple[np.ndarray, np.ndarray], tiling: int) -> None:
    grain, array = polycrystal
    result = run(array, tile_clusters(grain, tiling), 1.0)
    assert same_partition(result.region, grain)


def test_clusters_that_hold_several_grains_are_cut(polycrystal: tuple[np.ndarray, np.ndarray]) -> None:
    grain, array = polycrystal
    result = run(array, np.zeros(grain.shape, np.int32), 1.0)
    assert same_partition(result.region, grain)


def test_clusters_that_split_grains_are_joined(polycrystal: tuple[np.ndarray, np.ndarray]) -> None:
    grain, array = polycrystal
    random = np.random.default_rng(0).integers(0, 4, grain.shape)
    result = run(array, grain * 4 + random, 1.0)
    assert same_partition(result.region, grain)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_names_of_clusters_do_not_matter(seed: int) -> None:
    grain = voronoi(16, 18, 4, seed=5)
    array = scan(grain, orthogonal_patterns(grain.max() + 1, 1), 2.0, seed=2, beam=0.7)
    cluster = tile_clusters(grain, 3)
    name = np.random.default_rng(seed).permutation(1000)[: cluster.max() + 1]
    first, second = run(array, cluster, 2.0), run(array, name[cluster], 2.0)
    np.testing.assert_array_equal(first.region, second.region)
    np.testing.assert_array_equal(first.confidence, second.confidence)


def test_one_grain_is_one_region() -> None:
    grain = np.zeros((14, 15), int)
    for nu in (0.2, 3.0):
        array = scan(grain, orthogonal_patterns(1, 0), nu, seed=1)
        cluster = np.random.default_rng(1).integers(0, 5, grain.shape)
        result = run(array, cluster, nu)
        assert (result.region == 1).all()
        assert not result.boundary.any()
        assert result.regions["point_count"].tolist() == [grain.size]
        assert result.regions["mean_contrast"][0] == pytest.approx(1.0, abs=0.05)


def test_noise_alone_has_no_region() -> None:
    array = scan(np.zeros((20, 22), int), np.zeros((1, PIXELS)), 1.0, seed=4)
    result = run(array, tile_clusters(np.zeros((20, 22), int), 3), 1.0)
    assert (result.region == 0).all()
    assert len(result.regions["region"]) == 0
    assert result.typical_contrast == 0


def test_nine_points_with_two_grains() -> None:
    grain = np.array([[0, 1, 1]] * 3)
    array = scan(grain, orthogonal_patterns(2, 7), 1.0, seed=3)
    for cluster in (grain, np.zeros((3, 3), int), np.arange(9).reshape(3, 3)):
        np.testing.assert_array_equal(run(array, cluster, 1.0).region, grain + 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (2, 2)])
def test_scans_of_a_line_or_a_point(shape: tuple[int, int]) -> None:
    array = scan(np.zeros(shape, int), orthogonal_patterns(1, 0), 0.3, seed=1)
    result = run(array, np.zeros(shape, int), 0.3)
    expected = 0 if shape == (1, 1) else 1  # a single pattern cannot be told from noise by what it shares with others
    assert (result.region == expected).all()
    assert result.edge_strength_x.shape == (shape[0], shape[1] - 1)
    assert result.edge_strength_y.shape == (shape[0] - 1, shape[1])


def test_a_cluster_of_mixed_points_does_not_chain_two_grains() -> None:
    grain = np.zeros((24, 24), int)
    grain[:, 12:] = 1
    signal = orthogonal_patterns(2, 0)
    signal[1] = 0.45 * signal[0] + np.sqrt(1 - 0.45**2) * signal[1]  # near enough for a mixture to resemble both
    array = scan(grain, signal, 0.7, seed=2, beam=1.2)
    cluster = grain.copy()
    cluster[:, 11:13] = 2
    result = run(array, cluster, 0.7, region_similarity=0.6)
    assert result.regions["region"].tolist() == [1, 2]
    assert adjusted_rand_score(grain.ravel(), result.region.ravel()) > 0.98


def test_points_of_a_boundary_go_to_their_side_under_the_beam() -> None:
    grain = voronoi(40, 44, 9, seed=8)
    signal = orthogonal_patterns(grain.max() + 1, 1)
    array = scan(grain, signal, 1.0, seed=5, beam=0.8)
    result = run(array, tile_clusters(grain, 4), 1.0)
    assert adjusted_rand_score(grain.ravel(), result.region.ravel()) > 0.985
    # the grain map holds whole points, which widens nothing: the beam is seen as it was laid over
    assert result.beam_x == pytest.approx(0.8, abs=0.15)
    assert result.beam_y == pytest.approx(0.8, abs=0.15)
    wrong = result.region != result.region[tuple(np.argwhere(grain == grain[0, 0])[0])]
    assert result.confidence[wrong].mean() > 0.9


def test_pores_are_region_zero_and_part_grains() -> None:
    grain = np.zeros((24, 30), int)
    grain[:, 14:17] = 1
    grain[:, 17:] = 2
    signal = orthogonal_patterns(2, 0)
    signal = np.stack([signal[0], np.zeros(PIXELS), signal[0]])
    array = scan(grain, signal, 0.7, seed=2)
    result = run(array, tile_clusters(grain, 3), 0.7)
    np.testing.assert_array_equal(result.region == 0, grain == 1)
    assert same_partition(result.region, grain)


def test_contrast_tells_phases_of_like_patterns() -> None:
    grain = np.zeros((16, 24), int)
    grain[:, 12:] = 1
    first, other = orthogonal_patterns(2, 0)
    second = 0.9 * first + np.sqrt(1 - 0.9**2) * other
    for factor, count in ((1.9, 2), (1.1, 1)):
        array = scan(grain, np.stack([first, second / factor]), 0.5, seed=1)
        assert run(array, tile_clusters(grain, 2), 0.5).region.max() == count


def test_a_gradient_is_one_region() -> None:
    rows, columns = 16, 40
    line = gaussian_filter(np.random.default_rng(0).normal(size=PIXELS + 200), 8.0)
    row = np.stack([line[2 * k : 2 * k + PIXELS] for k in range(columns)])  # the pattern wanders over the detector
    row = (row - row.mean(1, keepdims=True)) / row.std()
    assert np.corrcoef(row[10], row[11])[0, 1] < 0.99
    assert abs(np.corrcoef(row[5], row[35])[0, 1]) < 0.3
    array = row + scan(np.zeros((rows, columns), int), np.zeros((1, PIXELS)), 0.4, 1)
    result = run(array.astype(np.float32), np.zeros((rows, columns), int), 0.4)
    assert result.region.max() == 1
    assert result.regions["piece_count"][0] > 2


def test_bytes_do_not_depend_on_threads(polycrystal: tuple[np.ndarray, np.ndarray]) -> None:
    grain, array = polycrystal
    cluster = tile_clusters(grain, 3)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        first = run(array, cluster, 1.0)
    finally:
        numba.set_num_threads(threads)
    second = run(array, cluster, 1.0)
    for name in ("region", "confidence", "edge_strength_x", "edge_strength_y"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()


def test_bytes_do_not_depend_on_the_threads_of_products() -> None:
    grain = voronoi(90, 100, 140, seed=5)
    array = scan(grain, orthogonal_patterns(grain.max() + 1, 6), 1.4, 7, beam=0.7)
    cluster, found = tile_clusters(grain, 3), []
    for threads in (1, 2, 3):
        with threadpool_limits(limits=threads, user_api="blas"):
            found.append(run(array, cluster, 1.4).confidence.tobytes())
    assert found[0] == found[1] == found[2]


def test_a_noise_variance_off_by_a_tenth_is_borne(polycrystal: tuple[np.ndarray, np.ndarray]) -> None:
    grain, array = polycrystal
    for factor in (0.9, 1.1):
        result = stitch(ArrayPatterns(array), tile_clusters(grain, 4), factor, StitchingSettings())
        assert same_partition(result.region, grain)


def test_tables_agree_with_the_map(polycrystal: tuple[np.ndarray, np.ndarray]) -> None:
    grain, array = polycrystal
    result = run(array, tile_clusters(grain, 2), 1.0)
    regions = result.regions
    assert regions["region"].tolist() == list(range(1, result.region.max() + 1))
    for k, name in enumerate(regions["region"]):
        y, x = np.nonzero(result.region == name)
        assert regions["point_count"][k] == len(y)
        assert regions["centroid_row"][k] == pytest.approx(y.mean())
        assert regions["centroid_column"][k] == pytest.approx(x.mean())
        assert regions["on_edge"][k] == (y.min() == 0 or x.min() == 0 or y.max() == 39 or x.max() == 47)
        assert regions["mean_contrast"][k] == pytest.approx(1.0, abs=0.1)
    assert set(result.links["region_a"]) | set(result.links["region_b"]) <= set(regions["region"])
    assert (result.links["similarity"] < 0.5).all()
    assert result.rounds["pieces"][-1] == grain.max() + 1


def test_edge_strength_is_calibrated_and_peaks_at_the_boundary() -> None:
    grain = np.zeros((40, 40), int)
    grain[:, 22:] = 1
    signal = orthogonal_patterns(2, 3)
    signal[1] = 0.98 * signal[0] + np.sqrt(1 - 0.98**2) * signal[1]  # a small misorientation
    array = scan(grain, signal, 1.0, seed=6)
    result = run(array, np.zeros(grain.shape, int), 1.0)
    assert result.region.max() == 1
    far = np.delete(result.edge_strength_x, np.arange(17, 26), axis=1)
    assert far.mean() == pytest.approx(0.0, abs=0.15)
    assert far.std() == pytest.approx(1.0, abs=0.2)
    assert np.argmax(result.edge_strength_x.mean(0)) == 21
    assert result.edge_strength_x[:, 21].mean() > 3
    assert result.edge_strength_y.mean() == pytest.approx(0.0, abs=0.15)


def test_progress_counts_the_passes(polycrystal: tuple[np.ndarray, np.ndarray]) -> None:
    grain, array = polycrystal
    seen: list[tuple[int, int]] = []
    stitch(ArrayPatterns(array), grain, 1.0, StitchingSettings(rounds=2), progress=lambda *step: seen.append(step))
    assert seen == [(k, 5) for k in range(1, 6)]


def test_wrong_input_is_named() -> None:
    array = np.zeros((4, 5, 9), np.float32)
    with pytest.raises(ValueError, match=r"cluster: found shape \(5, 4\), expected \(4, 5\)"):
        run(array, np.zeros((5, 4), int), 1.0)
    with pytest.raises(ValueError, match=r"noise_variance: found 0\.0"):
        run(array, np.zeros((4, 5), int), 0.0)
