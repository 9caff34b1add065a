"""What a benchmark is: data, our side, its peers, and a check that both sides did the same work."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
Side = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Equality:
    """A figure that compares results, and the bounds within which they count as equal; no bound: only stated.

    Attributes
    ----------
    value, least, most : float
        In the unit that the figure's name gives.
    pair : tuple of str
        Form of ours and peer that the figure is about. Out of bounds it takes that pair's verdict away, while a figure
        about no pair fails the benchmark.
    is_goal : bool
        Whether the bounds are a goal at full size: out of them it is missed, and nothing fails.
    """

    value: float
    least: float = -math.inf
    most: float = math.inf
    pair: tuple[str, ...] = ()
    is_goal: bool = False

    @property
    def holds(self) -> bool:
        """Whether the value lies within the bounds; NaN does not, unless there are none."""
        return (self.least, self.most) == (-math.inf, math.inf) or self.least <= self.value <= self.most


@dataclass(frozen=True)
class Benchmark:
    """One step at one size.

    Attributes
    ----------
    name : str
        As ``--only`` takes it, and of the file of results. Up to the hyphen it names the place on the page, which all
        benchmarks of a step share.
    step : str
        Title of the table that it belongs to.
    size : str
        Patterns × pixels at full size.
    data : str
        What the data are.
    goal : float or None
        Least ratio of the peer's wall time to ours; none where the ratio is only stated.
    repeats : int
        Measurements of each side at full size, fewer where one takes minutes; the median counts.
    prepare : callable
        Makes the data, untimed; takes whether they are the small ones, a hundredth of the full size.
    ours, peers : mapping of str to callable
        Forms of either side by name; each takes the data, which it must leave alone, and returns its results. Without
        peers the table has a row for each form of ours.
    check : callable
        Takes the data and the results of every side by name, returns figures by name.
    flops : mapping of str to float
        Floating-point operations that a form of ours cannot do without at full size, for the machine's limit; 0 where
        reading the data is the limit, none where neither is.
    cold : bool
        Whether the first call in a process, with everything that it loads, is measured as well.
    warm : bool
        Whether a side is called on small data before it is measured; a side that starts processes of its own gains
        nothing by that.
    updates_to_equal : mapping of str to str
        Per peer, the figure by which its wall time is multiplied to reach our accuracy.
    """

    name: str
    step: str
    size: str
    data: str
    goal: float | None
    repeats: int
    prepare: Callable[[bool], Arrays]
    ours: Mapping[str, Side]
    peers: Mapping[str, Side]
    check: Callable[[Arrays, Mapping[str, Arrays]], dict[str, Equality]]
    flops: Mapping[str, float] = field(default_factory=dict)
    cold: bool = False
    warm: bool = True
    updates_to_equal: Mapping[str, str] = field(default_factory=dict)

    @property
    def sides(self) -> dict[str, Side]:
        """All forms by name, ours first."""
        return {**self.ours, **self.peers}
