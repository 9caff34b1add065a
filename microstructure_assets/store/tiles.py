"""The tiles of a scan as they stand: bounds from the analysis tiling, named regions from the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from microstructure_assets.errors import InputError
from microstructure_assets.rectangle import Rectangle
from microstructure_assets.store.artifact import Artifact
from microstructure_assets.store.names import Slot, slots_in_order
from microstructure_assets.store.scans import RegisteredScan
from microstructure_assets.store.store import Store


class TileUnknown(InputError, LookupError):
    """A slot that the scan does not use."""


@dataclass(frozen=True)
class TileBounds:
    """A tile: its rectangle and those of its ROIs.

    Attributes
    ----------
    slot : Slot
    bounds : Rectangle
    rois : tuple of Rectangle
        Without overlap; together they cover the tile.
    references_from : Slot or None
        The slot whose references a named region takes.
    """

    slot: Slot
    bounds: Rectangle
    rois: tuple[Rectangle, ...]
    references_from: Slot | None = None

    @classmethod
    def of(cls, slot: Slot, rois: Sequence[Sequence[int]], references_from: Slot | None = None) -> TileBounds:
        """The tile of these ROIs, each given by its bounds as `fact` gives them."""
        starts_and_stops = np.asarray(rois)
        low, high = starts_and_stops.min(axis=0), starts_and_stops.max(axis=0)
        outer = Rectangle(int(low[0]), int(high[1]), int(low[2]), int(high[3]))
        return cls(slot, outer, tuple(Rectangle(*(int(number) for number in roi)) for roi in rois), references_from)

    def roi_map(self) -> np.ndarray:
        """ROI number of each point, ``(rows, columns)`` int32."""
        numbers = np.zeros(self.bounds.shape, dtype=np.int32)
        for index, roi in enumerate(self.rois):
            numbers[roi.inside(self.bounds)] = index
        return numbers

    def fact(self) -> list[list[int]]:
        """The bounds of the ROIs as a JSON value, for keys."""
        return [list(astuple(roi)) for roi in self.rois]


def tiles_of(store: Store, scan: RegisteredScan) -> dict[Slot, TileBounds] | None:
    """Every tile and named region that the scan uses, in slot order; None while its tiling is unknown."""
    tiling = store.find(scan.name, "analysis_tiling")
    if tiling is None:
        return None
    found = tiling_tiles(tiling)
    for slot, region in scan.regions.items():
        bounds = (region.row_start, region.row_stop, region.column_start, region.column_stop)
        source = scan.region_slot(region.references_from) if region.references_from else None
        found[slot] = TileBounds.of(slot, [bounds], source)
    return {slot: found[slot] for slot in slots_in_order(frozenset(found))}


def tiling_tiles(tiling: Artifact) -> dict[Slot, TileBounds]:
    """The tiles of an ``analysis_tiling``, in slot order."""
    table = tiling.table("tiles")
    bounds = np.stack([table[name] for name in ("row_start", "row_stop", "column_start", "column_stop")], axis=1)
    slots = slots_in_order({str(name) for name in table["slot"]})
    return {slot: TileBounds.of(slot, bounds[table["slot"] == slot].tolist()) for slot in slots}


def tile_of(store: Store, scan: RegisteredScan, slot: str) -> TileBounds:
    """One tile.

    Raises
    ------
    TileUnknown
        If the scan's tiling is not known yet or does not use the slot.
    """
    tiles = tiles_of(store, scan)
    if tiles is None:
        raise TileUnknown(f"tile {slot} of scan {scan.name}: the analysis tiling has not been made yet")
    if slot not in tiles:
        raise TileUnknown(f"tile {slot} of scan {scan.name}: not in use; its tiles are {', '.join(tiles)}")
    return tiles[Slot(slot)]
