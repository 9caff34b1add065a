"""The pattern lane in memory: what the assets do with the store, for any tiling and either set of options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.methods import settings as groups
from microstructure_assets.methods.anomalies import Anomalies, mahalanobis_anomalies
from microstructure_assets.methods.background import BackgroundCorrection, decode, encode
from microstructure_assets.methods.boundaries import Crossings, weight_crossings
from microstructure_assets.methods.components import principal_components
from microstructure_assets.methods.core_references import references_with_cores
from microstructure_assets.methods.factorization import Weights, constrained_weights
from microstructure_assets.methods.knee import choose_components, noise_edge
from microstructure_assets.methods.mixture import Mixture, select_mixture
from microstructure_assets.methods.noise import noise_variance
from microstructure_assets.methods.references import References
from microstructure_assets.methods.stitching import ArrayPatterns, Stitching, stitch
from microstructure_assets.methods.tiling import Roi, analysis_tiling
from microstructure_assets.simulation.synthesis import Twin

BLOCK_BYTES = 64 << 20


@dataclass(frozen=True)
class LaneSettings:
    """The settings groups of the pattern lane.

    Attributes
    ----------
    name : str
        ``default`` or ``paper``, as the tables call it.
    """

    name: str = "default"
    preprocessing: groups.PreprocessingSettings = field(default_factory=groups.PreprocessingSettings)
    components: groups.ComponentsSettings = field(default_factory=groups.ComponentsSettings)
    knee: groups.KneeSettings = field(default_factory=groups.KneeSettings)
    mixture: groups.MixtureSettings = field(default_factory=groups.MixtureSettings)
    anomalies: groups.AnomaliesSettings = field(default_factory=groups.AnomaliesSettings)
    references: groups.ReferencesSettings = field(default_factory=groups.ReferencesSettings)
    factorization: groups.FactorizationSettings = field(default_factory=groups.FactorizationSettings)
    boundaries: groups.BoundariesSettings = field(default_factory=groups.BoundariesSettings)
    stitching: groups.StitchingSettings = field(default_factory=groups.StitchingSettings)


def paper_settings() -> LaneSettings:
    """Every step as published; K from 2 to 10 and p = 30 components, as the authors' runs have them."""
    return LaneSettings(
        name="paper",
        preprocessing=groups.PreprocessingSettings(intensity="paper", static_background="scan"),
        knee=groups.KneeSettings(method="paper"),
        mixture=groups.MixtureSettings(criterion="paper", minimum_clusters=2, maximum_clusters=10),
        anomalies=groups.AnomaliesSettings(covariance="paper"),
        references=groups.ReferencesSettings(method="paper"),
        factorization=groups.FactorizationSettings(form="paper"),
        boundaries=groups.BoundariesSettings(interpolation="linear"),
    )


@dataclass(frozen=True)
class Preprocessed:
    """Corrected patterns of a scan.

    Attributes
    ----------
    array : (rows, columns, pixels) float32
        As the store gives them back, the rounding to 8-bit codes included.
    detector_shape : tuple of int
        Height and width [px].
    step_y_um, step_x_um : float
    """

    array: NDArray[np.float32]
    detector_shape: tuple[int, int]
    step_y_um: float = 1.0
    step_x_um: float = 1.0

    def of(self, roi: Roi) -> NDArray[np.float32]:
        """Patterns of a ROI, (rows, columns, pixels)."""
        return self.array[roi.row_start : roi.row_stop, roi.column_start : roi.column_stop]

    def around(self, roi: Roi, margin: int) -> tuple[NDArray[np.float32], tuple[slice, slice], NDArray[np.int64]]:
        """Patterns of a ROI with a margin, where the ROI lies in them, and their row-major numbers in the scan."""
        rows, columns, _ = self.array.shape
        y = slice(max(0, roi.row_start - margin), min(rows, roi.row_stop + margin))
        x = slice(max(0, roi.column_start - margin), min(columns, roi.column_stop + margin))
        inside = (
            slice(roi.row_start - y.start, roi.row_stop - y.start),
            slice(roi.column_start - x.start, roi.column_stop - x.start),
        )
        number = np.arange(rows * columns).reshape(rows, columns)[y, x]
        return np.ascontiguousarray(self.array[y, x]), inside, number.ravel()


def preprocess(twin: Twin, settings: groups.PreprocessingSettings) -> Preprocessed:
    """Correct a twin's patterns as ``preprocessed_patterns`` does: background, encoding, decoding."""
    rows, columns, *detector = twin.shape
    correction = BackgroundCorrection.prepare((detector[0], detector[1]), settings, twin.static_background)
    height, width = correction.cropped_shape
    array = np.empty((rows, columns, height * width), dtype=np.float32)
    step = max(1, BLOCK_BYTES // (columns * detector[0] * detector[1] * 4))
    for start in range(0, rows, step):
        raw = twin.read_rows(start, min(rows, start + step))
        codes = encode(correction(raw.reshape(-1, *detector)))
        decoded = decode(codes.code, codes.gain, codes.offset)
        array[start : start + len(raw)] = decoded.reshape(len(raw), columns, -1)
    return Preprocessed(array, (height, width), twin.settings.step_um, twin.settings.step_um)


@dataclass(frozen=True)
class RoiResult:
    """What the lane says of one ROI; references, weights and crossings where they were asked for.

    Attributes
    ----------
    roi : Roi
    noise_variance : float
    knee : int
    mixture : Mixture
    anomalies : Anomalies
    references : References or None
    weights : Weights or None
    crossings : Crossings or None
    """

    roi: Roi
    noise_variance: float
    knee: int
    mixture: Mixture
    anomalies: Anomalies
    references: References | None = None
    weights: Weights | None = None
    crossings: Crossings | None = None

    @property
    def label(self) -> NDArray[np.int32]:
        """Clusters, (rows, columns)."""
        return self.mixture.label.reshape(self.roi.shape)

    @property
    def weight_map(self) -> NDArray[np.float32]:
        """Weights, (rows, columns, references)."""
        if self.weights is None:
            raise ValueError("weights: none were computed; ask run_rois for with_weights")
        return self.weights.weight.reshape(*self.roi.shape, -1)

    def point_index(self, columns: int) -> NDArray[np.int64]:
        """Row-major numbers of the ROI's points in a scan of so many columns."""
        y = np.arange(self.roi.row_start, self.roi.row_stop)
        x = np.arange(self.roi.column_start, self.roi.column_stop)
        return (y[:, None] * columns + x).ravel()


@dataclass(frozen=True)
class LaneResult:
    """What the lane says of a scan in one tiling.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of the scan.
    rois : tuple of RoiResult
    stitched : Stitching or None
    """

    shape: tuple[int, int]
    rois: tuple[RoiResult, ...]
    stitched: Stitching | None

    @cached_property
    def cluster(self) -> NDArray[np.int32]:
        """Clusters numbered over the whole scan."""
        return gather_clusters(self.shape, self.rois)

    def place(self, maps: Iterable[NDArray[Any]], fill: float, dtype: Any) -> NDArray[Any]:
        """Maps of the ROIs, in their order, side by side."""
        whole = np.full(self.shape, fill, dtype=dtype)
        for result, values in zip(self.rois, maps, strict=True):
            roi = result.roi
            whole[roi.row_start : roi.row_stop, roi.column_start : roi.column_stop] = values.reshape(roi.shape)
        return whole


def gather_clusters(shape: tuple[int, int], rois: Sequence[RoiResult]) -> NDArray[np.int32]:
    """Cluster labels of all ROIs, unique over the scan, int32 (rows, columns)."""
    whole, first = np.full(shape, -1, dtype=np.int32), 0
    for result in rois:
        roi = result.roi
        whole[roi.row_start : roi.row_stop, roi.column_start : roi.column_stop] = result.label + first
        first += result.mixture.count
    return whole


def run_lane(
    patterns: Preprocessed, n: int, settings: LaneSettings, *, with_weights: bool = False, with_stitch: bool = True
) -> LaneResult:
    """Characterise a scan in n × n ROIs.

    Parameters
    ----------
    patterns
        The scan.
    n
        ROIs along each axis.
    settings
        Of the lane.
    with_weights
        Also references, weights and their crossings.
    with_stitch
        Also the stitched map.
    """
    rows, columns, _ = patterns.array.shape
    tiling = analysis_tiling(rows, columns, groups.TilingSettings(n=n))
    rois = tuple(
        characterise_roi(patterns, roi, settings, with_weights=with_weights)
        for tile in tiling.tiles
        for roi in tile.rois
    )
    stitched = None
    if with_stitch:
        noise = float(np.median([result.noise_variance for result in rois]))
        stitched = stitch(
            zero_mean(patterns, settings), gather_clusters((rows, columns), rois), noise, settings.stitching
        )
    return LaneResult((rows, columns), rois, stitched)


def zero_mean(patterns: Preprocessed, settings: LaneSettings) -> ArrayPatterns:
    """What the stitching reads: patterns of zero mean, as it asks for; those brought to 0-1 lose their mean first."""
    array = patterns.array
    if settings.preprocessing.intensity == "paper":
        array = array - array.mean(axis=2, keepdims=True)
    return ArrayPatterns(array)


def characterise_roi(patterns: Preprocessed, roi: Roi, settings: LaneSettings, *, with_weights: bool) -> RoiResult:
    """Scores, clusters and anomalies of one ROI, and on demand references, weights and crossings."""
    own = np.ascontiguousarray(patterns.of(roi))
    rows, columns, pixels = own.shape
    flat = own.reshape(-1, pixels)
    noise = noise_variance(own, detector_shape=patterns.detector_shape)
    components = principal_components(flat, settings.components.component_limit)
    edge = noise_edge(noise.point_variance, rows * columns, pixels, noise.effective_pixel_count)
    knee = choose_components(components.explained_variance, settings.knee, edge=edge).count
    score = components.score[:, :knee].astype(np.float64)
    mixture = select_mixture(score, settings.mixture)
    anomalies = mahalanobis_anomalies(score, mixture.label, mixture.mean, mixture.covariance, settings.anomalies)
    if not with_weights:
        return RoiResult(roi, noise.variance, knee, mixture, anomalies)
    label, squared = mixture.label.reshape(rows, columns), anomalies.squared.reshape(rows, columns)
    references, weights, crossings = weigh(label, squared, noise.variance, settings, patterns, roi)
    return RoiResult(roi, noise.variance, knee, mixture, anomalies, references, weights, crossings)


def weigh(
    label: NDArray[np.integer],
    squared: NDArray[np.floating],
    noise: float,
    settings: LaneSettings,
    patterns: Preprocessed,
    roi: Roi,
) -> tuple[References, Weights, Crossings]:
    """References of labels, weights and their crossings in a ROI."""
    around, inside, _ = patterns.around(roi, settings.references.margin)
    references = references_with_cores(
        around, inside, patterns.detector_shape, label, squared, settings.references, noise
    )
    weights = weights_of(patterns, roi, references.pattern, references.noise_variance, noise, settings)
    shape = (*roi.shape, len(references.pattern))
    crossings = weight_crossings(
        weights.weight.reshape(shape),
        weights.weight_std.reshape(shape),
        patterns.step_y_um,
        patterns.step_x_um,
        settings.boundaries,
    )
    return references, weights, crossings


def weights_of(
    patterns: Preprocessed,
    roi: Roi,
    reference: NDArray[np.float32],
    reference_noise: NDArray[np.floating],
    noise: float,
    settings: LaneSettings,
) -> Weights:
    """Weights of references in a ROI, as ``cnmf_weights`` has them."""
    around, inside, _ = patterns.around(roi, settings.factorization.margin)
    rows, columns, pixels = around.shape
    found = constrained_weights(
        around.reshape(-1, pixels), reference, reference_noise, noise, settings.factorization, (rows, columns)
    )
    return found.inside((rows, columns), inside)
