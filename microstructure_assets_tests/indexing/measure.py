"""How right and how fast the indexing is, on twins: `python -m microstructure_assets_tests.indexing.measure`."""

from __future__ import annotations

import resource
import time

import numpy as np

from microstructure_assets.indexing.hough import HoughIndexer
from microstructure_assets.indexing.phases import indexed_phases
from microstructure_assets.indexing.settings import IndexingSettings
from microstructure_assets.methods.background import BackgroundCorrection
from microstructure_assets.methods.settings import PreprocessingSettings
from microstructure_assets_tests.indexing.making import errors_deg, hexagonal_patterns, known_scan

CORRECT = BackgroundCorrection.prepare((60, 60), PreprocessingSettings(), None)
HEAD = "| patterns | ν | inside grains | indexed | right phase | median error [°] | 95 % [°] | over 5° |"


def cubic(names: tuple[str, ...], noise_nu: float) -> None:
    """A row for points inside grains of cubic phases; errors are of the points of the right phase."""
    known = known_scan(phases=names, noise_nu=noise_nu, rows=20, columns=20)
    found = known.indexer().index(known.patterns)
    indexed = known.inside & (found.phase_id > 0)
    right = indexed & (found.phase_id == known.phase_id)
    row(" + ".join(names), noise_nu, known.inside, indexed, right, errors_deg(found, known.quaternion, "m-3m"))


def hexagonal(noise_nu: float) -> None:
    """A row for magnesium."""
    phase, geometry, quaternion, clean = hexagonal_patterns(200)
    noise = np.random.default_rng(1).normal(size=clean.shape)
    settings = IndexingSettings()
    indexer = HoughIndexer.of(indexed_phases((phase,), settings), geometry, settings)
    found = indexer.index(CORRECT(100 + clean / clean.std() + noise_nu * noise))
    indexed = found.phase_id > 0
    row("magnesium", noise_nu, np.ones_like(indexed), indexed, indexed, errors_deg(found, quaternion, "6/mmm"))
    only = indexer.index(CORRECT(100 + noise)).phase_id > 0
    print(f"| magnesium, noise only | | {len(only)} | {only.mean():.3f} |")


def row(
    name: str, noise_nu: float, inside: np.ndarray, indexed: np.ndarray, right: np.ndarray, errors: np.ndarray
) -> None:
    median, high = np.percentile(errors[right], [50, 95])
    print(
        f"| {name} | {noise_nu} | {inside.sum()} | {indexed.sum() / inside.sum():.3f} "
        f"| {right.sum() / indexed.sum():.3f} | {median:.3f} | {high:.3f} | {np.mean(errors[right] > 5):.3f} |"
    )


def main() -> None:
    """Print the tables."""
    print(HEAD)
    for noise_nu in (0.3, 0.5, 1.0, 1.5):
        cubic(("nickel",), noise_nu)
        cubic(("austenite", "ferrite"), noise_nu)
    for noise_nu in (0.0, 0.5):
        hexagonal(noise_nu)
    known = known_scan(phases=("austenite", "ferrite"))
    noise = CORRECT(np.random.default_rng(5).normal(1000, 20, size=(4000, 60, 60)))
    for names, indexer in (("both", known.indexer()), ("ferrite", known.indexer(leave_out="Austenite"))):
        start = time.perf_counter()
        found = indexer.index(noise)
        rate = len(noise) / (time.perf_counter() - start)
        print(f"| noise only, {names} | | {len(noise)} | {np.mean(found.phase_id > 0):.4f} | {rate:.0f} patterns/s |")
    large = known_scan(phases=("nickel",), rows=4, columns=64, detector_height_px=480, detector_width_px=480)
    for limit in (20_000, 400_000):
        indexer = large.indexer(pixel_limit=limit)
        indexer.index(large.patterns[:2])
        start = time.perf_counter()
        found = indexer.index(large.patterns)
        rate = len(large.patterns) / (time.perf_counter() - start)
        error = np.median(errors_deg(found, large.quaternion, "m-3m")[large.inside & (found.phase_id > 0)])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"480x480 averaged by {indexer.averaged}: {rate:.0f} patterns/s, median error {error:.3f}°, "
            f"{peak:.1f} GiB peak"
        )


if __name__ == "__main__":
    main()
