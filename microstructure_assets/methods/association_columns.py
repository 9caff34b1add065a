"""Columns of coefficients: latents against maps over points, over grains, and inside grains; all (L, maps)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import association_coefficients as coefficients
from microstructure_assets.methods.association_inside import inside_products
from microstructure_assets.methods.association_maps import AssociationMaps, GrainFields, Selection
from microstructure_assets.methods.association_moments import InsideFields, LatentMoments
from microstructure_assets.methods.association_permutations import family_probability
from microstructure_assets.methods.association_settings import AssociationSettings
from microstructure_assets.methods.association_signs import sign_flip_test

Coefficients = dict[str, NDArray[np.float64]]

# Stream of random numbers of the signs; see the grain tests for the others.
_SIGNS = 5


def point_columns(
    moments: LatentMoments, maps: AssociationMaps, selection: Selection, active: NDArray[np.bool_]
) -> Coefficients:
    """Coefficients and F over points."""
    sample = moments.sample[:, active]
    values = [own.ravel()[selection.sample] for own in maps.numbers.values()]
    drawn = np.stack(values, axis=1) if values else np.empty((len(sample), 0))
    pearson = moments.pearson[active]
    classes = [
        coefficients.variance_f(moments.class_count[name], moments.class_total[name], moments.squares)[0][active]
        for name in maps.categories
    ]
    return {
        "pearson_points": _padded(pearson, len(classes)),
        "spearman_points": _padded(coefficients.spearman(sample, drawn), len(classes)),
        "kendall_points": _padded(coefficients.kendall(sample, drawn), len(classes)),
        "f_points": np.column_stack([coefficients.regression_f(pearson, moments.points), *classes]),
    }


def grain_columns(latents: NDArray[np.float64], maps: AssociationMaps, fields: GrainFields) -> Coefficients:
    """Coefficients and F over the means of grains (grains, L), each grain counting once."""
    means, grains = fields.mean[:, : len(maps.numbers)], len(latents)
    pearson = coefficients.pearson(latents, means)
    ratio = coefficients.regression_f(pearson, grains)
    ratios, probabilities = [ratio], [coefficients.f_probability(ratio, 1, grains - 2)]
    for share in fields.shares.values():
        own, first, second = _shares_f(latents, share)
        ratios.append(own[:, None])
        probabilities.append(coefficients.f_probability(own[:, None], first, second))
    return {
        "pearson_grains": _padded(pearson, len(fields.shares)),
        "spearman_grains": _padded(coefficients.spearman(latents, means), len(fields.shares)),
        "kendall_grains": _padded(coefficients.kendall(latents, means), len(fields.shares)),
        "f_grains": np.column_stack(ratios),
        "p_f_grains": np.column_stack(probabilities),
    }


def inside_columns(
    moments: LatentMoments,
    inside: InsideFields,
    maps: AssociationMaps,
    active: NDArray[np.bool_],
    settings: AssociationSettings,
) -> Coefficients:
    """Correlations inside grains and their test; NaN for categories and where fewer than two grains have any."""
    fields, count = list(maps.fields), int(active.sum())
    cross, square = moments.inside_cross[:, :, active], moments.inside_square[:, active]
    found = []
    for name in maps.numbers:
        # The last two fields are the places along y and x: a drift over the scan has one direction in all grains.
        baseline = [fields.index(own) for own in maps.baseline if own != name] + [len(fields), len(fields) + 1]
        found.append(
            inside_products(
                cross,
                square,
                inside.cross,
                inside.count,
                fields.index(name),
                baseline,
                settings.grain_minimum_points,
            )
        )
    if not found or not count:
        coefficient = single = family = np.full((count, len(found)), np.nan)
    else:
        test = sign_flip_test(
            np.stack([own.product for own in found], axis=-1),
            np.stack([own.total for own in found], axis=-1),
            np.stack([own.correlation for own in found], axis=-1),
            settings.permutations,
            [settings.seed, _SIGNS],
        )
        coefficient, single, (family,) = test.coefficient, test.probability, family_probability([test])
    categories = len(maps.categories)
    return {
        "inside": _padded(coefficient, categories),
        "p_inside": _padded(single, categories),
        "p_inside_family": _padded(family, categories),
    }


def _shares_f(latents: NDArray[np.float64], share: NDArray[np.float64]) -> tuple[NDArray[np.float64], int, int]:
    """F of latents on shares of classes; of grains of one class each, that of the analysis of variance."""
    if not len(latents):
        return np.full(latents.shape[1], np.nan), 0, 0
    centred, columns = latents - latents.mean(axis=0), share - share.mean(axis=0)
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    rank = int(np.sum(size > 1e-9 * np.sqrt(max(1, len(share)))))
    second = len(latents) - 1 - rank
    if rank < 1 or second < 1:
        return np.full(latents.shape[1], np.nan), rank, second
    explained = np.sum((left[:, :rank].T @ centred) ** 2, axis=0)
    whole = np.sum(centred**2, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = explained / rank / (np.maximum(whole - explained, 0) / second)
    return np.where(whole > 0, ratio, np.nan), rank, second


def _padded(values: NDArray[np.float64], categories: int) -> NDArray[np.float64]:
    """NaN for each category after the numbers."""
    return np.concatenate([values, np.full((len(values), categories), np.nan)], axis=1)
