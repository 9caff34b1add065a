"""Spectrum images for tests: HyperSpy writes them, Bruker's form is packed here after RosettaSciIO's account."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "eds"
CHANNELS, CHANNEL_KEV = 200, 0.05


def real(name: str) -> Path:
    """A real spectrum image; skips where it is not present."""
    if not (REAL / name).is_file():
        pytest.skip(f"real spectra are not present at {REAL}")
    return REAL / name


def random_spectra(rows: int, columns: int, seed: int = 3) -> NDArray[np.uint16]:
    """Poisson counts (rows, columns, channels); all points differ."""
    return np.random.default_rng(seed).poisson(3.0, (rows, columns, CHANNELS)).astype(np.uint16)


def write_spectra(
    path: Path,
    counts: NDArray[Any],
    *,
    steps: tuple[float, float] = (0.5, 0.25),
    offsets: tuple[float, float] = (0.0, 0.0),
    units: str = "um",
    energy_units: str = "keV",
    elements: tuple[str, ...] = (),
    lines: tuple[str, ...] = (),
    beam_energy: float | None = 15.0,
    signal_type: str = "EDS_SEM",
) -> Any:
    """Save counts (y, x, energy) with channels of 0.05 keV; give exspy's own signal of it."""
    import hyperspy.api as hs

    axes = [
        {"name": name, "size": size, "scale": step, "offset": offset, "units": units, "navigate": True}
        for name, size, step, offset in zip("yx", counts.shape[:2], steps, offsets, strict=True)
    ]
    scale = CHANNEL_KEV * (1000 if energy_units == "eV" else 1)
    axes.append({"name": "Energy", "size": counts.shape[2], "scale": scale, "offset": 0.0, "units": energy_units})
    signal = hs.signals.Signal1D(counts, axes=axes)
    if signal_type:
        signal.set_signal_type(signal_type)
    if beam_energy is not None:
        signal.metadata.set_item("Acquisition_instrument.SEM.beam_energy", beam_energy)
    if elements:
        signal.metadata.set_item("Sample.elements", list(elements))
    if lines:
        signal.metadata.set_item("Sample.xray_lines", list(lines))
    signal.save(path, overwrite=True)
    return signal


def packed_pixel(column: int, spectrum: NDArray[np.int64], form: int) -> bytes:
    """One pixel as a .bcf has it: pulses in 16 bits (form 0), in 12 (1), or runs of channels and one more pulse (2)."""
    pulses = np.repeat(np.arange(spectrum.size), spectrum)
    if form == 0:
        payload, extra = struct.pack(f"<{pulses.size}H", *pulses), b""
    elif form == 1:
        payload, extra = _twelve_bits(pulses), b""
    else:
        last = np.flatnonzero(spectrum)[-1]
        rest = spectrum.copy()
        rest[last] -= 1
        payload = b"".join(_run(rest[start : start + 50]) for start in range(0, rest.size, 50))
        pulses, extra = np.array([last]), struct.pack("<IH", 2, last)
    size = len(payload) + (4 if form > 1 else 0)
    head = struct.pack("<IHHIHHHI", column, spectrum.size, spectrum.size, 0, form, 0, pulses.size, size)
    return head + payload + extra


def _twelve_bits(pulses: NDArray[np.int64]) -> bytes:
    """Four pulses in six bytes, three words with their bytes swapped."""
    padded = np.concatenate([pulses, np.zeros(-pulses.size % 4, np.int64)]).reshape(-1, 4)
    data = bytearray()
    for first, second, third, fourth in padded.tolist():
        bits = first << 36 | second << 24 | third << 12 | fourth
        whole = bits.to_bytes(6, "big")
        data += bytes([whole[1], whole[0], whole[3], whole[2], whole[5], whole[4]])
    return bytes(data)


def _run(values: NDArray[np.int64]) -> bytes:
    """Channels above their least count, in the least bits that hold them."""
    common, most = int(values.min()), int(np.ptp(values))
    if most == 0 and common == 0:
        return struct.pack("<BB", 0, values.size)
    above = (values - common).tolist()
    if most < 16 and common < 256:
        above += [0] * (len(above) % 2)
        packed = bytes(low | high << 4 for low, high in zip(above[::2], above[1::2], strict=True))
        return struct.pack("<BBB", 1, values.size, common) + packed
    size, code, each = next(
        (size, code, each)
        for size, code, each in ((2, "H", "B"), (4, "I", "H"), (8, "Q", "I"))
        if most < 256 ** (size // 2) and common < 256**size
    )
    return struct.pack(f"<BB{code}{values.size}{each}", size, values.size, common, *above)


def packed_stream(counts: NDArray[np.int64], forms: tuple[int, ...] = (0, 1, 2)) -> bytes:
    """Spectra (y, x, channels) as the stream of a .bcf; points without counts are left out, as Esprit does."""
    rows, columns, _ = counts.shape
    data = bytearray(struct.pack("<II", rows, columns).ljust(0x1A0, b"\0"))
    for row in counts:
        there = [column for column in range(columns) if row[column].any()]
        data += struct.pack("<I", len(there))
        for column in there:
            data += packed_pixel(column, row[column], forms[column % len(forms)])
    return bytes(data)
