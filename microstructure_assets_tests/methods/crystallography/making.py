"""Maps of orientations with known grains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

LAUE_GROUPS = ("-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m")


def random_quaternions(generator: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    """Unit quaternions, uniform over all rotations."""
    q = generator.normal(size=(*shape, 4))
    return np.asarray(q / np.linalg.norm(q, axis=-1, keepdims=True))


def voronoi(generator: np.random.Generator, shape: tuple[int, int], grains: int) -> NDArray[np.int64]:
    """Grain numbers from 0 of a Voronoi tessellation."""
    seeds = generator.random((grains, 2)) * shape
    points = np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1).reshape(-1, 2)
    return np.asarray(cKDTree(seeds).query(points)[1].reshape(shape))


def rotation(axis: tuple[float, float, float], degrees: float) -> NDArray[np.float64]:
    """Quaternion of a rotation about an axis."""
    half, unit = np.radians(degrees) / 2, np.asarray(axis) / np.linalg.norm(axis)
    return np.array([np.cos(half), *(np.sin(half) * unit)])
