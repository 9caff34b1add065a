"""Progress of long steps, told to whoever listens: a bar in the shell, nothing elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol


class Bar(Protocol):
    """One running step."""

    def update(self, count: float = 1) -> object:
        """Tell that `count` more units are done."""


class Reporter(Protocol):
    """Somebody who shows progress."""

    def start(self, title: str, total: int) -> contextlib.AbstractContextManager[Bar]:
        """Open a bar of `total` units."""


class _Silent:
    def update(self, count: float = 1) -> None:
        return None


_reporter: ContextVar[Reporter | None] = ContextVar("reporter", default=None)


@contextlib.contextmanager
def reporting(reporter: Reporter) -> Iterator[None]:
    """Show the progress of everything inside this context through `reporter`."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


@contextlib.contextmanager
def bar(title: str, total: int) -> Iterator[Bar]:
    """A step of `total` units."""
    reporter = _reporter.get()
    if reporter is None:
        yield _Silent()
        return
    with reporter.start(title, total) as running:
        yield running
