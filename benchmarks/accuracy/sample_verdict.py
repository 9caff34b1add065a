"""Whether a form is better than the published one on the twins of the ore, by a rule that was fixed beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.results import Row

#: Better: a median gain of so much with a 95 % bound above nought, and no region whose median loses more than so much.
LEAST_GAIN, MOST_LOSS = 0.05, 0.02
SCORES = {"phase": "phases", "grain": "grains", "mapped": "phases of the majority"}
SEEN = {1: "to develop on", 0: "unseen"}
_DRAWS = 4_000


@dataclass(frozen=True)
class Gain:
    """Gain of a form over the published one, paired by twin and region.

    Attributes
    ----------
    twins : int
        Seeds.
    median, bound : float
        Median over twins and regions, and its one-sided lower 95 % bound: twins are drawn, with all their regions.
    worst_region : str
    worst : float
        Median gain of the region that gains least.
    """

    twins: int
    median: float
    bound: float
    worst_region: str
    worst: float

    @property
    def is_better(self) -> bool:
        """By the rule."""
        return self.median >= LEAST_GAIN and self.bound > 0 and self.worst >= -MOST_LOSS


def gain_of(rows: Sequence[Row], score: str) -> Gain:
    """Gain of the rows of one form; twins that lack a region are left out."""
    seeds, regions = sorted({row["seed"] for row in rows}), sorted({row["region"] for row in rows})
    gain = np.full((len(seeds), len(regions)), np.nan)
    for row in rows:
        gain[seeds.index(row["seed"]), regions.index(row["region"])] = row[f"gain_{score}"]
    gain = gain[np.isfinite(gain).all(axis=1)]
    if not len(gain):
        return Gain(0, np.nan, np.nan, "", np.nan)
    by_region = np.median(gain, axis=0)
    least = int(np.argmin(by_region))
    return Gain(len(gain), float(np.median(gain)), lower_bound(gain), regions[least], float(by_region[least]))


def lower_bound(gain: NDArray[np.float64]) -> float:
    """One-sided lower 95 % bound of the median of (twins, regions), by drawing twins; by percentiles."""
    drawn = np.random.default_rng(0).integers(len(gain), size=(_DRAWS, len(gain)))
    return float(np.quantile(np.median(gain[drawn].reshape(_DRAWS, -1), axis=1), 0.05))


def table(rows: Sequence[Row]) -> str:
    """A row for each form and score, twins to develop on and unseen ones apart."""
    heads = (
        "form",
        "index against",
        "twins",
        "number",
        "median gain",
        "95 % bound",
        "region that gains least",
        "better",
    )
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    forms = sorted({row["form"] for row in rows if not row["form"].startswith("paper")})
    for form in forms:
        for score, against in SCORES.items():
            for seen, twins in SEEN.items():
                members = [row for row in rows if row["form"] == form and row["seen"] == seen]
                found = gain_of(members, score)
                if not found.twins:
                    continue
                cells = (
                    form,
                    against,
                    twins,
                    str(found.twins),
                    f"{found.median:.2f}",
                    f"{found.bound:.2f}",
                    f"{found.worst_region}: {found.worst:.2f}",
                    "yes" if found.is_better else "no",
                )
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
