"""Oxford's Cartesian frame of the crystal, brought to the one that everything else here has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from microstructure_assets.acquisition.scan import IndexingMaps, Phase

_SAME = 1e-6


def from_oxford_frame(maps: IndexingMaps, phases: Sequence[Phase]) -> IndexingMaps:
    """Orientations that refer to x along a and z along c*, as orix and EDAX have it, from Oxford's.

    Oxford's (HKL's) files refer to x along a* and z along c [1]_. The two are one where the axes are at right angles;
    hexagonal and trigonal crystals differ by 30 degrees about c.

    References
    ----------
    .. [1] MTEX, reader of .ctf and .crc files: "X||a*", "Z||c"; DREAM.3D, documentation of "Import Oxford Aztec Data".
    """
    quaternion = maps.quaternion
    for number, phase in enumerate(phases, 1):
        turn = _turn(phase)
        if turn is None:
            continue
        own = maps.phase_id == number
        quaternion = quaternion.copy()
        turned = _multiplied(turn, quaternion[own])
        quaternion[own] = np.where(turned[:, :1] < 0, -turned, turned) + 0.0
    return replace(maps, quaternion=quaternion)


def _turn(phase: Phase) -> NDArray[np.float64] | None:
    """Rotation of coordinates from Oxford's frame to orix's; None where the frames are the same."""
    from orix.quaternion import Rotation

    _, b, c = _axes(phase)
    reciprocal_a = np.cross(b, c)
    x, z = reciprocal_a / np.linalg.norm(reciprocal_a), c / np.linalg.norm(c)
    frame = np.stack([x, np.cross(z, x), z], axis=1)  # Oxford's axes in orix's coordinates
    if np.abs(frame - np.eye(3)).max() < _SAME:
        return None
    return np.asarray(Rotation.from_matrix(frame).data, dtype=np.float64).reshape(4)


def _axes(phase: Phase) -> NDArray[np.float64]:
    """Lattice vectors, as rows, in the frame with x along a and z along c*."""
    a, b, c = phase.lattice_angstrom
    alpha, beta, gamma = np.radians(phase.lattice_angles_deg)
    along_b = (np.cos(alpha) - np.cos(beta) * np.cos(gamma)) / np.sin(gamma)
    height = np.sqrt(max(0.0, 1 - np.cos(beta) ** 2 - along_b**2))
    return np.array([[a, 0, 0], [b * np.cos(gamma), b * np.sin(gamma), 0], [c * np.cos(beta), c * along_b, c * height]])


def _multiplied(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Product of one quaternion with many (n, 4), scalar part first."""
    w, x, y, z = first
    matrix = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return np.asarray(second @ matrix.T)
