"""Which files make a scan, held against what opening it then takes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from microstructure_assets.acquisition.shares.candidates import (
    REFUSED_SUFFIXES,
    file_candidates,
    image_candidate,
    is_image_folder,
)
from microstructure_assets.acquisition.source_files import source_files

ENDINGS = [
    ".h5", ".H5", ".up2", ".ang", ".ctf", ".cpr", ".crc", ".dat", ".osc", ".hspy", ".txt", ".log", ".done",
    "_eds.hspy", "_eds.bcf", "_eds.rpl", "_eds.raw", "_eds.npz",
]  # fmt: skip


def paths(folder: str, names: list[str]) -> dict[str, tuple[str, ...]]:
    return {candidate.path: candidate.members for candidate in file_candidates(folder, names)}


def test_patterns_with_their_map_and_spectra_are_one_scan() -> None:
    names = ["a.h5", "a.ang", "A.CTF", "a_eds.rpl", "a_eds.raw", "a.log", "b.ang", "notes.txt", "a_eds.npz"]
    found = paths("x", names)
    assert found == {
        "x/a.h5": ("x/A.CTF", "x/a.ang", "x/a.h5", "x/a_eds.npz", "x/a_eds.raw", "x/a_eds.rpl"),
        "x/b.ang": ("x/b.ang",),
    }


def test_a_spectrum_image_alone_may_be_a_scan_but_not_beside_one() -> None:
    assert list(paths("", ["a_eds.hspy"])) == ["a_eds.hspy"]
    assert list(paths("", ["a_eds.hspy", "a.ang"])) == ["a.ang"]


def test_what_explains_a_nordif_file_and_what_the_instrument_declares_belong_to_it() -> None:
    names = ["Pattern.dat", "Setting.txt", "Background acquisition pattern.bmp", "flat.tif", "Other.bmp"]
    (found,) = file_candidates("", names, declared=["flat.tif"])
    assert set(found.members) == set(names) - {"Other.bmp"}


def test_images_are_a_scan_by_the_folder() -> None:
    assert is_image_folder(["p_0001.tif", "p_0002.TIF", "map.ang"])
    assert not is_image_folder(["scan.h5", "overview.png"])
    assert not is_image_folder(["map.ang"])
    found = image_candidate("d/scan", ["1.tif", "2.tif"], ["scan.ang", "scan_eds.npz", "scan.log", "other.ang"])
    assert found.path == "d/scan"
    assert found.members == ("d/scan.ang", "d/scan/1.tif", "d/scan/2.tif", "d/scan_eds.npz")


@given(st.sets(st.tuples(st.sampled_from(["a", "b", "a_eds"]), st.sampled_from(ENDINGS)), max_size=12))
def test_members_are_what_opening_watches(chosen: set[tuple[str, str]]) -> None:
    names = sorted({stem + ending for stem, ending in chosen})
    folder = Path(tempfile.mkdtemp())
    try:
        for name in names:
            (folder / name).touch()
        for candidate in file_candidates("", names):
            watched = {path.name for path in source_files(folder / candidate.path)}
            assert watched == set(candidate.members), candidate
        taken = [member for candidate in file_candidates("", names) for member in candidate.members]
        assert len(taken) == len(set(taken)), "a file belongs to two scans"
        alone = {name for name in names if len([other for other in names if other.startswith(name[:-3])]) == 1}
        refused = {name for name in alone if name.endswith(REFUSED_SUFFIXES) and not name.startswith("a_eds")}
        assert refused <= set(taken)
    finally:
        shutil.rmtree(folder)
