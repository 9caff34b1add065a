"""The error says everything, on one line, whatever stands in the file."""

from __future__ import annotations

import copy
from pathlib import Path

from microstructure_assets.acquisition.errors import ScanFormatError, printable


def test_message_names_file_field_found_expected_and_remedy() -> None:
    error = ScanFormatError("a/b.ctf", "XCells", 12, "13", "Export it again.")
    assert str(error) == "a/b.ctf: XCells: found 12, expected 13. Export it again."
    assert (error.file, error.field, error.found, error.expected) == (Path("a/b.ctf"), "XCells", 12, "13")
    assert isinstance(error, ValueError)


def test_hostile_text_stays_on_one_short_line() -> None:
    error = ScanFormatError("line\nbreak\x1b[31m.ang", "f\r\nake", "x" * 10_000, "\x00")
    assert str(error).isprintable()
    assert len(str(error)) < 600
    assert printable("plain µm") == "plain µm"


def test_error_survives_copying_as_between_processes() -> None:
    error = copy.copy(ScanFormatError("a", "b", 1, 2, "c"))
    assert str(error) == "a: b: found 1, expected 2. c"
    assert error.remedy == "c"
