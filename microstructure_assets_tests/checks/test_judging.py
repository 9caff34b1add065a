from __future__ import annotations

from typing import Any

import pytest

from microstructure_assets.checks.judging import CHECKS, Check, checks_of
from microstructure_assets.checks.settings import ChecksSettings
from microstructure_assets.store.contract import BY_NAME

CENTRE = {f"pattern_centre_{kind}_{axis}": 0.5 for kind in ("declared", "found") for axis in "xyz"}
INDEX, METRIC = "confidence index, larger is better", "confidence metric of PyEBSDIndex"
DEVIATION = "mean angular deviation [degrees], smaller is better"
CORRELATION = "normalized cross-correlation with the most similar pattern of the dictionary, at most 1"
FAILED = {
    "indexing": "hough",
    "indexed_share": 0.0,
    "source": "patterns",
    "confidence_name": METRIC,
    "confidence_median": None,
}
VAE = {"active_latents": 12, "held_out_error": 20.0, "held_out_variance": 100.0}


def sure(name: str, median: float | None) -> dict[str, Any]:
    return {"confidence_name": name, "confidence_median": median}


def check(name: str) -> Check:
    (found,) = [check for check in CHECKS if check.name == name]
    return found


@pytest.mark.parametrize(
    ("name", "facts", "passed", "words"),
    [
        ("unindexed_share", {"indexed_share": 0.96, "source": ""}, True, "4.0 %"),
        ("unindexed_share", {"indexed_share": 0.94, "source": ""}, False, "6.0 %"),
        ("unindexed_share", {"indexed_share": 0.0, "source": "none: no phases"}, None, "no phases"),
        ("unindexed_share", FAILED, False, "100.0 %"),
        ("indexing_confidence", sure(INDEX, 0.1), True, "0.1"),
        ("indexing_confidence", sure(METRIC, 0.09), False, "0.09"),
        ("indexing_confidence", sure(DEVIATION, 1.0), True, "1°"),
        ("indexing_confidence", sure(DEVIATION, 1.1), False, "1.1°"),
        ("indexing_confidence", sure(CORRELATION, 0.16), True, "0.16"),
        ("indexing_confidence", sure(CORRELATION, 0.14), False, "0.14"),
        ("indexing_confidence", FAILED, False, "no point could be indexed"),
        ("indexing_confidence", sure("dot product", 0.0), None, "dot product"),
        ("indexing_confidence", sure("none", None), None, "no confidence"),
        ("pattern_centre", CENTRE, True, "0.000"),
        ("pattern_centre", CENTRE | {"pattern_centre_found_z": 0.54}, False, "0.040 from"),
        ("pattern_centre", CENTRE | {"pattern_centre_drift_rows_y": -0.05}, False, "drifts by up to 0.050"),
        ("pattern_centre", {"pattern_centre": "too few patterns"}, False, "too few"),
        ("pattern_centre", {}, None, "not indexed here"),
        ("grain_diameter", {"diameter_number_mean_points": 5.0}, True, "5.0 steps"),
        ("grain_diameter", {"diameter_number_mean_points": 4.9}, False, "4.9 steps"),
        ("grain_diameter", {"diameter_number_mean_points": None}, None, "no grains"),
        ("autoencoder_collapse", VAE, True, "80.0 %"),
        ("autoencoder_collapse", VAE | {"active_latents": 1}, False, "1 latents"),
        ("autoencoder_collapse", VAE | {"held_out_error": 99.0}, False, "1.0 %"),
        ("autoencoder_collapse", VAE | {"held_out_error": 0.0, "held_out_variance": 0.0}, False, "nan"),
    ],
)  # fmt: skip
def test_verdicts_at_their_limits(name: str, facts: dict[str, Any], passed: bool | None, words: str) -> None:
    verdict = check(name).judge(facts, ChecksSettings())
    assert verdict.passed is passed
    assert words in verdict.words


def test_a_limit_is_a_setting() -> None:
    facts = {"indexed_share": 0.7, "source": ""}
    assert check("unindexed_share").judge(facts, ChecksSettings(unindexed_share_limit=0.31)).passed
    assert not check("unindexed_share").judge(facts, ChecksSettings(unindexed_share_limit=0.29)).passed


def test_checks_are_of_artifacts_of_scans_and_have_names_of_their_own() -> None:
    assert all(BY_NAME[one.artifact].per == "scan" for one in CHECKS)
    assert len({(one.artifact, one.name) for one in CHECKS}) == len(CHECKS)
    assert [one.name for one in checks_of("pattern_vae")] == ["autoencoder_collapse"]
    assert checks_of("scan_report") == ()
