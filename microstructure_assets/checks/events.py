"""The checks as Dagster knows them: what a lane declares, and the event of a verdict."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import dagster as dg

from microstructure_assets.checks.judging import CHECKS, Check, Verdict
from microstructure_assets.partitions import scan_partitions


def check_specs(artifacts: Sequence[str]) -> list[dg.AssetCheckSpec]:
    """The checks of a lane's artifacts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # partitions of checks are new in Dagster
        return [
            dg.AssetCheckSpec(check.name, asset=check.artifact, description=check.title, partitions_def=scan_partitions)
            for check in CHECKS
            if check.artifact in artifacts
        ]


def evaluation(check: Check, partition: str, verdict: Verdict) -> dg.AssetCheckEvaluation:
    """The event of a verdict; a check that has nothing to judge passes, and says so."""
    # GraphQL knows neither NaN nor infinity
    figures = {name: float(value) for name, value in verdict.figures.items() if math.isfinite(value)}
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(check.artifact),
        check_name=check.name,
        passed=verdict.passed is not False,
        metadata={"judged": verdict.passed is not None, **figures},
        severity=dg.AssetCheckSeverity.WARN,
        description=verdict.words if verdict.passed is not None else f"not judged: {verdict.words}",
        blocking=False,
        partition=partition,
    )
