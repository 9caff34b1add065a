"""A graph whose artifacts exist without any computing: made-up content under real recipes."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from microstructure_assets.store.draft import Draft
from microstructure_assets.store.memo import Recipe
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets_tests.store.making import materialise


def make_tiling(store: Store, scan: str, n: int, rows: int = 12, columns: int = 12) -> None:
    """An `analysis_tiling` of n x n tiles with one ROI each."""
    cuts_y, cuts_x = np.linspace(0, rows, n + 1).astype(int), np.linspace(0, columns, n + 1).astype(int)
    cells = [(y, x) for y in range(n) for x in range(n)]

    def fill(draft: Draft) -> None:
        draft.table(
            "tiles",
            {
                "slot": np.asarray([f"t{index:02d}" for index in range(len(cells))], dtype=object),
                "roi": np.zeros(len(cells), np.int32),
                "row_start": np.asarray([cuts_y[y] for y, _ in cells]),
                "row_stop": np.asarray([cuts_y[y + 1] for y, _ in cells]),
                "column_start": np.asarray([cuts_x[x] for _, x in cells]),
                "column_stop": np.asarray([cuts_x[x + 1] for _, x in cells]),
            },
        )
        draft.document({"n": n})

    materialise(store, scan, None, Recipe("analysis_tiling", "1", extra={"n": n}), fill)


@pytest.fixture
def registered(store: Store, tmp_path: Path) -> str:
    """A registered scan named ``s``."""
    (tmp_path / "s.h5").touch()
    return ScanRegistry(store.home).register("s", tmp_path / "s.h5").name


@pytest.fixture
def instance() -> dg.DagsterInstance:
    """An ephemeral instance that knows the scan's partition."""
    made = dg.DagsterInstance.ephemeral()
    made.add_dynamic_partitions("scan", ["s"])
    return made
