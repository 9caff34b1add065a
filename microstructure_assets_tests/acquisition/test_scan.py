"""The model itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.pattern_source import PatternSource
from microstructure_assets.acquisition.scan import Grid, IndexingMaps, LazyMap, Scan


def test_summary_is_json_and_the_same_wherever_the_scan_lies(wheel: Path, tmp_path: Path) -> None:
    original = wheel / "kikuchipy_h5ebsd" / "patterns.h5"
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "patterns.h5"
    copy.write_bytes(original.read_bytes())
    first, second = open_scan(original).summary(), open_scan(copy).summary()
    assert json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    assert first["patterns"] == {"shape": [3, 3, 60, 60], "dtype": "uint8", "bytes": 32400}
    assert str(tmp_path) not in json.dumps(second)


def test_scan_is_frozen(wheel: Path) -> None:
    scan = open_scan(wheel / "kikuchipy_h5ebsd" / "patterns.h5")
    with pytest.raises(dataclasses.FrozenInstanceError):
        scan.grid = Grid(1, 1, None, None)  # type: ignore[misc]
    assert isinstance(scan.patterns, PatternSource)


def test_unknown_quantities_are_named() -> None:
    scan = Scan(Path("x"), "f", (Path("x"),), Grid(1, 4, None, None))
    assert scan.unknown() == ("step_x_um", "sample_tilt_deg", "beam_energy_kev", "phases")
    known = dataclasses.replace(scan, grid=Grid(1, 4, None, 0.5), sample_tilt_deg=0.0, beam_energy_kev=20.0)
    assert known.unknown() == ("phases",)
    assert scan.static_background is None


def test_a_map_of_another_shape_is_not_let_through() -> None:
    broken = LazyMap("iq", "1", Path("x"), (2, 3), lambda: np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"iq: found an array of shape \(3, 2\), expected \(2, 3\)"):
        broken.read()
    assert IndexingMaps.__dataclass_params__.frozen  # type: ignore[attr-defined]
