from __future__ import annotations

from pathlib import Path

import pytest

from microstructure_assets.store.home import Home
from microstructure_assets.store.scans import NamedRegion, RegistryError, ScanRegistry, ScanUnknown


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "scan.h5"
    path.touch()
    return path


def test_a_scan_is_registered_once_and_its_name_stands_for_one_source(home: Home, source: Path, tmp_path: Path) -> None:
    registry = ScanRegistry(home)
    assert registry.register("s", source) == registry.register("s", source)
    other = tmp_path / "other.h5"
    other.touch()
    with pytest.raises(RegistryError, match="--name"):
        registry.register("s", other)
    with pytest.raises(FileNotFoundError, match="no such file"):
        registry.register("t", tmp_path / "absent.h5")
    assert registry.names() == ["s"]


def test_an_unknown_scan_is_named_with_those_known(home: Home, source: Path) -> None:
    ScanRegistry(home).register("nickel", source)
    with pytest.raises(ScanUnknown, match="nickel"):
        ScanRegistry(home).get("iron")


def test_regions_fill_slots_from_r00_keep_them_and_know_their_references(home: Home, source: Path) -> None:
    registry = ScanRegistry(home)
    registry.register("s", source)
    assert registry.set_region("s", NamedRegion("R1", 0, 50, 0, 50))[1] == "r00"
    assert registry.set_region("s", NamedRegion("X1", 5, 25, 5, 25, "R1"))[1] == "r01"
    assert registry.set_region("s", NamedRegion("R1", 0, 60, 0, 60))[1] == "r00"
    scan = registry.get("s")
    assert scan.regions["r00"].row_stop == 60  # type: ignore[index]
    with pytest.raises(RegistryError, match="X1 takes its references"):
        registry.remove_region("s", "R1")
    registry.remove_region("s", "X1")
    registry.remove_region("s", "R1")
    assert registry.get("s").regions == {}


@pytest.mark.parametrize(
    "region", [NamedRegion("a", 5, 5, 0, 2), NamedRegion("a", -1, 5, 0, 2), NamedRegion("a", 0, 2, 0, 2, "b")]
)
def test_wrong_regions_are_refused(home: Home, source: Path, region: NamedRegion) -> None:
    ScanRegistry(home).register("s", source)
    with pytest.raises(RegistryError, match="region 'a'"):
        ScanRegistry(home).set_region("s", region)


def test_depth_counts_regions_to_the_own_references_and_circles_are_refused(home: Home, source: Path) -> None:
    registry = ScanRegistry(home)
    registry.register("s", source)
    registry.set_region("s", NamedRegion("R", 0, 9, 0, 9))
    registry.set_region("s", NamedRegion("X", 0, 5, 0, 5, "R"))
    scan, slot = registry.set_region("s", NamedRegion("Y", 0, 3, 0, 3, "X"))
    assert [scan.reference_depth(item) for item in ("r00", "r01", slot, "t00", None)] == [0, 1, 2, 0, 0]
    with pytest.raises(RegistryError, match="circle"):
        registry.set_region("s", NamedRegion("R", 0, 9, 0, 9, "Y"))
    assert registry.get("s").regions["r00"].references_from is None  # type: ignore[index]


def test_sixteen_regions_and_no_more(home: Home, source: Path) -> None:
    registry = ScanRegistry(home)
    registry.register("s", source)
    for index in range(16):
        registry.set_region("s", NamedRegion(f"R{index}", 0, 9, 0, 9))
    with pytest.raises(RegistryError, match="all 16"):
        registry.set_region("s", NamedRegion("R16", 0, 9, 0, 9))
