"""The tile lane: scores, clusters, anomalies, references, weights and boundaries of each ROI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from microstructure_assets.assets.lane import lane
from microstructure_assets.assets.making import Maker
from microstructure_assets.assets.views import TileView
from microstructure_assets.assets.writing import join_tables, place_rois, stack_rois
from microstructure_assets.store.draft import Draft


def fill_pca_scores(view: TileView, drafts: Mapping[str, Draft]) -> None:
    """Principal components of each ROI and how many are kept."""
    from microstructure_assets.methods.components import roi_components
    from microstructure_assets.methods.knee import choose_components, noise_edge
    from microstructure_assets.methods.noise import noise_variance

    routes, scores, ratios, variances, knees, noises, edges = set(), [], [], [], [], [], []
    for roi in view.tile.rois:
        patterns, _ = view.roi_patterns(roi)
        rows, columns, pixels = patterns.shape
        noise = noise_variance(patterns, detector_shape=view.patterns.pattern_shape)
        components = roi_components(patterns.reshape(-1, pixels), view.settings("components"))
        edge = noise_edge(noise.point_variance, rows * columns, pixels, noise.effective_pixel_count)
        knee = choose_components(components.explained_variance, view.settings("knee"), edge=edge).count
        routes.add(components.route)
        scores.append(components.score[:, :knee].reshape(rows, columns, knee))
        ratios.append(components.explained_variance_ratio)
        variances.append(components.explained_variance)
        knees.append(knee)
        noises.append(noise.variance)
        edges.append(edge)
    view.save(
        drafts["pca_scores"],
        {
            "score": place_rois(view.tile, scores, np.nan),
            "explained_variance_ratio": stack_rois(ratios, np.nan),
            "explained_variance": stack_rois(variances, np.nan),
            "knee": np.asarray(knees, dtype=np.int32),
            "noise_variance": np.asarray(noises, dtype=np.float64),
            "noise_edge": np.asarray(edges, dtype=np.float64),
        },
        more_dimensions={"explained_variance": ("roi", "k_computed"), "noise_edge": ("roi",)},
        facts={
            "components_mean": float(np.mean(knees)),
            "components_computed": int(max(len(item) for item in ratios)),
            "routes": ", ".join(sorted(routes)),
        },
    )


def fill_gmm_clusters(view: TileView, drafts: Mapping[str, Draft]) -> None:
    """Mixture of each ROI's scores."""
    from microstructure_assets.methods.mixture import select_mixture

    pca = view.own("pca_scores")
    score, knees = pca.array("score"), pca.array("knee")
    labels, responsibilities, mixtures = [], [], []
    for index, roi in enumerate(view.tile.rois):
        own = score[roi.inside(view.tile.bounds)][..., : knees[index]].astype(np.float64)
        rows, columns, _ = own.shape
        mixture = select_mixture(own.reshape(rows * columns, -1), view.settings("mixture"))
        labels.append(mixture.label.reshape(rows, columns))
        responsibilities.append(mixture.responsibility.reshape(rows, columns, -1))
        mixtures.append(mixture)
    counts = np.asarray([mixture.count for mixture in mixtures], dtype=np.int32)
    limited = np.asarray([mixture.limited for mixture in mixtures], dtype=np.uint8)
    view.save(
        drafts["gmm_clusters"],
        {
            "cluster": place_rois(view.tile, labels, -1),
            "responsibility": place_rois(view.tile, responsibilities, np.nan),
            "cluster_count": counts,
            "limited": limited,
            "mixture_weight": stack_rois([mixture.weight for mixture in mixtures], np.nan),
            "mean": stack_rois([mixture.mean for mixture in mixtures], np.nan),
            "covariance": stack_rois([mixture.covariance for mixture in mixtures], np.nan),
        },
        more_dimensions={"mixture_weight": ("roi", "cluster")},
        tables={"criteria": join_tables([mixture.criteria for mixture in mixtures])},
        facts={
            "clusters_mean": float(counts.mean()),
            "rois_limited": int(limited.sum()),
            "covariance_forms": ", ".join(sorted({mixture.covariance_form for mixture in mixtures})),
        },
    )


def fill_anomalies(view: TileView, drafts: Mapping[str, Draft]) -> None:
    """Mahalanobis distance of each point to its cluster."""
    from microstructure_assets.methods.anomalies import mahalanobis_anomalies

    pca, gmm = view.own("pca_scores"), view.own("gmm_clusters")
    score, knees, cluster = pca.array("score"), pca.array("knee"), gmm.array("cluster")
    means, covariances, counts = gmm.array("mean"), gmm.array("covariance"), gmm.array("cluster_count")
    squared, flags, found = [], [], []
    for index, roi in enumerate(view.tile.rois):
        k, count, area = int(knees[index]), int(counts[index]), roi.inside(view.tile.bounds)
        shape = roi.shape
        own = mahalanobis_anomalies(
            score[area][..., :k].reshape(-1, k).astype(np.float64),
            cluster[area].ravel(),
            means[index, :count, :k],
            covariances[index, :count, :k, :k],
            view.settings("anomalies"),
        )
        squared.append(own.squared.reshape(shape))
        flags.append(own.anomaly.reshape(shape).astype(np.uint8))
        found.append(own)
    flagged = place_rois(view.tile, flags, 0)
    view.save(
        drafts["anomalies"],
        {
            "mahalanobis_squared": place_rois(view.tile, squared, np.nan),
            "anomaly": flagged,
            "threshold": np.asarray([own.threshold for own in found]),
            "excess": np.asarray([own.excess for own in found]),
        },
        facts={"anomaly_share": float(flagged.mean()), "excess_mean": float(np.mean([own.excess for own in found]))},
        shown_arrays={"dimension": knees, "cluster": cluster},
    )


def fill_reference_windows(view: TileView, drafts: Mapping[str, Draft]) -> None:
    """Reference pattern of each cluster; a named region may take those of another."""
    draft = drafts["reference_windows"]
    source = view.tile.references_from
    own = _own_references(view) if source is None else _taken_references(view, source)
    arrays, table = own
    counts = arrays["cluster_count"]
    view.save(
        draft,
        arrays,
        tables={"windows": table},
        facts={
            "references": int(counts.sum()),
            "fallbacks": int(np.sum(np.asarray(table["fallback"]) != "none")),
            "references_from": source or "own",
        },
        shown_arrays={"cluster": view.own("gmm_clusters").array("cluster")},
    )


def fill_cnmf_weights(view: TileView, drafts: Mapping[str, Draft]) -> None:
    """Weights of the references in each pattern."""
    from microstructure_assets.methods.factorization import constrained_weights

    windows, noises = view.own("reference_windows"), view.own("pca_scores").array("noise_variance")
    reference, counts = windows.array("reference"), windows.array("cluster_count")
    reference_noise = windows.array("reference_noise_variance")
    settings = view.settings("factorization")
    weights, deviations, residuals, used = [], [], [], []
    for index, roi in enumerate(view.tile.rois):
        count = int(counts[index])
        patterns, inside = view.roi_patterns(roi, settings.margin)
        *shape, pixels = patterns.shape
        found = constrained_weights(
            patterns.reshape(-1, pixels),
            reference[index, :count].reshape(count, pixels),
            reference_noise[index, :count],
            float(noises[index]),
            settings,
            (shape[0], shape[1]),
            device=view.compute.device,
        )
        own, (rows, columns) = found.inside((shape[0], shape[1]), inside), roi.shape
        weights.append(own.weight.reshape(rows, columns, count))
        deviations.append(own.weight_std.reshape(rows, columns, count))
        residuals.append(own.residual.reshape(rows, columns))
        used.append(count)
    residual = place_rois(view.tile, residuals, np.nan)
    view.save(
        drafts["cnmf_weights"],
        {
            "weight": place_rois(view.tile, weights, np.nan),
            "weight_std": place_rois(view.tile, deviations, np.nan),
            "residual": residual,
            "cluster_count": np.asarray(used, dtype=np.int32),
        },
        facts={"residual_median": float(np.nanmedian(residual)), "references_mean": float(np.mean(used))},
    )


def fill_weight_boundaries(view: TileView, drafts: Mapping[str, Draft]) -> None:
    """Crossings of the two dominant weights along x and y."""
    from microstructure_assets.methods.boundaries import weight_crossings

    weights = view.own("cnmf_weights")
    weight, deviation, counts = weights.array("weight"), weights.array("weight_std"), weights.array("cluster_count")
    step_y, step_x = view.steps_um
    marks, tables = [], []
    for index, roi in enumerate(view.tile.rois):
        area = (*roi.inside(view.tile.bounds), slice(0, int(counts[index])))
        found = weight_crossings(weight[area], deviation[area], step_y, step_x, view.settings("boundaries"))
        marks.append(found.boundary.astype(np.uint8))
        origin = np.where(found.axis == "y", roi.row_start * step_y, roi.column_start * step_x)
        tables.append(
            {
                "axis": found.axis,
                "y": found.y + roi.row_start,
                "x": found.x + roi.column_start,
                "position_um": found.position_um + origin,
                "position_std_um": found.position_std_um,
                "cluster_a": found.cluster_a,
                "cluster_b": found.cluster_b,
            }
        )
    boundary = place_rois(view.tile, marks, 0)
    crossings = join_tables(tables)
    view.save(
        drafts["weight_boundaries"],
        {"boundary": boundary},
        tables={"crossings": crossings},
        facts={"crossings": len(crossings["roi"]), "boundary_share": float(boundary.mean())},
        shown_arrays={"cluster": view.own("gmm_clusters").array("cluster")},
        shown_tables={
            "crossings": {
                **crossings,
                "y": crossings["y"] - view.tile.bounds.row_start,
                "x": crossings["x"] - view.tile.bounds.column_start,
                "position_um": crossings["position_um"]
                - np.where(crossings["axis"] == "y", view.grid.origin_y, view.grid.origin_x),
            }
        },
    )


def _own_references(view: TileView) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    from microstructure_assets.methods.core_references import references_with_cores

    settings, noises = view.settings("references"), view.own("pca_scores").array("noise_variance")
    cluster, squared = view.own("gmm_clusters").array("cluster"), view.own("anomalies").array("mahalanobis_squared")
    height, width = view.patterns.pattern_shape
    found: list[Any] = []
    for index, roi in enumerate(view.tile.rois):
        area = roi.inside(view.tile.bounds)
        patterns, inside = view.roi_patterns(roi, settings.margin)
        found.append(
            references_with_cores(
                patterns, inside, (height, width), cluster[area], squared[area], settings, float(noises[index])
            )
        )
    placed = list(zip(found, view.tile.rois, strict=True))
    rows = [np.where(own.point_count > 0, own.row + roi.row_start, -1) for own, roi in placed]
    columns = [np.where(own.point_count > 0, own.column + roi.column_start, -1) for own, roi in placed]
    arrays = {
        "reference": stack_rois([own.pattern.reshape(-1, height, width) for own in found], np.nan),
        "window_y": stack_rois([item.astype(np.int32) for item in rows], -1),
        "window_x": stack_rois([item.astype(np.int32) for item in columns], -1),
        "metric": stack_rois([own.metric for own in found], np.nan),
        "point_count": stack_rois([own.point_count.astype(np.int32) for own in found], 0),
        "reference_noise_variance": stack_rois([own.noise_variance for own in found], np.nan),
        "cluster_count": np.asarray([len(own.metric) for own in found], dtype=np.int32),
    }
    table = join_tables(
        [
            {
                "cluster": np.arange(len(own.metric), dtype=np.int32),
                "window_y": row,
                "window_x": column,
                "metric": own.metric,
                "source": np.asarray(own.source, dtype=object),
                "fallback": np.asarray(own.fallback, dtype=object),
            }
            for own, row, column in zip(found, rows, columns, strict=True)
        ]
    )
    return arrays, table


def _taken_references(view: TileView, source: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    taken = view.read("reference_windows", source)
    arrays = {name: values for name, values in taken.arrays().items() if name not in ("roi", "y", "x")}
    return arrays, taken.table("windows")


MAKERS = (
    Maker(("pca_scores",), fill_pca_scores),
    Maker(("gmm_clusters",), fill_gmm_clusters),
    Maker(("anomalies",), fill_anomalies),
    Maker(("reference_windows",), fill_reference_windows),
    Maker(("cnmf_weights",), fill_cnmf_weights),
    Maker(("weight_boundaries",), fill_weight_boundaries),
)

tile_lane = lane("tiles", "tiles", MAKERS)
