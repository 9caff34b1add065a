"""Which latents go with which maps: how often chance is called a finding, and how often a true relation is found.

The scans are maps of numbers, without patterns: what is tested is the comparison, not the autoencoder. 200 scans in
which no latent has anything to do with any map beyond what both owe to phase, orientation, band contrast and intensity
give the rate of false findings; as many with one true relation give the rate at which it is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.results import Row
from microstructure_assets.methods import association
from microstructure_assets.methods.association import LatentCorrelations, latent_correlations
from microstructure_assets.methods.association_maps import AssociationMaps
from microstructure_assets.methods.association_settings import AssociationSettings
from microstructure_assets.methods.crystallography.twin_laws import product

#: Scans of each kind in a case.
SCANS, QUICK_SCANS = 200, 20
LATENTS, LEVEL = 6, 0.05
ELEMENTS = ("Fe", "O")
RELATED = (0, "Fe")
DETECTED_CORRELATION = 0.3

#: What latents and maps owe to the baseline, and whether the method is told of it.
COUPLINGS = ("declared", "off", "not declared", "declared, sharp in orientation")


@dataclass(frozen=True)
class ScanKind:
    """A kind of scan.

    Attributes
    ----------
    shape : tuple of int
        Points along y and x.
    grains : int
    coupling : str
        One of `COUPLINGS`.
    correlation : float
        Partial correlation of the related pair between grains, given everything else.
    gradient : float
        Gradient inside grains, from side to side of a mean grain, over the deviation between grains.
    reach : float
        Distance over which grains resemble their neighbours, in mean diameters of grains; 0 where they do not.
    noise : float
        Deviation from point to point over that between grains.
    """

    shape: tuple[int, int]
    grains: int
    coupling: str = "off"
    correlation: float = 0.0
    gradient: float = 0.0
    reach: float = 0.0
    noise: float = 0.5


def simulated(kind: ScanKind, seed: int) -> tuple[NDArray[np.float32], AssociationMaps]:
    """Latents (rows, columns, `LATENTS`) and maps of a scan of two cubic phases."""
    from scipy.spatial import cKDTree

    generator = np.random.default_rng([seed, 20])
    places = generator.random((kind.grains, 2)) * kind.shape
    points = np.stack(np.mgrid[: kind.shape[0], : kind.shape[1]], axis=-1).reshape(-1, 2)
    grain = cKDTree(places).query(points)[1]
    quaternion = generator.normal(size=(kind.grains, 4))
    quaternion /= np.linalg.norm(quaternion, axis=1, keepdims=True)
    phase = 1 + (generator.random(kind.grains) < 0.4)
    names = [*(f"latent {number}" for number in range(LATENTS)), *ELEMENTS, "kam", "band contrast", "intensity"]
    own = {name: _between(generator, kind, places) for name in names}
    own["Fe"] = kind.correlation * own["latent 0"] + np.sqrt(1 - kind.correlation**2) * own["Fe"]
    maps = {name: _at_points(generator, values, grain, places, points, kind) for name, values in own.items()}
    if kind.coupling != "off":
        _couple(
            generator, maps, phase[grain], [f[grain] for f in _of_orientation(generator, quaternion, kind.coupling)]
        )
    baseline = {} if kind.coupling == "not declared" else {name: maps[name] for name in ("band contrast", "intensity")}
    latent = np.stack([maps[f"latent {number}"] for number in range(LATENTS)], axis=-1).astype(np.float32)
    told = kind.coupling != "not declared"
    given = AssociationMaps(
        grain=grain.reshape(kind.shape) + 1,
        phase=phase[grain].reshape(kind.shape) if told else np.ones(kind.shape, np.int64),
        numbers={name: maps[name] for name in (*ELEMENTS, "kam")},
        baseline=baseline,
        orientation=quaternion if told else None,
        point_groups=("m-3m", "m-3m"),
    )
    return latent, given


def parameters(quick: bool) -> list[dict[str, Any]]:
    """Couplings, then gradients, numbers of grains, and neighbours that are alike."""
    given: list[dict[str, Any]] = [{"coupling": coupling} for coupling in COUPLINGS]
    given += [{"gradient": 2.0}, {"coupling": "declared", "gradient": 2.0}, {"grains": 400, "shape": [120, 120]}]
    given += [{"coupling": "declared", "grains": 400, "shape": [120, 120]}]
    given += [{"reach": reach, "effective": effective} for reach in (1.0, 3.0) for effective in (True, False)]
    plain = {"coupling": "off", "gradient": 0.0, "reach": 0.0, "effective": True, "grains": 150, "shape": [72, 72]}
    scans = QUICK_SCANS if quick else SCANS
    return [{**plain, "scans": scans, **own} for own in (given[:2] if quick else given)]


def measure(given: dict[str, Any], seed: int) -> list[Row]:
    """One row: rates of false findings in unrelated scans, and of true ones at a partial correlation of 0.3."""
    rows, columns = given["shape"]
    kinds = [
        ScanKind((rows, columns), given["grains"], given["coupling"], correlation, given["gradient"], given["reach"])
        for correlation in (0.0, DETECTED_CORRELATION)
    ]
    settings = AssociationSettings(effective_grains=given["effective"], level=LEVEL)
    scans = range(given["scans"] * seed, given["scans"] * (seed + 1))
    null, related = ([latent_correlations(*simulated(kind, scan), settings) for scan in scans] for kind in kinds)
    false = {
        "false_real": [bool(np.any(found.table["verdict"] == association.REAL)) for found in null],
        "false_inside": [_any_below(found, "p_inside_family") for found in null],
        "false_unadjusted": [_any_below(found, "p_unadjusted_family") for found in null],
        "false_any": [bool(np.any(found.table["verdict"] != association.CHANCE)) for found in null],
        "false_points": [_points_mislead(found) for found in null],
    }
    pair = [_related(found) for found in related]
    return [
        {
            "grains_compared": float(np.median([found.grains for found in null])),
            **{name: float(np.mean(own)) for name, own in false.items()},
            "bound_real": upper_bound(sum(false["false_real"]), len(null)),
            "bound_inside": upper_bound(sum(false["false_inside"]), len(null)),
            "false_single": float(np.mean([np.mean(found.table["p_partial"] <= LEVEL) for found in null])),
            "power_single": float(np.mean([own["p_partial"] <= LEVEL for own in pair])),
            "power_family": float(np.mean([own["verdict"] == association.REAL for own in pair])),
            "partial": float(np.mean([own["partial"] for own in pair])),
        }
    ]


def upper_bound(found: int, tried: int) -> float:
    """Upper end of the one-sided 95 % interval of a rate, by Clopper and Pearson."""
    from scipy.special import betaincinv

    return 1.0 if found == tried else float(betaincinv(found + 1, tried - found, 0.95))


def _between(generator: np.random.Generator, kind: ScanKind, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Independent values of grains with deviation 1, or values of a smooth field with nought as its mean."""
    own = generator.normal(size=kind.grains)
    if not kind.reach:
        return own
    diameter = np.sqrt(np.prod(kind.shape) / kind.grains)
    square = np.sum((places[:, None] - places[None]) ** 2, axis=-1)
    covariance = np.exp(-square / (2 * (kind.reach * diameter) ** 2)) + 1e-6 * np.eye(kind.grains)
    return np.asarray(np.linalg.cholesky(covariance) @ own)


def _of_orientation(
    generator: np.random.Generator, quaternion: NDArray[np.float64], coupling: str
) -> list[NDArray[np.float64]]:
    """Three functions of orientation with cubic symmetry and deviation 1, of degree 4 or as sharp as a band."""
    found = []
    for direction in generator.normal(size=(3, 3)):
        pure = np.concatenate([[0], direction / np.linalg.norm(direction)])
        crystal = product(product(quaternion, np.broadcast_to(pure, quaternion.shape)), quaternion * [1, -1, -1, -1])
        powers = np.exp(-30 * crystal[:, 1:] ** 2) if "sharp" in coupling else crystal[:, 1:] ** 4
        values = powers.sum(axis=1)
        found.append((values - values.mean()) / values.std())
    return found


def _couple(
    generator: np.random.Generator,
    maps: dict[str, NDArray[np.float64]],
    phase: NDArray[np.integer],
    turned: list[NDArray[np.float64]],
) -> None:
    """Let every map depend on phase and orientation, and all others on band contrast and intensity, point by point."""
    shape = maps["intensity"].shape
    for name in (
        "band contrast",
        "intensity",
        *(other for other in maps if other not in ("band contrast", "intensity")),
    ):
        common = generator.normal() * (phase - 1.5) * 2
        for function in turned:
            common = common + generator.normal() * function
        values = maps[name] + common.reshape(shape)
        if name not in ("band contrast", "intensity"):
            values = values + generator.normal() * maps["band contrast"] + generator.normal() * maps["intensity"]
        maps[name] = values


def _at_points(
    generator: np.random.Generator,
    values: NDArray[np.float64],
    grain: NDArray[np.integer],
    places: NDArray[np.float64],
    points: NDArray[np.integer],
    kind: ScanKind,
) -> NDArray[np.float64]:
    """The value of the grain, a gradient of random direction inside it, and noise."""
    diameter = np.sqrt(np.prod(kind.shape) / kind.grains)
    angle = generator.uniform(0, 2 * np.pi, kind.grains)[grain]
    y, x = ((points - places[grain]) / diameter).T
    found = values[grain] + kind.gradient * (np.sin(angle) * y + np.cos(angle) * x)
    return np.asarray((found + kind.noise * generator.normal(size=len(grain))).reshape(kind.shape))


def _related(found: LatentCorrelations) -> dict[str, Any]:
    """Row of the related pair."""
    latent, name = RELATED
    row = int(np.flatnonzero((found.table["latent"] == latent) & (found.table["map"] == name))[0])
    return {column: values[row] for column, values in found.table.items()}


def _any_below(found: LatentCorrelations, column: str) -> bool:
    return bool(np.any(np.asarray(found.table[column], float) <= LEVEL))


def _points_mislead(found: LatentCorrelations) -> bool:
    """Whether the textbook test of Pearson's coefficient over points, with Bonferroni's correction, finds something."""
    from scipy.special import fdtrc

    ratio = np.asarray(found.table["f_points"], float)
    return bool(np.nanmin(fdtrc(1, found.points - 2, ratio)) * len(ratio) <= LEVEL)
