"""Reading shares: of this machine and over a protocol."""

from __future__ import annotations

import os
from pathlib import Path

import fsspec
import pytest

from microstructure_assets.acquisition.shares.listing import LocalReader, RemoteReader, ShareGone, ShareReader, visible
from microstructure_assets.acquisition.shares.settings import ShareError


@pytest.fixture(params=["local", "remote"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> ShareReader:
    if request.param == "local":
        (tmp_path / "day").mkdir()
        (tmp_path / "day" / "a.ang").write_bytes(b"#1")
        return LocalReader(tmp_path)
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pipe("/microscope/day/a.ang", b"#1")
    return RemoteReader("memory://microscope")


def test_both_kinds_read_alike(reader: ShareReader) -> None:
    assert reader.entries("") == [("day", "folder")]
    assert reader.entries("day") == [("a.ang", "file")]
    state = reader.state("day/a.ang")
    assert state.bytes == 2
    assert state.changed
    assert reader.state("day/a.ang") == state
    with reader.open("day/a.ang") as file:
        assert file.read() == b"#1"


def test_what_is_not_there_is_one_error(reader: ShareReader) -> None:
    with pytest.raises(ShareGone):
        reader.entries("other")
    with pytest.raises(ShareGone):
        reader.state("day/b.ang")
    with pytest.raises(ShareGone):
        reader.open("day/b.ang")


def test_a_changed_file_has_another_state(reader: ShareReader, tmp_path: Path) -> None:
    before = reader.state("day/a.ang")
    if isinstance(reader, LocalReader):
        (tmp_path / "day" / "a.ang").write_bytes(b"#2")
        os.utime(tmp_path / "day" / "a.ang", ns=(1, 1))
    else:
        fsspec.filesystem("memory").pipe("/microscope/day/a.ang", b"#2")
    reader.entries("day")
    assert reader.state("day/a.ang") != before


def test_links_are_told_and_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a.ang").symlink_to("/etc/hostname")
    (tmp_path / "loop").symlink_to(tmp_path)
    reader = LocalReader(tmp_path)
    assert reader.entries("") == [("a.ang", "link"), ("loop", "link")]
    with pytest.raises(ShareGone):
        reader.open("a.ang")


def test_a_pipe_does_not_hold_its_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ang")
    assert LocalReader(tmp_path).entries("") == [("a.ang", "other")]
    with pytest.raises(ShareGone, match="not a plain file"):
        LocalReader(tmp_path).open("a.ang")


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(ShareError, match="nowhere"):
        RemoteReader("nowhere://host/folder")


def test_what_counts_of_a_folder() -> None:
    entries = [(".x", "file"), ("a", "folder"), ("b\n.h5", "file"), ("c.h5", "file"), ("~$d", "file")]
    assert visible(entries) == [("a", "folder"), ("c.h5", "file")]  # type: ignore[arg-type]
