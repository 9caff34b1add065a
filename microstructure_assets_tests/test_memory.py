"""The memory limit: what it lets patterns fill, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microstructure_assets.memory import GIB, PROGRAM_BYTES, MemoryLimit, MemoryLimitRefused, memory_limit
from microstructure_assets.resources import ComputeResource


@given(st.floats(1, 1000))
def test_what_is_held_at_once_fits_beside_the_program(gib: float) -> None:
    limit = memory_limit(repr(gib))
    # A ROI and what is read meanwhile are the most that is held together.
    assert limit.area_bytes + limit.read_bytes + PROGRAM_BYTES <= gib * GIB
    assert 0 < limit.read_bytes < limit.band_bytes < limit.area_bytes


def test_nothing_said_is_two_gibibytes() -> None:
    assert memory_limit("") == MemoryLimit() == MemoryLimit(2 * GIB)


@pytest.mark.parametrize("text", ["0.5", "-3", "inf", "nan", "2 GiB", "much"])
def test_what_is_no_limit_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(MemoryLimitRefused, match=f"MICROSTRUCTURE_MEMORY_GIB: found '{text}', expected GiB as a num"):
        memory_limit(text)


def test_the_resource_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROSTRUCTURE_MEMORY_GIB", "3")
    assert ComputeResource(dask="", memory_limit_gib="").compute().memory.limit_bytes == 3 * GIB
    assert ComputeResource(dask="", memory_limit_gib="1.5").compute().memory.limit_bytes == 1.5 * GIB
