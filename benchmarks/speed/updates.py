"""Weights of fixed references (cNMF), beside multiplicative updates in torch, as the published code has them.

References
----------
.. [1] Q. Zhang, S. Benito, S. Weber, M. Stricker, "Multi-modal data-driven microstructure characterization", Eq. 10.
.. [2] D. D. Lee, H. S. Seung, Nature 401 (1999) 788.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality, Side
from benchmarks.speed.scans import scan_with_references
from benchmarks.speed.weights import alone, kkt, objective, own_figures, products, with_uncertainties

if TYPE_CHECKING:
    from torch import Tensor

PUBLISHED = "multiplicative updates in torch"
IN_PLACE = "multiplicative updates in torch, in place"
#: Defaults of ``constrainedmf``'s ``NMF.fit``, which the published code leaves as they are (β = 2 is given).
MOST_UPDATES = 200
TOLERANCE = 1e-5
#: Relative distance of the objectives that counts as equal.
EQUAL = 1e-6
MOST_COUNTED = 200_000
TO_EQUAL = "updates until the objective is within 1e-6 of ours, over those made, {}"


def as_published(weight: Tensor, reference: Tensor, patterns: Tensor, room: Tensor) -> float:
    """One update W ← W · X Hᵀ / W H Hᵀ, and the loss before it; three arrays of the data's size come and go.

    As many as in the published code, which takes the gradient X Hᵀ − W H Hᵀ by automatic differentiation.
    """
    model = weight @ reference
    residual = model - patterns
    loss = float((residual**2).sum()) / 2
    above = model @ reference.T
    weight *= (above - residual @ reference.T).relu() / above
    return loss


def in_place(weight: Tensor, reference: Tensor, patterns: Tensor, room: Tensor) -> float:
    """The same update in memory that is there already (`room`, of the data's size): as fast as it gets."""
    import torch

    model = torch.mm(weight, reference, out=room)
    above = model @ reference.T
    residual = model.sub_(patterns)
    loss = float(torch.linalg.vector_norm(residual)) ** 2 / 2
    weight *= (above - residual @ reference.T).relu() / above
    return loss


def multiplicative(update: Callable[[Tensor, Tensor, Tensor, Tensor], float]) -> Side:
    """Updates of all patterns at once, from random weights, until the loss hardly falls.

    The published code treats one pattern after another, which is slower still. Returns the last ``weight``, the
    ``start`` and the number of ``updates``.
    """

    def run(data: Arrays) -> Arrays:
        import torch

        patterns, reference = torch.from_numpy(data["patterns"]), torch.from_numpy(data["reference"])
        weight = torch.rand(len(patterns), len(reference), generator=torch.Generator().manual_seed(0))
        start, room = weight.clone(), torch.empty_like(patterns)
        first = previous = update(weight, reference, patterns, room)
        made = 1
        while made < MOST_UPDATES:
            loss = update(weight, reference, patterns, room)
            made += 1
            if (previous - loss) / first < TOLERANCE:
                break
            previous = loss
        return {"weight": weight.numpy(), "start": start.numpy(), "updates": np.array(made)}

    return run


def updates_to(
    start: NDArray[np.float32],
    gram: NDArray[np.float64],
    projection: NDArray[np.float64],
    energy: float,
    wanted: float,
) -> float:
    """Number of updates from a start until the objective is reached; infinity where `MOST_COUNTED` are not enough.

    On the products an update gives the same weights as on the patterns, and costs next to nothing.
    """
    weight = start.astype(np.float64)
    for made in range(MOST_COUNTED):
        image = weight @ gram
        if energy / 2 - np.vdot(weight, projection) + np.vdot(image, weight) / 2 <= wanted:
            return float(made)
        weight *= projection / image
    return float("inf")


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """How far from the optimum the updates stop, and how many it would take to get there."""
    gram, projection, energy = products(data)
    own = results["weights alone"]["weight"]
    best = objective(own, gram, projection, energy)
    figures = own_figures(data, results)
    for peer in (PUBLISHED, IN_PLACE):
        weight, made = results[peer]["weight"], float(results[peer]["updates"])
        reached = objective(weight, gram, projection, energy)
        needed = updates_to(results[peer]["start"], gram, projection, energy, best * (1 + EQUAL))
        figures |= {
            f"KKT, {peer}": Equality(kkt(weight, gram, projection)),
            f"updates, {peer}": Equality(made),
            f"largest difference of the weights, {peer}": Equality(float(np.abs(own - weight).max())),
            f"objective, ours over {peer}": Equality(best / reached, most=1 + 1e-9),
            TO_EQUAL.format(peer): Equality(needed / made),
        }
    return figures


def _prepare(small: bool) -> Arrays:
    return scan_with_references((22, 27), (40, 50) if small else (400, 500), 9.0, 6)


BENCHMARKS = (
    Benchmark(
        name="updates-594",
        step="cNMF weights, beside the published multiplicative updates",
        size="594 × 200,000, r = 6",
        data="corrected patterns of a twin, references from nine points of each of its largest grains",
        goal=300,
        repeats=5,
        prepare=_prepare,
        ours={"with uncertainties": with_uncertainties, "weights alone": alone},
        peers={PUBLISHED: multiplicative(as_published), IN_PLACE: multiplicative(in_place)},
        check=check,
        flops=dict.fromkeys(("with uncertainties", "weights alone"), 2 * 594 * 200_000 * 6),
        cold=True,
        updates_to_equal={peer: TO_EQUAL.format(peer) for peer in (PUBLISHED, IN_PLACE)},
    ),
)
