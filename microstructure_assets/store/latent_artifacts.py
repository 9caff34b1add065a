"""Artifacts of the latent lane: the autoencoder of a scan's patterns and what its latents say."""

from __future__ import annotations

from microstructure_assets.store.specs import KERNELS, NUMERICS, YX, ArtifactSpec, Table, Variable

NETWORK = ("numba", "numpy", "safetensors", "torch")

LATENT_ARTIFACTS: tuple[ArtifactSpec, ...] = (
    ArtifactSpec(
        name="pattern_vae",
        per="scan",
        form="document",
        title="Variational autoencoder of the scan's patterns: its weights, how it learned, which latents are in use.",
        inputs=("preprocessed_patterns",),
        settings=("autoencoder",),
        libraries=(*NETWORK, "scipy"),
        on_request=True,
        tables=(
            Table(
                "training",
                ("repeat", "epoch", "loss", "held_out_loss", "squared_error", "divergence_nats"),
                "A row per training and epoch",
            ),
            Table(
                "latents",
                ("latent", "divergence_nats", "mean_variance", "active", "stability"),
                "A row per latent of the first training",
            ),
        ),
        files=("weights.safetensors",),
    ),
    ArtifactSpec(
        name="vae_latents",
        per="scan",
        form="arrays",
        title="Latents of each pattern, and what the autoencoder leaves out of it.",
        inputs=("preprocessed_patterns", "pattern_vae"),
        settings=("autoencoder.side_limit_px",),
        libraries=NETWORK,
        on_request=True,
        variables=(
            Variable("latent", ("y", "x", "latent"), "1", "mean of the posterior of each latent"),
            Variable("residual", YX, "intensity²", "mean square per pixel of the pattern less its reconstruction"),
        ),
    ),
    ArtifactSpec(
        name="latent_clusters",
        per="scan",
        form="arrays",
        title="Clusters of the latents by k-means.",
        inputs=("vae_latents", "pattern_quality"),
        settings=(
            "latents.pore_filter",
            "latents.pore_threshold",
            "latents.pore_share",
            "latents.cluster_count",
            "latents.cluster_maximum",
            "latents.silhouette_least",
            "latents.seed",
        ),
        libraries=(*NUMERICS, "scikit-learn"),
        on_request=True,
        variables=(Variable("cluster", YX, "1", "cluster from 1, the largest first; 0 = pore"),),
        tables=(
            Table(
                "numbers",
                ("clusters", "silhouette", "silhouette_error", "inertia"),
                "A row per number of clusters that was tried",
            ),
        ),
    ),
    ArtifactSpec(
        name="latent_embedding",
        per="scan",
        form="arrays",
        title="The latents in a plane, by t-SNE.",
        inputs=("vae_latents", "latent_clusters"),
        settings=("latents.embedded_points", "latents.perplexity", "latents.seed"),
        libraries=(*NUMERICS, "scikit-learn"),
        on_request=True,
        variables=(
            Variable("embedding", ("y", "x", "axis"), "1", "place in the plane; NaN = pore; distances mean little"),
        ),
    ),
    ArtifactSpec(
        name="latent_bands",
        per="scan",
        form="arrays",
        title="The leading latents in quantile bands.",
        inputs=("vae_latents", "pattern_vae", "latent_clusters"),
        settings=("latents.bands", "latents.banded_latents"),
        libraries=KERNELS,
        on_request=True,
        variables=(Variable("band", ("leading", "y", "x"), "1", "quantile band from 1, lowest first; 0 = pore"),),
        tables=(Table("leading", ("latent", "divergence_nats", "stability"), "A row per latent, in order"),),
    ),
)
