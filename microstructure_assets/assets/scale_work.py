"""A band of ROIs as a block of work that may run anywhere the store can be seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from microstructure_assets.assets.stored_patterns import StoredPatterns, room_for_patterns
from microstructure_assets.compute import PROCESSOR
from microstructure_assets.memory import MemoryLimit

if TYPE_CHECKING:
    from microstructure_assets.methods.roi_agreement import WorkflowSettings
    from microstructure_assets.methods.scale_curve import Band, Table


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
