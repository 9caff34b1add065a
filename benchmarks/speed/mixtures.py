"""Choice of the number of clusters in every ROI of a tiling, beside a loop over scikit-learn's mixtures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality, Side
from benchmarks.speed.graphics import GRAPHICS, graphics_sides
from benchmarks.speed.scans import Shape, corrected, twin_of
from microstructure_assets.methods.components import principal_components
from microstructure_assets.methods.mixture import measure, select_mixture
from microstructure_assets.methods.mixture_fits import Region, candidates_of, fit_mixtures, responsibilities
from microstructure_assets.methods.settings import MixtureSettings
from microstructure_assets.methods.tiling import rois

COMPONENTS = 6
MOST_CLUSTERS = 10
#: Log-likelihood per point that ours may fall short of the peer's in the mean: starts end in other local optima.
SHORTFALL = 0.01
PEER = "scikit-learn GaussianMixture and silhouette_score"
#: Forms of ours by their number of starts: the default of the settings, and the peer's.
STARTS = {"three starts": 3, "one start": 1}
DEFAULT = "three starts"


def _regions(data: Arrays) -> Iterator[NDArray[np.float64]]:
    return (data["score"][start:stop] for start, stop in pairwise(data["edges"]))


def ours(starts: int) -> Side:
    """`select_mixture` ROI by ROI: ``log_likelihood`` and ``silhouette`` (ROIs, K), NaN where it fits none."""

    def run(data: Arrays) -> Arrays:
        settings = MixtureSettings(maximum_clusters=MOST_CLUSTERS, starts=starts)
        likelihood, silhouette = (np.full((len(data["edges"]) - 1, MOST_CLUSTERS), np.nan) for _ in range(2))
        for number, score in enumerate(_regions(data)):
            criteria = select_mixture(score, settings).criteria
            column = criteria["clusters"] - 1
            likelihood[number, column], silhouette[number, column] = criteria["log_likelihood"], criteria["silhouette"]
        return {"log_likelihood": likelihood, "silhouette": silhouette}

    return run


def on_device(device: str) -> Side:
    """The mixtures of all ROIs at once on a device, three starts; k-means and silhouettes on the processor."""

    def run(data: Arrays) -> Arrays:
        settings = MixtureSettings(maximum_clusters=MOST_CLUSTERS)
        regions = [
            Region(score, candidates_of(*score.shape, len(np.unique(score, axis=0)), settings)[0])
            for score in _regions(data)
        ]
        likelihood, silhouette = (np.full((len(regions), MOST_CLUSTERS), np.nan) for _ in range(2))
        for number, fits in enumerate(fit_mixtures(regions, settings.starts, settings.seed, device)):
            score = regions[number].score
            curves = measure(score, fits, [responsibilities(score, fit) for fit in fits], settings)
            column = curves["clusters"] - 1
            likelihood[number, column], silhouette[number, column] = curves["log_likelihood"], curves["silhouette"]
        return {"log_likelihood": likelihood, "silhouette": silhouette}

    return run


def loop(data: Arrays) -> Arrays:
    """scikit-learn ROI by ROI and K by K, one start, spherical covariances as ours; the same curves."""
    from sklearn.metrics import silhouette_score
    from sklearn.mixture import GaussianMixture

    likelihood, silhouette = (np.full((len(data["edges"]) - 1, MOST_CLUSTERS), np.nan) for _ in range(2))
    for number, score in enumerate(_regions(data)):
        for clusters in range(1, MOST_CLUSTERS + 1):
            model = GaussianMixture(clusters, covariance_type="spherical", random_state=0).fit(score)
            likelihood[number, clusters - 1] = model.score(score) * len(score)
            label = model.predict(score)
            if np.ptp(label) > 0:
                silhouette[number, clusters - 1] = silhouette_score(score, label)
    return {"log_likelihood": likelihood, "silhouette": silhouette}


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Log-likelihood per point and silhouette, ours less the peer's, over all ROIs and K ≥ 2 that both fit."""
    # A single cluster may take a richer covariance than the peer's in ours, so that K = 1 is no comparison.
    points, other = np.diff(data["edges"])[:, None], results[PEER]
    figures: dict[str, Equality] = {}
    for form in (*STARTS, *(results.keys() & {GRAPHICS})):
        difference = ((results[form]["log_likelihood"] - other["log_likelihood"]) / points)[:, 1:]
        fitted = np.isfinite(difference)
        silhouette = (results[form]["silhouette"] - other["silhouette"])[:, 1:]
        figures |= {
            f"log-likelihood per point, {form} less the peer's, mean": Equality(
                float(difference[fitted].mean()), least=-SHORTFALL, pair=() if form == DEFAULT else (form, PEER)
            ),
            f"the same, 1st percentile, {form}": Equality(float(np.percentile(difference[fitted], 1))),
            f"the same, 99th percentile, {form}": Equality(float(np.percentile(difference[fitted], 99))),
            f"silhouette, {form} less the peer's, mean": Equality(float(np.nanmean(silhouette))),
            f"share of K = 2 to 10 that the points of a ROI permit, {form}": Equality(float(fitted.mean()), least=0.5),
        }
    return figures


def scores(shape: Shape, n: int) -> Arrays:
    """Principal scores of every ROI of a tiling: ``score`` (points, 6) float64 in the order of ROIs, and ``edges``."""
    twin = twin_of(shape, (60, 60), 18.0)
    table = rois(*shape, n)
    parts = []
    for band in table:
        patterns = corrected(twin.read_rows(int(band[0, 0]), int(band[0, 1]))).reshape(-1, shape[1], 3600)
        for left, right in band[:, 2:]:
            own = np.ascontiguousarray(patterns[:, left:right]).reshape(-1, 3600)
            parts.append(principal_components(own, COMPONENTS).score.astype(np.float64))
    return {"score": np.concatenate(parts), "edges": np.cumsum([0, *map(len, parts)])}


BENCHMARKS = (
    Benchmark(
        name="mixtures",
        step="Mixtures K = 1 to 10 with silhouettes, in all ROIs of a tiling",
        size="225 ROIs of 15×15, 131,670 points, 6 scores each",
        data="principal scores of a twin of 266×495 points",
        goal=10,
        repeats=3,
        prepare=lambda small: scores((27, 50), 2) if small else scores((266, 495), 15),
        ours={form: ours(starts) for form, starts in STARTS.items()} | graphics_sides(on_device),
        peers={PEER: loop},
        check=check,
    ),
)
