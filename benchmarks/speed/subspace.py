"""Subspace of a whole scan, beside scikit-learn's incremental PCA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np

from benchmarks.speed.benchmark import Arrays, Benchmark, Equality, Side
from benchmarks.speed.scans import corrected_scan
from microstructure_assets.methods.parallel import block_bounds
from microstructure_assets.methods.settings import SubspaceSettings
from microstructure_assets.methods.subspace import scan_subspace

BLOCK_POINTS = 2048
ROUTES = ("block route", "exact route")
#: Share of the variance that a peer captures and that the exact route must reach: all but the rounding of float32 sums.
LEAST_EXACT = 1 - 1e-6
#: The same of the block route, for a pair to count as equal. It stops after four passes, and where neighbouring
#: variances are alike it loses some of the last components.
LEAST_BLOCK = 1 - 1e-3


def ours(route: Literal["exact", "block"]) -> Side:
    """Our streaming pass: ``loading`` (k, p), ``mean`` (p,)."""

    def run(data: Arrays) -> Arrays:
        patterns = data["patterns"]

        def blocks() -> Iterator[np.ndarray]:
            return (patterns[slice(*bound)] for bound in block_bounds(len(patterns), BLOCK_POINTS))

        settings = SubspaceSettings(component_count=int(data["components"]), route=route)
        found = scan_subspace(blocks, patterns.shape[1], settings)
        return {"loading": found.loading, "mean": found.mean}

    return run


def incremental(per_component: int | None) -> Side:
    """scikit-learn's incremental PCA in batches of so many points per component; None = its default, 5 × pixels."""

    def run(data: Arrays) -> Arrays:
        from sklearn.decomposition import IncrementalPCA

        count = int(data["components"])
        model = IncrementalPCA(count, batch_size=None if per_component is None else per_component * count)
        model.fit(data["patterns"])
        return {"loading": model.components_.astype(np.float32), "mean": model.mean_.astype(np.float32)}

    return run


def check(data: Arrays, results: Mapping[str, Arrays]) -> dict[str, Equality]:
    """Share of the variance that each subspace captures; exact route over the best peer, block route over each."""
    patterns = data["patterns"]
    centred = patterns - patterns.mean(axis=0, dtype=np.float64).astype(np.float32)
    total = np.einsum("ij,ij->", centred, centred, dtype=np.float64)
    share = {}
    for name, result in results.items():
        score = centred @ result["loading"].T
        share[name] = float(np.einsum("ij,ij->", score, score, dtype=np.float64) / total)
    figures = {f"variance captured, {name}": Equality(value) for name, value in share.items()}
    block, exact = ROUTES
    peers = {name: value for name, value in share.items() if name not in ROUTES}
    figures[f"{exact} over the best peer"] = Equality(share[exact] / max(peers.values()), least=LEAST_EXACT)
    for peer, value in peers.items():
        figures[f"{block} over {peer}"] = Equality(share[block] / value, least=LEAST_BLOCK, pair=(block, peer))
    return figures


def _benchmark(components: int, goal: float | None, repeats: int) -> Benchmark:
    points, pixels = 20_000, 3_600

    def prepare(small: bool) -> Arrays:
        scan = corrected_scan((40, 50), (18, 20), 14.0) if small else corrected_scan((100, 200), (60, 60), 14.0)
        return {**scan, "components": np.array(components // 10 if small else components)}

    return Benchmark(
        name=f"subspace-{components}",
        step="Subspace of a whole scan",
        size=f"{points:,} × {pixels:,}, k = {components}",
        data="corrected patterns of a twin of about 100 grains",
        goal=goal,
        repeats=repeats,
        prepare=prepare,
        ours={"block route": ours("block"), "exact route": ours("exact")},
        peers={
            "IncrementalPCA, batch 5 k": incremental(5),
            "IncrementalPCA, default batch (5 × pixels)": incremental(None),
        },
        check=check,
        flops={
            "block route": 4 * 4 * points * pixels * (components + 6),
            "exact route": 2 * points * pixels**2,
        },
    )


BENCHMARKS = (_benchmark(50, 40, 1), _benchmark(500, None, 1))
