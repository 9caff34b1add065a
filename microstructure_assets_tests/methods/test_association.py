"""The table of latents and maps against sums by hand, SciPy and what must not change it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from microstructure_assets.methods import association, association_moments
from microstructure_assets.methods.association import LatentCorrelations, latent_correlations, verdicts
from microstructure_assets.methods.association_maps import AssociationMaps, select
from microstructure_assets.methods.association_settings import AssociationSettings
from microstructure_assets_tests.methods.crystallography.making import random_quaternions, voronoi

SHAPE, GRAINS = (50, 60), 90
QUICK = AssociationSettings(permutations=199, rank_points=2000)


def scan(seed: int = 0, grains: int = GRAINS) -> tuple[np.ndarray, AssociationMaps]:
    """Latents 0: iron of the grain; 1: the phase; 2: gradients of oxygen; 3: nothing; 4: hardly varies at all."""
    generator = np.random.default_rng(seed)
    grain = voronoi(generator, SHAPE, grains)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 8.0
    angle = generator.uniform(0, 2 * np.pi, grains)[grain]
    place = [
        values - (np.bincount(grain.ravel(), values.ravel()) / np.bincount(grain.ravel()))[grain] for values in (y, x)
    ]
    slope = 3 * (np.sin(angle) * place[0] + np.cos(angle) * place[1])
    phase = 1 + (np.arange(grains) % 5 < 2)
    between = generator.normal(size=(8, grains))
    noise = generator.normal(size=(8, *SHAPE))
    latent = np.stack(
        [
            between[0][grain] + 0.3 * noise[0],
            2.0 * phase[grain] + 0.3 * between[1][grain] + 0.3 * noise[1],
            between[2][grain] + slope + 0.3 * noise[2],
            between[3][grain] + 0.3 * noise[3],
            0.01 * noise[4],
        ],
        axis=-1,
    ).astype(np.float32)
    maps = AssociationMaps(
        grain=grain + 1,
        phase=phase[grain],
        numbers={
            "Fe": 3 * phase[grain] + between[0][grain] + between[5][grain] + 0.3 * noise[5],
            "O": between[6][grain] + slope + 0.3 * noise[6],
        },
        categories={"phase": phase[grain]},
        baseline={"band contrast": between[7][grain] + 0.3 * noise[7]},
        orientation=random_quaternions(generator, grains),
        point_groups=("m-3m", "6/mmm"),
    )
    return latent, maps


@pytest.fixture(scope="module")
def found() -> LatentCorrelations:
    return latent_correlations(*scan(), QUICK)


def cell(found: LatentCorrelations, latent: int, name: str) -> dict[str, object]:
    row = int(np.flatnonzero((found.table["latent"] == latent) & (found.table["map"] == name))[0])
    return {column: values[row] for column, values in found.table.items()}


def test_each_pair_gets_the_verdict_that_it_was_made_for(found: LatentCorrelations) -> None:
    expected = {
        (0, "Fe"): association.REAL,
        (1, "Fe"): association.EXPLAINED,
        (1, "phase"): association.REAL,
        (2, "O"): association.INSIDE,
        (3, "Fe"): association.CHANCE,
        (3, "O"): association.CHANCE,
        (3, "phase"): association.CHANCE,
        (2, "Fe"): association.CHANCE,
    }
    assert {pair: cell(found, *pair)["verdict"] for pair in expected} == expected


def test_the_table_has_a_row_per_active_latent_and_map(found: LatentCorrelations) -> None:
    latent, maps = scan()
    assert found.active.tolist() == [True, True, True, True, False]
    assert found.variance == pytest.approx(latent.reshape(-1, 5).astype(float).var(axis=0), rel=1e-9)
    assert found.table["latent"].tolist() == np.repeat([0, 1, 2, 3], 3).tolist()
    assert found.table["map"].tolist() == ["Fe", "O", "phase"] * 4
    assert {len(values) for values in found.table.values()} == {12}
    assert (found.points, found.grains) == (3000, int(np.sum(np.bincount(maps.grain.ravel()) >= 4)))
    assert all(values.dtype in (np.float64, np.int64, object) for values in found.table.values())


def test_coefficients_over_points_and_grains_are_those_of_scipy() -> None:
    latent, maps = scan(1)
    excluded = np.random.default_rng(0).random(SHAPE) < 0.1
    maps.numbers["Fe"][:, 7] = np.nan  # type: ignore[index]
    maps = replace(maps, excluded=excluded)
    settings = AssociationSettings(permutations=99, rank_points=5000)
    found = latent_correlations(latent, maps, settings)
    used = np.isfinite(maps.numbers["Fe"]) & ~excluded
    assert found.points == used.sum()
    sizes = np.bincount(maps.grain[used])
    kept = np.flatnonzero(sizes >= 4)
    means = {
        name: np.array([values[used & (maps.grain == grain)].mean() for grain in kept])
        for name, values in {**maps.numbers, "phase": maps.phase}.items()
    }
    for k in range(4):
        x = latent[..., k].astype(float)
        of_grains = np.array([x[used & (maps.grain == grain)].mean() for grain in kept])
        for name in ("Fe", "O"):
            own = cell(found, k, name)
            for kind, peer in (
                ("pearson", stats.pearsonr),
                ("spearman", stats.spearmanr),
                ("kendall", stats.kendalltau),
            ):
                assert own[f"{kind}_points"] == pytest.approx(
                    peer(x[used], maps.numbers[name][used]).statistic, abs=1e-9
                )
                assert own[f"{kind}_grains"] == pytest.approx(peer(of_grains, means[name]).statistic, abs=1e-9)
            assert own["p_f_grains"] == pytest.approx(stats.pearsonr(of_grains, means[name]).pvalue)
        own = cell(found, k, "phase")
        for kind, values, label in (("points", x[used], maps.phase[used]), ("grains", of_grains, means["phase"])):
            peer = stats.f_oneway(values[label == 1], values[label == 2])
            assert own[f"f_{kind}"] == pytest.approx(peer.statistic, rel=1e-8)
        assert own["p_f_grains"] == pytest.approx(peer.pvalue, rel=1e-8)


def test_inside_is_the_correlation_of_what_grain_means_and_baseline_leave() -> None:
    latent, maps = scan(2)
    settings = AssociationSettings(permutations=99, boundary_points=1)
    found = latent_correlations(latent, maps, settings)
    grain, columns = maps.grain, {"x": latent[..., 2].astype(float), "y": maps.numbers["O"]}
    padded = np.pad(grain, 1, mode="edge")
    around = [padded[1 + i : 51 + i, 1 + j : 61 + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    inner = np.all([own == grain for own in around], axis=0)
    label = grain[inner]
    rows, across = np.nonzero(inner)
    values = np.column_stack(
        [*(own[inner] for own in columns.values()), maps.baseline["band contrast"][inner], rows, across]
    )
    for own in np.unique(label):
        values[label == own] -= values[label == own].mean(axis=0)
    eligible = np.flatnonzero(np.bincount(grain.ravel()) >= 4)
    size = np.bincount(label, minlength=grain.max() + 1)
    root = np.where(np.isin(label, eligible) & (size[label] >= 4), size[label] ** -0.75, 0)[:, None]
    values = values * root
    left = values[:, :2] - values[:, 2:] @ np.linalg.lstsq(values[:, 2:], values[:, :2], rcond=None)[0]
    expected = left[:, 0] @ left[:, 1] / np.prod(np.linalg.norm(left, axis=0))
    assert cell(found, 2, "O")["inside"] == pytest.approx(expected, abs=1e-6)
    assert expected > 0.3


def equal(first: LatentCorrelations, second: LatentCorrelations, names: list[str] | None = None) -> bool:
    return all(
        values.tobytes() == second.table[name].tobytes()
        if values.dtype != object
        else (values == second.table[name]).all()
        for name, values in first.table.items()
        if names is None or name in names
    )


def test_threads_do_not_change_a_byte(found: LatentCorrelations, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association_moments, "_BLOCK_VALUES", 7 * 60 * 5)
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        results.append(latent_correlations(*scan(), QUICK))
    assert equal(*results)
    for name in ("pearson_points", "f_grains", "inside", "partial"):
        assert results[0].table[name] == pytest.approx(found.table[name], abs=1e-9, rel=1e-9, nan_ok=True)


def test_the_numbers_of_grains_mean_nothing(found: LatentCorrelations) -> None:
    latent, maps = scan()
    names = np.random.default_rng(0).permutation(GRAINS + 20)[:GRAINS]
    orientation = np.full((GRAINS + 20, 4), np.nan)
    assert maps.orientation is not None
    orientation[names] = maps.orientation
    renamed = replace(maps, grain=names[maps.grain - 1] + 1, orientation=orientation)
    assert equal(found, latent_correlations(latent, renamed, QUICK))


def test_scale_and_origin_of_latents_and_maps_change_no_verdict(found: LatentCorrelations) -> None:
    latent, maps = scan()
    numbers = {name: 1000 + 50 * values for name, values in maps.numbers.items()}
    other = latent_correlations(
        latent * 8, replace(maps, numbers=numbers), QUICK.model_copy(update={"active_variance": 0.64})
    )
    assert (other.table["verdict"] == found.table["verdict"]).all()
    for name in ("pearson_points", "kendall_grains", "partial", "inside", "effective_grains"):
        assert other.table[name] == pytest.approx(found.table[name], rel=1e-5, abs=1e-7, nan_ok=True)
    for name in ("p_grains", "p_partial_family", "p_inside"):
        assert other.table[name] == pytest.approx(found.table[name], abs=0.0101, nan_ok=True)


def test_seeds_repeat_and_differ(found: LatentCorrelations) -> None:
    assert equal(found, latent_correlations(*scan(), QUICK))
    other = latent_correlations(*scan(), QUICK.model_copy(update={"seed": 1}))
    assert not equal(found, other, ["p_grains"])
    assert equal(found, other, ["pearson_points", "partial", "inside"])


def test_a_map_of_the_baseline_is_tested_without_itself() -> None:
    latent, maps = scan(3)
    own = maps.baseline["band contrast"]
    means = (np.bincount(maps.grain.ravel(), own.ravel()) / np.maximum(np.bincount(maps.grain.ravel()), 1))[maps.grain]
    latent[..., 3] = means + 0.1 * latent[..., 3]
    found = latent_correlations(latent, replace(maps, numbers={**maps.numbers, "band contrast": own}), QUICK)
    assert cell(found, 3, "band contrast")["verdict"] == association.REAL
    assert cell(found, 3, "Fe")["verdict"] == association.CHANCE


def test_a_drift_over_the_scan_is_no_relation() -> None:
    latent, maps = scan(4)
    drift = np.mgrid[: SHAPE[0], : SHAPE[1]].sum(axis=0) / 10.0
    latent[..., 3] += drift
    numbers = {name: values + drift for name, values in maps.numbers.items()}
    found = latent_correlations(latent, replace(maps, numbers=numbers), QUICK)
    assert cell(found, 3, "O")["verdict"] != association.REAL
    assert cell(found, 3, "O")["p_inside"] > 0.05  # type: ignore[operator]
    off = QUICK.model_copy(update={"trend_degree": 0, "effective_grains": False})
    assert cell(latent_correlations(latent, replace(maps, numbers=numbers), off), 3, "O")["verdict"] == association.REAL


def test_too_few_grains_are_untestable() -> None:
    latent, maps = scan(5, 20)
    found = latent_correlations(latent, maps, QUICK)
    assert np.isnan(found.table["p_partial_family"].astype(float)).all()
    assert set(found.table["verdict"]) <= {association.UNTESTABLE, association.INSIDE}
    assert np.isfinite(found.table["pearson_points"][0])


def test_no_active_latent_and_no_point_give_tables_without_findings() -> None:
    latent, maps = scan(6)
    assert len(latent_correlations(latent * 0, maps, QUICK).table["verdict"]) == 0
    nothing = replace(maps, excluded=np.ones(SHAPE, bool))
    found = latent_correlations(latent, nothing, QUICK)
    assert (found.points, found.grains, len(found.table["verdict"])) == (0, 0, 0)


def test_draws_of_grains_and_points_do_not_exceed_what_was_asked_for() -> None:
    latent, maps = scan(7)
    settings = QUICK.model_copy(update={"most_grains": 60, "rank_points": 500})
    chosen = select(maps, settings)
    assert (len(chosen.grain), len(chosen.sample)) == (60, 500)
    assert chosen.eligible > 60
    assert len(np.unique(chosen.slot)) == 61
    found = latent_correlations(latent, maps, settings)
    assert (found.grains, found.eligible_grains) == (60, chosen.eligible)


def test_wrong_maps_are_named() -> None:
    latent, maps = scan(8)
    for changes, message in (
        ({"phase": maps.phase[:9]}, r"phase: found shape \(9, 60\)"),
        ({"numbers": {"Fe": maps.phase[:, :5]}}, r"Fe: found shape \(50, 5\)"),
        ({"numbers": {}, "categories": {}}, "found no map"),
        ({"numbers": {"phase": maps.phase}}, "phase: found among numbers and among categories"),
        ({"orientation": maps.orientation[:7]}, f"orientation: found 7 grains, expected at least {GRAINS}"),  # type: ignore[index]
    ):
        with pytest.raises(ValueError, match=message):
            replace(maps, **changes)
    with pytest.raises(ValueError, match="latent: found 49 × 60 points"):
        latent_correlations(latent[:49], maps, QUICK)
    latent[3, 4, 1] = np.nan
    with pytest.raises(ValueError, match="a value of latent 1 that is not finite"):
        latent_correlations(latent, maps, QUICK)
    excluded = np.zeros(SHAPE, bool)
    excluded[3, 4] = True
    assert latent_correlations(latent, replace(maps, excluded=excluded), QUICK).points == 2999


def test_verdicts_are_asked_for_in_their_order() -> None:
    p = {
        "p_unadjusted_family": [0.01, 0.01, 0.9, 0.9, 0.9, np.nan, 0.01, np.nan],
        "p_grains_family": [0.01, 0.9, 0.04, 0.9, 0.9, np.nan, 0.01, np.nan],
        "p_partial_family": [0.05, 0.06, 0.9, 0.9, 0.9, np.nan, np.nan, np.nan],
        "p_inside_family": [0.01, 0.01, 0.9, 0.03, 0.9, np.nan, np.nan, 0.01],
    }
    expected = ["REAL", "EXPLAINED", "EXPLAINED", "INSIDE", "CHANCE", "UNTESTABLE", "UNTESTABLE", "INSIDE"]
    found = verdicts({name: np.array(values) for name, values in p.items()}, 0.05)
    assert found.tolist() == [getattr(association, name) for name in expected]
