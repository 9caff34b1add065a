"""The ROIs of the scale curve as blocks of work that may run anywhere the store can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets import progress
from microstructure_assets.assets.stored_patterns import StoredPatterns, room_for_patterns
from microstructure_assets.compute import PROCESSOR, Compute
from microstructure_assets.memory import MemoryLimit

if TYPE_CHECKING:
    from microstructure_assets.methods.roi_agreement import WorkflowSettings
    from microstructure_assets.methods.scale_curve import Band, Table

Place = tuple[int, tuple[float, float]]
"""A tiling, and the shift of its grid in ROI sizes along y and x."""

#: Points of all ROIs together below which starting worker processes takes longer than they save.
WORTH_PROCESSES_POINTS = 100_000


@dataclass(frozen=True)
class BandWork:
    """Agreement in the ROIs of a band.

    Attributes
    ----------
    patterns : StoredPatterns
        Sent as the place where they are stored.
    settings : WorkflowSettings
    scratch : Path
        Folder for patterns that are larger than the memory should hold.
    memory : MemoryLimit
    device : str
    """

    patterns: StoredPatterns
    settings: WorkflowSettings
    scratch: Path
    memory: MemoryLimit = field(default_factory=MemoryLimit)
    device: str = PROCESSOR

    def __call__(self, band: Band) -> Table:
        """A row per ROI and cap."""
        from microstructure_assets.methods.scale_curve import band_agreements

        def room(shape: tuple[int, int, int]) -> np.ndarray:
            return room_for_patterns(shape, self.scratch, self.memory)

        return band_agreements(self.patterns, band, self.settings, room, self.device)


@dataclass(frozen=True)
class CurveWork:
    """Agreement in the ROIs of whole tilings.

    ROIs too large for a worker process are worked on in this one, which has threads for them; the small ones, of which
    there are many, in worker processes. The results are the same.

    Attributes
    ----------
    patterns : StoredPatterns
    settings : WorkflowSettings
    scratch : Path
        As `BandWork` has it.
    compute, small : Compute
        Where large and small ROIs are worked on.
    """

    patterns: StoredPatterns
    settings: WorkflowSettings
    scratch: Path
    compute: Compute
    small: Compute

    @classmethod
    def on(cls, compute: Compute, patterns: StoredPatterns, settings: WorkflowSettings, scratch: Path) -> CurveWork:
        """Work on these patterns, with what this machine has for small ROIs."""
        from microstructure_assets.methods.parallel import worker_count

        return cls(patterns, settings, scratch, compute, compute.for_small_blocks(worker_count()))

    def __call__(self, places: Sequence[Place]) -> Table:
        """A row per ROI and cap, in the order of the places and of the ROIs in them."""
        chosen = self._chosen(places)
        tables: dict[Place, list[Table]] = {place: [] for place in places}
        rows, columns, _ = self.patterns.shape
        with progress.bar("length scale", len(places) * rows * columns) as bar:
            for compute in (self.compute, self.small) if self.small is not self.compute else (self.compute,):
                self._run(compute, [place for place in places if chosen[place] is compute], tables, bar)
        return joined([table for place in places for table in tables[place]])

    def account(self) -> str:
        """Where it ran, in words."""
        return self.small.account()

    def _chosen(self, places: Sequence[Place]) -> dict[Place, Compute]:
        rows, columns, pixels = self.patterns.shape
        most = self.small.memory.area_bytes // (4 * pixels)
        small = [place for place in places if -(-rows // place[0]) * -(-columns // place[0]) <= most]
        worth = len(small) * rows * columns >= WORTH_PROCESSES_POINTS
        return {place: self.small if worth and place in small else self.compute for place in places}

    def _run(
        self, compute: Compute, places: Sequence[Place], tables: dict[Place, list[Table]], bar: progress.Bar
    ) -> None:
        from microstructure_assets.methods.scale_curve import tiling_bands

        bands = [
            (place, band)
            for place in places
            for band in tiling_bands(self.patterns.shape, *place, memory_bytes=compute.memory.band_bytes)
        ]
        work = BandWork(self.patterns, self.settings, self.scratch, compute.memory, compute.device)
        for (place, band), table in zip(bands, compute.run(work, [band for _, band in bands]), strict=True):
            tables[place].append(table)
            bar.update(band.points)


def joined(tables: Sequence[Table]) -> Table:
    """The rows of all tables."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
