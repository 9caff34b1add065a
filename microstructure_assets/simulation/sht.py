"""Master patterns from `.sht` files: a spherical function stored as spherical harmonic coefficients.

The layout is that of version 1.1, little-endian: a header of 40 bytes and two texts; 8 bytes and then each crystal (72
bytes, 32 for each atom, five texts); parameters of the simulation for each crystal; 8 bytes with bandwidth, order of
the z axis and flags of symmetry; the coefficients that the symmetry allows, order m outermost; a checksum. Texts are
padded to multiples of 8 bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.errors import InputError

Float64 = NDArray[np.float64]
HALF_SIZE = 200
EBSD_MODALITY = 1
INVERSION, MIRROR_Z, MIRROR_Y, MIRROR_X = 1, 2, 4, 8


@dataclass(frozen=True)
class HarmonicFile:
    """What a `.sht` file holds.

    Attributes
    ----------
    beam_energy_kev
        Of the simulation [keV].
    space_group
        Number of the effective space group.
    lattice
        a, b, c [nm] and angles [degrees] of the first crystal.
    coefficients
        a_lm of orthonormal harmonics up to a common factor, complex128, shape (bandwidth, bandwidth) indexed [m, l];
        those for negative m follow from the function being real.
    """

    beam_energy_kev: float
    space_group: int
    lattice: tuple[float, ...]
    coefficients: NDArray[np.complex128]


def read_sht(path: Path) -> HarmonicFile:
    """Read a `.sht` file.

    Raises
    ------
    ValueError
        If the file is not of this format, of another modality than EBSD, big-endian or cut short.
    """
    raw = path.read_bytes()
    if len(raw) < 48 or raw[:4] != b"*sht":
        raise InputError(f"{path}: found magic bytes {raw[:4]!r}, expected b'*sht' (little-endian spherical harmonics)")
    if raw[4:6] != b"\x01\x01":
        raise InputError(f"{path}: found file version {raw[4]}.{raw[5]}, expected 1.1")
    if raw[16] != EBSD_MODALITY:
        raise InputError(f"{path}: found modality {raw[16]}, expected {EBSD_MODALITY} (EBSD)")
    try:
        return _parse(raw)
    except (struct.error, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: its {len(raw)} bytes do not hold what the header announces ({error}); is the file whole?"
        ) from error


def _padded(lengths: tuple[int, ...]) -> int:
    return sum(-(-length // 8) * 8 for length in lengths)


def _parse(raw: bytes) -> HarmonicFile:
    (energy,) = struct.unpack_from("<f", raw, 20)
    position = 40 + _padded(struct.unpack_from("<2h", raw, 36))
    crystals, space_group = raw[position], raw[position + 1]
    (simulation_bytes,) = struct.unpack_from("<h", raw, position + 6)
    position += 8
    lattice = struct.unpack_from("<6f", raw, position + 16)
    for _ in range(crystals):
        (atoms,) = struct.unpack_from("<h", raw, position + 60)
        position += 72 + 32 * atoms + _padded(struct.unpack_from("<5h", raw, position + 62))
    position += simulation_bytes * crystals
    bandwidth, z_order, flags, count = struct.unpack_from("<hbbi", raw, position)
    values = np.frombuffer(raw, dtype="<f8", count=count, offset=position + 8)
    return HarmonicFile(float(energy), int(space_group), lattice, unpacked(values, bandwidth, z_order, flags))


def unpacked(values: Float64, bandwidth: int, z_order: int, flags: int) -> NDArray[np.complex128]:
    """Coefficients [m, l] from the doubles of a file.

    Parameters
    ----------
    values
        Real parts, or real and imaginary parts in turn, of the coefficients that are not zero by symmetry.
    bandwidth
        Degrees and orders below this.
    z_order
        Order of the rotation axis along z: other orders m than its multiples vanish.
    flags
        1: inversion (odd degrees vanish). 2: mirror across z (odd l + m vanish). 4: mirror across y (all real). 8:
        mirror turned from that by half a period (imaginary for odd multiples of the order of z, real for even ones).

    Raises
    ------
    ValueError
        If the number of values does not fit.
    """
    m, degree = np.arange(bandwidth)[:, None], np.arange(bandwidth)[None, :]
    kept = (degree >= m) & (m % max(z_order, 1) == 0)
    if flags & INVERSION:
        kept &= degree % 2 == 0
    if flags & MIRROR_Z:
        kept &= (degree + m) % 2 == 0
    one_part = bool(flags & (MIRROR_Y | MIRROR_X))
    expected = int(kept.sum()) * (1 if one_part else 2)
    if len(values) != expected:
        raise InputError(f"{len(values)} values of coefficients, {expected} expected for bandwidth {bandwidth}")
    coefficients = np.zeros((bandwidth, bandwidth), dtype=np.complex128)
    coefficients[kept] = values if one_part else values[0::2] + 1j * values[1::2]
    if flags & MIRROR_X:
        coefficients[np.arange(bandwidth) % (2 * max(z_order, 1)) != 0] *= 1j
    return coefficients


def legendre_sums(coefficients: NDArray[np.complex128], cosines: Float64) -> NDArray[np.complex128]:
    """Σ_l a_lm P̄_lm(cos θ) with orthonormal associated Legendre functions, shape (orders m, len(cosines)).

    P̄_mm without the Condon–Shortley sign, then the three-term recursion in the degree.
    """
    bandwidth = coefficients.shape[0]
    sines = np.sqrt(np.maximum(1 - cosines**2, 0))
    sums = np.zeros((bandwidth, len(cosines)), dtype=np.complex128)
    diagonal = np.full(len(cosines), np.sqrt(1 / (4 * np.pi)))
    for m in range(bandwidth):
        if m > 0:
            diagonal = diagonal * sines * np.sqrt((2 * m + 1) / (2 * m))
        row = coefficients[m]
        if not row.any():
            continue
        before, current = np.zeros(len(cosines)), diagonal
        total = row[m] * current
        for degree in range(m + 1, bandwidth):
            a = np.sqrt((4 * degree**2 - 1) / (degree**2 - m**2))
            b = np.sqrt(((degree - 1) ** 2 - m**2) / (4 * (degree - 1) ** 2 - 1))
            before, current = current, a * (cosines * current - b * before)
            if row[degree] != 0:
                total = total + row[degree] * current
        sums[m] = total
    return sums


def lambert_patterns(coefficients: NDArray[np.complex128], half_size: int = HALF_SIZE) -> NDArray[np.float32]:
    """The function on the square Lambert grids of both hemispheres, shape (2, 2·half_size + 1, 2·half_size + 1).

    Columns go along x, rows along y. The squares around the centre are circles of latitude, cos θ = 1 −
    (k/half_size)², and their pixels stand at equal steps of longitude, so that Legendre functions are needed at
    half_size + 1 latitudes only.
    """
    rings = np.arange(half_size + 1)
    cosines = 1 - (rings / half_size) ** 2
    x, y = np.meshgrid(np.arange(-half_size, half_size + 1), np.arange(-half_size, half_size + 1))
    ring = np.maximum(np.abs(x), np.abs(y))
    with np.errstate(divide="ignore", invalid="ignore"):
        near_x = np.pi / 4 * y / np.abs(x)
        near_y = np.pi / 4 * x / np.abs(y)
    along_x = np.where(x >= 0, near_x, np.pi - near_x)
    along_y = np.where(y >= 0, np.pi / 2 - near_y, -np.pi / 2 + near_y)
    longitude = np.nan_to_num(np.where(np.abs(y) <= np.abs(x), along_x, along_y))
    out = np.zeros((2, *ring.shape), dtype=np.float32)
    orders = np.flatnonzero(coefficients.any(axis=1))
    factor = np.where(orders == 0, 1.0, 2.0)
    both = legendre_sums(coefficients, np.concatenate([cosines, -cosines]))[orders] * factor[:, None]
    sums = both.reshape(len(orders), 2, len(rings))
    for k in rings:
        pixels = np.nonzero(ring == k)
        angle = longitude[pixels][:, None] * orders[None, :]
        part = np.cos(angle) @ sums[:, :, k].real - np.sin(angle) @ sums[:, :, k].imag
        out[:, pixels[0], pixels[1]] = part.T
    return out


def sht_master_pattern(folder: str, name: str, energy_kev: float) -> Any:
    """``kikuchipy``'s master pattern object from the one `.sht` file below ``folder`` whose name starts with ``name``.

    Raises
    ------
    ValueError
        If no file or several files fit, or the file's beam energy is another.
    """
    from kikuchipy.signals import EBSDMasterPattern
    from orix.crystal_map import Phase

    found = sorted(path for path in Path(folder).rglob("*.sht") if path.name.startswith(name))
    exact = [path for path in found if path.stem == name or path.parent.name == name]
    found = exact if len(exact) == 1 else found
    if len(found) != 1:
        names = ", ".join(path.stem for path in found[:8]) or "none"
        raise InputError(f"phases holds {name!r}; in {folder} these .sht files start so: {names}; expected one")
    content = read_sht(found[0])
    if abs(content.beam_energy_kev - energy_kev) > 0.5:
        raise InputError(f"beam_energy_kev is {energy_kev}, but {found[0].name} is of {content.beam_energy_kev:g} keV")
    phase = Phase(name, space_group=content.space_group)
    a, b, c, *angles = content.lattice
    phase.structure.lattice.setLatPar(10 * a, 10 * b, 10 * c, *angles)
    signal = EBSDMasterPattern(
        lambert_patterns(content.coefficients), projection="lambert", hemisphere="both", phase=phase
    )
    signal.axes_manager[0].name = "hemisphere"
    return signal
