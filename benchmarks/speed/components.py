"""Principal components of a tile in memory, the exact route, beside scikit-learn's randomised PCA."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality
from benchmarks.speed.scans import Shape, corrected_scan
from microstructure_assets.methods.components import PAIRS_LIMIT, principal_components

#: p of Zhang et al., Eq. 1, as the settings have it.
COMPONENTS = 30


def ours(data: Arrays) -> Arrays:
    """Exact: ``variance`` (k,) and ``score`` (n, k)."""
    found = principal_components(data["patterns"], COMPONENTS)
    return {"variance": found.explained_variance, "score": found.score}


def randomised(data: Arrays) -> Arrays:
    """scikit-learn, with the number of power iterations that it chooses."""
    from sklearn.decomposition import PCA

    model = PCA(COMPONENTS, svd_solver="randomized", random_state=0)
    score = model.fit_transform(data["patterns"])
    return {"variance": np.asarray(model.explained_variance_, np.float64), "score": score}


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Variance captured, ours over the peer's, and the relative difference of the strongest component's."""
    own, other = results["ours"]["variance"], results["scikit-learn PCA, randomised"]["variance"]
    return {
        # The peer's sums are float32, so that it may come out above the exact figure by their rounding.
        "variance captured, ours over the peer's": Equality(float(own.sum() / other.sum()), least=1 - 1e-5),
        "relative difference of the largest variance": Equality(abs(float(own[0] / other[0]) - 1), most=1e-4),
        "relative difference of the smallest variance": Equality(abs(float(own[-1] / other[-1]) - 1)),
    }


def _benchmark(name: str, shape: Shape, small: Shape, diameter: float, repeats: int) -> Benchmark:
    points, pixels = shape[0] * shape[1], 200_000

    def prepare(is_small: bool) -> Arrays:
        return corrected_scan(small, (40, 50), 9.0) if is_small else corrected_scan(shape, (400, 500), diameter)

    return Benchmark(
        name=name,
        step="Principal components of a tile, exact route",
        size=f"{points:,} × {pixels:,}, k = {COMPONENTS}",
        data="corrected patterns of a twin",
        goal=3,
        repeats=repeats,
        prepare=prepare,
        ours={"ours": ours},
        peers={"scikit-learn PCA, randomised": randomised},
        check=check,
        # Of many points the number of passes, and so of operations, follows from the patterns.
        flops={"ours": 2 * points**2 * pixels + 2 * points * pixels * COMPONENTS} if points <= PAIRS_LIMIT else {},
    )


BENCHMARKS = (
    _benchmark("components-594", (22, 27), (22, 27), 9.0, 5),
    _benchmark("components-4900", (70, 70), (30, 30), 28.0, 1),
)
