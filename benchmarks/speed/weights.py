"""Weights of fixed references (cNMF), beside scikit-learn's coordinate descent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality, Side
from benchmarks.speed.graphics import GRAPHICS, graphics_sides
from benchmarks.speed.scans import Shape, scan_with_references
from microstructure_assets.methods.device import COMPILED
from microstructure_assets.methods.factorization import constrained_weights
from microstructure_assets.methods.least_squares import nonnegative_least_squares
from microstructure_assets.methods.parallel import block_bounds
from microstructure_assets.methods.settings import FactorizationSettings

PEER = "scikit-learn non_negative_factorization"
#: Largest violation of the optimality conditions that counts as converged, relative to the largest projection.
KKT_LIMIT = 1e-10
_BLOCK_POINTS = 512


def with_uncertainties(data: Arrays) -> Arrays:
    """The product's function, which gives standard deviations and residuals too: ``weight`` (n, r) float32."""
    reference = data["reference"]
    settings = FactorizationSettings(form="paper")
    found = constrained_weights(data["patterns"], reference, np.zeros(len(reference)), 0.0, settings)
    return {"weight": found.weight}


def alone(data: Arrays) -> Arrays:
    """Weights and nothing else: two products, then the small problems; ``weight`` float64, ``gram``, ``projection``."""
    return on_device(COMPILED)(data)


def on_device(device: str) -> Side:
    """Weights alone, with the small problems on a device."""

    def run(data: Arrays) -> Arrays:
        reference = data["reference"]
        gram = reference.astype(np.float64) @ reference.T.astype(np.float64)
        projection = (data["patterns"] @ reference.T).astype(np.float64)
        weight = nonnegative_least_squares(gram, projection, device=device)
        return {"weight": weight, "gram": gram, "projection": projection}

    return run


def coordinate_descent(data: Arrays) -> Arrays:
    """scikit-learn at its defaults: at most 200 sweeps, tolerance 1e-4; ``weight`` and the number of ``sweeps``."""
    import warnings

    from sklearn.decomposition import non_negative_factorization
    from sklearn.exceptions import ConvergenceWarning

    reference = data["reference"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # that it does not converge is what the check states
        weight, _, sweeps = non_negative_factorization(
            data["patterns"], H=reference, n_components=len(reference), update_H=False
        )
    return {"weight": weight, "sweeps": np.array(sweeps)}


def products(data: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """H Hᵀ (r, r), X Hᵀ (n, r) and the sum of all squared intensities, everything in float64."""
    patterns, basis = data["patterns"], data["reference"].astype(np.float64)
    projection, energy = np.empty((len(patterns), len(basis))), 0.0
    for start, stop in block_bounds(len(patterns), _BLOCK_POINTS):
        block = patterns[start:stop].astype(np.float64)
        projection[start:stop] = block @ basis.T
        energy += float(np.einsum("ij,ij->", block, block))
    return basis @ basis.T, projection, energy


def kkt(weight: NDArray, gram: NDArray[np.float64], projection: NDArray[np.float64]) -> float:
    """Largest violation of w ≥ 0, G w − f ≥ 0, w (G w − f) = 0, relative to the largest entry of f."""
    weight = np.asarray(weight, np.float64)
    return float(np.abs(np.minimum(weight, weight @ gram - projection)).max() / np.abs(projection).max())


def objective(weight: NDArray, gram: NDArray[np.float64], projection: NDArray[np.float64], energy: float) -> float:
    """½ ‖X − W H‖² from the products."""
    weight = np.asarray(weight, np.float64)
    return energy / 2 - float(np.sum(weight * projection)) + float(np.sum(weight @ gram * weight)) / 2


def own_figures(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Optimality of our weights, and that both of our forms are the same weights."""
    found = results["weights alone"]
    small = kkt(found["weight"], found["gram"], found["projection"])
    # Exact for the products as they were summed in float32; against sums in float64 their rounding shows.
    gram, projection, _ = products(data)
    form = results["with uncertainties"]["weight"]
    others = [results[name] for name in (GRAPHICS,) if name in results]
    return {
        **{
            f"KKT, {GRAPHICS}": Equality(kkt(other["weight"], other["gram"], other["projection"]), most=KKT_LIMIT)
            for other in others
        },
        "KKT, ours": Equality(small, most=KKT_LIMIT),
        "KKT, ours, against products summed in float64": Equality(kkt(found["weight"], gram, projection), most=1e-5),
        "largest difference between our two forms": Equality(
            float(np.abs(form - found["weight"]).max()), most=1e-4 * float(found["weight"].max())
        ),
    }


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Optimality of both sides, and by how much the peer's weights and objective are off."""
    gram, projection, energy = products(data)
    own, other = results["weights alone"]["weight"], results[PEER]["weight"]
    best, reached = (objective(weight, gram, projection, energy) for weight in (own, other))
    return {
        **own_figures(data, results),
        "KKT, peer": Equality(kkt(other, gram, projection)),
        "sweeps, peer (200 = not converged even to its own tolerance)": Equality(float(results[PEER]["sweeps"])),
        "largest difference of the peer's weights": Equality(float(np.abs(own - other).max())),
        "objective, ours over the peer's": Equality(best / reached, most=1 + 1e-9),
    }


def _benchmark(name: str, full: tuple[Shape, Shape, float], small: Shape, count: int, goal: float) -> Benchmark:
    shape, detector, _ = full
    points, pixels = shape[0] * shape[1], detector[0] * detector[1]

    def prepare(is_small: bool) -> Arrays:
        return scan_with_references(*((small, (24, 30), 9.0) if is_small else full), count)

    return Benchmark(
        name=name,
        step="cNMF weights",
        size=f"{points:,} × {pixels:,}, r = {count}",
        data="corrected patterns of a twin, references from nine points of each of its largest grains",
        goal=goal,
        repeats=3,
        prepare=prepare,
        ours={"with uncertainties": with_uncertainties, "weights alone": alone, **graphics_sides(on_device)},
        peers={PEER: coordinate_descent},
        check=check,
        flops=dict.fromkeys(("with uncertainties", "weights alone"), 2 * points * pixels * count),
    )


BENCHMARKS = (
    _benchmark("weights-3600", ((200, 250), (60, 60), 60.0), (50, 50), 9, 100),
    _benchmark("weights-200000", ((70, 70), (400, 500), 22.0), (36, 36), 6, 15),
)
