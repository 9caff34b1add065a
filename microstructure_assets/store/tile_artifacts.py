"""Artifacts of a tile, each made of those before it."""

from __future__ import annotations

from microstructure_assets.store.specs import NUMERICS, YX, ArtifactSpec, Table, Variable

TILE_ARTIFACTS: tuple[ArtifactSpec, ...] = (
    ArtifactSpec(
        name="pca_scores",
        per="tile",
        form="arrays",
        title="Principal component scores of each ROI and the number of components kept.",
        inputs=("preprocessed_patterns",),
        after=("analysis_tiling",),
        settings=("components", "knee"),
        code_version="4",
        libraries=(*NUMERICS, "scikit-learn"),
        variables=(
            Variable("score", ("y", "x", "k"), "intensity", "scores on the components kept, NaN beyond the ROI's knee"),
            Variable("explained_variance_ratio", ("roi", "k_computed"), "1", "share of the ROI's total variance"),
            Variable("knee", ("roi",), "1", "components kept"),
            Variable("noise_variance", ("roi",), "intensity²", "noise variance per pixel from neighbour differences"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
    ),
    ArtifactSpec(
        name="gmm_clusters",
        per="tile",
        form="arrays",
        title="Gaussian mixture clusters of the scores, with the criteria over the number of clusters K.",
        inputs=("pca_scores",),
        settings=("mixture",),
        code_version="3",
        libraries=NUMERICS,
        variables=(
            Variable("cluster", YX, "1", "label, local to the ROI"),
            Variable("responsibility", ("y", "x", "cluster"), "1", "probability of each cluster"),
            Variable("cluster_count", ("roi",), "1", "clusters chosen, K"),
            Variable("limited", ("roi",), "1", "1 where the points limited K or the covariance form"),
            Variable("mean", ("roi", "cluster", "k"), "intensity", "cluster means"),
            Variable("covariance", ("roi", "cluster", "k", "k2"), "intensity²", "cluster covariances"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
        tables=(
            Table(
                "criteria",
                ("roi", "clusters", "log_likelihood", "aic", "bic", "silhouette", "composite", "chosen"),
                "The curves over K, a row per ROI and K",
            ),
        ),
    ),
    ArtifactSpec(
        name="anomalies",
        per="tile",
        form="arrays",
        title="Mahalanobis distance of each point to its cluster, and the points beyond the chi-squared quantile.",
        inputs=("pca_scores", "gmm_clusters"),
        settings=("anomalies",),
        libraries=NUMERICS,
        variables=(
            Variable("mahalanobis_squared", YX, "1", "squared Mahalanobis distance"),
            Variable("anomaly", YX, "1", "1 beyond the quantile"),
            Variable("threshold", ("roi",), "1", "chi-squared quantile"),
            Variable("excess", ("roi",), "1", "share flagged minus the share expected of a Gaussian"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
    ),
    ArtifactSpec(
        name="reference_windows",
        per="tile",
        form="arrays",
        title="Reference pattern of each cluster, then of grains around the ROI that no cluster stands for.",
        inputs=("preprocessed_patterns", "pca_scores", "gmm_clusters", "anomalies"),
        settings=("references",),
        code_version="4",
        libraries=NUMERICS,
        variables=(
            Variable("reference", ("roi", "cluster", "dy", "dx"), "intensity", "patterns: clusters, then neighbours"),
            Variable("window_y", ("roi", "cluster"), "points", "row of the window's centre in the scan, -1 = none"),
            Variable("window_x", ("roi", "cluster"), "points", "column of the window's centre in the scan, -1 = none"),
            Variable("metric", ("roi", "cluster"), "1", "score of the window"),
            Variable("point_count", ("roi", "cluster"), "points", "patterns averaged"),
            Variable("reference_noise_variance", ("roi", "cluster"), "intensity²", "noise left in the reference"),
            Variable("cluster_count", ("roi",), "1", "references, those of neighbours counted"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
        tables=(
            Table(
                "windows",
                ("roi", "cluster", "window_y", "window_x", "metric", "source", "fallback"),
                "A row per reference",
            ),
        ),
    ),
    ArtifactSpec(
        name="cnmf_weights",
        per="tile",
        form="arrays",
        title="Weights of the references in each pattern, with their uncertainty and the residual.",
        inputs=("preprocessed_patterns", "pca_scores", "reference_windows"),
        settings=("factorization",),
        code_version="3",
        libraries=NUMERICS,
        variables=(
            Variable("weight", ("y", "x", "cluster"), "1", "weight of each reference: clusters, then neighbours"),
            Variable("weight_std", ("y", "x", "cluster"), "1", "standard deviation of the weight"),
            Variable("residual", YX, "1", "residual, root mean square over the noise deviation"),
            Variable("cluster_count", ("roi",), "1", "references, those of neighbours counted"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
    ),
    ArtifactSpec(
        name="weight_boundaries",
        per="tile",
        form="arrays",
        title="Where the two dominant weights cross along x and along y, with sub-pixel positions.",
        inputs=("gmm_clusters", "cnmf_weights"),
        settings=("boundaries",),
        code_version="2",
        libraries=NUMERICS,
        variables=(
            Variable("boundary", YX, "1", "1 at the point nearest to a crossing"),
            Variable("roi", YX, "1", "ROI of the point inside the tile"),
        ),
        tables=(
            Table(
                "crossings",
                ("roi", "axis", "y", "x", "position_um", "position_std_um", "cluster_a", "cluster_b"),
                "A row per crossing, between references",
            ),
        ),
    ),
)
