"""A share with a clock of its own, looked at and taken in from as the platform does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from microstructure_assets.acquisition.shares.intake import Outcome, declared_files, put_back, take_in_all
from microstructure_assets.acquisition.shares.ledger import Arrival, Ledger
from microstructure_assets.acquisition.shares.listing import ShareReader, reader_of
from microstructure_assets.acquisition.shares.polling import Look, poll
from microstructure_assets.acquisition.shares.settings import Share, Shares
from microstructure_assets.store.home import Home

SETTLE_S = 30.0


@dataclass
class Dock:
    """A home with one share.

    Attributes
    ----------
    now : float
        What the clock shows [s].
    """

    home: Home
    root: Path
    now: float = 1e9
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def share(self) -> Share:
        return Shares(self.home).declare(name="sem", url=str(self.root), settle_s=SETTLE_S, **self.settings)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.home)

    @property
    def reader(self) -> ShareReader:
        return reader_of(self.share)

    def look(self, after_s: float = 10, budget_s: float = 1e9) -> Look:
        """Look at the share after so many seconds."""
        self.now += after_s
        declared = declared_files(self.home, self.share)
        return poll(self.share, self.ledger, self.reader, budget_s, declared=declared, clock=lambda: self.now)

    def take_in(self) -> list[Outcome]:
        """Take in what is ready."""
        self.now += 1
        put_back(self.ledger, "sem", self.now)
        return list(take_in_all(self.home, self.share, clock=lambda: self.now))

    def settle(self) -> None:
        """Look until what stands still has stood still long enough."""
        self.look()
        self.look(after_s=SETTLE_S + 1)

    def state(self, path: str) -> str | None:
        """State of one arrival."""
        found = self.ledger.arrival("sem", path)
        return found.state if found else None

    def one(self, path: str) -> Arrival:
        """One arrival, which must be there."""
        found = self.ledger.arrival("sem", path)
        assert found is not None, [arrival.key for arrival in self.ledger.arrivals()]
        return found


@pytest.fixture
def dock(home: Home, tmp_path: Path) -> Dock:
    """A share of its own, empty."""
    root = tmp_path / "share"
    root.mkdir()
    return Dock(home, root)
