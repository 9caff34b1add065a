"""Numbers and texts as they stand in headers, with an error that names the file and the field."""

from __future__ import annotations

import math
import re
from pathlib import Path

from microstructure_assets.acquisition.errors import ScanFormatError

LARGEST_COUNT = 2**31 - 1  # the vendors' formats hold cell and pixel counts in 32 bits
_MICROMETRES = {"um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "nm": 1e-3, "mm": 1e3, "m": 1e6, "Å": 1e-4}
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_DECIMAL = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]{1,4})?")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key with numbers by value: ``scan 2`` before ``scan 10``."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((1, int(part), "") if index % 2 else (0, 0, part.lower()) for index, part in enumerate(parts))


def parse_decimal(text: str) -> float | None:
    """A finite number written with a point or with a comma, else None."""
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else None


def require_decimal(file: Path, field: str, text: str) -> float:
    """Like `parse_decimal`, but anything else is an error."""
    value = parse_decimal(text)
    if value is None:
        raise ScanFormatError(file, field, repr(text.strip()), "a number, with decimal point or comma")
    return value


def require_count(file: Path, field: str, value: object, remedy: str = "") -> int:
    """A number of cells or pixels: a whole number from 1 to 2147483647."""
    count = _whole(value)
    if count is None or not 1 <= count <= LARGEST_COUNT:
        raise ScanFormatError(file, field, value, f"a whole number from 1 to {LARGEST_COUNT}", remedy)
    return count


def require_step_um(file: Path, field: str, value: float, cells: int) -> float | None:
    """A step in µm, positive and finite; along an axis of one cell a step has no meaning and is None."""
    if math.isfinite(value) and value > 0:
        return float(value)
    if cells == 1:
        return None
    remedy = "Correct the header, or declare the step (acquisition.step_x_um, acquisition.step_y_um)."
    raise ScanFormatError(file, field, value, "a positive step in µm", remedy)


def positive_or_none(value: float | None) -> float | None:
    """Vendors write 0 or NaN for what they do not know."""
    return None if value is None or not math.isfinite(value) or value <= 0 else float(value)


def micrometres(value: object, units: object) -> float | None:
    """A length in µm; None where it is no finite number or its unit is no length."""
    scale = _MICROMETRES.get(str(units).strip())
    if scale is None or isinstance(value, bool | str | bytes):
        return None
    try:
        length = float(value) * scale  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return length if math.isfinite(length) else None


def _whole(value: object) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        return int(text) if _INTEGER.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not (math.isfinite(value) and value.is_integer()):
        return None
    return int(value)
