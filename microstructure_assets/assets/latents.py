"""The latent lane: an autoencoder of the scan's patterns, its latents, their clusters, plane and bands."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microstructure_assets import progress
from microstructure_assets.assets.lane import lane
from microstructure_assets.assets.latent_correlations import fill_latent_correlations
from microstructure_assets.assets.latent_rows import LatentRows
from microstructure_assets.assets.making import Maker
from microstructure_assets.assets.network_patterns import NetworkPatterns
from microstructure_assets.assets.views import ScanView
from microstructure_assets.assets.writing import add_picture
from microstructure_assets.errors import InputError
from microstructure_assets.store.draft import Draft

if TYPE_CHECKING:
    import torch

    from microstructure_assets.networks.autoencoding import Trained
    from microstructure_assets.networks.settings import AutoencoderSettings

WEIGHTS = "weights.safetensors"
LEADING_SHOWN = 6


def fill_pattern_vae(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """Train the network, several times from different starts, and hold the first against the others."""
    draft, settings = drafts["pattern_vae"], view.settings("autoencoder")
    patterns = NetworkPatterns(view.patterns, settings.side_limit_px)
    sample = patterns.sample(_training_points(view, patterns, settings))
    dimensions, spectrum = _dimensions(view, patterns, sample, settings)
    folder = view.store.home.root / "checkpoints" / view.recipes[0].key
    trained = _train_all(view, sample, dimensions, settings, folder)
    first = trained[0].autoencoder
    units, figures = _units(sample, trained)
    shape = first.model.shape
    document = {
        "height_px": shape.height_px,
        "width_px": shape.width_px,
        "latent": shape.latent,
        "centre": first.scale.centre,
        "half_range": first.scale.half_range,
        "training_points": len(sample),
        **spectrum,
        **figures,
    }
    history = _history(trained)
    draft.file(WEIGHTS, first.to_bytes())
    draft.table("training", history)
    draft.table("latents", units)
    draft.document(document)
    draft.attributes.update(document)
    add_picture(draft, {}, {"training": history, "latents": units}, view.grid)
    shutil.rmtree(folder, ignore_errors=True)


def _training_points(view: ScanView, patterns: NetworkPatterns, settings: AutoencoderSettings) -> np.ndarray:
    """Numbers of the points, in order.

    Raises
    ------
    InputError
        If their patterns do not fit in memory: fewer in their place would make the result depend on its size.
    """
    height, width = patterns.pattern_shape
    wanted = min(settings.training_points, patterns.points)
    room = view.compute.memory.area_bytes // (4 * height * width)
    if wanted > room:
        raise InputError(
            f"autoencoder.training_points: {wanted:,} patterns of {height} x {width} pixels, {room:,} of which fit "
            "in memory; lower it or autoencoder.side_limit_px, or raise MICROSTRUCTURE_MEMORY_GIB"
        )
    return np.sort(np.random.default_rng(settings.seed).choice(patterns.points, wanted, replace=False))


def _dimensions(
    view: ScanView, patterns: NetworkPatterns, sample: np.ndarray, settings: AutoencoderSettings
) -> tuple[int, dict[str, Any]]:
    """Dimensions of the latent space, and the number of principal components above the noise that suggests them."""
    from microstructure_assets.methods.components import principal_components
    from microstructure_assets.methods.knee import noise_edge
    from microstructure_assets.methods.latents.units import MOST_DIMENSIONS, suggested_dimensions
    from microstructure_assets.methods.scan_noise import scan_noise_variance

    flat = sample.reshape(len(sample), -1)
    # Averaging takes the noise of independent pixels down by their number.
    noise = scan_noise_variance(patterns.source) / patterns.factor**2
    variance = principal_components(flat, min(MOST_DIMENSIONS, len(flat) // 4 + 1)).explained_variance
    edge = noise_edge(noise, len(flat), flat.shape[1]) if noise > 0 else 0.0
    suggested = suggested_dimensions(variance, edge)
    facts = {"components_above_noise": int(np.count_nonzero(variance > edge)), "suggested_dimensions": suggested}
    return settings.latent_dimensions or suggested, facts


def _train_all(
    view: ScanView, sample: np.ndarray, dimensions: int, settings: AutoencoderSettings, folder: Path
) -> list[Trained]:
    from microstructure_assets.networks.autoencoding import train_autoencoder

    found = []
    with progress.bar("autoencoder", settings.repeats * settings.epochs) as bar:
        for repeat in range(settings.repeats):
            own = folder / str(repeat)
            found.append(
                train_autoencoder(
                    sample,
                    dimensions,
                    settings,
                    repeat=repeat,
                    device=_device(view),
                    folder=own,
                    told=lambda history: bar.update(),
                )
            )
    return found


def _device(view: ScanView) -> torch.device | None:
    from microstructure_assets.methods.device import torch_device

    return torch_device(view.compute.device)


def _history(trained: Sequence[Trained]) -> dict[str, np.ndarray]:
    """A row per training and epoch."""
    rows = [
        (repeat, epoch, loss, held, figures["squared_error"], figures["divergence_nats"])
        for repeat, one in enumerate(trained, 1)
        for epoch, (loss, held, figures) in enumerate(
            zip(one.history.loss, one.history.held_out_loss, one.history.figures, strict=True), 1
        )
    ]
    names = ("repeat", "epoch", "loss", "held_out_loss", "squared_error", "divergence_nats")
    columns = dict(zip(names, np.asarray(rows, float).T, strict=True))
    return columns | {name: columns[name].astype(np.int64) for name in ("repeat", "epoch")}


def _units(sample: np.ndarray, trained: Sequence[Trained]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A row per latent of the first training; how well it and principal components describe what is held out."""
    from microstructure_assets.methods.latents.reconstruction import component_error
    from microstructure_assets.methods.latents.units import active_units, matched_units
    from microstructure_assets.networks.autoencoding import unit_divergence

    answers = [one.autoencoder.encode(sample) for one in trained]
    (mean, log_variance), first = answers[0], trained[0]
    active = active_units(mean)
    correlation, _ = matched_units(mean, [other for other, _ in answers[1:]])
    stability = np.median(correlation, axis=0) if len(correlation) else np.full(len(active), np.nan)
    table = {
        "latent": np.arange(1, len(active) + 1),
        "divergence_nats": unit_divergence(mean, log_variance),
        "mean_variance": mean.astype(np.float64).var(axis=0),
        "active": active,
        "stability": stability,
    }
    held, learned = first.held_out, first.learned
    left = sample[held] - first.autoencoder.reconstruct(mean[held])
    count = max(1, int(active.sum()))
    facts = {
        "active_latents": int(active.sum()),
        # Unknown of a single training.
        "stable_latents": int(np.count_nonzero(stability[active] >= 0.9)) if len(correlation) else None,
        "epochs": first.history.epochs,
        "best_epoch": first.history.best + 1,
        "held_out_error": float(np.einsum("ijk,ijk->", left, left, dtype=np.float64) / left.size),
        "held_out_error_of_components": component_error(sample[learned], sample[held], count),
        "held_out_variance": component_error(sample[learned], sample[held], 0),
    }
    return table, facts


def fill_vae_latents(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """The encoder over the whole scan, block by block."""
    from microstructure_assets.networks.autoencoding import Autoencoder

    draft, settings = drafts["vae_latents"], view.settings("autoencoder")
    network = view.read("pattern_vae")
    facts = network.document()
    autoencoder = Autoencoder.load(network.file(WEIGHTS), facts, _device(view))
    patterns = NetworkPatterns(view.patterns, settings.side_limit_px)
    rows, columns = view.grid_shape
    latent = draft.stream("latent", (rows, columns, int(facts["latent"])), np.float32)
    units = network.table("latents")
    leading = np.argsort(-units["divergence_nats"], kind="stable")[:LEADING_SHOWN]
    residual, shown = [], []
    with progress.bar("latents", patterns.points) as bar:
        for block in patterns.blocks():
            mean = autoencoder.encode(block)[0]
            left = block - autoencoder.reconstruct(mean)
            residual.append(np.einsum("ijk,ijk->i", left, left) / left[0].size)
            shown.append(mean[:, leading])
            latent.append(mean.reshape(-1, columns, mean.shape[1]))
            bar.update(len(block))
    outside = np.concatenate(residual).reshape(rows, columns)
    view.save(
        draft,
        {"residual": outside},
        facts={"latents": len(units["latent"]), "residual_mean": float(outside.mean())},
        shown_arrays={"leading": np.moveaxis(np.concatenate(shown).reshape(rows, columns, -1), 2, 0)},
        shown_tables={"leading": {name: units[name][leading] for name in ("latent", "divergence_nats", "stability")}},
    )


def fill_latent_clusters(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """k-means on what is no pore."""
    from microstructure_assets.methods.latents.pores import pores
    from microstructure_assets.methods.silhouette_clusters import clusters_by_silhouette

    settings = view.settings("latents")
    used = ~pores(view.read("pattern_quality").array("band_contrast"), settings)
    found = clusters_by_silhouette(
        LatentRows.of(view),
        used.ravel(),
        count=settings.cluster_count,
        maximum=settings.cluster_maximum,
        least=settings.silhouette_least,
        seed=settings.seed,
    )
    table = {
        "clusters": found.numbers,
        "silhouette": found.silhouette,
        "silhouette_error": found.silhouette_error,
        "inertia": found.inertia,
    }
    view.save(
        drafts["latent_clusters"],
        {"cluster": found.cluster.reshape(used.shape)},
        tables={"numbers": table},
        facts={
            "clusters": found.count,
            "pore_share": float(1 - used.mean()),
            "best_silhouette": float(found.silhouette.max()) if len(found.silhouette) else None,
        },
    )


def fill_latent_embedding(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """t-SNE of a sample, the others beside their nearest."""
    from microstructure_assets.methods.latents.embedding import embed_latents

    cluster = view.read("latent_clusters").array("cluster")
    place, fitted = embed_latents(LatentRows.of(view), cluster.ravel() > 0, view.settings("latents"))
    view.save(
        drafts["latent_embedding"],
        {"embedding": place.reshape(*cluster.shape, 2)},
        facts={"fitted_points": fitted},
        shown_arrays={"cluster": cluster},
    )


def fill_latent_bands(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """The latents that go with a map, then those that say most, in bands."""
    from microstructure_assets.methods.association import REAL
    from microstructure_assets.methods.latents.bands import quantile_bands

    settings, units = view.settings("latents"), view.read("pattern_vae").table("latents")
    found = view.read("latent_correlations").table("correlations")
    partial = np.zeros(len(units["latent"]))
    real = found["verdict"] == REAL
    np.maximum.at(partial, found["latent"][real] - 1, np.abs(found["partial"][real]))
    order = np.lexsort((-units["divergence_nats"], -partial))[: settings.banded_latents]
    used = view.read("latent_clusters").array("cluster") > 0
    group = view.read("vae_latents").group["latent"]
    bands = np.stack([quantile_bands(np.asarray(group[..., int(place)]), used, settings.bands) for place in order])
    leading = {name: units[name][order] for name in ("latent", "divergence_nats", "stability")}
    view.save(
        drafts["latent_bands"],
        {"band": bands},
        tables={"leading": leading},
        facts={"bands": settings.bands, "leading": " ".join(str(number) for number in leading["latent"])},
    )


MAKERS = (
    Maker(("pattern_vae",), fill_pattern_vae),
    Maker(("vae_latents",), fill_vae_latents),
    Maker(("latent_clusters",), fill_latent_clusters),
    Maker(("latent_embedding",), fill_latent_embedding),
    Maker(("latent_correlations",), fill_latent_correlations),
    Maker(("latent_bands",), fill_latent_bands),
)

latent_lane = lane("latent_analysis", "latents", MAKERS)
