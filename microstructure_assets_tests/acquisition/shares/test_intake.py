"""From a share to a scan of the home, or to quarantine with a reason."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import tifffile

from microstructure_assets.acquisition.formats import open_scan
from microstructure_assets.acquisition.shares import copying, intake
from microstructure_assets.acquisition.shares.intake import RAW_FOLDER, RECORD_FILE, release
from microstructure_assets.acquisition.shares.listing import LocalReader
from microstructure_assets.errors import InputError
from microstructure_assets.store.files import read_json
from microstructure_assets.store.home import Home
from microstructure_assets.store.layers import SettingsLayers
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets_tests.acquisition.conftest import random_patterns, write_ang, write_kikuchipy_h5
from microstructure_assets_tests.acquisition.shares.conftest import SETTLE_S, Dock


def raw(home: Home) -> list[str]:
    """Folders of copies, drafts among them."""
    return sorted(path.name for path in (home.root / RAW_FOLDER).glob("*"))


def test_patterns_and_their_map_become_a_scan(dock: Dock) -> None:
    folder = dock.root / "2026" / "day 1"
    folder.mkdir(parents=True)
    write_kikuchipy_h5(folder / "Steel 7.h5", random_patterns(3, 4))
    write_ang(folder / "Steel 7.ang", 3, 4)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    dock.settings["instrument"] = "zeiss"
    dock.settle()
    (outcome,) = dock.take_in()
    assert outcome.new
    assert (outcome.arrival.state, outcome.arrival.scan) == ("taken", "Steel-7")
    scan = ScanRegistry(dock.home).get("Steel-7")
    place = dock.home.root / RAW_FOLDER / "Steel-7"
    assert (scan.source, scan.instrument) == (str(place / "Steel 7.h5"), "zeiss")
    assert open_scan(Path(scan.source)).indexing is not None
    record = read_json(place / RECORD_FILE)
    assert record["origin"] == ["sem", "2026/day 1/Steel 7.h5"]
    assert {file["path"]: file["sha256"] for file in record["files"]} == {
        path.name: hashlib.sha256(content).hexdigest() for path, (content, _) in before.items()
    }
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before
    assert raw(dock.home) == ["Steel-7"]
    dock.settle()
    assert not dock.take_in(), "taken twice"


def test_a_folder_of_images_becomes_a_scan(dock: Dock) -> None:
    folder = dock.root / "scan"
    folder.mkdir()
    for number, pattern in enumerate(random_patterns(2, 3).reshape(6, 5, 7)):
        tifffile.imwrite(folder / f"p_{number:03d}.tif", pattern)
    write_ang(dock.root / "scan.ang", 2, 3)
    dock.settle()
    assert [outcome.arrival.scan for outcome in dock.take_in()] == ["scan"]
    opened = open_scan(Path(ScanRegistry(dock.home).get("scan").source))
    assert opened.grid.shape == (2, 3)
    assert opened.patterns is not None
    assert opened.indexing is not None


def test_over_a_protocol(dock: Dock, tmp_path: Path) -> None:
    write_ang(tmp_path / "a.ang", 3, 4)
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pipe("/microscope/day/a.ang", (tmp_path / "a.ang").read_bytes())
    from microstructure_assets.acquisition.shares.settings import Shares

    remote = Dock(dock.home, Path("/unused"))
    remote.settings["url"] = "memory://microscope"
    monkey = Shares(dock.home).declare(name="sem", url="memory://microscope", settle_s=SETTLE_S)
    assert monkey.folder is None
    from microstructure_assets.acquisition.shares.intake import take_in_all
    from microstructure_assets.acquisition.shares.listing import reader_of
    from microstructure_assets.acquisition.shares.polling import poll

    for now in (1e9, 1e9 + SETTLE_S):
        poll(monkey, dock.ledger, reader_of(monkey), 10, clock=lambda now=now: now)  # type: ignore[misc]
    (outcome,) = take_in_all(dock.home, monkey)
    assert outcome.arrival.state == "taken", outcome.arrival.reason
    assert open_scan(Path(ScanRegistry(dock.home).get("a").source)).grid.shape == (3, 4)


def truncated(path: Path) -> None:
    write_ang(path, 3, 3)
    path.write_text("\n".join(path.read_text().splitlines()[:-2]))


def absurd(path: Path) -> None:
    write_ang(path, 3, 3)
    text = path.read_text()
    path.write_text(text.replace("NROWS: 3", "NROWS: 1000000").replace(": 3", ": 1000000"))


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("a.ang", truncated, "expected"),
        ("a.ang", absurd, "expected"),
        ("a.h5", lambda path: path.write_bytes(b"no hdf5"), "a.h5"),
        ("a.h5", lambda path: path.write_bytes(b""), "an empty file"),
        ("a.osc", lambda path: path.write_bytes(b"x"), "Export it from OIM"),
        ("__.ang", lambda path: write_ang(path, 2, 2), ""),
    ],
)
def test_what_is_no_whole_scan_is_set_aside_and_seen_again_when_it_changes(
    dock: Dock, name: str, make: Any, reason: str
) -> None:
    make(dock.root / name)
    dock.settle()
    (outcome,) = dock.take_in()
    if name == "__.ang":  # a name without letters is no reason to refuse a scan
        assert outcome.arrival.scan == "scan"
        return
    assert outcome.arrival.state == "quarantined"
    assert reason in outcome.arrival.reason
    assert not ScanRegistry(dock.home).names()
    assert raw(dock.home) == []
    dock.settle()
    assert dock.state(name) == "quarantined"
    if name.endswith(".ang"):
        write_ang(dock.root / name, 3, 3)
        dock.settle()
        assert [outcome.arrival.state for outcome in dock.take_in()] == ["taken"]


def test_more_points_than_the_share_allows(dock: Dock) -> None:
    dock.settings["most_points"] = 8
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    (outcome,) = dock.take_in()
    assert "it has 9 points, the share allows 8" in outcome.arrival.reason
    dock.settings["most_points"] = 9
    assert dock.share.most_points == 9
    release(dock.home, "sem", "a.ang", dock.now)
    assert [outcome.arrival.state for outcome in dock.take_in()] == ["taken"]


def test_a_reader_that_fails_otherwise_stops_nothing(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ang(dock.root / "a.ang", 2, 2)
    write_ang(dock.root / "b.ang", 3, 3)
    opened = intake.open_scan

    def fail(path: Path, *rest: Any) -> Any:
        if path.name == "a.ang":
            raise ZeroDivisionError("division by zero")
        return opened(path, *rest)

    monkeypatch.setattr(intake, "open_scan", fail)
    dock.settle()
    assert [outcome.arrival.state for outcome in dock.take_in()] == ["quarantined", "taken"]
    assert "its reader failed (ZeroDivisionError: division by zero)" in dock.one("a.ang").reason


def test_the_same_content_twice_is_one_scan(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    (dock.root / "copy").mkdir()
    shutil.copy(dock.root / "a.ang", dock.root / "copy" / "other name.ang")
    dock.settle()
    dock.take_in()
    assert ScanRegistry(dock.home).names() == ["a"]
    assert "the same content as sem/a.ang, which is scan a" in dock.one("copy/other name.ang").reason


def test_another_scan_of_a_taken_name_is_set_aside_until_a_person_names_it(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    (dock.root / "later").mkdir()
    write_ang(dock.root / "later" / "a.ang", 4, 4)
    dock.settle()
    dock.take_in()
    assert "a scan is called a already" in dock.one("later/a.ang").reason
    with pytest.raises(InputError, match="expected 1 to 80"):
        release(dock.home, "sem", "later/a.ang", dock.now, name="../a")
    release(dock.home, "sem", "later/a.ang", dock.now, name="a2")
    dock.take_in()
    assert ScanRegistry(dock.home).names() == ["a", "a2"]
    assert dock.one("later/a.ang").scan == "a2"


def test_a_scan_that_a_person_registered_where_it_lies_is_not_copied(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    ScanRegistry(dock.home).register("mine", dock.root / "a.ang")
    dock.settle()
    (outcome,) = dock.take_in()
    assert (outcome.arrival.state, outcome.arrival.scan, outcome.new) == ("taken", "mine", False)
    assert raw(dock.home) == []
    assert ScanRegistry(dock.home).names() == ["mine"]


def test_only_what_is_set_aside_can_be_released(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    with pytest.raises(InputError, match="found it ready"):
        release(dock.home, "sem", "a.ang", dock.now)
    with pytest.raises(InputError, match="nothing of this path"):
        release(dock.home, "sem", "b.ang", dock.now)


def test_a_scan_that_changes_after_it_was_taken_is_told_and_the_first_one_stays(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    dock.take_in()
    kept = Path(ScanRegistry(dock.home).get("a").source).read_bytes()
    os.utime(dock.root / "a.ang")
    dock.settle()
    (outcome,) = dock.take_in()
    assert (outcome.arrival.state, outcome.new) == ("taken", False), "only its time had changed"
    write_ang(dock.root / "a.ang", 4, 4)
    dock.settle()
    (outcome,) = dock.take_in()
    assert "its content changed after it was taken in as scan a" in outcome.arrival.reason
    assert Path(ScanRegistry(dock.home).get("a").source).read_bytes() == kept
    release(dock.home, "sem", "a.ang", dock.now, name="a-second")
    dock.take_in()
    assert ScanRegistry(dock.home).names() == ["a", "a-second"]


def test_a_file_that_grows_while_it_is_copied_is_waited_for(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dock.root / "a.ang"
    write_ang(path, 3, 3)
    dock.settle()
    copied = intake.copy_files

    def grow(*arguments: Any) -> Any:
        result = copied(*arguments)
        path.write_text(path.read_text() + "#\n")
        return result

    monkeypatch.setattr(intake, "copy_files", grow)
    (outcome,) = dock.take_in()
    assert outcome.arrival.state == "waiting"
    assert "changed after they had stood still" in outcome.arrival.reason
    assert not ScanRegistry(dock.home).names()
    assert raw(dock.home) == []


def test_a_file_that_vanishes_before_its_turn_is_waited_for(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    (dock.root / "a.ang").unlink()
    assert [outcome.arrival.state for outcome in dock.take_in()] == ["waiting"]
    dock.look()
    assert dock.state("a.ang") is None


class PowerCut(BaseException):
    """Ends a process as a power cut does: nothing of ours handles it."""


@pytest.mark.parametrize("where", ["copy_files", "sync_tree", "_publish", "write_json"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_ends_anywhere_leaves_nothing_half_done(
    dock: Dock, monkeypatch: pytest.MonkeyPatch, where: str, when: str
) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    real = getattr(intake, where)

    def cut(*arguments: Any) -> Any:
        if when == "after":
            real(*arguments)
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(intake, where, cut)
        patch.setattr(intake.shutil, "rmtree", lambda *a, **k: None)
        with pytest.raises(PowerCut):
            dock.take_in()
    assert dock.state("a.ang") == "taking"
    (outcome,) = dock.take_in()
    assert (outcome.arrival.state, outcome.arrival.scan) == ("taken", "a")
    assert raw(dock.home) == ["a"]
    assert Path(ScanRegistry(dock.home).get("a").source).read_bytes() == (dock.root / "a.ang").read_bytes()


def test_what_is_broken_off_again_and_again_is_set_aside(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()

    def fail(*arguments: Any) -> Any:
        raise OSError(28, "No space left on device", "raw")

    with monkeypatch.context() as patch:
        patch.setattr(intake, "copy_files", fail)
        states = [dock.take_in()[0].arrival.state for _ in range(3)]
    assert states == ["ready", "ready", "quarantined"]
    assert "broken off 3 times: No space left on device" in dock.one("a.ang").reason
    release(dock.home, "sem", "a.ang", dock.now)
    assert [outcome.arrival.state for outcome in dock.take_in()] == ["taken"]


def test_a_full_disk_and_a_spent_quota_are_seen_before_copying(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    usage = type(shutil.disk_usage("/"))
    with monkeypatch.context() as patch:
        patch.setattr(copying.shutil, "disk_usage", lambda _: usage(1000, 940, 60))
        (outcome,) = dock.take_in()
    assert "the disk of" in outcome.arrival.reason
    dock.settings["quota_gib"] = 1e-9
    release(dock.home, "sem", "a.ang", dock.now)
    (outcome,) = dock.take_in()
    assert "of the share's quota are left" in outcome.arrival.reason


def test_a_copy_that_reads_differently_is_refused(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    monkeypatch.setattr(copying.hashlib, "file_digest", lambda *_: hashlib.sha256(b"other"))
    (outcome,) = dock.take_in()
    assert "its copy reads differently" in outcome.arrival.reason


def test_a_link_put_in_the_place_of_a_file_is_not_followed(dock: Dock, tmp_path: Path) -> None:
    write_ang(tmp_path / "secret.ang", 3, 3)
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    (dock.root / "a.ang").unlink()
    (dock.root / "a.ang").symlink_to(tmp_path / "secret.ang")
    assert [outcome.arrival.state for outcome in dock.take_in()] == ["waiting"]
    assert not ScanRegistry(dock.home).names()
    assert isinstance(dock.reader, LocalReader)


def test_the_instruments_background_comes_along(dock: Dock) -> None:
    tifffile.imwrite(dock.root / "flat.tif", np.ones((5, 7), np.uint8))
    write_kikuchipy_h5(dock.root / "a.h5", random_patterns(3, 4))
    SettingsLayers(dock.home).configure_instrument("zeiss", {"acquisition.static_background": "flat.tif"})
    dock.settings["instrument"] = "zeiss"
    dock.settle()
    assert [outcome.arrival.state for outcome in dock.take_in()] == ["taken"]
    settings = SettingsLayers(dock.home).group("acquisition", "a", None, "zeiss")
    assert open_scan(Path(ScanRegistry(dock.home).get("a").source), settings).static_background is not None  # type: ignore[arg-type]
