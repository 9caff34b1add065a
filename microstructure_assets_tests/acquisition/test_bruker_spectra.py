"""Bruker's spectra: as RosettaSciIO reads them, packed here, and damaged."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microstructure_assets.acquisition import bruker_spectra
from microstructure_assets.acquisition.bruker_spectra import bruker_signal, bruker_sums
from microstructure_assets.acquisition.errors import ScanFormatError
from microstructure_assets_tests.acquisition.spectrum_images import packed_stream, real

NAME = "P45_the_default_job.bcf"
WINDOWS = np.array([[0, 2048], [90, 106], [600, 702], [95, 100]])


def test_windows_are_sums_of_the_cube_that_rosettasciio_reads() -> None:
    from rsciio.bruker import file_reader

    path = real(NAME)
    signal, name = bruker_signal(path)
    cube = file_reader(str(path), select_type="spectrum_image")[0]["data"]
    assert signal["data"].shape == cube.shape == (75, 100, 2048)
    counts = bruker_sums(path, name, (75, 100), 2048, WINDOWS)
    for own, (first, stop) in zip(counts, WINDOWS, strict=True):
        np.testing.assert_array_equal(own, cube[..., first:stop].sum(axis=-1))


class Packed:
    """A container whose only file is a stream in blocks of some bytes."""

    def __init__(self, stream: bytes, block: int) -> None:
        self.stream, self.block = stream, block

    def __call__(self, path: Path) -> Any:
        return SimpleNamespace(get_file=lambda name: self)

    def get_iter_and_properties(self) -> tuple[Iterator[bytes], int, int]:
        return (self.stream[at : at + self.block] for at in range(0, len(self.stream), self.block)), self.block, 0


def sums_of(stream: bytes, shape: tuple[int, int], channels: int, windows: Any, block: int = 1000) -> np.ndarray:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bruker_spectra, "_container", Packed(stream, block))
        return bruker_sums(Path("map.bcf"), "spectra", shape, channels, np.asarray(windows, np.int64))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31), high=st.sampled_from([2, 14, 300, 70_000]), block=st.integers(30, 3000),
    form=st.sampled_from([0, 1, 2]),
)  # fmt: skip
def test_every_form_of_a_pixel_is_unpacked_wherever_blocks_end(seed: int, high: int, block: int, form: int) -> None:
    draw = np.random.default_rng(seed)
    counts = draw.integers(0, high if form == 2 else min(high, 14), (3, 4, 120))
    counts[draw.random((3, 4)) < 0.2] = 0
    windows = [(0, 120), (10, 20), (15, 60), (119, 120)]
    found = sums_of(packed_stream(counts, (form,)), (3, 4), 120, windows, block)
    np.testing.assert_array_equal(found, [counts[..., a:b].sum(axis=-1) for a, b in windows])


def test_what_this_packs_is_what_rosettasciio_unpacks() -> None:
    from rsciio.bruker.unbcf_fast import parse_to_numpy

    counts = np.random.default_rng(2).integers(0, 14, (4, 6, 120))
    cube = parse_to_numpy(Packed(packed_stream(counts), 10**6), counts.shape, np.uint32)
    np.testing.assert_array_equal(cube, counts)


def test_bright_points_do_not_wrap_around() -> None:
    """RosettaSciIO takes bytes where twice the mean of the strongest channel fits into one."""
    counts = np.zeros((10, 10, 50), np.int64)
    counts[5, 5, 20] = 700
    assert sums_of(packed_stream(counts), (10, 10), 50, [(20, 21)])[0, 5, 5] == 700


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "found its end, expected 3 rows"),
        (lambda data: data[: len(data) // 2], "found its end, expected 3 rows"),
        (lambda data: data[:100], "found its end, expected 3 rows"),
        (lambda data: b"", "found its end, expected 3 rows"),
        (lambda data: struct.pack("<II", 10**6, 10**6) + data[8:], r"1000000×1000000 points, expected \(3, 4\)"),
        (lambda data: data[:0x1A0] + struct.pack("<I", 10**9) + data[0x1A4:], "found what are no spectra"),
        (lambda data: data[:0x1A4] + struct.pack("<I", 4) + data[0x1A8:], "found what are no spectra"),
        (lambda data: data[: 0x1A4 + 18] + struct.pack("<I", 2**32 - 1) + data[0x1A4 + 22 :], "what are no spectra"),
    ],
)
def test_damaged_streams_are_refused(change: Any, message: str) -> None:
    stream = packed_stream(np.random.default_rng(2).integers(0, 14, (3, 4, 120)))
    with pytest.raises(ScanFormatError, match=message):
        sums_of(change(stream), (3, 4), 120, [(0, 120)])


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_any_changed_byte_gives_counts_or_the_one_error(at: int, value: int) -> None:
    stream = bytearray(packed_stream(np.random.default_rng(2).integers(0, 14, (3, 4, 120))))
    stream[at % len(stream)] = value
    try:
        found = sums_of(bytes(stream), (3, 4), 120, [(0, 120)])
    except ScanFormatError:
        return
    assert (found >= 0).all()


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9, 0.98])
def test_a_truncated_file_is_refused(tmp_path: Path, part: float) -> None:
    whole = real(NAME).read_bytes()
    path = tmp_path / "map.bcf"
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(ScanFormatError, match=r"map\.bcf"):
        bruker_sums(path, bruker_signal(path)[1], (75, 100), 2048, WINDOWS)


def test_a_table_in_a_ring_or_of_files_larger_than_the_container_is_refused(tmp_path: Path) -> None:
    data = bytearray(real(NAME).read_bytes())
    (chunk,), (address, count) = struct.unpack_from("<I", data, 0x128), struct.unpack_from("<II", data, 0x140)
    table = chunk * address + 0x138
    path = tmp_path / "map.bcf"
    for at, packed, message in (
        (table + 40, struct.pack("<i", 0), "folders in a ring"),
        (table + 40, struct.pack("<i", count), "folders in a ring, or none"),
        (table + 4, struct.pack("<Q", 2**60), "files within the container"),
        (0x144, struct.pack("<I", 2**31), "entries in chunks"),
        (0, b"PK", "signature"),
    ):
        damaged = data.copy()
        damaged[at : at + len(packed)] = packed
        path.write_bytes(damaged)
        with pytest.raises(ScanFormatError, match=message):
            bruker_signal(path)
