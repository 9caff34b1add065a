"""The report is of the scan as it stands: of its name, of every tile, and of what each artifact was made with."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from microstructure_assets.store.scans import NamedRegion, ScanRegistry
from microstructure_assets_tests.e2e.conftest import BY_ITSELF, Lab

FILE = "kikuchipy_h5ebsd/patterns.h5"


def page(lab: Lab, scan: str) -> str:
    """The report of a scan."""
    return lab.store.read(scan, "scan_report").path.read_text(encoding="utf-8")


def test_two_scans_of_one_file_share_everything_but_their_choice_of_a_tiling_and_the_page_that_names_them(
    lab: Lab, vendor_file: Callable[[str], Path]
) -> None:
    for scan in ("first-name", "second-name"):
        lab.characterize(vendor_file(FILE), scan)
    folders = {
        spec.name: [
            lab.store.read(scan, spec.name, "t00" if spec.per == "tile" else None).folder
            for scan in ("first-name", "second-name")
        ]
        for spec in BY_ITSELF
    }
    assert {name for name, (first, second) in folders.items() if first != second} == {"analysis_tiling", "scan_report"}
    assert "first-name" in page(lab, "first-name")
    assert "first-name" not in page(lab, "second-name")
    assert "second-name" in page(lab, "second-name")


def test_a_setting_of_the_tiles_that_leaves_the_map_as_it_is_is_told_by_the_report(
    lab: Lab, vendor_file: Callable[[str], Path]
) -> None:
    lab.characterize(vendor_file(FILE), "s")
    before = lab.heads("s")
    assert "factorization.form" not in page(lab, "s")
    lab.configure("s", {"factorization.form": "paper"})
    lab.characterize(vendor_file(FILE), "s")
    after = lab.heads("s")
    assert after["cnmf_weights", "t00"].key != before["cnmf_weights", "t00"].key
    assert after["scan_report", None].key != before["scan_report", None].key
    assert "factorization.form = paper" in page(lab, "s")


def test_named_regions_are_shown(lab: Lab, vendor_file: Callable[[str], Path]) -> None:
    lab.characterize(vendor_file(FILE), "s")
    before = page(lab, "s")
    assert "named region</th>" not in before
    ScanRegistry(lab.home).set_region("s", NamedRegion("the grain", 0, 3, 0, 3))
    ScanRegistry(lab.home).set_region("s", NamedRegion("again", 0, 3, 0, 3, "the grain"))
    lab.characterize(vendor_file(FILE), "s")
    after = page(lab, "s")
    for cells in (("the grain", "r00", "0:3", "0:3", "itself"), ("again", "r01", "0:3", "0:3", "the grain")):
        assert "".join(f'<td class="short">{cell}</td>' for cell in cells) in after
    pictures = [re.findall(r'alt="Tiles and named regions[^"]*" src="([^"]+)"', text) for text in (before, after)]
    assert len(pictures[0]) == len(pictures[1]) == 1
    assert pictures[0] != pictures[1]
