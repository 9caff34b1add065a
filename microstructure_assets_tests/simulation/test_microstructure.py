"""Generated microstructures: sizes, shapes, phases, sub-grains, pores, gradients."""

from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.simulation import crystallography, microstructure, tessellation
from microstructure_assets.simulation.settings import TwinSettings


def symmetries(count: int) -> tuple[np.ndarray, ...]:
    from orix.quaternion.symmetry import O

    return (np.asarray(O.data),) * count


def make(**values: object) -> microstructure.Microstructure:
    settings = TwinSettings.model_validate({"rows": 150, "columns": 150, "sub_points": 3, **values})
    return microstructure.generate(settings, 2, 3, symmetries(len(settings.phases)))


@pytest.mark.parametrize("kind", ["voronoi", "laguerre"])
@pytest.mark.parametrize("diameter", [5.0, 14.0])
def test_mean_grain_area_is_that_of_the_diameter(kind: str, diameter: float) -> None:
    structure = make(microstructure=kind, mean_grain_diameter_points=diameter, rows=100, columns=90, seed=2)
    mean_area = structure.labels.size / 9 / structure.domain_count
    assert np.sqrt(4 / np.pi * mean_area) == pytest.approx(diameter, rel=0.02)


@pytest.mark.parametrize("sigma", [0.2, 0.5])
def test_laguerre_sizes_are_lognormal_with_the_wanted_deviation(sigma: float) -> None:
    from scipy import stats

    settings = TwinSettings(microstructure="laguerre", mean_grain_diameter_points=10, grain_size_sigma=sigma)
    y = x = np.arange(0, 200, 0.5)
    labels = tessellation.tessellate(settings, y, x, np.random.default_rng(5))
    number = np.bincount(labels.ravel())
    inner = np.setdiff1d(
        np.flatnonzero(number), np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    )
    logarithm = np.log(number[inner]) / 2
    assert logarithm.std() == pytest.approx(sigma, rel=0.15)
    assert abs(stats.skew(logarithm)) < 0.6


def test_a_second_mode_holds_its_share_of_the_grains_at_its_size() -> None:
    settings = TwinSettings(
        microstructure="laguerre",
        mean_grain_diameter_points=8,
        grain_size_sigma=0.15,
        large_grain_fraction=0.1,
        large_grain_ratio=4.0,
    )
    y = x = np.arange(0, 200, 0.5)
    labels = tessellation.tessellate(settings, y, x, np.random.default_rng(3))
    diameter = np.sqrt(np.bincount(labels.ravel()))
    diameter = diameter[diameter > 0]
    large = diameter > 2 * np.median(diameter)
    assert large.mean() == pytest.approx(0.1, abs=0.03)
    assert np.median(diameter[large]) / np.median(diameter[~large]) == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize(("rotation_deg", "elongation"), [(0.0, 3.0), (35.0, 3.0), (-60.0, 5.0), (20.0, 1.0)])
def test_elongation_and_direction_follow_from_the_second_moments(rotation_deg: float, elongation: float) -> None:
    values = {"mean_grain_diameter_points": 12, "microstructure_rotation_deg": rotation_deg, "elongation": elongation}
    structure = make(**values, rows=200, columns=200, seed=4)
    labels = structure.labels
    y, x = (axis.astype(float) for axis in np.indices(labels.shape))
    number = np.bincount(labels.ravel())

    def mean(weights: np.ndarray) -> np.ndarray:
        return np.bincount(labels.ravel(), weights=weights.ravel()) / number

    moments = np.array(
        [
            [mean(x * x) - mean(x) ** 2, mean(x * y) - mean(x) * mean(y)],
            [mean(x * y) - mean(x) * mean(y), mean(y * y) - mean(y) ** 2],
        ]
    )
    total = (moments * number**-0.0).sum(axis=2)
    values_, vectors = np.linalg.eigh(total)
    assert np.sqrt(values_[1] / values_[0]) == pytest.approx(elongation, rel=0.15)
    if elongation > 1:
        angle = np.rad2deg(np.arctan2(vectors[1, 1], vectors[0, 1]))
        assert abs((angle - rotation_deg + 90) % 180 - 90) < 4


def test_stripes_have_the_width_and_direction() -> None:
    structure = make(microstructure="stripes", mean_grain_diameter_points=10, microstructure_rotation_deg=0)
    assert np.all(structure.labels == structure.labels[:, :1])
    widths = np.diff(np.flatnonzero(np.diff(structure.labels[:, 0]))) / structure.sub_points
    np.testing.assert_allclose(widths, 10, atol=0.34)


def test_phases_come_in_the_wanted_shares() -> None:
    structure = make(phases=("a", "b", "c"), phase_fractions=(1, 2, 5), mean_grain_diameter_points=6)
    counts = np.bincount(structure.domain_phase, minlength=3)
    np.testing.assert_allclose(counts / counts.sum(), [0.125, 0.25, 0.625], atol=2 / counts.sum())


def test_cube_on_cube_grains_have_the_orientation_of_a_touching_grain_of_the_first_phase() -> None:
    structure = make(phases=("a", "b"), cube_on_cube_fraction=1.0, mean_grain_diameter_points=10)
    pairs, _ = microstructure.touching_pairs(structure.labels)
    for child in np.flatnonzero(structure.domain_phase == 1):
        neighbours = np.unique(pairs[np.any(pairs == child, axis=1)])
        parents = neighbours[structure.domain_phase[neighbours] == 0]
        if len(parents):
            equal = np.all(structure.domain_orientation[parents] == structure.domain_orientation[child], axis=1)
            assert equal.sum() == 1


def test_only_the_named_phases_take_the_orientation_of_the_first() -> None:
    free = make(phases=("a", "b", "c"), mean_grain_diameter_points=10)
    bound = make(
        phases=("a", "b", "c"), cube_on_cube_fraction=1.0, cube_on_cube_phases="b", mean_grain_diameter_points=10
    )
    np.testing.assert_array_equal(bound.domain_phase, free.domain_phase)
    moved = np.any(bound.domain_orientation != free.domain_orientation, axis=1)
    assert moved[bound.domain_phase == 1].any()
    assert not moved[bound.domain_phase != 1].any()


def test_sub_grains_split_the_wanted_share_by_the_wanted_angle() -> None:
    whole = make(mean_grain_diameter_points=8)
    split = make(mean_grain_diameter_points=8, sub_grain_misorientation_deg=0.7, sub_grain_fraction=0.4)
    added = split.domain_count - whole.domain_count
    assert added == pytest.approx(0.4 * whole.domain_count, abs=4 * np.sqrt(0.24 * whole.domain_count))
    parents = split.domain_grain[whole.domain_count :]
    angles = crystallography.disorientation_deg(
        split.domain_orientation[parents], split.domain_orientation[whole.domain_count :], symmetries(1)[0]
    )
    np.testing.assert_allclose(angles, 0.7, atol=1e-6)
    np.testing.assert_array_equal(split.domain_grain[split.labels], whole.labels)
    ranged = make(sub_grain_misorientation_deg=0.3, sub_grain_misorientation_maximum_deg=2, sub_grain_fraction=1)
    half = ranged.domain_count // 2
    angles = crystallography.disorientation_deg(
        ranged.domain_orientation[:half], ranged.domain_orientation[half:], symmetries(1)[0]
    )
    assert 0.3 <= angles.min() < 0.5
    assert 1.5 < angles.max() <= 2 + 1e-9


def test_pores_cover_the_wanted_share_and_are_connected_domains_without_crystal() -> None:
    from skimage.measure import label

    structure = make(pore_fraction=0.12, pore_diameter_points=7)
    pore = structure.domain_phase[structure.labels] == microstructure.PORE
    assert pore.mean() == pytest.approx(0.12, abs=0.01)
    assert label(pore, connectivity=1).max() == (structure.domain_phase == microstructure.PORE).sum()


def test_gradient_turns_in_proportion_to_the_distance_along_one_direction() -> None:
    structure = make()
    domain = structure.labels[150, 150]
    direction = structure.gradient_direction[structure.domain_grain[domain]]
    base = structure.grain_centre_points[structure.domain_grain[domain]]
    steps = np.array([0.0, 1.0, 2.5, 6.0])
    places = base + steps[:, None] * direction
    turned = microstructure.orientations_at(structure, np.full(4, domain), places[:, 0], places[:, 1], 0.3)
    angles = crystallography.disorientation_deg(np.tile(turned[0], (4, 1)), turned, symmetries(1)[0])
    np.testing.assert_allclose(angles, 0.3 * steps, atol=1e-6)
    sideways = base + steps[:, None] * np.array([-direction[1], direction[0]])
    still = microstructure.orientations_at(structure, np.full(4, domain), sideways[:, 0], sideways[:, 1], 0.3)
    np.testing.assert_allclose(still, np.tile(still[:1], (4, 1)), atol=1e-12)


def test_the_seed_decides_and_settings_that_do_not_matter_do_not() -> None:
    assert np.array_equal(make(seed=5).labels, make(seed=5).labels)
    assert not np.array_equal(make(seed=5).labels, make(seed=6).labels)
    assert np.array_equal(make(seed=5).labels, make(seed=5, noise_nu=3).labels)
