"""Do the fast routes change the answer? Binned patterns and block Krylov against all pixels and a full decomposition.

The exact answer of a ROI comes from all pixels and every eigenvector in float64, by LAPACK. Patterns are made ROI by
ROI, so that a scan of 5,000 grains needs no more memory than its largest ROI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.metrics import rand_index
from benchmarks.accuracy.results import Row
from benchmarks.accuracy.twin_patterns import TwinPatterns
from benchmarks.accuracy.twins import twin_settings
from microstructure_assets.methods.anomalies import pooled_distances
from microstructure_assets.methods.binning import bin_patterns, binning_factor
from microstructure_assets.methods.components import principal_components
from microstructure_assets.methods.factorization import constrained_weights
from microstructure_assets.methods.knee import choose_components, noise_edge
from microstructure_assets.methods.mixture import Mixture, select_mixture
from microstructure_assets.methods.noise import NoiseEstimate, noise_variance
from microstructure_assets.methods.references import References, reference_windows
from microstructure_assets.methods.roi_agreement import WorkflowSettings
from microstructure_assets.methods.scan_noise import binned_signal_share
from microstructure_assets.methods.settings import MixtureSettings, PreprocessingSettings, TilingSettings
from microstructure_assets.methods.tiling import Roi, analysis_tiling
from microstructure_assets.simulation.twin import simulate

NOISE_NU = 1.4
#: 14,400 pixels, which are binned 2 × 2.
DETECTOR_PX = 120
#: Grains of the scan: its side [points], and by tiling how many of the ROIs are measured.
#: The coarser tilings have ROIs of 2,500 points and more, which take block Krylov, the finer ones of about 600.
SCANS = {50: (100, {4: 16, 2: 2}), 500: (200, {8: 24, 4: 4}), 5000: (376, {15: 24, 7: 3})}
# Eight bits would leave steps of the background in blurred patterns, which are no signal of the bands.
_BLURRED: dict[str, Any] = {"point_spread_px": 6.0, "bit_depth": 16}
#: Sharp patterns lose more in binning than the product allows, the blurred ones about as much. Even ones are blurred,
#: but neither mixed by a beam nor of varied intensity, so that clusters lie apart.
PATTERNS: dict[str, dict[str, Any]] = {
    "sharp": {},
    "blurred": _BLURRED,
    "even": {**_BLURRED, "gain_spread": 0.0, "beam_fwhm_x_um": 0.0, "beam_fwhm_y_um": 0.0},
}
SETTINGS = WorkflowSettings()
BINNED, OTHER_STARTS = "binned", "exact, other starts of the mixtures"
_BLOCK_PIXELS = 2048


@dataclass(frozen=True)
class Answer:
    """What one route says of a ROI.

    Attributes
    ----------
    knee, above_edge : int
        Components kept, and those above the noise, of which no more than ``knee.maximum`` are kept.
    score : (n, knee) float64
    mixture : Mixture
    """

    knee: int
    above_edge: int
    score: NDArray[np.float64]
    mixture: Mixture


def parameters(quick: bool) -> list[dict[str, Any]]:
    """Numbers of grains and tilings; those of small ROIs first, which are soon done."""
    scans = {50: (100, {4: 4})} if quick else SCANS
    cases = [
        {
            "patterns": name,
            "grains": grains,
            "shape": [side, side],
            "diameter": round(side * (4 / np.pi / grains) ** 0.5, 2),
            "detector_px": DETECTOR_PX,
            "tiling": n,
            "sample": sample,
        }
        for name in PATTERNS
        for grains, (side, tilings) in scans.items()
        for n, sample in tilings.items()
    ]
    return sorted(cases, key=lambda case: case["shape"][0] // case["tiling"] > 40)


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """A row per route: how many ROIs answer as the exact route does, and how far weights and partitions differ."""
    rows, columns = given["shape"]
    changes = {"detector_height_px": given["detector_px"], "detector_width_px": given["detector_px"]}
    changes |= PATTERNS[given["patterns"]]
    twin = simulate(twin_settings((rows, columns), given["diameter"], NOISE_NU, seed, **changes))
    patterns = TwinPatterns(twin, PreprocessingSettings())
    rois = sampled_rois((rows, columns), given["tiling"], given["sample"], seed)
    found: dict[str, list[Row]] = {}
    for roi in rois:
        truth = twin.truth.region[roi.row_start : roi.row_stop, roi.column_start : roi.column_stop]
        for route, row in compare(patterns, roi, truth).items():
            found.setdefault(route, []).append({"roi": roi.row * given["tiling"] + roi.column, **row})
    share = binned_signal_share(patterns, patterns.binned, binning_factor(patterns.detector_shape))
    facts = {
        "true": len(np.unique(twin.truth.region)),
        "points": float(np.mean([roi.shape[0] * roi.shape[1] for roi in rois])),
        "rois": len(rois),
        "rois_of_scan": given["tiling"] ** 2,
        "signal_share": share,
        "product_bins": int(share >= SETTINGS.scale.least_binned_signal),
    }
    return [{"route": route, **facts, **_summary(members)} for route, members in found.items()]


def sampled_rois(shape: tuple[int, int], n: int, sample: int, seed: int) -> list[Roi]:
    """So many ROIs of a tiling without repetition, row by row; all of them where there are no more."""
    rois = [roi for tile in analysis_tiling(*shape, TilingSettings(n=n)).tiles for roi in tile.rois]
    chosen = np.random.default_rng(seed).permutation(len(rois))[:sample]
    return sorted((rois[place] for place in chosen), key=lambda roi: (roi.row, roi.column))


def compare(patterns: TwinPatterns, roi: Roi, truth: NDArray[np.integer]) -> dict[str, Row]:
    """How each route's answer on a ROI differs from the exact one, by route.

    Parameters
    ----------
    patterns
        Of the scan.
    roi
    truth
        True grains in the ROI, (rows, columns).

    Returns
    -------
    dict
        ``binned``; ``Gram matrix`` or ``block Krylov``, whichever the product takes for this ROI with all pixels; and
        the exact route with other starts of the mixtures, which tells what the starts alone change.
    """
    area = roi.row_start, roi.row_stop, roi.column_start, roi.column_stop
    full, small = patterns.read(*area), patterns.binned.read(*area)
    noise, small_noise = noise_variance(full), noise_variance(small)
    flat, limit = full.reshape(-1, full.shape[2]), SETTINGS.components.component_limit
    score, variance = exact_components(flat, limit)
    exact = _answer(score, variance, full.shape, noise, SETTINGS.mixture)
    others = SETTINGS.mixture.model_copy(update={"seed": SETTINGS.mixture.seed + 1})
    fast, binned = (principal_components(own.reshape(-1, own.shape[2]), limit) for own in (full, small))
    answers = {
        {"gram": "Gram matrix", "krylov": "block Krylov"}.get(fast.route, fast.route): _answer(
            fast.score, fast.explained_variance, full.shape, noise, SETTINGS.mixture
        ),
        BINNED: _answer(binned.score, binned.explained_variance, small.shape, small_noise, SETTINGS.mixture),
        OTHER_STARTS: _answer(score, variance, full.shape, noise, others),
    }
    rows = {route: _difference(exact, answer, truth) for route, answer in answers.items()}
    references = _references(full, exact, noise)
    owner = main_grains(exact.mixture.label, truth.ravel())
    rows[BINNED] |= weight_differences(full, small, references, owner, (noise, small_noise), patterns.detector_shape)
    return rows


def exact_components(flat: NDArray[np.float32], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores (n, k) and variances (k,) from the products of all pairs of patterns in float64 and LAPACK's eigenvectors.

    Parameters
    ----------
    flat : (n, p) float32
        n no larger than p, else the smallest of the variances are rounding errors.
    count
        Components; no more than n − 1.
    """
    from scipy.linalg import eigh

    points = len(flat)
    gram = np.zeros((points, points))
    for start in range(0, flat.shape[1], _BLOCK_PIXELS):  # a copy of all pixels in float64 would double the memory
        block = flat[:, start : start + _BLOCK_PIXELS].astype(np.float64)
        block -= block.mean(axis=0)
        gram += block @ block.T
    count = min(count, points - 1)
    energy, vector = eigh(gram, overwrite_a=True, subset_by_index=(points - count, points - 1))
    energy, vector = np.maximum(energy[::-1], 0.0), vector[:, ::-1]
    return vector * np.sqrt(energy), energy / max(1, points - 1)


def _answer(
    score: NDArray[np.floating],
    variance: NDArray[np.float64],
    shape: tuple[int, ...],
    noise: NoiseEstimate,
    settings: MixtureSettings,
) -> Answer:
    rows, columns, pixels = shape
    edge = noise_edge(noise.point_variance, rows * columns, pixels, noise.effective_pixel_count)
    knee = choose_components(variance, SETTINGS.knee, edge=edge)
    kept = np.ascontiguousarray(score[:, : knee.count], dtype=np.float64)
    return Answer(knee.count, knee.above_edge, kept, select_mixture(kept, settings))


def _difference(exact: Answer, other: Answer, truth: NDArray[np.integer]) -> Row:
    return {
        "knee": [exact.knee, other.knee],
        "clusters": [exact.mixture.count, other.mixture.count],
        "above_edge": [exact.above_edge, other.above_edge],
        "index": rand_index(exact.mixture.label, other.mixture.label),
        "true_index": [rand_index(truth.ravel(), own.mixture.label) for own in (exact, other)],
    }


def _references(full: NDArray[np.float32], exact: Answer, noise: NoiseEstimate) -> References:
    """Denoised references of the exact route's clusters, from all pixels."""
    label, shape = exact.mixture.label, full.shape[:2]
    squared = pooled_distances(exact.score, label, SETTINGS.anomalies.core)
    return reference_windows(full, label.reshape(shape), squared.reshape(shape), SETTINGS.references, noise.variance)


def weight_differences(
    full: NDArray[np.float32],
    small: NDArray[np.float32],
    references: References,
    owner: NDArray[np.integer],
    noises: tuple[NoiseEstimate, NoiseEstimate],
    detector_shape: tuple[int, int],
) -> Row:
    """Differences between the weights of binned patterns and of all pixels, for the same references.

    Parameters
    ----------
    full, small : (rows, columns, p) and (rows, columns, q) float32
        All pixels, and binned.
    references
        Of all pixels; they are binned for the binned patterns.
    owner : (r,) int
        Grain of each reference.
    noises
        Of both.
    detector_shape
        Height and width of all pixels.

    Returns
    -------
    dict
        ``weights``, (m,) float32: absolute differences, of the pairs of a point and a reference in which either weight
        is above zero; all other pairs agree, and with a dozen references they are most. ``grain_weights``: the same
        for the sums over the references of one grain, as several clusters in a grain leave it open which of their
        references carries the weight. ``same_active``: whether the same references take part.
    """
    binned, _ = bin_patterns(references.pattern, detector_shape)
    ratio = noises[1].variance / noises[0].variance if noises[0].variance > 0 else 1.0
    pairs = ((full, references.pattern, 1.0, noises[0]), (small, binned, ratio, noises[1]))
    exact, other = (
        constrained_weights(
            patterns.reshape(-1, patterns.shape[2]),
            reference,
            references.noise_variance * scale,
            noise.variance,
            SETTINGS.factorization,
            (patterns.shape[0], patterns.shape[1]),
        )
        for patterns, reference, scale, noise in pairs
    )
    belongs = (owner[:, None] == np.unique(owner)).astype(np.float32)
    return {
        "weights": _differences(exact.weight, other.weight),
        "grain_weights": _differences(exact.weight @ belongs, other.weight @ belongs),
        "same_active": bool(np.array_equal(exact.active, other.active)),
    }


def _differences(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.abs(first - second)[(first > 0) | (second > 0)]


def main_grains(label: NDArray[np.integer], truth: NDArray[np.integer]) -> NDArray[np.intp]:
    """The grain that holds most points of each cluster, (K,), as its place among the grains that there are.

    Parameters
    ----------
    label, truth : (n,) int
        Clusters 0 to K - 1, and grains.
    """
    names, grain = np.unique(truth, return_inverse=True)
    counts = np.bincount(label * len(names) + grain, minlength=(int(label.max()) + 1) * len(names))
    return counts.reshape(-1, len(names)).argmax(axis=1)


def _summary(members: list[Row]) -> Row:
    """One row of what the ROIs of a route say."""
    index = np.array([row["index"] for row in members])
    true_index = np.array([row["true_index"] for row in members])
    found: Row = {
        **{f"{name}_equal": _equal(members, (name,)) for name in ("knee", "clusters", "above_edge")},
        "both_equal": _equal(members, ("knee", "clusters")),
        "differing": [
            [row["roi"], *row["knee"], *row["clusters"], round(row["index"], 4)]
            for row in members
            if row["knee"][0] != row["knee"][1] or row["clusters"][0] != row["clusters"][1]
        ],
        "index_median": float(np.median(index)),
        "index_least": float(index.min()),
        "index_share": float(np.mean(index >= 0.98)),
        "true_index_exact": float(true_index[:, 0].mean()),
        "true_index": float(true_index[:, 1].mean()),
        "above_edge": [float(np.mean([row["above_edge"][side] for row in members])) for side in (0, 1)],
    }
    if "weights" in members[0]:
        found |= _weight_summary(members, "weight") | _weight_summary(members, "grain_weight")
        found["same_active"] = float(np.mean([row["same_active"] for row in members]))
    return found


def _weight_summary(members: list[Row], name: str) -> Row:
    differences = np.concatenate([np.empty(0), *(row[f"{name}s"] for row in members)])
    if not differences.size:
        return {}
    median, high = np.quantile(differences, (0.5, 0.99))
    return {f"{name}_median": float(median), f"{name}_99": float(high)}


def _equal(members: list[Row], names: tuple[str, ...]) -> float:
    """Share of the ROIs in which these figures are the same either way."""
    same: list[Mapping[str, Any]] = [row for row in members if all(row[name][0] == row[name][1] for name in names)]
    return len(same) / len(members)
