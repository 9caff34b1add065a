"""The experiments by name: what is run, in which order, and what runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.accuracy import (
    association,
    best_tiling,
    binned_curve,
    boundaries,
    coupling,
    indexing,
    length_scale,
    misorientation_recall,
    regions,
    routes,
    sample,
    weights,
)
from benchmarks.accuracy.results import Case, Row


@dataclass(frozen=True)
class Experiment:
    """A set of twins and what is measured on each.

    Attributes
    ----------
    name : str
    parameters : callable
        Parameters of the twins, given whether it must be quick.
    measure : callable
        Rows of one twin, given its parameters and seed.
    """

    name: str
    parameters: Callable[[bool], list[dict[str, Any]]]
    measure: Callable[[dict[str, Any], int], list[Row]]

    def cases(self, seeds: int, quick: bool) -> list[Case]:
        """Cases, one seed after another, so that a run that is broken off has something of everything."""
        return [Case(self.name, given, seed) for seed in range(seeds) for given in self.parameters(quick)]


EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment("regions", regions.parameters, regions.measure),
        Experiment("frontier", regions.frontier_parameters, regions.measure),
        Experiment("edges", boundaries.edge_parameters, boundaries.measure_edges),
        Experiment("positions", boundaries.position_parameters, boundaries.measure_positions),
        Experiment("recall", boundaries.recall_parameters, boundaries.measure_recall),
        Experiment("recall_rival", boundaries.recall_parameters, misorientation_recall.measure),
        Experiment("weights", weights.weight_parameters, weights.measure_weights),
        Experiment("anomalies", weights.anomaly_parameters, weights.measure_anomalies),
        Experiment("indexing", indexing.parameters, indexing.measure),
        Experiment("sample", sample.parameters, sample.measure),
        Experiment("association", association.parameters, association.measure),
        Experiment("coupling", coupling.parameters, coupling.measure),
        Experiment("length_scale", length_scale.parameters, length_scale.measure),
        Experiment("best_tiling", best_tiling.parameters, best_tiling.measure),
        Experiment("routes", routes.parameters, routes.measure),
        Experiment("binned_curve", binned_curve.parameters, binned_curve.measure),
    )
}
#: What `make findings` runs: it takes hours and has a page of its own.
FINDINGS = ("length_scale", "best_tiling", "routes", "binned_curve")
#: What `make accuracy` runs.
ROUTINE = tuple(name for name in EXPERIMENTS if name not in FINDINGS)
