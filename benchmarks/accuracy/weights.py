"""Weights on mixed points against true shares, and anomalies against mixed points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.lane import (
    LaneResult,
    LaneSettings,
    Preprocessed,
    RoiResult,
    paper_settings,
    preprocess,
    run_lane,
    weigh,
    weights_of,
)
from benchmarks.accuracy.metrics import WeightErrors, grain_of_references, ranking, weight_errors
from benchmarks.accuracy.results import Row
from benchmarks.accuracy.twins import PURE, twin_settings
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.simulation.synthesis import Twin
from microstructure_assets.simulation.truth import Truth
from microstructure_assets.simulation.twin import simulate


def weight_parameters(quick: bool) -> list[dict[str, Any]]:
    """Twins of high-angle grains (angle 0), and of grains that are split by a boundary of one angle."""
    noises = (0.2, 1.4, 3.0)
    shared = {"shape": [90, 120], "diameter": 14.0, "tiling": 4}
    high = [{**shared, "nu": nu, "angle": 0.0} for nu in noises]
    angles = (1.0,) if quick else (2.0, 1.0, 0.5)
    low = [
        {**shared, "diameter": 28.0, "nu": nu, "angle": angle}
        for nu in ((1.4,) if quick else noises)
        for angle in angles
    ]
    return high + low


def measure_weights(given: dict[str, Any], seed: int) -> list[Row]:
    """Rows of one twin: errors of the weights of the lane, and of the lane's methods with the true labels given."""
    shape, angle = (given["shape"][0], given["shape"][1]), given["angle"]
    split = {"sub_grain_misorientation_deg": angle, "sub_grain_fraction": 1.0} if angle else {}
    twin = simulate(twin_settings(shape, given["diameter"], given["nu"], seed, **split))
    truth = twin.truth
    view = _Split(truth) if angle else _Whole(truth)
    rows = []
    for settings in (LaneSettings(), paper_settings()):
        patterns = preprocess(twin, settings.preprocessing)
        lane = run_lane(patterns, given["tiling"], settings, with_weights=True, with_stitch=False)
        parts = [_roi_errors(view, result, patterns, settings) for result in lane.rois]
        rows += _rows(f"{settings.name} lane", parts, settings.name == "paper")
        if settings.name == "default":
            parts = [_given_errors(view, result, patterns, settings) for result in lane.rois]
            rows += _rows("default, true labels given", parts, False)
            clean = clean_patterns(twin, settings)
            parts = [_clean_errors(view, result, patterns, settings, clean) for result in lane.rois]
            rows += _rows("default, true references given", parts, False)
    return rows


class _Whole:
    """What is true of grains."""

    def __init__(self, truth: Truth) -> None:
        self.shares = truth.grain_mixing(by_volume=True)
        self.own = truth.grain.ravel()
        self.mixed = (truth.own_volume_fraction < PURE).ravel()


class _Split(_Whole):
    """What is true of sub-grains, at points that only two sub-grains of one grain share."""

    def __init__(self, truth: Truth) -> None:
        self.shares = truth.domain_mixing(by_volume=True)
        self.own = truth.domain.ravel()
        own = np.asarray(self.shares[np.arange(len(self.own)), self.own]).ravel()
        self.mixed = (own < PURE) & (truth.own_volume_fraction.ravel() >= 0.98)


#: Per form of the weights, the errors at the mixed points of a ROI.
_Parts = dict[str, WeightErrors]


def _roi_errors(view: _Whole, result: RoiResult, patterns: Preprocessed, settings: LaneSettings) -> _Parts:
    assert result.references is not None
    assert result.weights is not None
    index = result.point_index(patterns.array.shape[1])
    *_, around = patterns.around(result.roi, settings.references.margin)
    grain = grain_of_references(result.references, view.shares, around)
    weight, std, active = result.weights.weight, result.weights.weight_std, result.weights.active
    hard = np.eye(weight.shape[1])[result.label.ravel()]
    return _compared(view, index, grain, weight, std, active, hard)


def _given_errors(view: _Whole, result: RoiResult, patterns: Preprocessed, settings: LaneSettings) -> _Parts:
    """The same ROI with clusters that are the true grains."""
    index = result.point_index(patterns.array.shape[1])
    _, label = np.unique(view.own[index], return_inverse=True)
    label = label.reshape(result.roi.shape).astype(np.int32)
    noise, roi = result.noise_variance, result.roi
    references, weights, _ = weigh(label, np.zeros(label.shape), noise, settings, patterns, roi)
    *_, around = patterns.around(roi, settings.references.margin)
    grain = grain_of_references(references, view.shares, around)
    hard = np.eye(len(grain))[label.ravel()]
    return _compared(view, index, grain, weights.weight, weights.weight_std, weights.active, hard)


def clean_patterns(twin: Twin, settings: LaneSettings) -> NDArray[np.float32]:
    """Patterns of all domains without noise and background, corrected as the scan's, (domains, pixels)."""
    count, (height, width) = len(twin.truth.domain_grain), twin.shape[2:]
    correction = BackgroundCorrection.prepare((height, width), settings.preprocessing, None)
    return np.asarray(correction(twin.domain_patterns(np.arange(count))).reshape(count, -1))


def _clean_errors(
    view: _Whole, result: RoiResult, patterns: Preprocessed, settings: LaneSettings, clean: NDArray[np.float32]
) -> _Parts:
    """The same ROI with the noise-free patterns of all grains that have a share in it: the floor of the weights."""
    index = result.point_index(patterns.array.shape[1])
    *_, around = patterns.around(result.roi, settings.factorization.margin)
    present = np.unique(view.shares[around].indices)
    noise = result.noise_variance
    found = weights_of(patterns, result.roi, clean[present], np.zeros(len(present)), noise, settings)
    hard = (view.own[index][:, None] == present[None]).astype(float)
    return _compared(view, index, present.astype(np.int64), found.weight, found.weight_std, found.active, hard)


def _compared(
    view: _Whole,
    index: NDArray[np.int64],
    grain: NDArray[np.int64],
    weight: NDArray[np.float32],
    std: NDArray[np.float32],
    active: NDArray[np.bool_],
    hard: NDArray[np.float64],
) -> _Parts:
    chosen = view.mixed[index]
    shares, own = view.shares[index[chosen]], view.own[index[chosen]]
    every = np.ones(len(grain), bool)
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    return {
        "weights": weight_errors(weight[chosen], std[chosen], grain, active, shares, own),
        "weights over their sum": weight_errors(
            (weight / total)[chosen], (std / total)[chosen], grain, active, shares, own
        ),
        "hard labels": weight_errors(hard[chosen], np.zeros_like(hard[chosen]), grain, every, shares, own),
    }


def _rows(name: str, parts: list[_Parts], free_sum: bool) -> list[Row]:
    rows = []
    for form in ("weights", "weights over their sum", "hard labels"):
        if (form == "weights over their sum" and not free_sum) or (form == "hard labels" and "given" in name):
            continue
        own, absent, covered, represented = (
            np.concatenate([getattr(part[form], quantity) for part in parts])
            for quantity in ("own", "absent", "covered", "represented")
        )
        if len(own) == 0:
            continue
        rows.append(
            {
                "lane": name,
                "form": form,
                "points": len(own),
                "represented": float(represented.mean()),
                "error_all": float(np.abs(own).mean()),
                "error": float(np.abs(own[represented]).mean()) if represented.any() else float("nan"),
                "bias": float(own[represented].mean()) if represented.any() else float("nan"),
                "absent": float(absent.mean()),
                "coverage": float(np.nanmean(covered)) if np.isfinite(covered).any() else float("nan"),
            }
        )
    return rows


def anomaly_parameters(quick: bool) -> list[dict[str, Any]]:
    """Twins for the anomalies."""
    pairs = [(14.0, 0.7), (14.0, 3.0)] if quick else [(d, nu) for d in (14.0, 28.0, 5.0) for nu in (0.7, 3.0, 0.2, 1.4)]
    return [{"shape": [90, 120], "diameter": d, "nu": nu, "tiling": 8 if d < 10 else 4} for d, nu in pairs]


def measure_anomalies(given: dict[str, Any], seed: int) -> list[Row]:
    """Rows of one twin: how well each map ranks mixed points above pure ones."""
    twin = simulate(twin_settings((given["shape"][0], given["shape"][1]), given["diameter"], given["nu"], seed))
    positive = twin.truth.own_fraction < PURE
    rows = []
    for settings in (LaneSettings(), paper_settings()):
        patterns = preprocess(twin, settings.preprocessing)
        lane = run_lane(patterns, given["tiling"], settings, with_stitch=False)
        for name, score in _anomaly_scores(lane).items():
            roc, precision_recall = ranking(positive.ravel(), score.ravel())
            row: Row = {"score": f"{settings.name}, {name}", "roc": roc, "pr": precision_recall}
            row["positive_share"] = float(positive.mean())
            if name.startswith("Mahalanobis"):
                flagged = lane.place((r.anomalies.anomaly for r in lane.rois), 0, bool)
                row["flagged"] = float(flagged.mean())
                row["precision"] = float(positive[flagged].mean()) if flagged.any() else float("nan")
                row["recall"] = float(flagged[positive].mean())
            rows.append(row)
    return rows


def _anomaly_scores(lane: LaneResult) -> dict[str, NDArray[np.floating]]:
    def over_threshold(result: RoiResult) -> NDArray[np.floating]:
        """Squared distance over the threshold: ROIs keep different numbers of components, and so different scales."""
        return result.anomalies.squared.astype(float) / result.anomalies.threshold

    return {
        "Mahalanobis distance": lane.place((over_threshold(r) for r in lane.rois), 0.0, float),
        "doubt of the label": lane.place((1 - r.mixture.responsibility.max(axis=1) for r in lane.rois), 0.0, float),
    }
