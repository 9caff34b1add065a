"""What a table shows of the rows of an experiment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.accuracy.results import Row


@dataclass(frozen=True)
class Column:
    """A column that is measured.

    Attributes
    ----------
    key : str
        Of the rows.
    title : str
    digits : int
    goal : callable
        Bounds (least, most) that a row is held against, or nothing where none applies.
    """

    key: str
    title: str
    digits: int = 3
    goal: Callable[[Row], tuple[float, float] | None] = lambda row: None


@dataclass(frozen=True)
class Table:
    """A table of an experiment.

    Attributes
    ----------
    experiment, title : str
    groups : sequence of (key, title)
        Columns that name a row; rows alike in them are seeds of one another.
    columns : sequence of Column
    keep : callable
        Rows that belong to it.
    """

    experiment: str
    title: str
    groups: Sequence[tuple[str, str]]
    columns: Sequence[Column]
    keep: Callable[[Row], bool] = lambda row: True
