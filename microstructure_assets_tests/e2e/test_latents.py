"""The latent lane on a small scan: made when asked for, taken again, left alone by what a person did not ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from microstructure_assets.jobs import run_job
from microstructure_assets.store.latent_artifacts import LATENT_ARTIFACTS
from microstructure_assets_tests.e2e.conftest import Lab

QUICK = {
    # With fewer, how many latents are in use depends on the number of threads.
    "autoencoder.epochs": 12,
    "autoencoder.beta": 0.01,
    "autoencoder.repeats": 2,
    "autoencoder.latent_dimensions": 8,
    "autoencoder.batch_patterns": 16,
    "autoencoder.side_limit_px": 32,
    "latents.embedded_points": 200,
    "tiling.n": 2,
}
NAMES = [spec.name for spec in LATENT_ARTIFACTS]


def test_latents_from_file_to_bands_and_agreement(lab: Lab, small_twin: Path) -> None:
    """One test, as the training takes long."""
    lab.characterize(small_twin, "s", QUICK)
    assert not any(name in NAMES for name, _ in lab.heads("s"))
    run_job(lab.instance, "s", name="latents")
    check_latents(lab)
    check_agreement(lab)


def check_latents(latents: Lab) -> None:
    store = latents.store
    network = store.read("s", "pattern_vae")
    facts = network.document()
    assert (facts["latent"], facts["height_px"], facts["width_px"]) == (8, 30, 30)
    assert 0 < facts["held_out_error"] < 1.5 * facts["held_out_variance"]  # a dozen epochs
    assert facts["held_out_error_of_components"] <= facts["held_out_variance"]
    training = network.table("training")
    assert sorted(set(training["repeat"])) == [1, 2]
    assert not (latents.home.root / "checkpoints").exists() or not any((latents.home.root / "checkpoints").iterdir())
    latent = store.read("s", "vae_latents").array("latent")
    assert latent.shape == (24, 30, 8)
    assert np.isfinite(latent).all()
    cluster = store.read("s", "latent_clusters").array("cluster")
    assert np.mean(cluster == 0) == pytest.approx(0.1, abs=0.01)
    place = store.read("s", "latent_embedding").array("embedding")
    assert (np.isnan(place).any(axis=2) == (cluster == 0)).all()
    correlations = store.read("s", "latent_correlations")
    table, said = correlations.table("correlations"), correlations.document()
    # The twin brings no indexing: regions of the map are what is compared.
    assert said["unit_of_comparison"] == "regions"
    assert set(table["map"]) == {"band contrast"}
    assert set(table["verdict"]) <= {
        "real",
        "explained by the baseline",
        "gradient inside grains",
        "untestable",
        "chance",
    }
    assert len(table["latent"]) == said["compared_latents"] <= 8
    used = cluster.ravel() > 0
    contrast = store.read("s", "pattern_quality").array("band_contrast").ravel()[used].astype(float)
    for row, number in enumerate(table["latent"]):
        own = latent.reshape(used.size, -1)[used, number - 1].astype(float)
        region = store.read("s", "segmentation_map").array("region").ravel()[used] > 0
        expected = np.corrcoef(own[region], contrast[region])[0, 1]
        assert table["pearson_points"][row] == pytest.approx(expected, abs=1e-4)
    band = store.read("s", "latent_bands")
    assert band.array("band").shape == (6, 24, 30)
    assert set(band.table("leading")["latent"]) <= set(range(1, 9))
    for name in NAMES:
        assert (store.read("s", name).figure() or b"")[:4] == b"\x89PNG", name

    # Nothing is trained again.
    before = latents.events()
    run_job(latents.instance, "s", name="latents")
    assert latents.events() == before


def check_agreement(latents: Lab) -> None:
    """It takes the clusters of latents once there are some."""
    store = latents.store
    first = store.read("s", "lane_agreement")
    assert "clusters of latents" not in set(first.table("partitions")["lane_a"]) | set(
        first.table("partitions")["lane_b"]
    )
    run_job(latents.instance, "s")
    table = store.read("s", "lane_agreement").table("partitions")
    assert "clusters of latents" in set(table["lane_b"])
    # The pair of the two local lanes is what scikit-learn says of it, ROI by ROI.
    tiles = store.read("s", "analysis_tiling").table("tiles")
    row = (table["lane_a"] == "clusters of scores") & (table["lane_b"] == "leading weights")
    total, points = 0.0, 0
    for slot in tiles["slot"]:
        cluster = store.read("s", "gmm_clusters", str(slot)).array("cluster").ravel()
        leading = np.nan_to_num(store.read("s", "cnmf_weights", str(slot)).array("weight")).argmax(axis=2).ravel()
        if len(np.unique(cluster)) > 1 and len(np.unique(leading)) > 1:
            total += adjusted_rand_score(cluster, leading) * len(cluster)
            points += len(cluster)
    assert table["points"][row][0] == points
    assert table["ari"][row][0] == pytest.approx(total / points)
