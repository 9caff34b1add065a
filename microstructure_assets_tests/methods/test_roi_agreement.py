from __future__ import annotations

import numpy as np
import pytest

from microstructure_assets.methods.noise import noise_variance
from microstructure_assets.methods.roi_agreement import RoiPatterns, WorkflowSettings, agreements
from microstructure_assets.methods.settings import (
    CLUSTER_CAPS,
    KneeSettings,
    MixtureSettings,
    ReferencesSettings,
    ScaleSettings,
)
from microstructure_assets_tests.methods.grains import GrainScan, grain_scan


def roi(scan: GrainScan) -> RoiPatterns:
    return RoiPatterns(scan.patterns, noise_variance(scan.patterns))


def settings(**changes: object) -> WorkflowSettings:
    return WorkflowSettings(references=ReferencesSettings(margin_points=0), **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def four() -> GrainScan:
    return grain_scan(24, 24, 14, 0.7)


def test_both_sides_find_the_grains_that_are_there(four: GrainScan) -> None:
    (found,) = agreements([roi(four)], settings())
    assert [agreement.cap for agreement in found] == list(CLUSTER_CAPS)
    for agreement in found:
        assert (agreement.clusters_scores, agreement.clusters_weights) == (4, 4)
        assert agreement.nmi == pytest.approx(1.0)
        assert agreement.ami == pytest.approx(1.0)
        assert agreement.nmi_null < 0.8


def test_one_grain_has_no_agreement() -> None:
    (found,) = agreements([roi(grain_scan(12, 12, 12, 1.0))], settings())
    assert all(agreement.clusters_scores == 1 and np.isnan(agreement.nmi) for agreement in found)


def test_limits_are_told() -> None:
    (found,) = agreements([roi(grain_scan(30, 30, 10, 0.7))], settings())
    assert [(item.clusters_scores, item.limited) for item in found] == [(5, True), (9, False), (9, False), (9, False)]
    (few,) = agreements([roi(grain_scan(30, 30, 10, 0.7))], settings(knee=KneeSettings(maximum=4)))
    assert all(item.limited for item in few), "nine grains in four components"
    (poor,) = agreements([roi(grain_scan(12, 12, 2, 0.3))], settings())
    assert poor[2].limited, "144 points do not permit many clusters"


def test_the_cap_holds() -> None:
    (found,) = agreements([roi(grain_scan(36, 36, 6, 0.5))], settings())
    assert 5 < found[1].clusters_scores <= 10, "36 grains: the cap of 10 binds"
    assert all(agreement.clusters_scores <= agreement.cap for agreement in found)
    assert all(agreement.clusters_weights <= agreement.cap for agreement in found)


def test_the_number_of_clusters_of_the_scores_is_taken_where_asked_for() -> None:
    scale = ScaleSettings(clusters_of_weights="scores")
    (found,) = agreements([roi(grain_scan(30, 30, 10, 0.7))], settings(scale=scale))
    assert [item.clusters_weights for item in found] == [item.clusters_scores for item in found]


def test_more_grains_than_a_few_are_found_in_clean_weights() -> None:
    (found,) = agreements([roi(grain_scan(36, 36, 12, 0.05))], settings())
    assert [(item.clusters_scores, item.clusters_weights) for item in found[1:]] == [(9, 9)] * 3


def test_the_papers_criterion_chooses_among_two_and_more(four: GrainScan) -> None:
    (found,) = agreements([roi(four)], settings(mixture=MixtureSettings(criterion="paper")))
    assert all(2 <= agreement.clusters_scores <= agreement.cap for agreement in found)


def test_rois_do_not_influence_each_other(four: GrainScan) -> None:
    rois = [roi(four), roi(grain_scan(18, 20, 9, 1.0, seed=3)), roi(grain_scan(14, 15, 7, 0.3, seed=4))]
    together = agreements(rois, settings())
    assert together == [agreements([one], settings())[0] for one in rois]


def test_large_rois_are_fitted_to_a_sample_and_labelled_whole(four: GrainScan) -> None:
    (found,) = agreements([roi(four)], settings(scale=ScaleSettings(fitted_points=500)))
    assert found[0].clusters_scores == 4
    assert found[0].nmi > 0.98
