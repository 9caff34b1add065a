"""When something on a share counts as standing still, over shares of any size and any behaviour."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microstructure_assets.acquisition.shares import polling
from microstructure_assets_tests.acquisition.conftest import write_ang
from microstructure_assets_tests.acquisition.shares.conftest import SETTLE_S, Dock


def test_ready_once_it_was_seen_alike_a_settle_time_apart(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    assert dock.look().finished
    assert dock.state("a.ang") == "waiting"
    dock.look(after_s=SETTLE_S - 1)
    assert dock.state("a.ang") == "waiting"
    dock.look(after_s=2)
    assert dock.state("a.ang") == "ready"


def test_one_look_however_late_is_not_enough(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    os.utime(dock.root / "a.ang", (1, 1))
    dock.look(after_s=1e6)
    assert dock.state("a.ang") == "waiting"


@pytest.mark.parametrize("change", ["grows", "shrinks", "time only", "time in the past", "a map joins"])
def test_a_change_of_any_kind_begins_the_wait_anew(dock: Dock, change: str) -> None:
    path = dock.root / "a.ang"
    write_ang(path, 3, 3)
    dock.settle()
    assert dock.state("a.ang") == "ready"
    if change == "grows":
        path.write_text(path.read_text() + "#\n")
    elif change == "shrinks":
        path.write_text(path.read_text()[:-5])
    elif change == "a map joins":
        write_ang(dock.root / "a.ctf", 3, 3)
    else:
        os.utime(path, (5, 5) if change == "time in the past" else None)
    dock.look(after_s=1000)
    assert dock.state("a.ang") == "waiting"
    dock.look(after_s=SETTLE_S + 1)
    assert dock.state("a.ang") == "ready"


def test_what_vanishes_is_struck_off_and_its_history_kept(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    (dock.root / "a.ang").unlink()
    dock.look()
    assert dock.state("a.ang") is None
    assert [state for _, state, _ in dock.ledger.history("sem", "a.ang")] == ["waiting", "ready", "gone"]


def test_a_share_that_is_not_there_changes_nothing(dock: Dock) -> None:
    write_ang(dock.root / "a.ang", 3, 3)
    dock.settle()
    dock.root.rename(dock.root.with_name("unplugged"))
    look = dock.look()
    assert not look.finished
    assert "no such folder" in look.error
    assert dock.state("a.ang") == "ready"
    assert "no such folder" in dock.ledger.progress("sem")[2]
    dock.root.with_name("unplugged").rename(dock.root)
    assert dock.look().finished
    assert dock.state("a.ang") == "ready"
    assert dock.ledger.progress("sem")[2] == ""


def test_a_look_goes_on_where_the_last_one_stopped(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "CHUNK_FILES", 3)
    for folder in ("", "one", "two/deep"):
        (dock.root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(4):
            write_ang(dock.root / folder / f"{number}.ang", 2, 2)
    looks = [dock.look(after_s=1, budget_s=0)]
    while not looks[-1].finished:
        assert not dock.ledger.arrivals(), "judged before the end of the pass"
        looks.append(dock.look(after_s=1, budget_s=0))
        assert len(looks) < 20
    assert sum(look.files for look in looks) == 12
    assert all(0 <= look.files <= 3 for look in looks)
    assert len(dock.ledger.arrivals("waiting")) == 12
    dock.look(after_s=SETTLE_S)
    assert len(dock.ledger.arrivals("ready")) == 12


def test_a_file_that_was_seen_before_the_look_that_ends_a_pass_counts_from_then(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass may take long: what counts is when a file itself was seen, not when the pass ended."""
    monkeypatch.setattr(polling, "CHUNK_FILES", 1)
    write_ang(dock.root / "a.ang", 2, 2)
    write_ang(dock.root / "b.ang", 2, 2)
    dock.look(after_s=1, budget_s=0)
    write_ang(dock.root / "a.ang", 3, 3)
    dock.look(after_s=10 * SETTLE_S, budget_s=0)
    assert dock.state("a.ang") == "waiting"
    dock.look(after_s=SETTLE_S, budget_s=0)
    dock.look(after_s=SETTLE_S, budget_s=0)
    assert (dock.state("a.ang"), dock.state("b.ang")) == ("waiting", "ready")


def test_hidden_files_and_folders_and_files_of_others_are_passed_over(dock: Dock) -> None:
    for name in (".a.ang", "~$b.ang", "notes.docx", ".hidden/c.ang", "bad\nname.ang"):
        path = dock.root / name
        path.parent.mkdir(exist_ok=True)
        write_ang(path, 2, 2)
    dock.settle()
    assert not dock.ledger.arrivals()


@pytest.mark.parametrize("name", ["a.ang", "linked"])
def test_links_are_set_aside_and_never_followed(dock: Dock, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    write_ang(outside / "secret.ang", 2, 2)
    (dock.root / name).symlink_to(outside / "secret.ang" if name == "a.ang" else outside)
    dock.settle()
    (arrival,) = dock.ledger.arrivals()
    assert (arrival.path, arrival.state) == (name, "quarantined")
    assert "links are not followed" in arrival.reason
    assert not dock.take_in()


def test_a_pipe_is_no_file(dock: Dock) -> None:
    os.mkfifo(dock.root / "a.ang")
    dock.settle()
    assert "no file" in dock.one("a.ang").reason


def test_the_sentinel_is_waited_for(dock: Dock) -> None:
    dock.settings["sentinel"] = ".done"
    write_ang(dock.root / "a.ang", 2, 2)
    dock.settle()
    assert dock.state("a.ang") == "waiting"
    assert "which says that it is whole" in dock.one("a.ang").reason
    (dock.root / "a.done").touch()
    dock.look()
    assert dock.state("a.ang") == "ready"


def test_a_folder_that_cannot_be_listed_is_told(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ang(dock.root / "a.ang", 2, 2)
    (dock.root / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    look = dock.look()
    assert look.finished
    assert "closed: cannot be listed (Permission denied)" in look.error
    assert dock.state("a.ang") == "waiting"


def test_too_many_files_are_set_aside_unread(dock: Dock) -> None:
    dock.settings["most_files"] = 3
    (dock.root / "scan").mkdir()
    for number in range(4):
        (dock.root / "scan" / f"{number}.tif").touch()
    dock.settle()
    assert "it has 4 files, the share allows 3" in dock.one("scan").reason
