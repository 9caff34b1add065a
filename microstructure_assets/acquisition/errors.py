"""The one error of this package: a file that is not what it should be."""

from __future__ import annotations

from pathlib import Path

from microstructure_assets.errors import InputError

_LONGEST = 200


def printable(value: object) -> str:
    """Text of a value on one line and of bounded length, so that hostile names and fields cannot garble a log."""
    text = str(value)
    if not text.isprintable():
        text = repr(text)[1:-1]
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


class ScanFormatError(InputError):
    """A scan's file cannot be read as what it claims to be.

    Parameters
    ----------
    file : path
        The offending file or folder.
    field : str
        What in it is wrong: a header field, a dataset, the number of data lines.
    found, expected
        What stands there, and what should.
    remedy : str
        What a person can do about it.
    """

    def __init__(self, file: str | Path, field: str, found: object, expected: object, remedy: str = "") -> None:
        self.file = Path(file)
        self.field = field
        self.found = found
        self.expected = expected
        self.remedy = remedy
        message = f"{printable(file)}: {printable(field)}: found {printable(found)}, expected {printable(expected)}"
        super().__init__(f"{message}. {remedy}" if remedy else message)

    def __reduce__(self) -> tuple[type[ScanFormatError], tuple[Path, str, object, object, str]]:
        """Survive the way between processes, which rebuilds exceptions from their arguments."""
        return type(self), (self.file, self.field, self.found, self.expected, self.remedy)
