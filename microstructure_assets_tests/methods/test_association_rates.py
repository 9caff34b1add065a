"""How often chance is called a finding, and how often a true relation is found, on cheap scans.

Bounds are upper ends of one-sided 95 % intervals by Clopper and Pearson. On 200 scans a test that is exactly right
would miss the bound three times in ten, on 400 once in fourteen; the table on 200 scans is that of `make accuracy`.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.association import ScanKind, simulated, upper_bound
from microstructure_assets.methods import association
from microstructure_assets.methods.association import LatentCorrelations, latent_correlations
from microstructure_assets.methods.association_settings import AssociationSettings

SCANS, SHAPE, GRAINS = 400, (60, 60), 140
CHEAP = AssociationSettings(permutations=199, rank_points=100)


def results(kind: ScanKind, settings: AssociationSettings = CHEAP, scans: int = SCANS) -> list[LatentCorrelations]:
    return [latent_correlations(*simulated(kind, seed), settings) for seed in range(scans)]


def findings(scans: list[LatentCorrelations], column: str) -> int:
    return sum(bool(np.any(scan.table[column].astype(float) <= 0.05)) for scan in scans)


@pytest.mark.parametrize("coupling", ["off", "declared"])
def test_unrelated_fields_are_called_related_in_about_one_scan_of_twenty(coupling: str) -> None:
    scans = results(ScanKind(SHAPE, GRAINS, coupling, gradient=2.0))
    columns = ["p_partial_family", "p_inside_family"]
    for column in [*columns, "p_unadjusted_family", "p_grains_family"] if coupling == "off" else columns:
        found = findings(scans, column)
        assert upper_bound(found, len(scans)) <= 0.09, column
        assert found >= 4, f"{column}: a test that never finds anything is none"


def test_a_partial_correlation_of_three_tenths_is_found_in_four_scans_of_five() -> None:
    kind = ScanKind(SHAPE, GRAINS, "declared", correlation=0.3)
    scans = results(kind, scans=100)
    rows = [np.flatnonzero((scan.table["latent"] == 0) & (scan.table["map"] == "Fe"))[0] for scan in scans]
    single = np.mean([scan.table["p_partial"][row] <= 0.05 for scan, row in zip(scans, rows, strict=True)])
    assert single >= 0.8
    others = [scan.table["p_partial"][row + 1] <= 0.05 for scan, row in zip(scans, rows, strict=True)]
    assert np.mean(others) < 0.15


def test_what_the_method_is_not_told_it_calls_real() -> None:
    scans = results(ScanKind(SHAPE, GRAINS, "not declared"), scans=10)
    assert sum(bool(np.any(scan.table["verdict"] == association.REAL)) for scan in scans) == 10


def test_neighbours_that_are_alike_mislead_permutations_alone() -> None:
    kind = ScanKind((48, 48), 100, reach=2.0)
    alone = CHEAP.model_copy(update={"effective_grains": False})
    corrected = findings(results(kind, scans=40), "p_unadjusted_family")
    assert corrected <= 10  # at a true rate of a tenth, more in one or two runs of a thousand
    assert findings(results(kind, alone, scans=40), "p_unadjusted_family") >= 30
