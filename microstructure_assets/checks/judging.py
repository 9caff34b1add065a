"""Whether the figures of an artifact are as they should be; nothing here knows Dagster."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from microstructure_assets.checks.settings import ChecksSettings
from microstructure_assets.store.recipes import Recipes

Facts = Mapping[str, Any]

#: Confidences by how their names begin: the setting with their limit, their unit, and whether a larger one is better.
CONFIDENCES: tuple[tuple[str, str, str, bool], ...] = (
    ("confidence index", "confidence_least", "", True),
    ("confidence metric", "confidence_least", "", True),
    ("normalized cross-correlation", "correlation_least", "", True),
    ("mean angular deviation", "angular_deviation_limit_deg", "°", False),
)


@dataclass(frozen=True)
class Verdict:
    """What a check says.

    Attributes
    ----------
    passed : bool or None
        None where there is nothing to judge.
    words : str
        Why, in a sentence without a full stop.
    figures : mapping of str to float
        What it was judged by.
    """

    passed: bool | None
    words: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """A check of one artifact of a scan.

    Attributes
    ----------
    name, artifact : str
    title : str
        What is asked, for people.
    judge : callable
        ``judge(facts, settings)`` of the artifact's attributes.
    """

    name: str
    artifact: str
    title: str
    judge: Callable[[Facts, ChecksSettings], Verdict]


def unindexed_share(facts: Facts, settings: ChecksSettings) -> Verdict:
    """How much of the map has no orientation."""
    if not facts["indexed_share"] and not _tried(facts):
        return Verdict(None, f"there are no orientations: {facts['source']}")
    share = 1 - float(facts["indexed_share"])
    limit = settings.unindexed_share_limit
    return Verdict(
        share <= limit,
        f"{100 * share:.1f} % of the points have no orientation; up to {100 * limit:.3g} % are allowed",
        {"unindexed_share": share, "limit": limit},
    )


def indexing_confidence(facts: Facts, settings: ChecksSettings) -> Verdict:
    """How sure the indexing is of the points that it has indexed."""
    name, median = str(facts["confidence_name"]), facts.get("confidence_median")
    if median is None:
        if _tried(facts) and not facts["indexed_share"]:
            return Verdict(False, "no point could be indexed")
        return Verdict(None, "no confidence of the indexing is known")
    for start, setting, unit, larger_is_better in CONFIDENCES:
        if name.startswith(start):
            limit = float(getattr(settings, setting))
            bound = "at least" if larger_is_better else "at most"
            return Verdict(
                bool(median >= limit if larger_is_better else median <= limit),
                f"the median over the indexed points is {median:.3g}{unit} ({name}); {bound} {limit:.3g}{unit} is "
                "expected",
                {"confidence_median": median, "limit": limit},
            )
    return Verdict(None, f"no limit is known for {name}", {"confidence_median": median})


def _tried(facts: Facts) -> bool:
    """Whether there was an indexing, of the vendor or here, whatever came of it."""
    return bool(facts.get("indexing", "none") != "none")


def pattern_centre(facts: Facts, settings: ChecksSettings) -> Verdict:
    """Whether the pattern centre is the declared one and stays there."""
    if isinstance(facts.get("pattern_centre"), str):
        return Verdict(False, str(facts["pattern_centre"]))
    names = [f"pattern_centre_{kind}_{axis}" for kind in ("declared", "found") for axis in "xyz"]
    if any(name not in facts for name in names):
        return Verdict(None, "the pattern centre was not fitted, as the patterns were not indexed here")
    offset = max(
        abs(facts[f"pattern_centre_found_{axis}"] - facts[f"pattern_centre_declared_{axis}"]) for axis in "xyz"
    )
    drift = max(
        abs(facts.get(f"pattern_centre_drift_{way}_{axis}", 0.0)) for way in ("rows", "columns") for axis in "xyz"
    )
    limit = settings.pattern_centre_limit
    return Verdict(
        max(offset, drift) <= limit,
        f"the fitted centre lies up to {offset:.3f} from the declared one and drifts by up to {drift:.3f} over the "
        f"map; {limit:.3g} is allowed",
        {"offset": offset, "drift": drift, "limit": limit},
    )


def grain_diameter(facts: Facts, settings: ChecksSettings) -> Verdict:
    """Whether the step of the scan resolves the grains."""
    diameter = facts.get("diameter_number_mean_points")
    if diameter is None:
        return Verdict(None, "there are no grains")
    least = settings.grain_diameter_least_points
    return Verdict(
        diameter >= least,
        f"grains are {diameter:.1f} steps wide in the mean; with fewer than {least:.3g} the step decides sizes and "
        "neighbours, and small grains are lost",
        {"diameter_points": diameter, "least": least},
    )


def autoencoder_collapse(facts: Facts, settings: ChecksSettings) -> Verdict:
    """Whether the autoencoder says more of a pattern than the mean pattern does."""
    active = int(facts["active_latents"])
    variance = float(facts["held_out_variance"])
    share = 1 - float(facts["held_out_error"]) / variance if variance > 0 else math.nan
    least, fewest = settings.reconstructed_share_least, settings.active_latents_least
    return Verdict(
        active >= fewest and share >= least,
        f"{active} latents are in use and describe {100 * share:.1f} % of the variance of patterns that were not "
        f"trained on; at least {fewest} and {100 * least:.3g} % are expected",
        {"active_latents": active, "reconstructed_share": share, "least": least},
    )


CHECKS: tuple[Check, ...] = (
    Check("unindexed_share", "orientation_map", "Few points without an orientation", unindexed_share),
    Check("indexing_confidence", "orientation_map", "The indexing is sure of its orientations", indexing_confidence),
    Check(
        "pattern_centre", "orientation_map", "The pattern centre is the declared one and stays there", pattern_centre
    ),
    Check("grain_diameter", "grain_statistics", "Grains are wide enough for the step of the scan", grain_diameter),
    Check(
        "autoencoder_collapse",
        "pattern_vae",
        "The autoencoder says more than the mean pattern does",
        autoencoder_collapse,
    ),
)


def checks_of(artifact: str) -> tuple[Check, ...]:
    """The checks of an artifact."""
    return tuple(check for check in CHECKS if check.artifact == artifact)


def standing_verdicts(recipes: Recipes) -> Iterator[tuple[Check, Verdict]]:
    """What each check says of the artifact that stands for a scan, by the limits in force now."""
    settings = cast("ChecksSettings", recipes.settings("checks"))
    for check in CHECKS:
        artifact = recipes.store.find(recipes.scan.name, check.artifact)
        if artifact is not None:
            yield check, check.judge(artifact.attributes, settings)
