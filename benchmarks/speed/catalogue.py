"""All benchmarks of speed by name, in the order of the page."""

from __future__ import annotations

from benchmarks.speed import (
    autoencoder,
    background,
    characterize,
    components,
    crystallography,
    curve,
    curve_large,
    mixtures,
    streaming,
    subspace,
    updates,
    weights,
)
from benchmarks.speed.benchmark import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for module in (
        background,
        streaming,
        subspace,
        components,
        weights,
        updates,
        mixtures,
        curve,
        curve_large,
        characterize,
        crystallography,
        autoencoder,
    )
    for benchmark in module.BENCHMARKS
}
