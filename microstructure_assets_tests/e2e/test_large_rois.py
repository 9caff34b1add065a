"""A ROI that is too large for the memory is worked on from a file, with the same result."""

from __future__ import annotations

from pathlib import Path

import pytest

from microstructure_assets.assets import stored_patterns
from microstructure_assets.memory import MemoryLimit
from microstructure_assets.resources import open_instance
from microstructure_assets.store.home import Home, prepare_home
from microstructure_assets_tests.e2e.conftest import Lab


def test_rois_on_disk_give_what_rois_in_memory_give(
    tmp_path: Path, home: Home, small_twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name, area_bytes in (("memory", MemoryLimit().area_bytes), ("disk", 0)):
        monkeypatch.setattr(MemoryLimit, "area_bytes", area_bytes)
        monkeypatch.setattr(stored_patterns, "BLOCK_BYTES", 200_000)
        own = prepare_home(Home(tmp_path / name))
        with open_instance(own) as instance:
            lab = Lab(own, instance)
            lab.characterize(small_twin, "s", {"tiling.n": "2"})
            found.append({place: head.content_hash for place, head in lab.heads("s").items()})
        assert not [path for path in own.store.iterdir() if path.is_file()]
    memory, disk = found
    assert {place for place in memory if memory[place] != disk[place]} <= {("scan_report", None)}
