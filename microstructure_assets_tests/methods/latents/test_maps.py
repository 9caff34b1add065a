"""Pores, bands and the plane of latents."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from microstructure_assets.methods.latents.bands import quantile_bands
from microstructure_assets.methods.latents.embedding import embed_latents
from microstructure_assets.methods.latents.pores import pores
from microstructure_assets.methods.latents.settings import LatentSettings
from microstructure_assets.methods.rows import ArrayRows

CONTRAST = np.arange(1000, dtype=np.float64).reshape(20, 50) * 3 + 40


def test_pores_by_both_rules_of_the_paper() -> None:
    by_share = pores(CONTRAST, LatentSettings())
    assert by_share.sum() == 100
    assert by_share.ravel()[:100].all()
    by_threshold = pores(CONTRAST, LatentSettings(pore_filter="threshold"))
    assert by_threshold.sum() == np.count_nonzero(np.linspace(0, 1, 1000) < 0.176)
    assert not pores(CONTRAST, LatentSettings(pore_filter="none")).any()


def test_points_without_band_contrast_are_pores() -> None:
    gaps = CONTRAST.copy()
    gaps[3, 4] = np.nan
    assert pores(gaps, LatentSettings(pore_filter="none")).sum() == 1
    assert pores(np.full((3, 4), np.nan), LatentSettings()).all()
    # Nothing is darker than the rest where all are equal.
    assert not pores(np.ones((3, 4)), LatentSettings()).any()


@pytest.mark.parametrize("bands", [2, 3, 5])
def test_bands_hold_equally_many_points_and_follow_the_order(bands: int) -> None:
    values = np.random.default_rng(0).normal(size=(30, 40))
    used = np.ones((30, 40), bool)
    used[:5] = False
    band = quantile_bands(values, used, bands)
    assert not band[:5].any()
    counts = np.bincount(band[used])[1:]
    assert len(counts) == bands
    assert counts.max() - counts.min() <= 1
    order = np.argsort(values[used])
    assert (np.diff(band[used][order].astype(int)) >= 0).all()


def test_equal_values_share_a_band_and_gaps_have_none() -> None:
    assert set(np.unique(quantile_bands(np.ones((4, 4)), np.ones((4, 4), bool), 3))) == {1}
    values = np.array([[1.0, np.nan, 2.0]])
    assert quantile_bands(values, np.ones((1, 3), bool), 2).tolist() == [[1, 0, 2]]


def test_groups_of_latents_stay_apart_in_the_plane() -> None:
    random = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 150)
    latent = (10 * np.eye(6)[group] + random.normal(size=(450, 6))).astype(np.float32)
    used = np.arange(450) % 10 > 0
    place, fitted = embed_latents(ArrayRows(latent), used, LatentSettings(embedded_points=200, perplexity=20))
    assert fitted == 200
    assert np.isnan(place[~used]).all()
    centres = np.stack([place[used & (group == own)].mean(axis=0) for own in range(3)])
    nearest = ((place[used][:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert np.mean(nearest == group[used]) > 0.98
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            again, _ = embed_latents(ArrayRows(latent), used, LatentSettings(embedded_points=200, perplexity=20))
        assert again.tobytes() == place.tobytes()


def test_too_few_points_have_no_plane() -> None:
    place, fitted = embed_latents(ArrayRows(np.zeros((5, 3), np.float32)), np.arange(5) < 3, LatentSettings())
    assert fitted == 0
    assert np.isnan(place).all()
